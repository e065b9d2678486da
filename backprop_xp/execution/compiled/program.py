"""A recorded step as the text of a function, and the table of its sizes and addresses.

The text depends on the structure of the step alone: its operations, the order of its axes in
memory, and which axes have length 1. Equal structures share a compiled function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.compiled.call_text import CallText
from backprop_xp.execution.compiled.folding import Folded, folded, written_by
from backprop_xp.execution.compiled.kernel_text import CODES, Lines, Scratch, kernel_lines
from backprop_xp.execution.compiled.lowering import lowered
from backprop_xp.execution.compiled.memory import LINE, copy_of, lives_of, new_memory, shared_memory
from backprop_xp.execution.compiled.small_products import in_fewer_calls
from backprop_xp.execution.compiled.table import Table
from backprop_xp.execution.cuda.fusion import program_of
from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.memories import Memories
from backprop_xp.execution.recordings import Form, RecordedStep, form_of
from backprop_xp.execution.tape import Instruction, NotReplayable

__all__ = ["Compilable", "Place", "compilable"]

HEAD: Final = """\
from math import inf, nan, sqrt

import numpy as np
from numba import njit
from backprop_xp.execution.compiled.intrinsics import (
    call_gemm_i4, call_gemm_i8, call_loop, prefetch,
    pointer_f4, pointer_f8, pointer_i4, pointer_i8, pointer_u1
)

f4, f8, i4, u1 = np.float32, np.float64, np.int32, np.uint8


@njit("void(int64[::1], int64[::1], int64)", nogil=True, error_model="numpy", cache=CACHE)
def block(D, which, count):
    at = np.int64(D.ctypes.data)
