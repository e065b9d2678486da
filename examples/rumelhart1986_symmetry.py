"""Mirror symmetry, by Rumelhart, Hinton and Williams (1986): a thousand starts in place of one.

Is a row of six bits its own mirror image? No single bit tells, yet two hidden units are enough.
Their weights are equal and opposite about the middle, so that they cancel for a symmetric row.
Sizes of 1 : 2 : 4 give each left half a sum of its own, which only its mirror image cancels. The
paper shows one start, which found this solution after 1,425 sweeps through the 64 rows. How often
does a start find a solution, how soon, and is it always this one?

Leading axes of θ are networks: all starts are one stack, and finished starts leave it (`starts`).
Sweeps, rate and momentum are the paper's: all 64 cases in one update, ε = 0.1 for a cost that is
the sum over the cases, α = 0.9, initial weights and biases from ±0.3.

Run it with ``python examples/rumelhart1986_symmetry.py``, or with ``--quick`` for fewer starts.

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
(1986), figure 1.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from reporting import Report, Table, percent, script
from starts import Outcome, follow, in_sweeps, quantile

import backprop_xp as bp

X, Y = bp.datasets.symmetry()
NET = bp.Network([6, 2, 1], hidden="sigmoid", output="sigmoid", loss="squared_error")
EPSILON, ALPHA = 0.1, 0.9
TOLERANCE = 0.1  # relative to the largest weight, or to a ratio

PAPER = 1425  # sweeps of the start that the paper shows
COUNTED = 30_000  # sweeps within which 99 of the 100 starts of a re-run were solved
# sweeps in two re-runs: the quickest start, the quartiles, and the slowest where it is known
OF_100, OF_1000 = (323, 1405, 2961, 8542, None), (333, 1127, 2715, 7830, 54_770)


class Size(NamedTuple):
    """The size of the experiment."""

    starts: int
    sweeps: int  # after which a start is given up
    further: int  # sweeps for which a solved start is trained on


FULL, QUICK = Size(1000, 60_000, 5000), Size(60, 6000, 1000)


def train(size: Size) -> Outcome:
    """Return the outcome of training all starts."""
    theta = NET.init(seed=0, initializer="uniform", stack=size.starts)
    return follow(
        NET, (X, Y), theta, epsilon=EPSILON, alpha=ALPHA, sweeps=size.sweeps, further=size.further
    )


# ---------------------------------------------------------------------------------------------
# what was learned


def asymmetry(W: Any) -> Any:
    """Return how far W (..., 2, 6) is from equal and opposite about the middle; 0 is exact."""
    return np.max(np.abs(W + W[..., ::-1]), axis=(-2, -1)) / np.max(np.abs(W), axis=(-2, -1))


def sizes(W: Any) -> Any:
    """Return the sizes in the left half of each row, sorted, the largest as 4: (..., 2, 3)."""
    magnitudes = np.sort(np.abs(W[..., :3]), axis=-1)
    return 4 * magnitudes / magnitudes[..., -1:]


def has_sizes(W: Any, *expected: float) -> Any:
    """Tell whether the sizes in both rows of W (..., 2, 6) are in this ratio, such as 1, 2, 4."""
    return np.max(np.abs(sizes(W) / np.array(expected) - 1), axis=(-2, -1)) <= TOLERANCE


def claims(theta: Any) -> dict[str, Any]:
    """Tell for each network (K, P) which of the paper's sentences hold for it."""
    hidden, output = NET.unpack(theta)
    opposite = asymmetry(hidden.W) <= TOLERANCE
    return {
        "Equal and opposite about the middle": opposite,
        "Two hidden units of opposite signs": np.all(hidden.W[:, 0] * hidden.W[:, 1] < 0, axis=-1),
        "Both hidden biases negative": np.all(hidden.b < 0, axis=(-2, -1)),
        "Output bias positive": output.b[:, 0, 0] > 0,
        "Equal and opposite, sizes as 1 : 2 : 4": opposite & has_sizes(hidden.W, 1, 2, 4),
    }


def ratios(theta: Any) -> dict[str, Any]:
    """Tell for each network which ratio of sizes both its hidden units have."""
    W = NET.unpack(theta)[0].W
    one, two = has_sizes(W, 1, 2, 4), has_sizes(W, 2, 3, 4)
    return {"1 : 2 : 4": one, "2 : 3 : 4": two, "another": ~(one | two)}


