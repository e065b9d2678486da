"""Family trees, by Rumelhart, Hinton and Williams (1986): hidden units learn what people share.

The network gets a person and a relation, such as Colin and aunt, and must name everyone who fits:
Margaret and Jennifer. The 24 people of an English and an Italian family are 24 inputs. No input
says who is old, who is English, or who descends from whom. The people reach the rest of the network
through six units only. Trained on 100 of the 104 facts, these units have to find the attributes of
a person that matter: nationality, generation, branch of the family. Then the network can answer
questions that it was never trained on: all four in the paper, some of them here.

Do networks learn the facts with the settings that the paper prints? If not, which setting prevents
it? Each recipe of settings starts from the same twenty initial θ, and all runs are one stack: θ is
(recipes, starts, P).

Run it with ``python examples/rumelhart1986_family_trees.py``, or with ``--quick`` for five starts.

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
(1986), figures 2 to 4.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from reporting import Report, Table, percent, script

import backprop_xp as bp
from backprop_xp.datasets.kinship import ENGLISH, ITALIAN, PEOPLE, RELATIONS, Marriage, facts
from backprop_xp.initializers import Uniform
from backprop_xp.losses import over_units
from backprop_xp.schedules import Piecewise

X, Y = bp.datasets.family_trees()
TRAINED, HELD_OUT = 100, 4
SWEEPS, FIRST_SWEEPS = 1500, 20
FIRST_ALPHA, ALPHA = 0.5, 0.9  # in the first sweeps, and after them
EVERY = 10  # sweeps between two records of the facts that are right
ZONE = 0.2  # an output nearer than this to its target has no error
STRONG = 0.8  # a unit encodes an attribute if their correlation is beyond ±0.8
IN_FIGURE_2 = [6, 6, 5, 5, 6, 6, 2, 2, 3, 3, 4, 4]  # facts of each relation, counted in one tree


class ErrorZone:
    """A loss, E_c = ½ Σ r²: r is the distance of an output from the edge of the zone, 0 in it."""

    name = "error_zone"

    def outside(self, a: Any, y: Any) -> Any:
        """Return r: 0 within the zone."""
        return (a - y) - np.clip(a - y, -ZONE, ZONE)

    def __call__(self, a: Any, y: Any) -> Any:
        """Return E_c, (..., m)."""
        return 0.5 * over_units(self.outside(a, y) ** 2)

    def dE_da(self, a: Any, y: Any) -> Any:
        """Return ∂E_c/∂a = r, (..., n_out, m)."""
        return self.outside(a, y)


class ErrorZoneWithJump(ErrorZone):
    """The same loss with r = a − y outside the zone, so that E jumps at the edge."""

    name = "error_zone_with_jump"

    def outside(self, a: Any, y: Any) -> Any:
        """Return r: 0 within the zone."""
        return np.where(abs(a - y) > ZONE, a - y, 0)


def network(loss: Any) -> bp.Network:
    """Return the 36-12-12-6-24 network; of the first 12 units 6 see the person, 6 the relation."""
    of_people, of_relations = np.ones((6, len(PEOPLE))), np.ones((6, len(RELATIONS)))
    apart = np.block([[of_people, 0 * of_relations], [0 * of_people, of_relations]])
    return bp.Network(
        [36, 12, 12, 6, 24],
        hidden="sigmoid",
        output="sigmoid",
        loss=loss,
        connections=[apart, None, None, None],
    )


NET, NET_WITH_JUMP = network(ErrorZone()), network(ErrorZoneWithJump())


class Recipe(NamedTuple):
    """Settings of a run: the printed ones, or some of them changed."""

    limit: float  # initial weights are uniform in ±limit
    epsilon: float  # half of it in the first 20 sweeps
    shrinkage: float  # the share that each weight loses after each update


PRINTED = Recipe(0.3, 0.01, 0.002)
PRINTED_WITHOUT_HALF = Recipe(0.3, 0.02, 0.002)  # E without its ½ has twice the gradient
WORKS = Recipe(1.0, 0.1, 0.002)
RECIPES = (
    PRINTED,
    PRINTED_WITHOUT_HALF,
    Recipe(0.3, 0.01, 0.0),
    Recipe(1.0, 0.01, 0.002),
    Recipe(1.0, 0.01, 0.0),
    Recipe(0.3, 0.1, 0.002),
    WORKS,
    Recipe(1.0, 0.05, 0.0002),
)


def training_facts(starts: int) -> Any:
    """Return 1 for the 100 facts that a start learns, 0 for its 4 held-out facts, (starts, 104)."""
    learned = np.ones((starts, len(X)))
    for seed, facts_of in enumerate(learned):
        facts_of[np.random.default_rng(seed).choice(len(X), HELD_OUT, replace=False)] = 0
    return learned


def initial(recipes: Sequence[Recipe], starts: int) -> Any:
    """Return θ (recipes, starts, P): the same starts for each recipe, scaled to its range."""
    limits = np.array([[[recipe.limit]] for recipe in recipes], dtype=np.float32)
    return limits * NET.init(seed=0, initializer=Uniform(1.0), stack=starts)


def right(theta: Any, within: float = 0.5) -> Any:
    """Tell for each fact whether all 24 outputs are `within` this of their targets, (..., 104)."""
    return np.all(abs(NET.forward(theta, X) - Y) < within, axis=-1)


def share(found: Any, among: Any) -> Any:
    """Return the share of right facts among the facts with a 1 in `among`, (...)."""
    return (found * among).sum(axis=-1) / among.sum(axis=-1)


class FactsRight:
    """A callback that records the share of right facts, every tenth sweep."""

    def __init__(self, learned: Any) -> None:
        self.among = {"trained": learned, "held_out": 1 - learned}

    def on_epoch_end(self, progress: Any) -> None:
        """Add the share among the learned facts, and among the held-out facts."""
        if progress.epoch % EVERY == 0:
            found = right(progress.theta)
            for name, among in self.among.items():
                progress.history.setdefault(name, []).append(share(found, among))


def train(net: bp.Network, recipes: Sequence[Recipe], theta: Any, learned: Any) -> bp.Run:
    """Return the run of all recipes and starts, with the shares of right facts in its history.

    The paper's E is the sum over the cases, `bp.train` minimises their mean: hence ε · 100. Biases
    shrink too: they are weights from a unit that is always on.
    """
    epsilon = np.array([[[TRAINED * recipe.epsilon]] for recipe in recipes])
    return bp.train(
        net,
        X,
        Y,
        theta,
        optimizer=bp.SGD(
            Piecewise([FIRST_SWEEPS], [epsilon / 2, epsilon]),
            momentum=Piecewise([FIRST_SWEEPS], [FIRST_ALPHA, ALPHA]),
        ),
        epochs=SWEEPS,
        batch_size=None,
        case_weights=np.broadcast_to(learned, (*theta.shape[:-1], len(X))),
        shrinkage=np.array([[[recipe.shrinkage]] for recipe in recipes]),
        decay_biases=True,
        callbacks=[FactsRight(learned)],
    )


def places(tree: Sequence[Marriage]) -> dict[str, tuple[int, float]]:
    """Return each person's generation, from 1, and branch: −1 left, 1 right, 0 both."""
    found: dict[str, tuple[int, float]] = {}
    founders = iter([(1, -1.0), (1, 1.0)])
    for husband, wife, *children in tree:  # parents stand before their children
        couple = [found[one] for one in (husband, wife) if one in found] or [next(founders)]
        for one in (husband, wife):
            found.setdefault(one, couple[0])  # who marries in stands beside husband or wife
        generation, branches = couple[0][0], [branch for _, branch in couple]
        for child in filter(None, children):
            found[child] = (generation + 1, sum(branches) / len(branches))
    return found


