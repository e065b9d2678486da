"""A thousand starts of one network in one run: symmetry, by Rumelhart, Hinton and Williams (1986).

Is a row of six bits its own mirror image? Two hidden sigmoid units are enough: weights that are
equal and opposite about the middle cancel for a symmetric row, and magnitudes in the ratio 1 : 2 :
4 give each left half a sum of its own, which only its mirror image cancels. (So do others, such as
2 : 3 : 4.) The paper shows one start, which needed 1,425 sweeps. How often does a start find a
solution, how soon, and which?

Leading axes of θ are networks: ``bp.train`` takes all starts through each sweep together, and the
run is indexed like an array of them. Sweeps, rate and momentum are those of the paper: all 64 cases
in one update, ε = 0.1 for a cost that is a sum over the cases, α = 0.9, weights from ±0.3.

Run it with ``python examples/many_networks.py`` or, say, ``... --starts 100 --sweeps 5000``.

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
(1986), figure 1.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

import backprop_xp as bp

X, Y = bp.datasets.symmetry()
NET = bp.Network([6, 2, 1], hidden="sigmoid", output="sigmoid", loss="squared_error")
EPSILON, ALPHA = 0.1, 0.9
TOLERANCE = 0.03  # of the largest weight, or of a ratio: learning goes on, ever more slowly


def train(starts: int, sweeps: int) -> bp.Run:
    """Return the run of all starts, with "accuracy" after 0, 1, … sweeps − 1 updates."""
    return bp.train(
        NET,
        X,
        Y[:, 0].astype(int),  # classes 0 and 1, for which accuracies are recorded
        NET.init(seed=0, initializer="uniform", stack=starts),
        optimizer=bp.SGD(EPSILON * len(X), momentum=ALPHA),  # `train` takes the mean of the cases
        epochs=sweeps,
        batch_size=None,
    )


def right_after(run: bp.Run) -> Any:
    """Return whether each start has all cases right after 0, 1, … updates, (sweeps + 1, starts)."""
    last = np.all((bp.predict(NET, run.theta, X) > 0.5) == (Y > 0.5), axis=(-2, -1))
    return np.array([*(np.asarray(entry) == 1 for entry in run.history["accuracy"]), last])


def sweeps_needed(right: Any) -> Any:
    """Return after how many sweeps each start has all cases right for good, -1 where never."""
    last_wrong = len(right) - 1 - np.argmin(right[::-1], axis=0)
    sweeps = np.where(right.all(axis=0), 0, last_wrong + 1)
    return np.where(right[-1], sweeps, -1)


def asymmetry(W: Any) -> Any:
    """Return how far W (..., 2, 6) is from equal and opposite about the middle; 0 is exact."""
    return np.max(np.abs(W + W[..., ::-1]), axis=(-2, -1)) / np.max(np.abs(W), axis=(-2, -1))


def ratios(W: Any) -> Any:
    """Return the magnitudes in the left half of each row, (..., 2, 3): 1, and larger ones."""
    magnitudes = np.sort(np.abs(W[..., :3]), axis=-1)
    return magnitudes / magnitudes[..., :1]


def one_two_four(W: Any) -> Any:
    """Tell whether the magnitudes of W (..., 2, 6) are in the ratio 1 : 2 : 4."""
    return np.max(np.abs(ratios(W) / np.array([1, 2, 4]) - 1), axis=(-2, -1)) <= TOLERANCE


def show_starts(needed: Any, sweeps: int) -> None:
    """Print how many starts have solved it by when."""
    print("  sweeps   all 64 cases right")
    for by in sorted({max(sweeps * quarter // 4, 1) for quarter in (1, 2, 3, 4)}):
        print(f"{by:8,}   {np.mean((needed >= 0) & (needed <= by)):18.1%}")
    solved = needed[needed >= 0]
    if solved.size:
        median, least = np.median(solved), solved.min()
        print()
        print(f"{solved.size:,} solved it, half of them in {median:,.0f} sweeps or fewer, ", end="")
        print(f"the quickest in {least:,}.")


def show_network(title: str, run: bp.Run) -> None:
    """Print the weights of one network, and the ratios of their magnitudes."""
    hidden, output = NET.unpack(run.theta)
    print(title)
    print()
    print(" " * 10 + "".join(f"     bit {bit}" for bit in range(1, 7)) + "      bias")
    for unit, (w, b) in enumerate(zip(hidden.W, hidden.b, strict=True), start=1):
        print(f"  hidden {unit}" + "".join(f"{number:10.3f}" for number in [*w, *b]))
    v1, v2, b = *output.W[0], output.b[0, 0]
    print(f"  output: {v1:.3f} and {v2:.3f} from the hidden units, bias {b:.3f}")
    found = " and ".join(" : ".join(f"{r:.2f}" for r in row) for row in ratios(hidden.W))
    print(f"  magnitudes in a half, from the smallest: {found}")


def show_solutions(run: bp.Run) -> bool:
    """Print what the starts that solved it have found; return whether the paper's is among it."""
    W = NET.unpack(run.theta)[0].W
    opposite = asymmetry(W) <= TOLERANCE
    both = opposite & one_two_four(W)
    print(f"Equal and opposite about the middle: {opposite.sum():,} of these {len(W):,} solutions.")
    print(f"In the ratio 1 : 2 : 4 as well: {both.sum():,} of them.")
    if both.any():
        print()
        show_network("The one of these with the lowest cost", run[both].best("cost"))
    if not both.all():
        print()
        show_network("The first of the others", run[int(np.argmin(both))])
    print()
    print(f"The solution of 1986 is among them: {'yes' if both.any() else 'NO'}")
    return bool(both.any())


def main(argv: Sequence[str] | None = None) -> int:
    """Print all of it; return 0 where a start finds the solution of 1986, else 1."""
    parser = argparse.ArgumentParser(description="Many starts of the symmetry network.")
    parser.add_argument("--starts", type=int, default=1000, help="networks (default: 1000)")
    parser.add_argument("--sweeps", type=int, default=1425, help="for each (default: 1425)")
    options = parser.parse_args(argv)
    for name, value in vars(options).items():
        if value < 1:
            parser.error(f"--{name} is {value}; at least 1 is needed")
    print(f"{options.starts:,} starts of the 6-2-1 symmetry network, ", end="")
    print(f"{options.sweeps:,} sweeps each")
    print()
    run = train(options.starts, options.sweeps)
    needed = sweeps_needed(right_after(run))
    show_starts(needed, options.sweeps)
    solved = needed >= 0
    if not solved.any():
        print("No start has solved it; try more --starts or --sweeps.")
        return 1
    return 0 if show_solutions(run[solved]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
