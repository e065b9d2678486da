"""Backpropagation in a chain: from one weight to the matrix form.

The smallest network multiplies its input a by one weight w. Gradient descent on the cost
C = (a w − y)² gives 20 weights that were published; here the library's equations find them again.
Then the network grows. With one unit in each of four layers, every derivative is a product along
the chain. With 2-3-2 units it is a sum of products, one for each path to an output. The matrix form
computes the same numbers without listing the paths.

Run it with ``python examples/one_weight_chain.py``.

References
----------
Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
(1986), equations 4 to 8. Nielsen, "Neural Networks and Deep Learning" (2015), chapter 2.
"""

import argparse
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from notation import ascii_where_needed, lowered, raised, yes_or_no

import backprop_xp as bp

INPUT, WEIGHT, TARGET, RATE = 5.7, -23.1, 50.1, 0.007
PUBLISHED = (  # the weights after steps 1 to 20, as text, so that their digits can be counted
    *("-8.5948", "-0.68736", "3.6233", "5.9732", "7.2542", "7.9525", "8.3332", "8.5408"),
    *("8.6539", "8.7156", "8.7492", "8.7675", "8.7775", "8.7829", "8.7859", "8.7875"),
    *("8.7884", "8.7889", "8.7892", "8.7893"),
)
TOLERANCE = 1e-15  # derivatives are below 1, and each has a few roundings of 1e-16

Vector = list[float]


# ---------------------------------------------------------------------------------------------
# one weight


def weights_by_equations(steps: int = len(PUBLISHED)) -> Vector:
    """Return the weights after each step of w ← w − rate ∂C/∂w, by the library's equations.

    The chain has no bias: b is 0 in z = W a + b and takes no step. E = ½ (a w − y)² is half of C,
    so its derivative is doubled.
    """
    a, y, b = np.array([[INPUT]]), np.array([[TARGET]]), np.zeros((1, 1))
    W, weights = np.array([[WEIGHT]]), []
    activation, loss = bp.activations.Identity(), bp.losses.SquaredError()
    for _ in range(steps):
        z = bp.equations.weighted_input(W, a, b)
        a_out = activation(z)
        delta = bp.equations.error(loss.dE_da(a_out, y), activation.da_dz(z, a_out))
        dE_dW = bp.equations.weight_gradient(delta, a)
        W = W - 2 * RATE * dE_dW
        weights.append(float(W[0, 0]))
    return weights


def weights_by_network(steps: int = len(PUBLISHED)) -> Vector:
    """Return the weights after each step, by a `Network` that steps W alone; its bias stays 0."""
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    X, Y = np.array([[INPUT]]), np.array([[TARGET]])
    theta, weights = np.array([WEIGHT, 0.0]), []
    for _ in range(steps):
        _, dE_dtheta = net.gradient(theta, X, Y)
        (layer,), (slope,) = net.unpack(theta), net.unpack(dE_dtheta)
        theta = net.pack([(layer.W - 2 * RATE * slope.W, layer.b)])
        weights.append(float(theta[0]))
    return weights


def in_digits_of(published: str, value: float) -> str:
    """Return the value with as many decimals as the published number has."""
    return f"{value:.{len(published.partition('.')[2])}f}"


def agree(weights: Sequence[float]) -> bool:
    """Tell whether the weights are the published ones in every published digit."""
    return tuple(map(in_digits_of, PUBLISHED, weights)) == PUBLISHED


