"""Every partial derivative of a four-layer network, summed element by element.

The network has 5 inputs and layers of 4, 3 and 4 sigmoid units. The chain rule gives each of its
55 derivatives as a sum over indices. Explicit loops compute these sums on plain numbers, without an
array or a matrix product. Beside them stand the numbers of the matrix form,

    δ^L = (a^L − y) ⊙ σ′(z^L),   δ^(l−1) = (W^l)ᵀ δ^l ⊙ σ′(z^(l−1)),   ∂E/∂W^l = δ^l (a^(l−1))ᵀ,

for one training case and for several, which are the columns of the matrices.

Run it with ``python examples/four_layer_network.py``.

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
(1986), equations 4 to 7. Nielsen, "Neural Networks and Deep Learning" (2015), BP1 to BP4.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from notation import ascii_where_needed, lowered, raised, yes_or_no

import backprop_xp as bp

SIZES = (5, 4, 3, 4)
CASES = 6
TOLERANCE = 1e-15  # sums of a few terms below 1, each rounded to 1e-16

Vector = list[float]
Matrix = list[list[float]]


class Gradients(NamedTuple):
    """∂E/∂W and ∂E/∂b of one layer as plain lists, in the order of W and b."""

    W: Matrix
    b: Vector


class Entry(NamedTuple):
    """One partial derivative, computed in two ways."""

    name: str
    by_elements: float
    by_matrices: float


def network(m: int) -> tuple[bp.Network, Any, Any, Any]:
    """Return the network, its θ and m cases X (m, 5) with targets Y (m, 4) between 0 and 1."""
    net = bp.Network(SIZES, output="sigmoid", loss="squared_error")
    theta = net.init(seed=1, initializer=bp.initializers.Uniform(1.0), dtype="float64")
    rng = np.random.default_rng(2)
    return net, theta, rng.uniform(-1, 1, (m, SIZES[0])), rng.uniform(0, 1, (m, SIZES[-1]))


# ---------------------------------------------------------------------------------------------
# element by element: W[l][d][s] leads from unit s below to unit d of the layer


def forward_by_elements(W: list[Matrix], b: list[Vector], x: Vector) -> list[Vector]:
    """Return a⁰ … a³ of one case: z_d = Σ_s w_ds a_prev_s + b_d, a_d = σ(z_d)."""
    a = [x]
    for weights, biases in zip(W, b, strict=True):
        a_layer = []
        for d in range(len(biases)):
            z_d = biases[d]
            for s in range(len(a[-1])):
                z_d += weights[d][s] * a[-1][s]
            a_layer.append(1 / (1 + math.exp(-z_d)))
        a.append(a_layer)
    return a


def errors_by_elements(W: list[Matrix], a: list[Vector], y: Vector) -> list[Vector]:
    """Return δ¹ … δ³ of one case, δ_d = ∂E/∂z_d = ∂E/∂a_d σ′(z_d), with σ′(z) = a (1 − a).

    ∂E/∂a_d is a_d − y_d for an output. A unit s of the layer below acts on E through every unit d:
    ∂E/∂a_s = Σ_d δ_d w_ds.
    """
    dE_da = [a[-1][d] - y[d] for d in range(len(y))]
    deltas: list[Vector] = []
    for weights, a_layer, a_prev in zip(W[::-1], a[:0:-1], a[-2::-1], strict=True):
        delta = [dE_da[d] * a_layer[d] * (1 - a_layer[d]) for d in range(len(a_layer))]
        deltas.insert(0, delta)
        dE_da = [0.0 for _ in a_prev]
        for s in range(len(a_prev)):
            for d in range(len(delta)):
                dE_da[s] += delta[d] * weights[d][s]
    return deltas


def gradients_by_elements(layers: Sequence[bp.Layer], X: Any, Y: Any) -> list[Gradients]:
    """Return the derivatives of E = Σ_c ½ Σ_d (a_d − y_d)², summed over the cases c.

    ∂E/∂w_ds = Σ_c δ_d a_prev_s and ∂E/∂b_d = Σ_c δ_d.
    """
    W, b = [layer.W.tolist() for layer in layers], [layer.b[:, 0].tolist() for layer in layers]
    sums = [Gradients([[0.0] * len(row) for row in w], [0.0] * len(w)) for w in W]
    for x, y in zip(X.tolist(), Y.tolist(), strict=True):
        a = forward_by_elements(W, b, x)
        deltas = errors_by_elements(W, a, y)
        for total, delta, a_prev in zip(sums, deltas, a[:-1], strict=True):
            for d in range(len(delta)):
                total.b[d] += delta[d]
                for s in range(len(a_prev)):
                    total.W[d][s] += delta[d] * a_prev[s]
    return sums


# ---------------------------------------------------------------------------------------------
# both forms side by side


def compare(m: int) -> list[list[Entry]]:
    """Return every derivative for m cases in both forms, layer by layer."""
    net, theta, X, Y = network(m)
    # weights of 1 make E the sum over the cases; by default E is their mean
    _, dE_dtheta = net.gradient(theta, X, Y, case_weights=np.ones(m))
    by_elements = gradients_by_elements(net.unpack(theta), X, Y)
    both = zip(by_elements, net.unpack(dE_dtheta), strict=True)
    return [list(_entries(layer, *pair)) for layer, pair in enumerate(both, start=1)]


def _entries(layer: int, elements: Gradients, matrices: bp.Layer) -> Iterator[Entry]:
    for d, row in enumerate(elements.W):
        for s, value in enumerate(row):
            name = f"∂E/∂w{raised(layer)}{lowered(d)}{lowered(s)}"
            yield Entry(name, value, float(matrices.W[d, s]))
    for d, value in enumerate(elements.b):
        yield Entry(f"∂E/∂b{raised(layer)}{lowered(d)}", value, float(matrices.b[d, 0]))


def largest_difference(entries: Sequence[Entry]) -> float:
    """Return the largest difference between the two forms, NaN if a number is NaN."""
    return float(np.max([abs(entry.by_elements - entry.by_matrices) for entry in entries]))


def show_equations() -> None:
    """Print the sums that the loops compute, layer by layer from the cost down."""
    print("Layers of 5 (inputs), 4, 3 and 4 units. Superscripts number layers, subscripts units:")
    print("w³₂₁ leads from unit 1 of layer 2 to unit 2 of layer 3.  E = ½ Σ_d (a³_d − y_d)²")
    print()
    print("    layer 3    ∂E/∂w³_ds = δ³_d a²_s    δ³_d = (a³_d − y_d) σ′(z³_d)")
    print("    layer 2    ∂E/∂w²_sr = δ²_s a¹_r    δ²_s = (Σ_d δ³_d w³_ds) σ′(z²_s)")
    print("    layer 1    ∂E/∂w¹_rq = δ¹_r a⁰_q    δ¹_r = (Σ_s δ²_s w²_sr) σ′(z¹_r)")
    print("    each       ∂E/∂b_d = δ_d")
    print()
    print("Without δ, a derivative of the first layer is a sum over 4 · 3 paths:")
    print()
    print("    ∂E/∂w¹_rq = Σ_s Σ_d (a³_d − y_d) σ′(z³_d) w³_ds σ′(z²_s) w²_sr σ′(z¹_r) a⁰_q")
    print()
    print("δ keeps the factors that these sums share, so that no path is followed twice.")


def show_one_case() -> float:
    """Print every derivative for one case in both forms; return the largest difference."""
    layers = compare(1)
    print("One case: every derivative, by sums over single elements and by matrices")
    for number, entries in reversed(list(enumerate(layers, start=1))):
        print()
        print(f"layer {number}         by elements          by matrices   difference")
        for name, by_elements, by_matrices in entries:
            difference = by_elements - by_matrices
            print(f"{name:9} {by_elements:18.14f}   {by_matrices:18.14f}   {difference:10.1e}")
    return largest_difference([entry for entries in layers for entry in entries])


def show_cases(m: int) -> float:
    """Print the largest difference in each layer for m cases; return the largest of all."""
    layers = compare(m)
    print(
        f"{m} cases, one column each in the matrices: E and its derivatives are sums over the cases"
    )
    print()
    print("           derivatives   largest |value|   largest difference")
    for number, entries in reversed(list(enumerate(layers, start=1))):
        size = max(abs(entry.by_elements) for entry in entries)
        difference = largest_difference(entries)
        print(f"layer {number}    {len(entries):11}   {size:15.4f}   {difference:18.1e}")
    every = [entry for entries in layers for entry in entries]
    print(f"all        {len(every):11}   {'':15}   {largest_difference(every):18.1e}")
    name, by_elements, by_matrices = layers[-1][0]
    net, theta, X, Y = network(m)
    terms = [
        gradients_by_elements(net.unpack(theta), X[c : c + 1], Y[c : c + 1])[-1].W[0][0]
        for c in range(m)
    ]
    print()
    print(f"{name} of each case, the sum, and the same entry of the product δ³ (a²)ᵀ:")
    print("    " + " ".join(f"{term:+.6f}" for term in terms))
    print(f"    = {by_elements:+.14f}")
    print(f"      {by_matrices:+.14f}")
    return largest_difference(every)


def main(argv: Sequence[str] | None = None) -> int:
    """Print every part; return 0 if both forms agree, else 1."""
    ascii_where_needed()
    argparse.ArgumentParser(description="Derivatives element by element.").parse_args(argv)
    show_equations()
    print("\n")
    difference = show_one_case()
    print("\n")
    difference = max(difference, show_cases(CASES))
    good = difference <= TOLERANCE
    print()
    print(f"Both forms agree to rounding: {yes_or_no(good)} (largest difference {difference:.1e})")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
