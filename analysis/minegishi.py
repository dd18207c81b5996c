"""minegishi.py: the figures of Minegishi et al. (arXiv 2310.19470, version 3), each from the grids of sweeps/paper.yaml that
are called after it.  figures.py draws them.  What a figure's docstring says is the paper's claim, and stands below it."""
import numpy as np
import pandas as pd

import curves
import graphs
import images
import measures
import norms
import style
import tk
from settings import late

GRIDS = ("fig", "table1-", "other-")
TABLE_1 = {  # epochs after t_mem: mean and standard deviation of the paper
    "continue": ("weight decay", {600: (0.53, 0.31), 1000: (0.95, 0.03), 1400: (1.00, 0.00), 2000: (1.00, 0.00)}),
    "frozen": ("edge-popup", {600: (0.68, 0.19), 1000: (0.80, 0.17), 1400: (0.84, 0.16), 2000: (0.92, 0.06)}),
    "trained": ("edge-popup and weight decay", {600: (0.82, 0.04), 1000: (0.96, 0.01), 1400: (0.99, 0.00), 2000: (1.00, 0.00)}),
}


def there(store, **grids):
    """{title: jobs} of the grids that the store has; titles are written with _ for spaces."""
    found, missing = {}, []
    for title, grid in grids.items():
        try:
            found[title.replace("_", " ")] = style.of_grid(store, grid)
        except style.NoData as nothing:
            missing.append(str(nothing))
    if not found:
        raise style.NoData("; ".join(missing))
    return found


def curve_panels(store, parts, metric=None, columns=3):
    """The panels' controls are the same in all of a row, and so is the legend: the last panel has it."""
    fig, axes = style.grid(len(parts), width=5.2 if columns < 4 else 4, height=4.6 if columns < 4 else 3.6, columns=columns)
    for ax, (title, jobs) in zip(axes, parts.items()):
        curves.draw_panel(ax, store, jobs, title, metric)
        if columns < 4 or ax is axes[-1]:
            curves.draw_legend(ax)
    return fig


def shades(axes, store, jobs, column, metric, label):
    """The tickets' curves, medians over the seeds, coloured by t or k; black: the dense network."""
    tickets = jobs[jobs.control == "ticket"]
    values = sorted(tickets[column].dropna().astype(float).unique())
    if not values:
        raise style.NoData(f"no ticket with a {column} is done")
    norm = style.plt.Normalize(min(values), max(values))
    colours = style.plt.cm.ScalarMappable(norm, "viridis")
    groups = [(colours.to_rgba(value), "-", tickets[tickets[column].astype(float) == value]) for value in values]
    dense = jobs[(jobs.control == "dense") & jobs.training.isin(tickets.training)]
    for colour, dashes, same in [*groups, ("black", "--", dense)]:
        if len(same):
            middle = pd.concat([store.series(job)[metric] for _, job in same.iterrows()], axis=1).median(axis=1)
            axes.plot(middle.index[1:], middle.iloc[1:], color=colour, linestyle=dashes, linewidth=1.2)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("epochs")
    axes.set_ylabel(f"{metric.replace('_', ' ')}, median of the seeds")
    axes.figure.colorbar(colours, ax=axes, label=label)


def fig2(store):
    """Figure 2. Grokked tickets generalise with far less delay than the dense networks that they were drawn from: (a)
    addition modulo 67 with an MLP, (b) with a transformer, (c) other operations, (d) polynomial regression, (e) sparse parity."""
    parts = there(store, a_MLP="fig2a-addition-mlp", b_transformer="fig2b-addition-transformer", c="fig2c-arithmetic-mlp",
                  d_polynomial="fig2d-polynomial", e_sparse_parity="fig2e-parity")
    operations = parts.pop("c", None)
    if operations is not None:
        parts |= {f"c {task}": jobs for task, jobs in operations.groupby("task", sort=False)}
    return curve_panels(store, dict(sorted(parts.items())), columns=4)


def fig3(store):
    """Figure 3. (a) The delay tau_grok is least when some 0.7 of the weights are removed; (b) memorising takes the longer the
    more is removed: tickets do not learn everything faster, they pass from memory to understanding faster."""
    jobs = style.of_grid(store, "fig3-rate")
    fig, axes = style.grid(2)
    tk.draw_panel(axes[0], jobs, "k", "tau_grok")
    shades(axes[1], store, jobs, "k", "train_accuracy", "k: part of the weights removed")
    return fig


