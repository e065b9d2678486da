"""How the error δ = ∂E/∂z is carried back from one layer to the one below it.

Three ways to compute δ, in a network of 5-4-3-4 sigmoid units:

1. by the chain rule, a sum over the units j above: δ^(l−1)_K = Σ_j δ^l_j w_jK σ′(z_K);
2. by matrices: δ^(l−1) = (W^l)ᵀ δ^l ⊙ σ′(z^(l−1));
3. by experiment: nudge one z_K up and down, run the layers above it again, and measure E.

Then: why the transpose of W carries the error back and not an inverse, and how a removed connection
changes the sum.

Run it with ``python examples/error_carried_backward.py``.

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
(1986), equation 7. Nielsen, "Neural Networks and Deep Learning" (2015), BP2.
"""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from notation import ascii_where_needed, raised, yes_or_no

import backprop_xp as bp
from backprop_xp.network import backpropagation

SIZES = (5, 4, 3, 4)
NUDGE = 1e-5
ROUNDING = 1e-15  # tolerance between sums and matrices: a few terms below 1
NUDGED = 1e-10  # tolerance of the experiment, whose errors are about NUDGE² and 1e-16 / NUDGE


class Pass(NamedTuple):
    """Forward and backward pass of one training case.

    Index 0 of `layers`, `z` and `deltas` is the first layer, index 0 of `a` the inputs.
    """

    net: bp.Network
    layers: Sequence[bp.Layer]
    z: list[Any]
    a: list[Any]
    deltas: list[Any]
    y: Any


class ThreeWays(NamedTuple):
    """δ of the units of one layer, computed in three ways, (n,) each."""

    by_sums: Any
    by_matrices: Any
    by_nudges: Any


def run_pass(connections: Sequence[Any] | None = None) -> Pass:
    """Return the forward and backward pass of one case, with all connections or with some."""
    net = bp.Network(SIZES, output="sigmoid", loss="squared_error", connections=connections)
    whole = bp.Network(SIZES, output="sigmoid", loss="squared_error")
    theta = whole.init(seed=1, initializer=bp.initializers.Uniform(1.0), dtype="float64")
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-1, 1, (SIZES[0], 1)), rng.uniform(0, 1, (SIZES[-1], 1))
    layers = net.layers(theta, net.existing(theta))
    z, a = backpropagation.forward_pass(layers, net.activations, x)
    delta_out = net.output_with_loss.error(z[-1], a[-1], y, np.ones((1, 1)))
    deltas = backpropagation.backward_pass(layers, net.activations, z, a, delta_out)
    return Pass(net, layers, z, a, deltas, y)


def terms(case: Pass, below: int, K: int) -> list[float]:
    """Return δ_j w_jK for each unit j above unit K of the layer with index `below`."""
    W, delta = case.layers[below + 1].W, case.deltas[below + 1]
    return [float(delta[j, 0]) * float(W[j, K]) for j in range(len(delta))]


def slope(case: Pass, below: int, K: int) -> float:
    """Return σ′(z_K) = a (1 − a)."""
    a_K = float(case.a[below + 1][K, 0])
    return a_K * (1 - a_K)


def cost_above(case: Pass, below: int, z: Any) -> float:
    """Return E for the weighted inputs `z` of a layer, by running only the layers above it."""
    activations = case.net.activations
    a = activations[below](z)
    _, a_above = backpropagation.forward_pass(case.layers[below + 1 :], activations[below + 1 :], a)
    return float(case.net.loss(a_above[-1], case.y)[0])


def nudged(case: Pass, below: int, K: int) -> float:
    """Return ∂E/∂z_K as a central difference."""
    step = np.zeros_like(case.z[below])
    step[K] = NUDGE
    up, down = (cost_above(case, below, case.z[below] + sign * step) for sign in (1, -1))
    return (up - down) / (2 * NUDGE)


def three_ways(case: Pass, below: int) -> ThreeWays:
    """Return δ of the layer with index `below`, from δ of the layer above it."""
    units = range(SIZES[below + 1])
    by_sums = [sum(terms(case, below, K)) * slope(case, below, K) for K in units]
    dE_da = bp.equations.input_gradient(case.layers[below + 1].W, case.deltas[below + 1])
    da_dz = case.net.activations[below].da_dz(case.z[below], case.a[below + 1])
    by_matrices = bp.equations.error(dE_da, da_dz)[:, 0]
    by_nudges = [nudged(case, below, K) for K in units]
    return ThreeWays(np.array(by_sums), by_matrices, np.array(by_nudges))


def agree(ways: ThreeWays) -> bool:
    """Tell whether the three ways agree, each within its own tolerance."""
    rounding = np.max(np.abs(ways.by_sums - ways.by_matrices))
    experiment = np.max(np.abs(ways.by_nudges - ways.by_matrices))
    return bool(rounding <= ROUNDING and experiment <= NUDGED)


