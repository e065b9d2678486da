"""Gradient descent folded into the products of its gradient: W ← W − η δ aᵀ as one product.

A step of plain gradient descent ends with θ ← θ − η ∇E, and the products before it have written
∇E. BLAS adds a product to a matrix in the time of the product alone. So each matrix of ∇E goes
straight into θ, and no memory is written and read again in between. What is not a product of
matrices, such as the biases, is updated as before.

The numbers are those of the recorded step to rounding: BLAS rounds a sum once less.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from backprop_xp.execution.compiled.blas import gemm_of
from backprop_xp.execution.cuda.kernel import Kernel, Node
from backprop_xp.execution.memories import Memories, View
from backprop_xp.execution.tape import Instruction

__all__ = ["Entry", "Folded", "folded", "leading_dimension", "written_by"]


@dataclass(frozen=True)
class Folded:
    """A product that is subtracted: C ← C − rate · A B.

    Attributes
    ----------
    A, B, C : View
        Matrices (..., n, k), (..., k, m) and (..., n, m), C in C order.
    rate : View
        One number, or one for each network (..., 1).
    """

    A: View
    B: View
    C: View
    rate: View


Entry: TypeAlias = Kernel | Instruction | Folded


def folded(entries: Sequence[Any], memories: Memories, kept: set[int]) -> list[Entry]:
    """Return the entries, with updates folded into products where that can be had.

    Parameters
    ----------
    entries : sequence of Kernel or Instruction
    memories : Memories
    kept : set of int
        Pieces of memory that are given to the step or returned by it.
    """
    made: list[Entry] = list(entries)
    for entry in entries:
        update = _Update.of(entry) if isinstance(entry, Kernel) else None
        if update is not None and update.gradient.memory not in kept:
            made = _with(update, made, memories)
    return made


@dataclass(frozen=True)
class _Update:
    """A kernel that computes θ ← θ − rate · ∇E, and nothing else."""

    kernel: Kernel
    theta: View
    gradient: View
    rate: View

    @classmethod
    def of(cls, kernel: Kernel) -> "_Update | None":
        if kernel.by_columns or len(kernel.writes) != 1:
            return None
        ((theta, last),) = kernel.writes
        difference = kernel.nodes[last]
        if difference.name != "subtract" or len(kernel.nodes) != 5:
            return None
        before, change = (kernel.nodes[n] for n in difference.inputs)
        if before.value != theta or change.name != "multiply":
            return None
        factors = [kernel.nodes[n] for n in change.inputs]
        if any(one.name != "load" or one.dtype != theta.dtype for one in factors):
            return None
        rate, gradient = sorted(factors, key=lambda one: math.prod(one.shape))
        whole = gradient.shape == theta.shape and _is_whole(theta) and _is_whole(gradient.value)
        one_each = not rate.shape or rate.shape[-1] == 1 < theta.shape[-1]
        return cls(kernel, theta, gradient.value, rate.value) if whole and one_each else None

    def of_part(self, start: int, stop: int) -> Kernel:
        """Return the kernel for the numbers from `start` to `stop` of each network."""

        def part(view: View) -> View:
            at = view.offset + start * view.dtype.itemsize
            return view._replace(offset=at, shape=(*view.shape[:-1], stop - start))

        def node_of(node: Node) -> Node:
            if node.name == "load" and node.value == self.rate:
                return node
            shape = (*node.shape[:-1], stop - start) if node.shape == self.theta.shape else None
            value = part(node.value) if node.name == "load" else node.value
            return node if shape is None else node._replace(shape=shape, value=value)

        ((_, last),) = self.kernel.writes
        nodes = tuple(node_of(node) for node in self.kernel.nodes)
        reads = tuple((nodes[at].value, at) for _, at in self.kernel.reads)
        shape = (*self.kernel.shape[:-1], stop - start)
        writes = ((part(self.theta), last),)
        return replace(self.kernel, nodes=nodes, shape=shape, reads=reads, writes=writes)


def _is_whole(view: View) -> bool:
    """Tell whether the numbers lie in C order without gaps."""
    after = view.dtype.itemsize
    for length, step in zip(reversed(view.shape), reversed(view.strides), strict=True):
        if length > 1 and step != after:
            return False
        after *= length
    return True


def _with(update: _Update, entries: list[Entry], memories: Memories) -> list[Entry]:
    """Return the entries with this update folded into the products that allow it."""
    at = next(n for n, entry in enumerate(entries) if entry is update.kernel)
    touching = [
        (n, entry)
        for n, entry in enumerate(entries)
        if n != at and update.gradient.memory in _memories_of(entry, memories)
    ]
    folds: dict[int, tuple[int, int, Folded]] = {}  # by entry: a part of θ and its product
    for n, entry in touching:
        if n > at or not isinstance(entry, Instruction) or entry.function is not np.matmul:
            return entries  # something else writes or reads the gradient
        found = _fold(update, entry, memories)
        between = entries[n + 1 : at]
        if found is not None and not _overwritten(found[2], between, memories):
            folds[n] = found
    if not folds:
        return entries
    done, rest = 0, list[Entry]()
    for start, stop, _ in sorted(folds.values(), key=lambda one: one[0]):
        if start < done:
            return entries  # two products for the same part
        rest += [update.of_part(done, start)] if start > done else []
        done = stop
    width = update.theta.shape[-1]
    rest += [update.of_part(done, width)] if width > done else []
    before = [entry for n, entry in enumerate(entries[:at]) if n not in folds]
    return [*before, *(fold for _, _, fold in folds.values()), *rest, *entries[at + 1 :]]


def _fold(
    update: _Update, product: Instruction, memories: Memories
) -> tuple[int, int, Folded] | None:
    """Return the part of θ that a product updates, and the product; None where it does not fit."""
    A, B, target = (memories.view(x) for x in (*product.inputs, product.target))
    views = A, B, target
    if product.options or min(len(view.shape) for view in views) < 2:
        return None
    if (
        any(view.dtype != update.theta.dtype for view in views)
        or gemm_of(target.dtype.name) is None
    ):
        return None
    rows, columns = target.shape[-2:]
    lead = update.theta.shape[:-1]
    if min(rows, columns) < 2 or target.shape[:-2] != lead or sum(n > 1 for n in lead) > 1:
        return None
    if not all(leading_dimension(view)[1] for view in (A, B)):
        return None
    item, theta = target.dtype.itemsize, update.theta
    inner = target._replace(shape=target.shape[-2:], strides=target.strides[-2:])
    start = (target.offset - update.gradient.offset) // item
    steps = zip(lead, target.strides[:-2], theta.strides[:-1], strict=True)
    if not _is_whole(inner) or any(n > 1 and one != other for n, one, other in steps):
        return None
    if {A.memory, B.memory} & {theta.memory, update.gradient.memory}:
        return None
    stop = start + rows * columns
    if start < 0 or stop > theta.shape[-1]:
        return None
    C = target._replace(memory=theta.memory, offset=theta.offset + start * item)
    return start, stop, Folded(A, B, C, update.rate)


def leading_dimension(view: View) -> tuple[bool, int]:
    """Return how BLAS reads the matrices: whether transposed, and the bytes from row to row.

    0 bytes for matrices that BLAS cannot read, since neither axis has its numbers side by side.
    """
    item = view.dtype.itemsize
    axes = [*zip(view.shape[-2:], view.strides[-2:], strict=True)]
    for turned in (False, True):
        (rows, row), (columns, column) = reversed(axes) if turned else axes
        least = columns * item
        if (columns == 1 or column == item) and (rows == 1 or row >= least):
            whole = not row % item
            return (turned, max(row, least) if rows > 1 else least) if whole else (turned, 0)
    return False, 0


def _overwritten(fold: Folded, between: Sequence[Entry], memories: Memories) -> bool:
    """Tell whether an entry writes what the product reads."""
    reads = {fold.A.memory, fold.B.memory, fold.rate.memory}
    return any(reads & written_by(entry, memories) for entry in between)


def written_by(entry: Entry, memories: Memories) -> set[int]:
    """Return the pieces of memory that an entry writes."""
    if isinstance(entry, Kernel):
        return {place.memory for place, _ in entry.writes}
    return {entry.C.memory if isinstance(entry, Folded) else memories.view(entry.target).memory}


def _memories_of(entry: Entry, memories: Memories) -> set[int]:
    """Return the pieces of memory that an entry reads or writes."""
    if isinstance(entry, Folded):
        return {view.memory for view in (entry.A, entry.B, entry.C, entry.rate)}
    if isinstance(entry, Kernel):
        return {place.memory for place in entry.places}
    arrays = [x for x in (*entry.inputs, entry.target) if isinstance(x, np.ndarray)]
    return {memories.view(x).memory for x in arrays}
