"""What Merrill et al. claim of sparse parity (arXiv 2303.11873); the grid is that of sweeps/merrill.yaml.

The subnetwork: the least neurons with the largest norms that have the whole network's training accuracy (measure subnetwork);
the circuit: the subnetwork of the last epoch, looked at in all epochs.  FEW neurons of a thousand are sparse.  The dense phase
lasts from t_mem until the test accuracy first exceeds RISING.
Seed 0 was looked at, to see how many epochs are needed, before these rules were fixed; the other seeds were not.
"""
import numpy as np

from . import Missing, by_seed, claim, every, first_above, late, measured, select, verdict

GRID = "merrill-parity"
FEW = 50  # neurons
RISING = 0.6  # test accuracy; 0.5 is a guess
GOOD = 0.95  # accuracy and faithfulness of a part that does the whole network's work


def merrill(figure, statement, published, rule):
    return claim(paper="merrill", figure=figure, statement=statement, published=published, rule=rule)


def each(store, found):
    """{seed: found(job, measure)} of networks that generalise; measure(name) is that array of measure subnetwork, by epoch."""
    jobs = select(store, GRID, control="dense")
    if np.isinf(late(jobs, "t_gen")).any():
        raise Missing(f"not every network of grid {GRID} generalises")
    return {int(job.seed): float(found(job, lambda name, job=job: measured(store, job, "subnetwork", name)))
            for _, job in jobs.iterrows()}


def size(measure):
    return measure("linear_size").iloc[:, 0]


def dense_phase(store, job, curve):
    """The part of a curve from t_mem until the test accuracy rises."""
    until = first_above(store.series(job).test_accuracy, RISING)
    part = curve[(curve.index >= job.t_mem) & (curve.index < until)]
    if not len(part):
        raise Missing(f"seed {job.seed}: no checkpoint between t_mem and the rise of the test accuracy")
    return part


@merrill("accuracy", "sparse parity is grokked: generalised long after it was memorised", "far later", "holds if in every seed t_gen is more than twice t_mem")
def groks(store):
    taus = by_seed(select(store, GRID, control="dense"), "tau_grok")
    return verdict(ours="it generalises late", holds=every(taus, lambda tau: tau > 2), values=taus, what="tau_grok")


@merrill("subnetwork", "in the end a sparse subnetwork does the whole network's work", "a sparse subnetwork dominates the predictions",
         f"holds if in every seed it has at most {FEW} neurons, and on test examples accuracy and faithfulness of at least {GOOD}")
def sparse_in_the_end(store):
    sizes = each(store, lambda job, measure: size(measure).iloc[-1])
    worst = each(store, lambda job, measure: min(measure(name).subnetwork.iloc[-1] for name in ("test_accuracy", "test_faithfulness")))
    return verdict(ours=f"lowest accuracy or faithfulness {min(worst.values()):.3f}", values=sizes, what="neurons in the end",
                   holds=every({seed: sizes[seed] <= FEW and worst[seed] >= GOOD for seed in sizes}))


@merrill("subnetwork", "the rest of the neurons, nearly all, does not do it", "the dense subnetwork generalises poorly",
         "holds if in every seed the rest's test accuracy is in the end nearer to a guess's (0.5) than to 1")
def rest_is_blind(store):
    found = each(store, lambda job, measure: measure("test_accuracy").rest.iloc[-1])
    return verdict(ours="without the subnetwork", holds=every(found, lambda a: a < 0.75), values=found, what="test accuracy of the rest")


@merrill("subnetwork", "before the transition no sparse subnetwork does: memory is dense", "a dense subnetwork dominates, then a sharp fall of the size",
         "holds if in every seed the median size of the subnetwork in the dense phase is more than ten times that in the end")
def dense_before(store):
    before = each(store, lambda job, measure: dense_phase(store, job, size(measure)).median())
    ends = each(store, lambda job, measure: size(measure).iloc[-1])
    shrinks = {seed: before[seed] / ends[seed] for seed in before}
    text = ", ".join(f"{before[seed]:.0f} to {ends[seed]:.0f}" for seed in before)
    return verdict(ours=f"neurons by seed: {text}", holds=every(shrinks, lambda r: r > 10), values=shrinks,
                   what="size in the dense phase / in the end")


@merrill("norms", "the circuit's neurons grow in norm while all others decay", "a small subset grows fast, the others decay slowly",
         "holds if in every seed, from the first checkpoint after t_mem to the end, the circuit's mean norm doubles and the others' halves")
def norms_part(store):
    def change(part):
        def ratio(job, measure):
            norm = measure("circuit_norm")[part]
            return norm.iloc[-1] / norm[norm.index >= job.t_mem].iloc[0]
        return each(store, ratio)
    grows, shrinks = change("circuit"), change("rest")
    return verdict(ours="others: " + ", ".join(f"{value:.2f}" for value in shrinks.values()), values=grows, what="norm of the circuit, end / t_mem",
                   holds=every({seed: grows[seed] >= 2 and shrinks[seed] <= 0.5 for seed in grows}))


@merrill("norms", "the circuit grows at the transition", "rapid growth at the phase transition",
         "holds if in every seed its mean norm rises most (over ten checkpoints) at an epoch between half of t_gen and t_gen + half")
def grows_then(store):
    def when(job, measure):
        norm = measure("circuit_norm").circuit
        rises = norm.diff(10)
        end = rises[rises.index >= job.t_mem].idxmax()
        return norm.index[norm.index.get_loc(end) - 5] / max(job.t_gen, 1)
    found = each(store, when)
    return verdict(ours="epoch of the steepest rise", holds=every(found, lambda r: 0.5 <= r <= 1.5), values=found, what="epoch / t_gen")


@merrill("subnetwork", "two circuits compete: before the transition the dense one explains the training examples better, afterwards the sparse one",
         "the dense one dominates before, the sparse one after",
         "holds if in every seed the circuit's training accuracy is below the others' in most of the dense phase, and above it in the end")
def circuits_compete(store):
    def lead(job, measure):
        accuracy = measure("circuit_train_accuracy")
        difference = accuracy.rest - accuracy.circuit
        return (dense_phase(store, job, difference) > 0).mean() if difference.iloc[-1] < 0 else 0
    found = each(store, lead)
    return verdict(ours="where the others lead (0 if they do in the end)", holds=every(found, lambda share: share > 0.5), values=found,
                   what="share of the dense phase")


@merrill("subnetwork", "afterwards the subnetwork predicts what the network predicts (faithfulness), the rest does not",
         "the sparse subnetwork dominates predictions",
         f"holds if in every seed, at every checkpoint after 1.5 t_gen, the subnetwork's test faithfulness is at least {GOOD} and the rest's below 0.75")
def faithful_after(store):
    def share(job, measure):
        after = measure("test_faithfulness")
        after = after[after.index >= 1.5 * job.t_gen]
        if not len(after):
            raise Missing(f"seed {job.seed}: no checkpoint after 1.5 t_gen")
        return ((after.subnetwork >= GOOD) & (after.rest < 0.75)).mean()
    found = each(store, share)
    return verdict(ours="checkpoints after 1.5 t_gen at which it is so", holds=every(found, lambda share: share == 1), values=found,
                   what="share")
