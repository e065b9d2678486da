"""A recorded step as the text of a function, and the table of its sizes and addresses.

The text depends on the structure of the step alone: its operations, the order of its axes in
memory, and which axes have length 1. Equal structures share a compiled function.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.compiled.blas import BY_ROWS, TRANSPOSED, gemm_of
from backprop_xp.execution.compiled.folding import Folded, folded, leading_dimension, written_by
from backprop_xp.execution.compiled.kernel_text import CODES, Lines, Scratch, kernel_lines
from backprop_xp.execution.compiled.loops import Loop, loop_of
from backprop_xp.execution.compiled.lowering import lowered
from backprop_xp.execution.compiled.memory import LINE, copy_of, lives_of, new_memory, shared_memory
from backprop_xp.execution.compiled.small_products import in_fewer_calls
from backprop_xp.execution.compiled.table import ARGUMENTS, Table, call
from backprop_xp.execution.cuda.fusion import program_of
from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.memories import Memories, View
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
        for number, entry in enumerate(self.entries):
            if isinstance(entry, Kernel):
                body += kernel_lines(entry, number, self.table, self.scratch)
            elif isinstance(entry, Folded):
                body += self._folded(entry)
            elif entry.function is np.matmul:
                body += self._product(entry)
            else:
                body += self._reduction(entry, number)
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

    # operations that are calls of NumPy's own loops

    def _folded(self, entry: Folded) -> Lines:
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

    def _product(self, entry: Instruction) -> Lines:
        views = [self.memories.view(x) for x in (*entry.inputs, entry.target)]
        a, b, out = views
        if min(len(view.shape) for view in views) < 2 or entry.options:
            raise NotReplayable("a product of vectors")
        matrices, strides = math.prod(out.shape[:-2]), [0, 0, 0]
        if matrices > 1:
            axes = [-n for n in range(3, len(out.shape) + 1) if out.shape[-n] > 1]
            if len(axes) > 1:
                raise NotReplayable("products of a stack with two axes")
            strides = [_step(view, axes[0]) for view in views]
        lengths = [matrices, a.shape[-2], a.shape[-1], b.shape[-1]]
        loop = self._loop(np.matmul, out.dtype, [x.dtype for x in views])
        steps = [*strides, *(step for x in views for step in x.strides[-2:])]
        return [
            *(f"D[{ARGUMENTS + n}] = {self._address(view)}" for n, view in enumerate(views)),
            call(self.table, loop, self.table.block(lengths), self.table.block(steps)),
        ]

    def _reduction(self, entry: Instruction, number: int) -> Lines:
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


def _is_empty(entry: Kernel | Instruction) -> bool:
    if isinstance(entry, Kernel):
        return False
    if entry.function is not np.matmul and entry.kind != "reduce":
        name = getattr(entry.function, "__name__", "a function")
        raise NotReplayable(f"numpy.{name} is not compiled")
    return entry.target.size == 0