def show_one_weight() -> bool:
    """Print the published weights beside those found here; return whether they agree."""
    weights = weights_by_equations()
    print(f"One weight: a = {INPUT}, w = {WEIGHT}, target y = {TARGET}")
    print()
    print("    cost   C = (a w − y)²")
    print("    slope  ∂C/∂w = ∂C/∂(a w) · ∂(a w)/∂w = 2 (a w − y) · a")
    print(f"    step   w ← w − {RATE} ∂C/∂w")
    print()
    print(
        "The library's squared error is E = ½ (a w − y)², half of C. So the library steps at twice"
    )
    print(f"the rate, {2 * RATE}. There is no bias: b stays 0.")
    print()
    print("step   w published        w here        a w            C")
    rows = zip(["", *PUBLISHED], [WEIGHT, *weights], strict=True)
    for step, (published, w) in enumerate(rows):
        cost = (INPUT * w - TARGET) ** 2
        print(f"{step:4}   {published:>11}   {w:11.7f}   {INPUT * w:8.3f}   {cost:10.3g}")
    kept = 1 - 2 * RATE * INPUT**2
    print()
    print(
        f"The weight that meets the target is {TARGET} / {INPUT} = {TARGET / INPUT:.4f}. Each step"
    )
    print(f"multiplies the distance to it by 1 − 2 · {RATE} · {INPUT}² = {kept:.3f}.")
    good = agree(weights) and agree(weights_by_network())
    print(f"Equations and Network find every published digit: {yes_or_no(good)}")
    return good


def show_accidents() -> None:
    """Print two formulas that hold for a single weight, but not for a layer."""
    output = INPUT * WEIGHT
    error = output - TARGET
    print("Two formulas that hold for one weight, but not for a layer")
    print()
    print(
        "1.  The slope of a weight has the factor a.  Here a is the input of the weight. In a layer"
    )
    print(
        "    a is the output, a = σ(z) with z = W a_prev + b, and the factor is the input a_prev:"
    )
    print("    ∂a/∂W = σ′(z) · a_prev. With the output in place of the input, the first slope")
    print(f"    would be 2 · ({error:.2f}) · ({output:.2f}) = {2 * error * output:.0f}")
    print(f"    instead of 2 · ({error:.2f}) · {INPUT} = {2 * error * INPUT:.0f}.")
    print("2.  ∂E/∂a_prev = W δ.  A matrix of one number is its own transpose. With more units the")
    print("    formula is Wᵀ δ. There W δ is a different vector or, as in 2-3-2 below, undefined.")


# ---------------------------------------------------------------------------------------------
# longer chains, and several units in a layer


class Factor(NamedTuple):
    """One factor of a product along a chain: how it is written, and its value."""

    name: str
    value: float


class Derivative(NamedTuple):
    """The derivative of E by one parameter: a sum over paths to the outputs, each a product."""

    name: str
    layer: int
    paths: list[list[Factor]]

    @property
    def products(self) -> Vector:
        """The product along each path."""
        return [math.prod(factor.value for factor in path) for path in self.paths]

    @property
    def value(self) -> float:
        """The sum of the products."""
        return sum(self.products)


def chain_1_1_1_1() -> tuple[bp.Network, Any, Any, Any]:
    """Return a network of one sigmoid unit in each layer, its θ, one input and its target."""
    net = bp.Network([1, 1, 1, 1], output="sigmoid", loss="squared_error")
    theta = np.array([0.8, 0.1, -1.2, 0.4, 1.5, -0.3])  # w¹ b¹ w² b² w³ b³
    return net, theta, np.array([[0.5]]), np.array([[0.9]])


def network_2_3_2() -> tuple[bp.Network, Any, Any, Any]:
    """Return a network of 2-3-2 sigmoid units, its θ, one case of inputs and its targets."""
    net = bp.Network([2, 3, 2], output="sigmoid", loss="squared_error")
    W1, b1 = np.array([[0.4, -0.7], [1.1, 0.3], [-0.5, 0.9]]), np.array([[0.1], [-0.2], [0.3]])
    W2, b2 = np.array([[0.6, -1.3, 0.8], [-0.9, 0.5, 1.2]]), np.array([[0.2], [-0.4]])
    return net, net.pack([(W1, b1), (W2, b2)]), np.array([[0.5, -0.8]]), np.array([[1.0, 0.0]])


def forward(layers: Sequence[bp.Layer], x: Sequence[float]) -> list[Vector]:
    """Return a⁰ … a^L of one case, unit by unit: a_d = σ(Σ_s W[d, s] a_prev_s + b_d)."""
    a = [[float(value) for value in x]]
    for W, b in layers:
        sums = [sum(w * s for w, s in zip(row, a[-1], strict=True)) for row in W.tolist()]
        z = [total + bias for total, (bias,) in zip(sums, b.tolist(), strict=True)]
        a.append([1 / (1 + math.exp(-z_d)) for z_d in z])
    return a


