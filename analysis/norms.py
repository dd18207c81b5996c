"""norms.py STORE -o FIGURE: the norms of the weights while networks learn, a column a task and model, a colour a control.

Upper row: L1, lower row: L2, of all weights that the network has (under its mask), against epochs; the median over the
seeds in the band of their range.  Dotted: the median of t_gen.  Needs the measure norms.
The figure's format follows from its name: .png, .pdf, .svg.
"""
import style
from settings import late, median

ROWS = {"l1_masked": r"$L_1$ norm of the weights", "l2_masked": r"$L_2$ norm of the weights"}


def norm(store, job, array):
    """The norm of all tensors together, by epoch; None if the job was not measured."""
    try:
        values = style.measured(store, job, "norms", array)["all"]
    except style.NoData:
        return None
    return values if len(values) > 1 else None


def draw_panel(axes, store, jobs, array):
    for text, colour, same in style.coloured(jobs):
        curves = [norm(store, job, array) for _, job in same.iterrows()]
        curves = [curve for curve in curves if curve is not None]
        if curves:
            style.band(axes, curves, colour, text)
            reached = median(late(same, "t_gen"))
            if 0 <= reached < float("inf"):
                axes.axvline(reached, color=colour, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, None)
    axes.set_xlabel("epochs")
    axes.set_ylabel(ROWS[array])


def figure(store, jobs):
    def known(part):
        return any(norm(store, job, "l2_masked") is not None for _, job in part.iterrows())

    parts = style.most([(title, part) for title, part in style.panels(jobs) if known(part)], 4)
    if not parts:
        raise style.NoData("no measure of kind norms at two checkpoints")
    fig, axes = style.grid(2 * len(parts), columns=len(parts), height=3.2)
    for i, array in enumerate(ROWS):
        for ax, (title, part) in zip(axes[i * len(parts):], parts):
            draw_panel(ax, store, part, array)
            ax.set_title("" if i else title)
    for ax in axes[len(parts):]:
        lines = ax.get_legend_handles_labels()[0]
        ax.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncol=2)
    fig.tight_layout()
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
