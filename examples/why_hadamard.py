"""Why the Hadamard product takes the error one step further back.

The Hadamard product ⊙ multiplies entry by entry. Three steps lead to ∂E/∂a ⊙ σ′(z):

1. The Jacobian ∂a/∂z of a layer of units that each see their own z alone is diag(σ′(z)).
2. The chain rule multiplies by its transpose: δ = diag(σ′(z))ᵀ ∂E/∂a. A product with a diagonal
   matrix is the product ⊙ with its diagonal: δ = ∂E/∂a ⊙ σ′(z).
3. Softmax shows where ⊙ does not hold. Each of its units sees every z, so its Jacobian is no
   diagonal, and the whole matrix is needed.

Each δ is compared with a nudge of z, which no formula knows of.

Run it with ``python examples/why_hadamard.py``.

References
----------
Nielsen, "Neural Networks and Deep Learning" (2015), chapter 2, "The Hadamard product".
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from notation import ascii_where_needed

from backprop_xp.activations import Sigmoid, Softmax

NUDGE = 1e-5
NUDGED = 1e-9  # tolerance of a nudge, whose error is about NUDGE²
Z = np.array([[0.5], [-1.0], [2.0]])
Y = np.array([[0.2], [0.7], [0.1]])


class Comparison(NamedTuple):
    """δ of one layer in three ways, (n, 1) each, and its Jacobian ∂a/∂z, (n, n)."""

    jacobian: Any
    by_jacobian: Any
    by_hadamard: Any
    by_nudges: Any


def cost(a: Any) -> float:
    """Return E = ½ Σ (a − y)², whose derivative by a is a − y."""
    return float(0.5 * ((a - Y) ** 2).sum())


def jacobian_of(sigma: Callable[[Any], Any], z: Any) -> Any:
    """Return ∂a/∂z (n, n) by nudges: row d, column k is ∂a_d/∂z_k."""
    columns = []
    for nudge in np.eye(len(z)) * NUDGE:
        nudged = nudge[:, None]
        columns.append((sigma(z + nudged) - sigma(z - nudged)) / (2 * NUDGE))
    return np.concatenate(columns, axis=1)


def compared(sigma: Any) -> Comparison:
    """Return δ by the Jacobian, by ⊙ with its diagonal, and by nudges of z."""
    a, jacobian = sigma(Z), jacobian_of(sigma, Z)
    dE_da = a - Y
    nudges = np.eye(len(Z))[:, :, None] * NUDGE
    by_nudges = [(cost(sigma(Z + n)) - cost(sigma(Z - n))) / (2 * NUDGE) for n in nudges]
    diagonal = np.diag(jacobian)[:, None]
    return Comparison(jacobian, jacobian.T @ dE_da, dE_da * diagonal, np.array(by_nudges)[:, None])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the three ways for a sigmoid layer and for softmax."""
    description = (__doc__ or "").split("\n")[0]
    argparse.ArgumentParser(description=description).parse_args(arguments)
    ascii_where_needed()
    for name, sigma in (("sigmoid", Sigmoid()), ("softmax", Softmax())):
        found = compared(sigma)
        print(f"{name}: the Jacobian ∂a/∂z")
        for row in found.jacobian.round(4) + 0.0:
            print("  " + "  ".join(f"{x:8.4f}" for x in row))
        print("    δ by (∂a/∂z)ᵀ ∂E/∂a    by ∂E/∂a ⊙ its diagonal    by nudges of z")
        for row in zip(*(column[:, 0] for column in found[1:]), strict=True):
            print("  " + "".join(f"{x:18.6f}      " for x in row).rstrip())
        same = np.allclose(found.by_hadamard, found.by_nudges, rtol=0, atol=NUDGED)
        print(f"  ⊙ gives the error: {'yes' if same else 'no'}\n")
    print("A diagonal Jacobian times ∂E/∂a is ∂E/∂a ⊙ σ′(z), entry by entry.")
    print("Softmax couples its units, so its δ needs the whole matrix.")


if __name__ == "__main__":
    main()