def chains(net: bp.Network, theta: Any, X: Any, Y: Any) -> list[Derivative]:
    """Return the derivative of every parameter as products along chains, in the order of θ.

    The units are sigmoid units, σ′(z) = a (1 − a); E is the squared error of one case.
    """
    layers = net.unpack(theta)
    a, found = forward(layers, X[0]), []
    for layer, n_out in enumerate(net.sizes[1:], start=1):
        for d, s in itertools.product(range(n_out), range(net.sizes[layer - 1])):
            last = Factor(_name(net, "a", layer - 1, s), a[layer - 1][s])
            paths = [[*path, last] for path in paths_down_to(net, layers, a, Y[0], layer, d)]
            found.append(Derivative("∂E/∂" + _name(net, "w", layer, d, s), layer, paths))
        for d in range(n_out):
            paths = paths_down_to(net, layers, a, Y[0], layer, d)
            found.append(Derivative("∂E/∂" + _name(net, "b", layer, d), layer, paths))
    return found


def paths_down_to(
    net: bp.Network,
    layers: Sequence[bp.Layer],
    a: Sequence[Vector],
    y: Sequence[float],
    layer: int,
    unit: int,
) -> list[list[Factor]]:
    """Return, for each path from an output down to z of a unit, the factors of ∂E/∂z.

    The factors are ∂E/∂a of the output, σ′(z) of each unit on the path, and the weights between
    the units.
    """
    paths = []
    top = len(layers)
    for above in itertools.product(*(range(n) for n in net.sizes[layer + 1 :])):
        units = (unit, *above)  # the path, upwards
        target = "y" if net.sizes[top] == 1 else "y" + lowered(units[-1])
        name = f"({_name(net, 'a', top, units[-1])} − {target})"
        factors = [Factor(name, a[top][units[-1]] - float(y[units[-1]]))]
        for k in range(top, layer - 1, -1):
            d = units[k - layer]
            factors.append(Factor(f"σ′({_name(net, 'z', k, d)})", a[k][d] * (1 - a[k][d])))
            if k > layer:
                s = units[k - layer - 1]
                weight = float(layers[k - 1].W[d, s])
                factors.append(Factor(_name(net, "w", k, d, s), weight))
        paths.append(factors)
    return paths


def largest_difference(net: bp.Network, theta: Any, X: Any, Y: Any) -> float:
    """Return the largest difference between the chains and the library's matrix form."""
    _, dE_dtheta = net.gradient(theta, X, Y)
    by_chains = np.array([derivative.value for derivative in chains(net, theta, X, Y)])
    return float(np.max(np.abs(by_chains - dE_dtheta)))


def descend(net: bp.Network, theta: Any, X: Any, Y: Any, rate: float, steps: int) -> Vector:
    """Return the cost before each step of gradient descent and after the last."""
    costs = []
    for _ in range(steps):
        E, dE_dtheta = net.gradient(theta, X, Y)
        costs.append(float(E))
        theta = theta - rate * dE_dtheta
    return [*costs, float(net.cost(theta, X, Y))]


def show_chains(net: bp.Network, theta: Any, X: Any, Y: Any) -> bool:
    """Print each weight's derivative as products along chains, beside the matrix form."""
    _, dE_dtheta = net.gradient(theta, X, Y)
    both = zip(chains(net, theta, X, Y), dE_dtheta, strict=True)
    weights = [pair for pair in both if pair[0].name.startswith("∂E/∂w")]
    for derivative, matrix_form in sorted(weights, key=lambda pair: -pair[0].layer):
        symbols = " + ".join(" ".join(factor.name for factor in path) for path in derivative.paths)
        numbers = _numbers(derivative)
        indent = " " * (4 + len(derivative.name))
        print(f"    {derivative.name} = {symbols}")
        print(f"{indent} = {numbers} = {derivative.value:.12f}")
        print(f"{indent}   {'in matrix form':>{len(numbers)}}   {matrix_form:.12f}")
    print()
    print(
        "∂E/∂b of a unit lacks the last factor, the input of the weight, and is the same otherwise."
    )
    difference = largest_difference(net, theta, X, Y)
    print(f"Largest difference between products and matrix form: {difference:.1e}")
    return difference <= TOLERANCE