"""


class Place(NamedTuple):
    """An array that is given to a step or returned by it, by its tree and its number there."""

    of: str  # "carry", "number", "batch" or "out"
    number: int


@dataclass(frozen=True)
class Compilable:
    """A step that can be compiled.

    Attributes
    ----------
    text : str
        The module with the function ``block(table, which, count)``.
    table : ndarray (n,), int64
        Without the addresses of memory that is made for each use.
    forms : tuple of Form
        Shapes and dtypes of the carry, the numbers, the batch and the outs.
    bases : dict
        For each `Place`, where its address is in the table; its stride from step to step follows.
    gathers : int or None
        Where the table has, one behind the other, the address of the source, its rows, the numbers
        from one network to the next, and the address of the row numbers. None without a source.
    written : tuple of int
        The arrays of the carry that are written.
    memory : tuple of (int, tuple of int)
        The size in bytes of each piece of memory that a use needs, and where its address belongs.
    constants : tuple of ndarray
        Arrays that are only read, whose addresses are in the table.
    """

    text: str
    table: HostArray
    forms: tuple[Form, ...]
    bases: Mapping[Place, int]
    gathers: int | None
    written: tuple[int, ...]
    memory: tuple[tuple[int, tuple[int, ...]], ...]
    constants: tuple[HostArray, ...]

    def in_use(self) -> tuple[HostArray, list[HostArray]]:
        """Return a table with the addresses of new memory, and that memory."""
        table, memory = self.table.copy(), []
        for size, places in self.memory:
            memory.append(new_memory(size))
            table[list(places)] = memory[-1].ctypes.data
        return table, memory


def compilable(recorded: RecordedStep, *, gathers: bool) -> Compilable:
    """Return the text and the table of a step, recorded with ``runs_here=False``.

    Parameters
    ----------
    recorded : RecordedStep
        Its carry, numbers, batch and outs are whole arrays in C order.
    gathers : bool
        Whether the first array of a batch is gathered from a source.

    Raises
    ------
    NotReplayable
        The step does something that is not compiled; the message says what.
    """
    return _Writer(recorded, gathers).result()


class _Writer:
    def __init__(self, recorded: RecordedStep, gathers: bool) -> None:
        self.table, self.memories = Table(), Memories()
        self.scratch = Scratch(self.table)
        self.places: dict[int, Place] = {}
        for of, arrays in zip(("carry", "number", "batch", "out"), recorded[:4], strict=True):
            for number, x in enumerate(arrays):
                if x is not None:
                    self._note(x, Place(of, number))
        kept = {m for m, place in self.places.items() if place.of in ("carry", "out")}
        instructions = [
            part for one in recorded.instructions for part in in_fewer_calls(lowered(one))
        ]
        program = program_of(
            instructions, kept, self.memories, most_units=None, ones_are_products=True
        )
        entries = [one for one in program.entries if not _is_empty(one)]
        self.entries = folded(entries, self.memories, set(self.places))
        self.gathers = gathers
        self.pieces: dict[int, int] = {}  # where the table has the address of a piece of memory
        self.forms = tuple(form_of(arrays) for arrays in recorded[:4])
        self.memory: list[tuple[int, tuple[int, ...]]] = []
        self.constants: list[HostArray] = []

    def _note(self, x: HostArray, place: Place) -> None:
        view = self.memories.view(x)
        whole = self.memories.arrays[view.memory]
        forms = [(one.shape, one.strides) for one in (whole, whole.mT if whole.ndim > 1 else whole)]
        if view.memory in self.places or (x.shape, x.strides) not in forms:
            raise NotReplayable(f"an array of the {place.of} is a part of another array")
        if not x.flags.c_contiguous:
            raise NotReplayable(f"an array of the {place.of} is not in C order")
        if x.dtype.name not in CODES or not x.dtype.isnative:
            order = "" if x.dtype.isnative else " in another byte order"
            raise NotReplayable(f"{x.dtype.name}{order} is not compiled")
        self.places[view.memory] = place

    def result(self) -> Compilable:
        body: Lines = []
        calls = CallText(self.table, self.memories)
        for number, entry in enumerate(self.entries):
            if isinstance(entry, Kernel):
                body += kernel_lines(entry, number, self.table, self.scratch)
            elif isinstance(entry, Folded):
                body += calls.folded(entry)
            elif entry.function is np.matmul:
                body += calls.product(entry)
            else:
                body += calls.reduction(entry, number)
        bases = self._addresses()
        at, gather = self._gather(bases)
        step = [*self._pieces(), *gather, *body]
        lines = [*self.table.named(), "for k in range(count):", *(f"    {x}" for x in step)]
        text = HEAD + "".join(f"    {line}\n" for line in lines)
        for slot, size in zip(self.scratch.at, self.scratch.sizes, strict=True):
            self.memory.append((size, (slot,)))
        memory, constants = tuple(self.memory), tuple(self.constants)
        return Compilable(
            text, self.table.array(), self.forms, bases, at, self._written(), memory, constants
        )

    def _written(self) -> tuple[int, ...]:
        """Return the arrays of the carry that an entry writes."""
        written = set()
        for entry in self.entries:
            for memory in written_by(entry, self.memories):
                place = self.places.get(memory)
                written |= {place.number} if place is not None and place.of == "carry" else set()
        return tuple(sorted(written))

    def _pieces(self) -> Lines:
        """Return the lines that find the address of each piece of memory at step k."""
        lines = []
        for memory, at in self.pieces.items():
            place = self.places.get(memory)
            if place is None:
                lines.append(f"p{memory} = D[{at}]")
            else:
                row = "which[k]" if place.of == "number" else "k"
                lines.append(f"p{memory} = D[{at}] + {row} * D[{at + 1}]")
        return lines

    def _addresses(self) -> dict[Place, int]:
        """Give each piece of memory its place in the table; return the places of arguments."""
        bases, groups = {}, dict[int, list[int]]()
        lives = lives_of(self.entries, self.memories)
        shared = shared_memory(lives, self.memories, set(self.places))
        for number, host in enumerate(self.memories.arrays):
            if number not in lives and number not in self.places:
                continue
            at = self.pieces[number] = self.table.block([0, 0])
            if number in self.places:
                bases[self.places[number]] = at
            elif number in shared:
                groups.setdefault(shared[number], []).append(at)
            else:
                self.constants.append(copy_of(host))
                self.table.set(at, self.constants[-1].ctypes.data)
        sizes = ((self.memories.arrays[group].nbytes, at) for group, at in groups.items())
        self.memory += [(size, tuple(at)) for size, at in sizes]
        return bases

    def _gather(self, bases: dict[Place, int]) -> tuple[int | None, Lines]:
        """Return the lines that gather the rows of a batch, and where their table begins."""
        if not self.gathers:
            return None, []
        first = next((m for m, place in self.places.items() if place == Place("batch", 0)), None)
        if first is None:
            raise NotReplayable("a step without inputs")
        x = self.memories.arrays[first]
        if x.ndim > 3:
            raise NotReplayable("inputs with two axes of networks")
        self.memory.append((x.nbytes, (bases[Place("batch", 0)],)))
        networks = x.shape[0] if x.ndim > 2 else 1
        # the source, its rows, numbers from network to network; the rows of all steps
        at = self.table.block([0, 0, 0, 0])
        n, m, width = (self.table.block([one]) for one in (networks, x.shape[-2], x.shape[-1]))
        code = CODES[x.dtype.name]
        return at, [
            f"g, h = pointer_{code}(D[{at}]), pointer_{code}(p{first})",
            f"r = pointer_i4(D[{at + 3}] + k * 4 * D[{m}])",
            f"for i in range(D[{n}]):",
            f"    for c in range(D[{m}]):",
            f"        a = i * D[{at + 2}] + min(max(r[c], 0), D[{at + 1}] - 1) * D[{width}]",
            f"        b = (i * D[{m}] + c) * D[{width}]",
            f"        n = min(max(r[min(c + 1, D[{m}] - 1)], 0), D[{at + 1}] - 1)",
            f"        n = D[{at}] + (i * D[{at + 2}] + n * D[{width}]) * {x.itemsize}",
            f"        for j in range(0, D[{width}] * {x.itemsize}, {LINE}):",
            "            prefetch(n + j)  # the next row comes while this one is copied",
            f"        for j in range(D[{width}]):",
            "            h[b + j] = g[a + j]",
        ]


def _is_empty(entry: Kernel | Instruction) -> bool:
    if isinstance(entry, Kernel):
        return False
    if entry.function is not np.matmul and entry.kind != "reduce":
        name = getattr(entry.function, "__name__", "a function")
        raise NotReplayable(f"numpy.{name} is not compiled")
    return entry.target.size == 0