def fig4(store):
    """Figure 4. (a) Tickets drawn before the dense network generalises (non-grokked tickets) generalise no further than it had,
    and only those drawn later are fast; Chen finds that non-grokked tickets of transformers are fast too. Below, a line a seed:
    a ticket left of the dotted line is non-grokked, one below the solid line is faster than the dense network. (b) Most rates
    speed generalisation up; with 0.9 removed nothing is understood."""
    found = there(store, a_MLP="fig4a-when", a_transformer="fig4a-when-transformer", b_MLP="fig4b-rate")
    found = {title: jobs for title, jobs in found.items() if (jobs.control == "ticket").any()}
    fig, axes = style.grid(2 * len(found), columns=len(found), height=3.6)
    for i, (title, jobs) in enumerate(found.items()):
        x, label = ("k", "k: part of the weights removed") if title[0] == "b" else ("t", "t: epoch of the dense network")
        shades(axes[i], store, jobs, x, "test_accuracy", label)
        axes[i].set_title(title)
        if x == "t":
            draw_when(axes[len(found) + i], jobs)
        else:
            tk.draw_panel(axes[len(found) + i], jobs, x, "t_gen")
    return fig


def draw_when(axes, jobs):
    """A line a seed: how late the tickets generalise against when they were drawn, both in units of the dense network's t_gen."""
    dense = jobs[jobs.control == "dense"].set_index("seed").t_gen.astype(float)
    tickets = jobs[(jobs.control == "ticket") & jobs.seed.map(dense).notna()]
    if not len(tickets):
        axes.text(0.5, 0.5, "no dense network came to t_gen", ha="center", color="0.4")
        return
    never = 1.3 * tickets.epochs.max() / dense.min()
    for seed, same in tickets.groupby("seed"):
        same = same.sort_values("t")
        x, value = same.t.astype(float) / dense[seed], late(same, "t_gen") / dense[seed]
        axes.plot(x, value.where(value >= 0).replace(np.inf, never), linewidth=1, color=style.COLOURS["ticket"], alpha=0.7)
        style.points(axes, x, value, style.COLOURS["ticket"], never, alpha=0.7)
    axes.axhline(1, color=style.COLOURS["dense"], linewidth=0.9)
    axes.axvline(1, color=style.COLOURS["dense"], linewidth=0.9, linestyle=":")
    axes.axhline(never, color="0.6", linewidth=0.8, linestyle="--")
    axes.annotate("never", (1, never), xycoords=("axes fraction", "data"), xytext=(2, 0), textcoords="offset points",
                  va="center", fontsize=8, color="0.4")
    axes.set_yscale("log")
    axes.set_xlabel(r"t, in $t_{gen}$ of the dense network")
    axes.set_ylabel(r"$t_{gen}$ of the ticket, likewise")


def fig5(store):
    """Figure 5. (a) Dense networks whose initial weights have the ticket's L1 or L2 norm generalise much later than the
    ticket: it is not the norm. (b) Networks pruned before training, as sparse as the ticket, do worse than the dense network,
    some worse than a random mask: it is not the sparsity."""
    return curve_panels(store, there(store, a_norm="fig5a-norm", b_sparsity="fig5b-at-init"))


def norm_panels(axes, store, jobs):
    for ax, array in zip(axes, ("l2_masked", "l1_masked")):
        norms.draw_panel(ax, store, jobs, array)
        ax.legend()


def fig6(store):
    """Figure 6. L2 norms of all networks fall while they come to generalise and end alike; L1 norms end apart, that of the
    grokked ticket lowest: fewer, stronger weights."""
    fig, axes = style.grid(2)
    norm_panels(axes, store, style.of_grid(store, "fig6-norms"))
    return fig


def fig7(store):
    """Figure 7. The mask of the largest weights moves (Jaccard distance) most while test accuracy rises most, in each
    tensor. Strong: the first seed; its steepest rise is the dotted line."""
    return movement_panels(store, style.of_grid(store, "fig7-movement"))


def movement_panels(store, jobs):
    jobs = jobs[jobs.control == "dense"]
    names = [name for name in style.measured(store, jobs.iloc[0], "jaccard", "distance").columns if name != "all"]
    fig, axes = style.grid(len(names), width=3.9, height=3.2, columns=4)
    for ax, name in zip(axes, names):
        draw_movement(ax, store, jobs, name)
        ax.set_title(name)
    return fig


def rise(store, job, epochs):
    """Change of test accuracy (of a regression: of the logarithm of the loss, downwards) between checkpoints."""
    curve = store.series(job)
    height = -np.log10(curve.test_loss) if curve.test_accuracy.isna().all() else curve.test_accuracy
    return height.reindex(epochs).diff()