def attributes() -> dict[str, Any]:
    """Return three attributes of the 24 people, (24,) each, that no input of the network holds."""
    english, both = places(ENGLISH), places(ENGLISH) | places(ITALIAN)
    return {
        "nationality": np.array([1.0 if name in english else -1.0 for name in PEOPLE]),
        "generation": np.array([both[name][0] for name in PEOPLE]),
        "branch": np.array([both[name][1] for name in PEOPLE]),
    }


def weights_of_people(theta: Any) -> Any:
    """Return the weights from the 24 people to their six units, (..., 6, 24)."""
    return NET.unpack(theta)[0].W[..., :6, : len(PEOPLE)]


def correlations(theta: Any) -> Any:
    """Return the correlation of each unit's weights with each attribute, (..., 6, 3)."""

    def standardised(x: Any) -> Any:
        return (x - x.mean(axis=-1, keepdims=True)) / x.std(axis=-1, keepdims=True)

    of_people = np.stack(list(attributes().values()))
    return standardised(weights_of_people(theta)) @ standardised(of_people).mT / len(PEOPLE)


def best(theta: Any) -> Any:
    """Return for each attribute |r| of the unit that encodes it best, (..., 3)."""
    return abs(correlations(theta)).max(axis=-2)


def learning_figure(history: Any) -> Any:
    """Return a picture of the share of right facts by sweep."""
    from drawing import BLUE, ORANGE, panels

    trained, held_out = np.array(history["trained"]), np.array(history["held_out"])
    sweeps, starts = EVERY * np.arange(1, len(trained) + 1), trained.shape[-1]
    figure, [[panel]] = panels(1, width=7.4, height=3.3)
    panel.plot(sweeps, 100 * trained, color=BLUE, linewidth=0.6, alpha=0.4)
    for shares, colour, facts_of in ((trained, BLUE, "training"), (held_out, ORANGE, "held-out")):
        of = f"{facts_of} facts, mean of {starts} starts"
        panel.plot(sweeps, 100 * shares.mean(axis=-1), color=colour, linewidth=2, label=of)
    panel.set(xlabel="sweeps through the training facts", ylabel="facts right (%)")
    panel.legend(loc="lower right", edgecolor="none")
    return figure


