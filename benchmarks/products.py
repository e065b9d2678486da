"""The matrix products of a step, and the memory layout that makes them fastest."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.job import Job

Orders = tuple[bool, bool, bool]
ORDERS: list[Orders] = [
    (a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)
]
NEAR = 1.25  # layouts within so many times the best first time are tried again


@dataclass(frozen=True)
class Product:
    """C (p, r) = A (p, q) B (q, r), once for each network of a stack.

    Attributes
    ----------
    A, B, C : str
        Names of the matrices; equal names share memory.
    p, q, r : int
    stack : int
        The number of networks; 0 means no leading axis.
    """

    A: str
    B: str
    C: str
    p: int
    q: int
    r: int
    stack: int = 0

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(stack, p, q, r)."""
        return self.stack, self.p, self.q, self.r

    @property
    def flops(self) -> float:
        """Floating-point operations, 2 p q r for each network."""
        return 2.0 * self.p * self.q * self.r * max(self.stack, 1)


Plan = list[tuple[Product, Orders]]


@dataclass(frozen=True)
class Place:
    """The memory layout of a matrix: itself or its transpose, stored row by row.

    Attributes
    ----------
    key : str
        The key of the array that stores it.
    shape : tuple of int
        The stored shape, with the stack's axis in front.
    transposed : bool
        Whether the array stores the transpose.
    """

    key: str
    shape: tuple[int, ...]
    transposed: bool

    def view(self, arrays: Mapping[str, Any]) -> Any:
        """Return the matrix as a view of its array."""
        stored = arrays[self.key].reshape(self.shape)
        return stored.mT if self.transposed else stored


def places_of(product: Product, orders: Orders) -> list[Place]:
    """Return the places of A, B and C; ``X.T`` names the transpose of the matrix ``X``.

    Aᵀ stored row by row is A stored column by column, the same memory.
    """
    names = (product.A, product.B, product.C)
    shapes = ((product.p, product.q), (product.q, product.r), (product.p, product.r))
    found = []
    for name, shape, transposed in zip(names, shapes, orders, strict=True):
        of, is_transpose, _ = name.partition(".T")
        stored = shape[::-1] if transposed else shape
        by_columns = transposed != bool(is_transpose)
        lead = (product.stack,) if product.stack else ()
        key = f"{of} by {'columns' if by_columns else 'rows'}"
        found.append(Place(key, (*lead, *stored), transposed))
    return found


def operands(product: Product, orders: Orders, arrays: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return x, y and out such that out = x y is the product; out is stored row by row.

    Where C is stored transposed, x y is Bᵀ Aᵀ.
    """
    A, B, C = (place.view(arrays) for place in places_of(product, orders))
    return (B.mT, A.mT, C.mT) if orders[2] else (A, B, C)


def products_of(job: Job) -> list[Product]:
    """Return the products of one step, or of one forward pass, in their order.

    The networks of a stack share their inputs, so their first layers are one larger product.
    """
    m = job.cases if job.task == "predict" else job.batch_size
    layers = [
        (layer, n_out, n_in, job.stack)
        for layer, (n_in, n_out) in enumerate(pairwise(job.sizes), start=1)
    ]
    _, n_out, n_in, _ = layers[0]
    layers[0] = (1, n_out * job.networks, n_in, 0)
    forward = [
        Product(f"W{layer}", f"a{layer - 1}", f"a{layer}", n_out, n_in, m, stack)
        for layer, n_out, n_in, stack in layers
    ]
    if job.task == "predict":
        return forward
    backward = []
    for layer, n_out, n_in, stack in reversed(layers):
        delta, below = f"delta{layer}", f"delta{layer - 1}"
        # ∂E/∂W = δ a_prevᵀ, and ∂E/∂a_prev = Wᵀ δ
        a_prev = f"a{layer - 1}"
        backward.append(Product(delta, f"{a_prev}.T", f"dW{layer}", n_out, m, n_in, stack))
        if layer > 1:
            backward.append(Product(f"W{layer}.T", delta, below, n_in, n_out, m, stack))
    return forward + backward


def best_plan(products: list[Product], seconds: Callable[[Plan], float], rounds: int = 2) -> Plan:
    """Return the products in the memory layouts in which all of them together are fastest.

    The fastest layout of each product alone need not be fastest together: a product leaves its
    result in the cache, and the next product can use it only in the same layout. So the two uniform
    layouts of a step are tried too, units by rows and units by columns.

    Parameters
    ----------
    products : list of Product
    seconds : function
        Returns the seconds of the products of a plan, one after another.
    rounds : int
        The trials of each plan; the least time counts.
    """
    plans = [
        list(zip(products, fastest(products, seconds), strict=True)),
        *(stored(products, units_by_columns=columns) for columns in (False, True)),
    ]
    times = [math.inf] * len(plans)
    for _ in range(rounds):
        times = [min(time, seconds(plan)) for time, plan in zip(times, plans, strict=True)]
    return plans[times.index(min(times))]


def stored(products: list[Product], *, units_by_columns: bool) -> Plan:
    """Return the products with one layout for each matrix: weights and gradients are by rows.

    With `units_by_columns` the matrices a and δ are stored case by case, else unit by unit. The
    inputs are stored case by case.
    """

    def transposed(name: str) -> bool:
        of, is_transpose, _ = name.partition(".T")
        by_columns = of == "a0" or (units_by_columns and of.startswith(("a", "delta")))
        return by_columns != bool(is_transpose)

    return [(of, (transposed(of.A), transposed(of.B), transposed(of.C))) for of in products]


def fastest(
    products: list[Product], seconds: Callable[[Plan], float], rounds: int = 2
) -> list[Orders]:
    """Return for each product which of A, B and C to store transposed, by trying all eight.

    Parameters
    ----------
    products : list of Product
        Products of the same shape are tried once.
    seconds : function
        Returns the seconds of a plan of one product.
    rounds : int
        The further trials of the better layouts; the least time counts.
    """
    best: dict[tuple[int, ...], Orders] = {}
    for product in products:
        if product.shape in best:
            continue
        times = {orders: seconds([(product, orders)]) for orders in ORDERS}
        near = [orders for orders in ORDERS if times[orders] <= NEAR * min(times.values())]
        for orders in near * rounds:
            times[orders] = min(times[orders], seconds([(product, orders)]))
        best[product.shape] = min(near, key=times.__getitem__)
    return [best[product.shape] for product in products]