def shown(outcome: Outcome) -> int:
    """Return the start nearest to the paper's in sweeps, among those for which all claims hold."""
    like_it = outcome.solved & np.all(list(claims(outcome.later).values()), axis=0)
    distance = np.abs(outcome.needed - PAPER)
    return int(np.argmin(np.where(like_it if like_it.any() else outcome.solved, distance, np.inf)))


# ---------------------------------------------------------------------------------------------
# the report


def table_of_sweeps(outcome: Outcome, size: Size) -> Table:
    """Return the quartiles of the sweeps, here and in two re-runs."""
    here = [quantile(outcome.needed, share) for share in (0, 0.25, 0.5, 0.75)]
    here.append(outcome.needed.max())
    rows = [["The paper's one start", f"{PAPER:,}", "–", "–", "–"]]
    names = (
        "The quickest start",
        "A quarter of the starts",
        "Half of the starts",
        "Three quarters",
    )
    for name, *of in zip((*names, "The slowest solved start"), OF_100, OF_1000, here, strict=True):
        rows.append([name, "–", *(in_sweeps(x, size.sweeps) for x in of)])
    by = min(COUNTED, size.sweeps)
    for within, published in ((by, "99 %" if by == COUNTED else "–"), (size.sweeps, "–")):
        share = np.mean(outcome.solved & (outcome.needed <= within))
        row = [f"Solved within {within:,}", "–", published, "–", percent(share)]
        rows += [row] if row not in rows else []
    head = ["", "published", "100 starts", "1,000 starts", f"here, {size.starts:,} starts"]
    return Table("Sweeps until all 64 outputs are on the right side of 0.5", head, rows)


def table_of_shares(title: str, of: Any, outcome: Outcome, size: Size, published: Any) -> Table:
    """Return the share of the solved starts for which each claim holds, at two moments."""
    at_stop, later = (of(theta[outcome.solved]) for theta in (outcome.at_stop, outcome.later))
    rows = [
        [name, published(name), percent(at_stop[name].mean()), percent(later[name].mean())]
        for name in at_stop
    ]
    head = ["", "published", "here, when solved", f"{size.further:,} sweeps later"]
    return Table(title, head, rows)


def matrix(theta: Any) -> tuple[Any, list[str], list[str]]:
    """Return the parameters of one network as a matrix, and the names of its rows and columns."""
    hidden, output = NET.unpack(theta)
    W = np.full((3, 8), np.nan)
    W[:2, :6], W[:2, 6], W[:2, 7], W[2, 6] = hidden.W, hidden.b[:, 0], output.W[0], output.b[0, 0]
    rows = ["hidden 1", "hidden 2", "output"]
    return W, rows, [*(f"bit {bit}" for bit in range(1, 7)), "bias", "to output"]


def table_of_weights(outcome: Outcome, size: Size) -> Table:
    """Return a table of the weights of one start."""
    start = shown(outcome)
    W, names, columns = matrix(outcome.later[start])
    rows = [
        [name, *("–" if np.isnan(w) else f"{w:.2f}".replace("-", "−") for w in row)]
        for name, row in zip(names, W, strict=True)
    ]
    title = f"Start {start}, solved after {outcome.needed[start]:,} sweeps: weights"
    return Table(f"{title} {size.further:,} sweeps later", ["", *columns], rows)


def picture_of_sweeps(outcome: Outcome, size: Size) -> Any:
    """Return a picture: a histogram of the sweeps, and the share of solved starts by sweep."""
    from drawing import BLUE, GREY, ORANGE, panels

    figure, axes = panels(2, width=9.6)
    left, right = axes[0]
    needed = np.sort(outcome.needed[outcome.solved])
    left.hist(needed, bins=np.geomspace(200, 80_000, 40), color=BLUE)
    left.set_ylabel("starts in a bin")
    share = 100 * np.arange(1, len(needed) + 1) / len(outcome.needed)
    right.step(needed, share, where="post", color=BLUE, label="here")
    for quartiles, marker, of in ((OF_100, "s", "100"), (OF_1000, "o", "1,000")):
        label = f"quartiles of a re-run of {of} starts"
        right.plot(quartiles[1:4], [25, 50, 75], marker, color=ORANGE, mfc="none", label=label)
    right.axvline(size.sweeps, color=GREY, linestyle=":", label=f"given up: {size.sweeps:,}")
    right.set_ylabel("starts that are right by then (%)")
    right.set_ylim(0, 102)
    for panel in axes[0]:
        panel.axvline(PAPER, color=GREY, linestyle="--", label=f"the paper's start: {PAPER:,}")
        panel.set_xscale("log")
        panel.set_xlim(200, 80_000)
        panel.set_xlabel("sweeps through the 64 cases")
    left.legend(loc="upper right", edgecolor="none", fontsize=9)
    right.legend(loc="lower right", edgecolor="none", fontsize=9)
    return figure


