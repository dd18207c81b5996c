"""movement.py STORE -o FIGURE: does the structure move while accuracy rises?

Jaccard distance between the magnitude masks of two checkpoints, against the change of test accuracy between them: a
panel a task and model, a colour a control, a point an interval of one seed.  Only intervals of one length, which can be
compared; networks under a held mask are left out, whose structure cannot move.  Needs the measures jaccard and accuracy_change.
The figure's format follows from its name: .png, .pdf, .svg.
"""
import style
from measures import evenly


def points(store, job):
    """(distances, changes, epochs apart), or None if the job was not measured often enough, or its mask is held."""
    try:
        distance = style.measured(store, job, "jaccard", "distance")["all"]
        change = style.measured(store, job, "accuracy_change", "test").iloc[:, 0]
    except style.NoData:
        return None
    both = distance.to_frame("distance").join(change.rename("change"))
    if len(both) < 3:
        return None
    both, gap = evenly(both)
    both = both.dropna()
    return (both.distance, both.change, gap) if both.distance.any() else None


def draw_panel(axes, store, jobs):
    for text, colour, same in style.coloured(jobs):
        found = [point for _, job in same.iterrows() if (point := points(store, job))]
        for i, (distance, change, gap) in enumerate(found):
            axes.plot(distance, change, "o", markersize=4, color=colour, alpha=0.6, markeredgewidth=0, label=None if i else text)
            axes.set_xlabel(f"Jaccard distance of masks {gap} {style.clock(same)} apart")
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    axes.set_ylabel("change of test accuracy between them")
    axes.legend()


def figure(store, jobs):
    parts = [part for part in style.panels(jobs) if any(points(store, job) for _, job in part[1].iterrows())]
    if not parts:
        raise style.NoData("no job with the measures jaccard and accuracy_change at three checkpoints")
    fig, axes = style.grid(len(parts))
    for ax, (title, part) in zip(axes, parts):
        draw_panel(ax, store, part)
        ax.set_title(title)
    fig.tight_layout()
    return fig


if __name__ == "__main__":
    style.main(__doc__, figure)