def show_descent(net: bp.Network, theta: Any, X: Any, Y: Any, rate: float) -> bool:
    """Print the costs of gradient descent; return whether each step lowered the cost."""
    costs = descend(net, theta, X, Y, rate, steps=100)
    print(f"Gradient descent, θ ← θ − {rate} ∂E/∂θ, on all weights and biases at once:")
    print()
    print("    step " + "".join(f"{step:>10}" for step in (0, 1, 2, 5, 10, 20, 50, 100)))
    print("    E    " + "".join(f"{costs[step]:>10.6f}" for step in (0, 1, 2, 5, 10, 20, 50, 100)))
    return all(after < before for before, after in itertools.pairwise(costs))


def show_matrix_form(net: bp.Network, theta: Any, X: Any, Y: Any) -> None:
    """Print the gradient of a network of two layers as four matrices."""
    _, dE_dtheta = net.gradient(theta, X, Y)
    first, second = net.unpack(dE_dtheta)
    print("The matrix form has one equation for δ of each layer, and one for each gradient:")
    print()
    print("    δ² = (a² − y) ⊙ σ′(z²)           ∂E/∂W² = δ² (a¹)ᵀ     ∂E/∂b² = δ²")
    print("    δ¹ = (W²)ᵀ δ² ⊙ σ′(z¹)           ∂E/∂W¹ = δ¹ (a⁰)ᵀ     ∂E/∂b¹ = δ¹")
    for number, (dE_dW, dE_db) in (("²", second), ("¹", first)):
        print()
        title = f"∂E/∂W{number}"
        print(f"    {title:{11 * dE_dW.shape[1]}}    ∂E/∂b{number}")
        for row, (bias,) in zip(dE_dW, dE_db, strict=True):
            print("    " + "".join(f"{value:+.6f}  " for value in row) + f"   {bias:+.6f}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print every part; return 0 if everything agrees, else 1."""
    ascii_where_needed()
    argparse.ArgumentParser(description="Backpropagation in a chain.").parse_args(argv)
    good = show_one_weight()
    print("\n")
    show_accidents()
    print("\n")
    case = chain_1_1_1_1()
    print("A longer chain: 1-1-1-1, sigmoid units, E = ½ (a³ − y)²")
    print("Superscripts number the layers. Each derivative is a product, from the cost back:")
    print()
    good &= show_chains(*case)
    print()
    good &= show_descent(*case, rate=2.0)
    print("\n")
    case = network_2_3_2()
    print("Several units in a layer: 2-3-2, sigmoid units, E = ½ Σ_d (a²_d − y_d)²")
    print("w²₁₃ leads from unit 3 of layer 1 to unit 1 of layer 2. Each path has one product:")
    print()
    good &= show_chains(*case)
    print()
    show_matrix_form(*case)
    print()
    good &= show_descent(*case, rate=2.0)
    print()
    print(f"Everything agrees: {yes_or_no(good)}")
    return 0 if good else 1


def _name(net: bp.Network, symbol: str, layer: int, *units: int) -> str:
    """Return a symbol such as w²₁₃, or w² in a chain of single units."""
    of_layer = symbol + raised(layer)
    return of_layer if max(net.sizes) == 1 else of_layer + "".join(map(lowered, units))


def _numbers(derivative: Derivative) -> str:
    """Return the factors of a single product, or the terms of a sum of products."""
    if len(derivative.paths) == 1:
        values = [factor.value for factor in derivative.paths[0]]
        return " · ".join(f"{value:.4f}" if value > 0 else f"({value:.4f})" for value in values)
    first, *others = derivative.products
    return f"{first:.8f}" + "".join(f" {'+-'[term < 0]} {abs(term):.8f}" for term in others)


if __name__ == "__main__":
    raise SystemExit(main())
