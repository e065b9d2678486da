"""Sums over cases: the bias gradients of a step as one kernel, in place of products with ones.

∂E/∂b is a sum of δ over the cases of a batch, recorded as δ times a column of ones. A thread block
adds up one row of δ: each thread every 32nd case, and then the sums of the threads in pairs. The
last bits differ from those of a product.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from backprop_xp.execution.cuda.fusion import Program
from backprop_xp.execution.cuda.kernel import BLOCKWISE, C_TYPES, Kernel
from backprop_xp.execution.cuda.one_kernel.phases import place_of, strides_of
from backprop_xp.execution.memories import Memories, View
from backprop_xp.execution.tape import Instruction

__all__ = ["NAME", "THREADS", "CaseSums", "source_of", "with_case_sums"]

NAME: Final = "backprop_xp_case_sums"
THREADS: Final = 32

Entry: TypeAlias = "Kernel | Instruction | CaseSums"


class CaseSums(NamedTuple):
    """Sums over the last axis, of arrays of one dtype.

    Attributes
    ----------
    pairs : list of (View, View)
        Each array (..., n, m) with the array (..., n, 1) that takes its sums.
    """

    pairs: list[tuple[View, View]]

    @property
    def places(self) -> list[View]:
        """The places of the arguments, in the order of the pairs."""
        return [view for pair in self.pairs for view in pair]

    @property
    def rows(self) -> int:
        """The number of sums."""
        return sum(_rows(target) for _, target in self.pairs)


def with_case_sums(program: Program) -> list[Entry]:
    """Return the entries of a program, with sums over cases in place of products with ones.

    Sums wait for the next kernel, or for an entry that needs them or overwrites what they add.
    """
    entries: list[Entry] = []
    waiting: list[Instruction] = []

    def add_waiting() -> None:
        views = program.memories.view
        if waiting:
            entries.append(CaseSums([(views(x.inputs[0]), views(x.target)) for x in waiting]))
            waiting.clear()

    for entry in program.entries:
        if isinstance(entry, Kernel) or not all(_may_pass(entry, one) for one in waiting):
            add_waiting()
        if isinstance(entry, Instruction) and _sums_cases(entry, program.memories):
            waiting.append(entry)
        else:
            entries.append(entry)
    add_waiting()
    return entries


def _sums_cases(instruction: Instruction, memories: Memories) -> bool:
    """Tell whether the instruction is a product with a column of ones."""
    if instruction.function is not np.matmul or instruction.target.dtype.char not in "fd":
        return False
    x, ones = instruction.inputs
    filled = getattr(memories.arrays[memories.view(ones).memory], "value", None)  # `unread`
    column = ones.ndim == 2 <= x.ndim and ones.shape[1] == 1 and x.size > 0
    return bool(column and filled == 1 and x.dtype == instruction.target.dtype)


def _may_pass(entry: Instruction, waiting: Instruction) -> bool:
    """Tell whether an entry may run before a waiting sum, and a sum in one kernel with it."""
    written = (waiting.target, *waiting.reads())
    reads = any(np.shares_memory(x, waiting.target) for x in entry.reads())
    writes = any(np.shares_memory(entry.target, x) for x in written)
    return not reads and not writes and entry.target.dtype == waiting.target.dtype


def _rows(target: View) -> int:
    return int(np.prod(target.shape[:-1], dtype=np.int64))


def source_of(pairs: Sequence[tuple[View, View]]) -> str:
    """Return the source of the kernel `NAME`; its parameters are the arrays of the pairs.

    A block has `THREADS` threads, and the grid as many blocks as there are sums.
    """
    kind = C_TYPES[pairs[0][0].dtype.name]
    fields, sums, stores, start = [], [], [], 0
    for number, (x, target) in enumerate(pairs):
        row, stop = f"(row - {start})", start + _rows(target)
        of_x, of_target = (
            place_of(row, view.shape[:-1], strides_of(view)[:-1]) for view in (x, target)
        )
        loop = f"for (whole c = thread; c < {x.shape[-1]}; c += {THREADS})"
        sums.append(
            f"if ({start} <= row && row < {stop}) "
            f"{loop} sum += x{number}[{of_x} + c * {strides_of(x)[-1]}];"
        )
        stores.append(f"if ({start} <= row && row < {stop}) y{number}[{of_target}] = parts[0];")
        fields.append(f"const {kind}* x{number}, {kind}* y{number}")
        start = stop
    lines: list[Any] = [
        f'extern "C" __global__ void {NAME}({", ".join(fields)}) {{',
        f"  __shared__ {kind} parts[{THREADS}];",
        "  const whole row = blockIdx.x;",
        f"  TOGETHER({kind} sum = 0;",
        *(f"    {line}" for line in sums),
        "    parts[thread] = sum;)",
        f"  for (int half = {THREADS // 2}; half; half /= 2)",
        "    TOGETHER(if (thread < half) parts[thread] += parts[thread + half];)",
        "  TOGETHER(if (thread == 0) {",
        *(f"    {line}" for line in stores),
        "  })",
        "}",
    ]
    return BLOCKWISE + "\n".join(lines) + "\n"