def people_figure(theta: Any) -> Any:
    """Return a picture of the weights from the people to the six units, as the paper's figure 4."""
    from drawing import GREY
    from matplotlib.figure import Figure

    W, r = weights_of_people(theta), correlations(theta)
    column, row = np.tile(np.arange(12), 2), np.repeat([0, 1], 12)  # the English stand above
    figure = Figure(figsize=(7.6, 7.3), layout="constrained")
    panels = figure.subplots(6, 1)
    for unit, (panel, w) in enumerate(zip(panels, W, strict=True)):
        area = 290 * abs(w) / abs(W).max()
        panel.scatter(column, row, area, np.where(w > 0, "white", "black"), marker="s", linewidth=0)
        panel.set(aspect="equal", xlim=(-0.6, 11.6), ylim=(1.55, -0.55), facecolor="#999999")
        panel.set_yticks([0, 1], ["English", "Italian"])
        panel.set_xticks([])
        panel.tick_params(length=0)
        panel.set_ylabel(f"unit {unit + 1}", fontweight="bold")
        for line, (name, value) in enumerate(zip(attributes(), r[unit], strict=True)):
            style = {"fontweight": "bold"} if abs(value) > STRONG else {"color": GREY}
            panel.text(12.0, 0.6 * line - 0.1, f"{name}  {value:+.3f}", va="center", **style)
    panels[0].text(12.0, -0.85, "correlation with", color=GREY)
    panels[0].xaxis.tick_top()
    panels[0].set_xticks(range(12), PEOPLE[:12], rotation=60, ha="left", rotation_mode="anchor")
    panels[-1].set_xticks(range(12), PEOPLE[12:], rotation=60, ha="right", rotation_mode="anchor")
    return figure


def facts_table() -> Table:
    """Return the number of facts, as counted in figure 2 and as derived from the marriages."""
    rows = []
    for relation, counted in zip(RELATIONS, IN_FIGURE_2, strict=True):
        people = [fact.person for fact in facts() if fact.relation == relation]
        english = sum(name in PEOPLE[:12] for name in people)
        rows.append([relation, str(counted), str(english), str(len(people) - english)])
    rows.append(["facts in both trees", "104", str(len(X)), ""])
    rows.append(["(person, relation, person)", "112", str(int(Y.sum())), ""])
    return Table("The facts", ["relation", "in the figure", "English", "Italian"], rows)


def recipes_table(runs: Sequence[bp.Run], learned: Any) -> Table:
    """Return the share that each recipe learns, for both ways to measure the error."""
    rows = []
    for number, (limit, epsilon, shrinkage) in enumerate(RECIPES):
        cells = [f"±{limit:g}", f"{epsilon / 2:g}, {epsilon:g}", f"{100 * shrinkage:g} %"]
        for run in runs:
            trained = share(right(run.theta[number]), learned)
            cells += [percent(trained.mean(), 2), percent(trained.min(), 2)]
        rows.append(cells)
    head = ["weights", "ε", "shrinkage", "edge: mean", "least", "target: mean", "least"]
    title = "Training facts right, by recipe; error from the edge of the zone or from the target"
    return Table(title, head, rows)


def starts_table(theta: Any, learned: Any) -> Table:
    """Return the facts that each start has learned, and how well its units encode attributes."""
    rows = [
        [str(seed), f"{found @ of:.0f}", f"{found @ (1 - of):.0f}", *(f"{x:.2f}" for x in r)]
        for seed, (found, of, r) in enumerate(zip(right(theta), learned, best(theta), strict=True))
    ]
    title = "Facts right, and |r| of the unit that encodes an attribute best, by start"
    return Table(title, ["start", "of 100", "of 4 held out", *attributes()], rows)


def published_table(theta: Any, before: Any, learned: Any) -> Table:
    """Return the published results beside the results of the recipe that works."""
    found, starts = right(theta), len(learned)
    held_out = (found * (1 - learned)).sum(axis=-1)
    rows = [
        ["training facts right", "not given", percent(share(found, learned).mean(), 2)],
        ["held-out facts right", "4 of 4", f"{held_out.sum():.0f} of {HELD_OUT * starts}"],
        ["starts with all 4 right", "1 of 1", f"{(held_out == HELD_OUT).sum()} of {starts}"],
    ]
    units, counts = ("unit 1", "unit 2", "unit 6"), (best(theta) > STRONG).sum(axis=0)
    untrained = (best(before) > STRONG).sum(axis=0)
    for name, unit, now, then in zip(attributes(), units, counts, untrained, strict=True):
        here = f"in {now} of {starts} starts (untrained: {then})"
        rows.append([f"a unit encodes {name}", unit, here])
    return Table("The recipe that works", ["", "published", "here"], rows)