def draw_movement(axes, store, jobs, tensor):
    other = axes.twinx()
    other.spines["right"].set_visible(True)
    for i, (_, job) in enumerate(jobs.iterrows()):
        distance, gap = measures.evenly(style.measured(store, job, "jaccard", "distance")[tensor])
        change = rise(store, job, [0, *distance.index]).iloc[1:]
        look = {"linewidth": 0.7, "alpha": 0.35} if i else {"linewidth": 1.4}
        axes.plot(distance.index, distance, color=style.COLOURS["ticket"], **look)
        other.plot(change.index, change, color=style.COLOURS["l1"], **look)
        if not i:
            axes.axvline(change.idxmax(), color="0.4", linewidth=0.8, linestyle=":")
            axes.set_xlabel(f"epochs, in steps of {gap}")
    axes.set_ylabel("Jaccard distance", color=style.COLOURS["ticket"])
    what = "$\\log_{10}$ 1/loss" if jobs.test_accuracy.isna().all() else "accuracy"
    other.set_ylabel(f"change of test {what}", color=style.COLOURS["l1"])


def fig8(store):
    """Figure 8. Grokked tickets become periodic, and their Fourier entropy falls, much earlier than in the dense network:
    above, the entropy of the neurons' input weights, with test accuracy (dashed); below, those weights of the first seed, a
    line a neuron, in the order of the frequency that they end with."""
    jobs = style.of_grid(store, "fig8-waves")
    first = {control: jobs[jobs.control == control].iloc[0] for control in ("dense", "ticket") if (jobs.control == control).any()}
    if len(first) < 2:
        raise style.NoData("grid 'fig8-waves' without a dense network and its ticket")
    moments = [epochs[i] for epochs in [list(style.measured(store, first["ticket"], "fourier", "fe").index)] for i in (0, 1, -1)]
    fig = style.plt.figure(figsize=(11, 10.5), layout="constrained")
    grid = fig.add_gridspec(3, 3)
    draw_entropy(fig.add_subplot(grid[0, :]), store, jobs)
    for row, (control, job) in enumerate(first.items()):
        draw_waves([fig.add_subplot(grid[row + 1, i]) for i in range(3)], store, job, moments, style.LABELS[control])
    return fig


def draw_entropy(axes, store, jobs):
    other = axes.twinx()
    for control in ("dense", "ticket"):
        same = jobs[jobs.control == control]
        entropy = [style.measured(store, job, "fourier", "fe").in_from1 for _, job in same.iterrows()]
        style.band(axes, entropy, style.COLOURS[control], style.LABELS[control])
        accuracy = [store.series(job).test_accuracy for _, job in same.iterrows()]
        other.plot(pd.concat(accuracy, axis=1).median(axis=1), color=style.COLOURS[control], linestyle="--", linewidth=0.9)
    axes.set_xlabel("epochs")
    axes.set_ylabel(r"Fourier entropy [nat], $\omega \geq 1$")
    other.set_ylabel("test accuracy")
    other.spines["right"].set_visible(True)
    axes.legend(loc="center right")


def draw_waves(axes, store, job, moments, label):
    waves = {}
    for epoch in moments:
        tensors = store.tensors(job, store.checkpoint(job, epoch) * store.mask(job))
        waves[epoch] = tensors["W_inproj"] @ tensors["W_E"]
    spectrum = np.abs(np.fft.rfft(waves[moments[-1]], axis=1))[:, 1:]
    order = np.argsort(spectrum.argmax(axis=1), kind="stable")
    for ax, (epoch, wave) in zip(axes, waves.items()):
        images.draw(ax, wave[order], np.quantile(np.abs(wave), 0.99) or 1)
        ax.set_title(f"{label}, epoch {epoch}")
        ax.set_xlabel("symbol")
    axes[0].set_ylabel("neuron")


def fig9(store):
    """Figure 9. As test accuracy rises, the mean path length of the graph of the largest weights rises and its clustering
    falls, then both settle; the weighted spectral gap rises while the network memorises and narrows afterwards, the Ramanujan
    gap falls."""
    fig, axes = style.grid(4, width=4.4, height=3.4, columns=4)
    graphs.draw_row(axes, store, graphs.known(store, style.of_grid(store, "fig9-graph")))
    return fig


def fig11(store):
    """Figure 11. Losses: the test loss of the grokked ticket goes to 0 sooner than that of the dense network, with MLPs and
    transformers."""
    return curve_panels(store, there(store, MLP="fig2a-addition-mlp", transformer="fig2b-addition-transformer"), "loss")