def show_three_ways(case: Pass, below: int) -> bool:
    """Print δ of a layer in three ways; return whether they agree."""
    low, high = (raised(below + up) for up in (1, 2))
    ways = three_ways(case, below)
    n_out, n_in = case.layers[below + 1].W.shape
    print(f"δ{low} from δ{high}, through W{high} with {n_out} rows and {n_in} columns")
    print()
    sums, matrices = f"Σ_j δ{high}_j w{high}_jK σ′(z{low}_K)", f"(W{high})ᵀ δ{high} ⊙ σ′(z{low})"
    print(f"  K   {sums:>24}   {matrices:>22}      nudging z{low}_K")
    for K, row in enumerate(zip(*ways, strict=True), start=1):
        print("{:3}   {:24.15f}   {:22.15f}   {:15.12f}".format(K, *row))
    rounding = np.max(np.abs(ways.by_sums - ways.by_matrices))
    experiment = np.max(np.abs(ways.by_nudges - ways.by_matrices))
    print()
    print(f"Sums and matrices differ by at most {rounding:.0e}, ", end="")
    print(f"matrices and nudges by at most {experiment:.0e}.")
    return agree(ways)


def inverse_instead(case: Pass) -> tuple[Any, Any, Any]:
    """Return ∂E/∂a² by nudges, by the transpose, (W³)ᵀ δ³, and by the pseudo-inverse, (W³)⁺ δ³."""
    W, delta = case.layers[2].W, case.deltas[2]
    slopes = np.array([slope(case, 1, K) for K in range(SIZES[2])])
    by_nudges = np.array([nudged(case, 1, K) for K in range(SIZES[2])]) / slopes
    return by_nudges, (W.mT @ delta)[:, 0], (np.linalg.pinv(W) @ delta)[:, 0]


def inverse_error(W: Any) -> str:
    """Return NumPy's error message for the inverse of W, or "" if the inverse exists."""
    try:
        np.linalg.inv(W)
    except np.linalg.LinAlgError as error:
        return str(error)
    return ""


def show_transpose(case: Pass) -> bool:
    """Print why the transpose carries the error back; return whether the nudges confirm it."""
    W = case.layers[2].W
    print("Why the transpose and not an inverse")
    print()
    print("Forward, z_j = Σ_K w_jK a_K + b_j sums over the second index, the inputs K of unit j.")
    print("Backward, ∂E/∂a_K = Σ_j δ_j w_jK sums over the first index, the units j fed by K.")
    print(
        "A sum over the first index of W is a product with Wᵀ. Nothing is undone on the way back:"
    )
    print("w_jK is the slope ∂z_j/∂a_K, and slopes along a path are multiplied.")
    print()
    print("An inverse answers another question: which a gives this z? It need not even exist.")
    print(f'W³ is {len(W)} × {len(W[0])}, and NumPy refuses to invert it: "{inverse_error(W)}".')
    print("The pseudo-inverse (W³)⁺ has the shape of the transpose, but gives other numbers:")
    print()
    print("  K   ∂E/∂a²_K by nudges      (W³)ᵀ δ³      (W³)⁺ δ³")
    by_nudges, transpose, pseudo_inverse = inverse_instead(case)
    for K, row in enumerate(zip(by_nudges, transpose, pseudo_inverse, strict=True), start=1):
        print("{:3}   {:18.10f}   {:11.8f}   {:11.8f}".format(K, *row))
    return bool(
        np.max(np.abs(by_nudges - transpose)) <= 10 * NUDGED
    )  # slopes near 1/4 divide the errors, too


def without_connection() -> Pass:
    """Return the pass of the network without the connection w³₂₁, removed by a mask of 0 and 1."""
    mask = np.ones((SIZES[3], SIZES[2]))
    mask[1, 0] = 0
    return run_pass([None, None, mask])


def show_removed(whole: Pass) -> bool:
    """Print how a removed connection changes the sum; return whether the three ways agree."""
    masked = without_connection()
    print("A removed connection: w³₂₁, from unit 1 of layer 2 to unit 2 of layer 3")
    print()
    print("Σ_j δ³_j w³_j1          j = 1      j = 2      j = 3      j = 4        sum")
    for title, case in (("all connections", whole), ("w³₂₁ removed", masked)):
        parts = terms(case, 1, 0)
        print(f"{title:18}" + "".join(f"{term + 0.0:11.6f}" for term in [*parts, sum(parts)]))
    before, after = float(whole.deltas[2][1, 0]), float(masked.deltas[2][1, 0])
    good = agree(three_ways(masked, 1))
    print()
    print("The term j = 2 is exactly 0, as no path leads that way. The other terms stay the same.")
    print(
        f"Unit 2 of layer 3 has lost an input: its own δ changes from {before:.6f} to {after:.6f},"
    )
    print("and with it δ of units 2 and 3 of layer 2.")
    print(f"The three ways agree without the connection, too: {yes_or_no(good)}")
    return good


def main(argv: Sequence[str] | None = None) -> int:
    """Print every part; return 0 if everything agrees, else 1."""
    ascii_where_needed()
    argparse.ArgumentParser(description="The error carried backward.").parse_args(argv)
    case = run_pass()
    print("A network of 5-4-3-4 sigmoid units, E = ½ Σ_j (a³_j − y_j)², one training case.")
    print("Superscripts number the layers; w_jK leads from unit K up to unit j.")
    print()
    good = show_three_ways(case, below=1)
    print()
    good &= show_three_ways(case, below=0)
    print("\n")
    good &= show_transpose(case)
    print("\n")
    good &= show_removed(case)
    print()
    print(f"Everything agrees: {yes_or_no(good)}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