def note_on_zone(theta: Any, learned: Any) -> str:
    """Return in sentences how many facts are right by stricter limits, for θ (starts, P)."""
    strict, less = (share(right(theta, near), learned).mean() for near in (ZONE, 1.5 * ZONE))
    return (
        "A fact is right if all 24 outputs are on the right side of 0.5. By the limits of the "
        f"error zone, over 0.8 and under 0.2, {percent(strict, 2)} of the training facts are "
        "right. At the edge of the zone the error ends but the shrinkage goes on, so that outputs "
        f"come to rest just outside. By limits of 0.7 and 0.3, {percent(less, 2)} are right."
    )


def note_on_shrinkage(theta: Any, learned: Any) -> str:
    """Return in sentences how much of θ's learning the printed recipe keeps, θ (starts, P)."""
    recipes, start = (PRINTED, PRINTED_WITHOUT_HALF), np.stack([theta, theta])
    edge, target = (
        share(right(train(net, recipes, start, learned).theta), learned).mean(axis=-1)
        for net in (NET, NET_WITH_JUMP)
    )
    kept = [percent(of, 2) for of in (edge[0], target[0], edge[1], target[1])]
    printed, here = (recipe.shrinkage * (1 - ALPHA) / recipe.epsilon for recipe in (PRINTED, WORKS))
    return (
        "In the table of recipes the first row is the printed recipe; in the second row E has no "
        "½. A weight rests where the shrinkage s and the gradient balance, s w = −ε/(1 − α) ∂E/∂w. "
        "So −∂E/∂w is "
        f"{printed:.2g} w with the printed recipe, {here:.2g} w with the recipe that works. The "
        f"networks of the recipe that works, trained for {SWEEPS:,} sweeps more with the printed "
        f"recipe, keep {kept[0]} of the training facts ({kept[1]} with the error from the target). "
        f"Without the ½ they keep {kept[2]} ({kept[3]}). So the printed settings keep more facts "
        "than they find."
    )


def report(*, quick: bool, mnist: Path | None) -> Report:  # noqa: ARG001  it needs no images
    """Return the report: which recipes learn, what is learned, and what the hidden units encode."""
    starts, number = 5 if quick else 20, RECIPES.index(WORKS)
    learned, before = training_facts(starts), initial(RECIPES, starts)
    runs = [train(net, RECIPES, before, learned) for net in (NET, NET_WITH_JUMP)]
    works = runs[0][number]
    drawn = int(np.argmax(best(works.theta).min(axis=-1)))
    return Report(
        key="family-trees",
        title="Family trees (Rumelhart, Hinton and Williams, 1986)",
        about="Learning representations by back-propagating errors, Nature 323, figures 2 to 4. "
        "A 36-12-12-6-24 network of sigmoid units; of the first twelve, six see the person and six "
        "the relation. Squared error, summed over 100 facts, with a zone of no error (over 0.8, "
        f"under 0.2). {SWEEPS:,} sweeps, α = {FIRST_ALPHA} in the first {FIRST_SWEEPS}, then "
        f"{ALPHA}. Starts 0 to {starts - 1} of seed 0, each with 4 facts of its own held out. The "
        f"paper prints ε = {PRINTED.epsilon / 2:g}, then {PRINTED.epsilon:g}, and a shrinkage of "
        f"{percent(PRINTED.shrinkage)}. The recipe that works has ε = {WORKS.epsilon / 2:g}, then "
        f"{WORKS.epsilon:g}, the same shrinkage, weights from ±{WORKS.limit:g}, and the error "
        "measured from the edge of the zone.",
        tables=[
            facts_table(),
            published_table(works.theta, before[number], learned),
            recipes_table(runs, learned),
            starts_table(works.theta, learned),
        ],
        notes=[
            note_on_zone(works.theta, learned),
            note_on_shrinkage(works.theta, learned),
            "±0.3 is the range that the paper gives for the symmetry network.",
            (
                "The paper does not say whether the error outside the zone is measured from its "
                "edge or from the target. From the edge, E has no jump."
            ),
            "The paper does not say which 4 facts it held out; here each start has its own.",
            (
                f"The picture of the weights is of start {drawn}, whose least |r| is the greatest: "
                "white above 0, black below, area by size; correlations beyond "
                f"±{STRONG} are bold."
            ),
        ],
        pictures={
            "family_trees_learning.png": learning_figure(works.history),
            "family_trees_weights_of_people.png": people_figure(works.theta[drawn]),
        },
    )


if __name__ == "__main__":
    raise SystemExit(script(report, __doc__))