def fig13(store):
    """Figures 13 and 16. Of transformers too the grokked ticket generalises before dense networks of its norm; L2 norms end
    alike, L1 norms apart."""
    jobs = style.of_grid(store, "fig13-norm-transformer")
    fig, axes = style.grid(3)
    curves.draw_panel(axes[0], store, jobs, "transformer")
    axes[0].legend()
    norm_panels(axes[1:], store, jobs)
    return fig


def fig15a(store):
    """Figure 15a. Polynomial regression: the structure moves while the test loss falls."""
    return movement_panels(store, style.of_grid(store, "fig15a-movement-polynomial"))


def fig15b(store):
    """Figure 15b. Sparse parity: the structure moves while test accuracy rises."""
    return movement_panels(store, style.of_grid(store, "fig15b-movement-parity"))


def fig10(store):
    """Figure 10. In every configuration, MNIST and transformers too, the grokked ticket generalises before the dense network."""
    if "fig10-mnist" not in store.grids():
        raise style.NoData("no grid 'fig10-mnist' (sweeps/mnist.yaml)")
    return curve_panels(store, there(store, addition_MLP="fig2a-addition-mlp", addition_transformer="fig2b-addition-transformer",
                                     MNIST="fig10-mnist"))


def fig17(store):
    """Figure 17. Without weight decay, the grokked ticket at the critical rate of 0.81 generalises fully, and the dense network
    does not: weight decay finds the structure, and is not needed once it is there. At 0.9 the ticket fails."""
    rates = style.of_grid(store, "fig17a-rate-no-decay")
    at = style.of_grid(store, "fig17b-no-decay")
    base = style.of_grid(store, "fig2a-addition-mlp").query("control == 'dense' and seed in @at.seed").assign(control="dense, weight decay")
    fig, axes = style.grid(3)
    shades(axes[0], store, rates, "k", "test_accuracy", "k: part of the weights removed")
    tickets = rates[rates.control == "ticket"]
    axes[1].plot(tickets.k, tickets.test_accuracy, "o", markersize=3, alpha=0.5, color=style.COLOURS["ticket"])
    axes[1].plot(tickets.groupby("k").test_accuracy.median(), color=style.COLOURS["ticket"])
    axes[1].set_xlabel("k: part of the weights removed")
    axes[1].set_ylabel("test accuracy in the end")
    axes[1].set_ylim(0, 1.02)
    curves.draw_panel(axes[2], store, pd.concat([at, base]), f"no weight decay, k = {at.k.max():g}")
    axes[2].legend()
    return fig


def by_frequency(tensors):
    """Orders of the rows of those tensors whose rows are functions of the symbol: by the frequency that is strongest in them, then
    by its phase, so that waves become stripes."""
    symbols = tensors["W_E"].shape[1]
    orders = {}
    for name, values in tensors.items():
        if values.shape[1] == symbols:
            spectrum = np.fft.rfft(values, axis=1)[:, 1:]
            strongest = np.abs(spectrum).argmax(axis=1)
            orders[name] = np.lexsort((np.angle(spectrum[np.arange(len(spectrum)), strongest]), strongest))
    return orders


def image_rows(rows):
    """A row of images for each {label: tensors by name}, a column for each tensor."""
    names = list(next(iter(rows.values())))
    fig, axes = style.grid(len(rows) * len(names), width=3.4, height=2.4, columns=len(names))
    for i, (label, tensors) in enumerate(rows.items()):
        for ax, (name, values) in zip(axes[i * len(names):], tensors.items()):
            images.draw(ax, values, np.quantile(np.abs(values.astype(float)), 0.99) or 1)
            ax.set_title(name if i == 0 else "")
        axes[i * len(names)].set_ylabel(label)
    return fig


def fig18(store):
    """Figure 18. The weights of the network that has generalised are periodic, and so is the mask of its ticket (black: kept).
    The rows of W_E and W_U are in the order of the weights' strongest frequency and its phase."""
    pair = style.first_pair(store, style.of_grid(store, "fig2a-addition-mlp"))
    weights = store.tensors(pair["dense"], store.checkpoint(pair["dense"], "final"))
    order = by_frequency(weights)
    rows = {"weights": weights, "the ticket's mask": store.tensors(pair["ticket"], store.mask(pair["ticket"]))}
    return image_rows({label: {name: values[order.get(name, slice(None))] for name, values in tensors.items()}
                       for label, tensors in rows.items()})