def picture_of_weights(outcome: Outcome, size: Size) -> Any:
    """Return a picture: Hinton diagrams of one start, when it is solved and later."""
    from drawing import panels

    start = shown(outcome)
    figure, axes = panels(1, 2, width=7.5, height=6.4)
    sweeps = outcome.needed[start]
    for panel, theta, when in (
        (axes[0, 0], outcome.at_stop[start], sweeps),
        (axes[1, 0], outcome.later[start], sweeps + size.further),
    ):
        W, rows, columns = matrix(theta)
        bp.plots.hinton(W, panel, to_units=rows, from_units=columns, numbers=True)
        panel.set(xlabel="", ylabel="")  # the last column is to another unit
        panel.set_title(f"after {when:,} sweeps: blue above 0, orange below", fontsize=10)
    return figure


def notes(outcome: Outcome, size: Size) -> list[str]:
    """Return in sentences which results are worth seeing."""
    solved, needed = outcome.solved, outcome.needed
    quicker, fell_back = np.mean(solved & (needed <= PAPER)), outcome.fell_back[solved].mean()
    found = [
        f"{percent(quicker)} of the starts need no more sweeps than the start in the paper.",
        (
            f"{percent(fell_back)} of the solved starts have an output on the wrong side again "
            f"within the next {size.further:,} sweeps."
        ),
        (
            "Sizes of 2 : 3 : 4 work as well as 1 : 2 : 4: with any signs, no sum of some or all "
            "of them is 0. The paper shows the ratio that its one start found."
        ),
        (
            "Within 10 %: weights differ from equal and opposite by at most 10 % of the largest "
            "weight, and each ratio is off by at most 10 %."
        ),
    ]
    others = np.flatnonzero(solved)[~claims(outcome.later[solved])["Both hidden biases negative"]]
    if others.size:
        found.append(
            f"Solved in another way, with a hidden bias above 0: {others.size} of {solved.sum()} "
            f"starts, such as start {others[0]}."
        )
    return found


def report(*, quick: bool, mnist: Path | None) -> Report:  # noqa: ARG001  it needs no images
    """Return the report: how many starts find a solution, how soon, and which."""
    size = QUICK if quick else FULL
    outcome = train(size)
    tables, pictures = [table_of_sweeps(outcome, size)], {}
    if outcome.solved.any():
        title = "Solved starts for which the paper's description holds, within 10 %"
        tables += [
            table_of_shares(title, claims, outcome, size, lambda _: "yes"),
            table_of_shares(
                "Sizes of the weights on one side of the middle, sorted, within 10 %",
                ratios,
                outcome,
                size,
                lambda name: "the one start" if name == "1 : 2 : 4" else "–",
            ),
            table_of_weights(outcome, size),
        ]
        pictures["symmetry_sweeps.png"] = picture_of_sweeps(outcome, size)
        pictures["symmetry_weights.png"] = picture_of_weights(outcome, size)
    return Report(
        key="symmetry",
        title="Mirror symmetry (Rumelhart, Hinton and Williams, 1986)",
        about=(
            "Nature 323 (1986), figure 1. A 6-2-1 network of sigmoid units, E = ½ Σ (a − y)² over "
            f"all 64 cases, one update per sweep, ε = {EPSILON}, α = {ALPHA}, weights and biases "
            f"uniform in ±0.3, float32; {size.starts:,} starts, drawn with seed 0. The paper does "
            "not say when it stopped; here a start is solved when every output is on the right "
            f"side of 0.5, and given up after {size.sweeps:,} sweeps. The columns between "
            "“published” and “here” are two earlier re-runs."
        ),
        tables=tables,
        notes=notes(outcome, size) if outcome.solved.any() else ["No start is solved."],
        pictures=pictures,
    )


if __name__ == "__main__":
    raise SystemExit(script(report, __doc__))
