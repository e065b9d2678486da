"""Calls of BLAS and of NumPy's own loops, as the text of a function (`program`)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop_xp.execution.compiled.blas import BY_ROWS, TRANSPOSED, gemm_of
from backprop_xp.execution.compiled.folding import Folded, leading_dimension
from backprop_xp.execution.compiled.kernel_text import CODES, Lines
from backprop_xp.execution.compiled.loops import Loop, loop_of
from backprop_xp.execution.compiled.table import ARGUMENTS, Table, call
from backprop_xp.execution.memories import Memories, View
from backprop_xp.execution.tape import Instruction, NotReplayable

__all__ = ["CallText"]


@dataclass(frozen=True)
class CallText:
    """Writes the lines of calls; the piece of memory n is at the address ``p<n>``.

    Attributes
    ----------
    table : Table
    memories : Memories

    Raises
    ------
    NotReplayable
        By each method: the operation is not compiled; the message says why.
    """

    table: Table
    memories: Memories

    def folded(self, entry: Folded) -> Lines:
        """Return the lines of C ← C − rate · A B, network by network."""
        A, B, C, rate = entry.A, entry.B, entry.C, entry.rate
        name, gemm, item = self.table.name, gemm_of(C.dtype.name), C.dtype.itemsize
        if gemm is None:
            raise NotReplayable(f"no product of {C.dtype} that adds")
        axis = next((-n for n in range(3, len(C.shape) + 1) if C.shape[-n] > 1), -3)
        a, b, c = (f"{self._address(x)} + n * {name(_step(x, axis))}" for x in (A, B, C))
        (turned, lda), (turned_too, ldb) = leading_dimension(A), leading_dimension(B)
        n, k, m = A.shape[-2], A.shape[-1], B.shape[-1]
        codes = (BY_ROWS, TRANSPOSED[turned], TRANSPOSED[turned_too])
        leads = (x // item for x in (lda, ldb, C.strides[-2]))
        sizes = [name(x) for x in (*codes, n, m, k, *leads)]
        number = f"{self._address(rate)} + n * {name(_step(rate, axis + 1))}"
        by = f"-pointer_{CODES[C.dtype.name]}({number})[0]"
        return [
            f"for n in range({name(math.prod(C.shape[:-2]))}):",
            f"    call_gemm_{gemm.integers}({name(gemm.function)}, {', '.join(sizes[:6])}, {by},",
            f"        {a}, {sizes[6]}, {b}, {sizes[7]}, {c}, {sizes[8]})",
        ]

    def product(self, entry: Instruction) -> Lines:
        """Return the call of a product, network by network."""
        views = [self.memories.view(x) for x in (*entry.inputs, entry.target)]
        a, b, out = views
        if min(len(view.shape) for view in views) < 2 or entry.options:
            raise NotReplayable("a product of vectors")
        axes = [-n for n in range(3, len(out.shape) + 1) if out.shape[-n] > 1]
        matrices, strides = 1, [0, 0, 0]
        if axes:
            matrices, strides = out.shape[axes[0]], [_step(view, axes[0]) for view in views]
        lengths = [matrices, a.shape[-2], a.shape[-1], b.shape[-1]]
        loop = self._loop(np.matmul, out.dtype, [x.dtype for x in views])
        steps = [*strides, *(step for x in views for step in x.strides[-2:])]
        name, outer = self.table.name, {axis: f"matrix_{-axis}" for axis in axes[1:]}
        addresses = [
            " + ".join(
                [self._address(x), *(f"{n} * {name(_step(x, axis))}" for axis, n in outer.items())]
            )
            for x in views
        ]
        lines = [
            *(f"D[{ARGUMENTS + n}] = {address}" for n, address in enumerate(addresses)),
            call(self.table, loop, self.table.block(lengths), self.table.block(steps)),
        ]
        for axis, of_axis in outer.items():
            lines = [
                f"for {of_axis} in range({name(out.shape[axis])}):",
                *(f"    {line}" for line in lines),
            ]
        return lines

    def reduction(self, entry: Instruction, number: int) -> Lines:
        """Return the lines of a sum or a maximum along an axis, by NumPy's loop of one row."""
        x, out = self.memories.view(entry.inputs[0]), self.memories.view(entry.target)
        axis = entry.options["axis"]
        loop = self._loop(entry.function, out.dtype, [x.dtype, out.dtype])
        outer = [n for n in range(len(x.shape)) if n != axis and x.shape[n] > 1]
        keeps = len(out.shape) == len(x.shape)
        places = [n if keeps or n < axis else n - 1 for n in outer]
        size = x.dtype.itemsize
        begins = entry.function is np.add
        code, names = CODES[x.dtype.name], [f"n{number}_{n}" for n in range(len(outer))]
        terms = [
            [
                f"{name} * {self.table.name(view.strides[place])}"
                for name, place in zip(names, at, strict=True)
            ]
            for view, at in ((x, outer), (out, places))
        ]
        source, target = (
            " + ".join([self._address(view), *of]) for view, of in zip((x, out), terms, strict=True)
        )
        step = self.table.name(x.strides[axis])
        lengths = self.table.block([x.shape[axis] - (not begins)])
        strides = self.table.block([0, x.strides[axis], 0])
        lines = [
            f"s, o = {source}, {target}",
            f"pointer_{code}(o)[0] = " + (f"{code}(0)" if begins else f"pointer_{code}(s)[0]"),
            f"D[{ARGUMENTS}] = o",
            f"D[{ARGUMENTS + 1}] = s" + ("" if begins else f" + {step}"),
            f"D[{ARGUMENTS + 2}] = o",
            call(self.table, loop, lengths, strides),
        ]
        if size != x.strides[axis] and x.strides[axis] % size:
            raise NotReplayable("an array is not aligned")
        for name, axis_of in reversed(list(zip(names, outer, strict=True))):
            lines = [
                f"for {name} in range({self.table.name(x.shape[axis_of])}):",
                *(f"    {line}" for line in lines),
            ]
        return lines

    def _address(self, view: View) -> str:
        return f"p{view.memory} + {self.table.name(view.offset)}"

    def _loop(self, ufunc: Any, dtype: Any, dtypes: Sequence[Any]) -> Loop:
        found = loop_of(ufunc, dtype) if all(one == dtype for one in dtypes) else None
        if found is None or np.dtype(dtype).name not in CODES:
            raise NotReplayable(f"numpy.{ufunc.__name__} of {np.dtype(dtype).name}")
        return found


def _step(view: View, axis: int) -> int:
    """Return the bytes from one matrix to the next; 0 for a matrix that is repeated."""
    has = len(view.shape) >= -axis and view.shape[axis] > 1
    return view.strides[axis] if has else 0