def fig19(store):
    """Figure 19. Masks that were made before training (black: kept) are not periodic. The rows of W_E and W_U are in the order
    of their strongest frequency and its phase."""
    jobs = style.of_grid(store, "fig5b-at-init")
    rows = {}
    for control in ("random", "grasp", "snip", "synflow"):
        for _, job in jobs[jobs.control == control][:1].iterrows():
            masks = store.tensors(job, store.mask(job))
            order = by_frequency(masks)
            rows[control] = {name: mask[order.get(name, slice(None))] for name, mask in masks.items()}
    if not rows:
        raise style.NoData("grid 'fig5b-at-init' without a network pruned before training")
    return image_rows(rows)


def fig20(store):
    """Figure 20. Tensor by tensor: the weighted spectral gap rises while the network memorises and narrows when it
    generalises; the Ramanujan gap falls from the start."""
    jobs = graphs.known(store, style.of_grid(store, "fig9-graph"))
    by_layer = [graphs.layers(store, job) for _, job in jobs.iterrows()]
    names = list(by_layer[0][graphs.GAPS[0]].columns)
    fig, axes = style.grid(2 * len(names), width=4.2, height=3.2, columns=len(names))
    for i, gap in enumerate(graphs.GAPS):
        for ax, name in zip(axes[i * len(names):], names):
            graphs.draw(ax, store, jobs, [frame[gap][name] for frame in by_layer], gap)
            ax.set_title("" if i else name)
    return fig


def table1(store):
    """Table 1. From the network that has just memorised: a search for a subnetwork alone (edge-popup on frozen weights) makes
    it generalise, to 0.92; search and weight decay together are faster than weight decay alone. Bars: the paper's means and
    deviations."""
    found = there(store, settings_found="table1-edge-popup-found")
    fig, axes = style.grid(len(found))
    for ax, (title, jobs) in zip(axes, found.items()):
        for (control, (label, published)), colour in zip(TABLE_1.items(), list(style.COLOURS.values())):
            same = jobs[jobs.control == control]
            if len(same):
                style.band(ax, [store.series(job).test_accuracy for _, job in same.iterrows()], colour, label)
            mean, deviation = zip(*published.values())
            ax.errorbar(list(published), mean, deviation, color=colour, fmt="s", markersize=4, capsize=3, linewidth=0.8, alpha=0.7)
        ax.set_ylim(0, 1.05)
        ax.set_xlabel(r"epochs after $t_{mem}$")
        ax.set_ylabel("test accuracy")
        ax.set_title(title)
        ax.legend(loc="lower right")
    return fig


def others(store):
    """Beside the paper: how late networks generalise, dense and tickets, in other settings; and with the ticket's mask shuffled
    inside each tensor, or on fresh weights. A point a seed; on the dashed line: never."""
    found = there(store, default="fig2a-addition-mlp", more="other-fractions", lr="other-steps", decay="other-decays",
                  width="other-widths", masks="other-masks")
    columns = {"more": "task_train_fraction", "lr": "training_lr", "decay": "training_weight_decay", "width": "model_d_hidden"}
    if len(found) < 2:
        raise style.NoData("no grid 'other-...'")
    rows = []
    for title, jobs in found.items():
        for value, same in jobs.groupby(columns[title]) if title in columns else [("", jobs)]:
            name = {"more": "of the table: "}.get(title, title + " ") + (f"{value:g}" if value != "" else "")
            rows.append((name.strip(), same))
    fig, axes = style.grid(1, width=1.4 * len(rows) + 2)
    top = 1.6 * max(same.epochs.max() for _, same in rows)
    for control, colour in zip(("dense", "ticket", "shuffle", "reinit"), [*list(style.COLOURS.values())[:2], *style.SPARE]):
        value = pd.concat([late(same[same.control == control], "t_gen").set_axis([i] * (same.control == control).sum())
                           for i, (_, same) in enumerate(rows)])
        style.points(axes[0], value.index, value, colour, top, size=6, alpha=0.6)
        axes[0].plot([], [], "o", color=colour, alpha=0.6, label=style.LABELS.get(control, control))
    axes[0].axhline(top, color="0.6", linewidth=0.8, linestyle="--")
    axes[0].set_yscale("log")
    axes[0].set_xticks(range(len(rows)), [name for name, _ in rows], rotation=30, ha="right")
    axes[0].set_ylabel(r"$t_{gen}$ [epochs]")
    axes[0].legend()
    return fig


FIGURES = {f"minegishi-{f.__name__}": f for f in (fig2, fig3, fig4, fig5, fig6, fig7, fig8, fig9, fig10, fig11, fig13, fig15a,
                                                  fig15b, fig17, fig18, fig19, fig20, table1, others)}
