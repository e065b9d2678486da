"""A plan: the phases of a step between barriers, and the places of their arrays in shared memory.

Pieces of memory share bytes where one is used no more when the other is first used.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.cuda.fusion import MOST_UNITS, as_number, program_of
from backprop_xp.execution.cuda.kernel import C_TYPES, REDUCTIONS, Kernel
from backprop_xp.execution.cuda.one_kernel.banks import padded, turns_of
from backprop_xp.execution.cuda.one_kernel.barriers import segments_of
from backprop_xp.execution.cuda.one_kernel.phases import (
    Copy,
    Elementwise,
    Phase,
    Product,
    Reduction,
)
from backprop_xp.execution.memories import Memories, View
from backprop_xp.execution.recordings import RecordedStep
from backprop_xp.execution.tape import Instruction, plain_array
from backprop_xp.execution.unread import contents

__all__ = ["Given", "Plan", "Unfit", "plan_of"]

LARGEST, RESERVED = 228 * 1024, 1024  # bytes of shared memory of an H200, and kept by each block
MOST_BLOCKS = 4  # more of them leave too few registers for a thread
SHORT = 16  # numbers that one thread reduces
FUNCTIONS = {"sum": "add", "max": "maximum", "amax": "maximum", "min": "minimum"}
OUTSIDE = ("number", "constant", "batch")  # read where they are, in the memory of the device


class Unfit(Exception):  # noqa: N818  no error: the step runs as it would have
    """The step does not fit into one kernel, with the reason."""


class Given(NamedTuple):
    """An array that a step is given or returns: its tree, its number there, and its place."""

    of: str  # "carry", "number", "batch", "out", "constant" or "source"
    number: int
    view: View


@dataclass(frozen=True)
class Plan:
    """The phases of a step.

    Attributes
    ----------
    segments : tuple of tuple of Phase
        There is a barrier after each segment.
    offsets : mapping
        Bytes from the start of shared memory, for each piece that lies there.
    given : tuple of Given
        Arrays in the memory of the device.
    constants : tuple of ndarray
    shared_bytes, threads : int
    """

    segments: tuple[tuple[Phase, ...], ...]
    offsets: Mapping[int, int]
    given: tuple[Given, ...]
    constants: tuple[HostArray, ...]
    shared_bytes: int
    threads: int

    @property
    def blocks(self) -> int:
        """Thread blocks that a large multiprocessor is to hold, which bounds their registers."""
        by_shared_memory = LARGEST // (self.shared_bytes + RESERVED)
        return max(min(by_shared_memory, MOST_BLOCKS), 1)

    @property
    def cycles(self) -> int:
        """Cycles of a step of one network that is alone on its multiprocessor, roughly."""
        rounds = (
            -(-phase.items // self.threads)
            * phase.cycles
            * max(turns_of(phase).values(), default=1)
            for segment in self.segments
            for phase in segment
        )
        return sum(rounds) + 40 * len(self.segments)


def plan_of(recorded: RecordedStep, most_bytes: int, *, gathers: bool = False) -> Plan:
    """Return the faster plan of a step of one network, by its cycles.

    Sums over units are made by one thread for each case, or in phases of their own.

    Parameters
    ----------
    recorded : RecordedStep
        The step, recorded on arrays of one network.
    most_bytes : int
        Bytes of shared memory that a block may have.
    gathers : bool
        Whether the first array of the batch is gathered from a source by row numbers.

    Raises
    ------
    Unfit
        An operation or a dtype that no phase holds, or too many bytes.
    """
    plans, reason = list[Plan](), Unfit()
    for most_units in (MOST_UNITS, 1):
        try:
            plans.append(_planned(_Planner(recorded, gathers, most_units), most_bytes))
        except Unfit as unfit:
            reason = unfit
    if not plans:
        raise reason
    return min(plans, key=lambda plan: plan.cycles)


def _planned(planner: "_Planner", most_bytes: int) -> Plan:
    phases = planner.phases()
    for now, sizes in (padded(phases, planner.fixed), (phases, dict[int, int]())):
        segments = segments_of(now, planner.threads)
        offsets, size = _layout(segments, planner, sizes)
        if size <= most_bytes:
            given, constants = tuple(planner.given), tuple(planner.constants)
            return Plan(segments, offsets, given, constants, size, planner.threads)
    raise Unfit(f"a network takes {size:,} bytes of shared memory, of {most_bytes:,}")


class _Planner:
    def __init__(self, recorded: RecordedStep, gathers: bool, most_units: int) -> None:
        self.recorded, self.gathers = recorded, gathers
        self.memories = Memories()
        self.given: list[Given] = []
        self.constants: list[HostArray] = []
        trees = zip(("carry", "number", "batch"), recorded[:3], strict=True)
        for of, arrays in trees:
            for number, x in enumerate(arrays):
                if x is not None:
                    self.given.append(Given(of, number, self.memories.view(x)))
        self.outs = [
            (number, self.memories.view(x))
            for number, x in enumerate(recorded.out)
            if x is not None
        ]
        kept = {one.view.memory for one in self.given if one.of == "carry"}
        self.kept = kept
        read_after = kept | {view.memory for _, view in self.outs}
        program = program_of(
            recorded.instructions, read_after, self.memories, most_units=most_units
        )
        self.entries = program.entries
        most = max([math.prod(e.shape if isinstance(e, Kernel) else e.target.shape)
                    for e in self.entries] or [1])  # fmt: skip
        self.threads = min(256, max(32, 1 << max(most // 4 - 1, 0).bit_length()))

    def phases(self) -> list[Phase]:
        """Return the phases in the order of the tape, copies of the batch first, of outs last."""
        made = [phase for entry in self.entries for phase in self._phases_of(entry)]
        products = {
            access.view.memory
            for phase in made
            if not isinstance(phase, Elementwise)
            for access in phase.accesses()
        }
        written = {a.view.memory for phase in made for a in phase.accesses() if a.writes}
        self.outside = {one.view.memory for one in self.given if one.of in OUTSIDE}
        places = {one.view.memory for one in self.given}
        loads = []
        for one in [one for one in self.given if one.of == "batch"]:
            first = self.gathers and one.number == 0
            if first or one.view.memory in products | written:
                self.outside.discard(one.view.memory)
                loads.append(self._load(one, first))
        for phase in made:
            for access in phase.accesses():
                memory = access.view.memory
                if memory not in places and memory not in written:
                    places.add(memory)
                    self.outside.add(memory)
                    self._constant(memory)
        stores = [self._store(number, view) for number, view in self.outs]
        self._check(loads + made + stores)
        return [*loads, *made, *stores]

    @property
    def fixed(self) -> set[int]:
        """The pieces of memory with a given layout: those of the device, and of the carry."""
        in_device = ("out", "source", "batch")
        return self.outside | self.kept | {
            one.view.memory for one in self.given if one.of in in_device
        }  # fmt: skip

    def _phases_of(self, entry: Kernel | Instruction) -> list[Phase]:
        if isinstance(entry, Kernel):
            return [Elementwise(entry)]
        name, kind = entry.function.__name__, entry.kind
        if entry.function is np.matmul and kind == "ufunc" and not entry.options:
            return [self._product(entry)]
        reduces = kind == "reduce" and name in REDUCTIONS
        if reduces or (kind == "function" and name in FUNCTIONS):
            return self._reduction(FUNCTIONS.get(name, name), entry)
        raise Unfit(f"no phase holds the operation {name}")

    def _product(self, entry: Instruction) -> Phase:
        a, b, out = *entry.inputs, entry.target
        if not a.ndim == b.ndim == out.ndim == 2:
            raise Unfit(f"a product of arrays {a.shape} and {b.shape} is none of two matrices")
        first, second = (self._factor(x) for x in (a, b))
        target = self.memories.view(out)
        if any(np.may_share_memory(x, out) for x in (a, b)):
            raise Unfit("a product is written over its factor")
        return Product.of(first, second, target, a.shape[1], self.threads)

    def _factor(self, x: HostArray) -> View | float:
        number = as_number(x)
        return self.memories.view(x) if number is None else float(number)

    def _reduction(self, name: str, entry: Instruction) -> list[Phase]:
        (x, *given), options = entry.inputs, dict(entry.options)
        axis = given.pop(0) if given else 0 if entry.kind == "reduce" else None
        axis = options.pop("axis", axis)
        options.pop("keepdims", None)
        options.pop("dtype", None)  # the target has it
        if options or given:
            raise Unfit(f"a reduction with {', '.join(options) or 'more arguments'}")
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        of = tuple(sorted(each % x.ndim for each in axes))
        whole = Reduction(name, self.memories.view(x), of, self.memories.view(entry.target))
        if math.prod(whole.target.shape) != whole.results:
            raise Unfit("a reduction into an array of another size")
        lanes = 1 << (math.isqrt(whole.length) - 1).bit_length()
        while lanes * whole.results > max(self.threads, 1) and lanes > 1:
            lanes //= 2
        if whole.length <= SHORT or lanes < 2:
            return [whole]
        scratch = self.memories.view(np.empty((whole.results, lanes), entry.target.dtype))
        parts = Reduction(name, whole.x, of, scratch, lanes)
        return [parts, Reduction(name, scratch, (1,), whole.target)]

    def _load(self, one: Given, gathered: bool) -> Phase:
        batch = self.memories.view(np.empty(one.view.shape, one.view.dtype))
        self.given.remove(one)
        if not gathered:
            self.given.append(one._replace(view=batch))
            return Copy(batch, one.view)
        rows = self.memories.view(np.empty(one.view.shape[:1], np.int32))
        self.given += [Given("source", 0, batch), one._replace(view=rows)]
        self.outside.add(rows.memory)
        return Copy(batch, one.view, rows)

    def _store(self, number: int, view: View) -> Phase:
        target = self.memories.view(np.empty(view.shape, view.dtype))
        self.given.append(Given("out", number, target))
        return Copy(view, target)

    def _constant(self, memory: int) -> None:
        host = self.memories.arrays[memory]
        flat = contents(plain_array(host)).ravel(order="K")
        view = View(memory, 0, flat.shape, flat.strides, flat.dtype)
        self.given.append(Given("constant", len(self.constants), view))
        self.constants.append(flat)

    def _check(self, phases: Sequence[Phase]) -> None:
        for phase in phases:
            for access in phase.accesses():
                view = access.view
                if view.dtype.name not in C_TYPES or view.dtype.name == "float16":
                    raise Unfit(f"the dtype is {view.dtype.name}, of float32 and float64")
                if 0 in view.shape or any(s % view.dtype.itemsize for s in view.strides):
                    raise Unfit("an array is empty, or its strides are no whole numbers")
                if access.writes and (access.items is None or view.memory in self.outside):
                    raise Unfit("an array is written by several threads, or is an argument")


def _layout(
    segments: Sequence[Sequence[Phase]], planner: _Planner, sizes_of: Mapping[int, int]
) -> tuple[dict[int, int], int]:
    """Return the place of each piece of shared memory, and the bytes of all.

    `sizes_of` has the bytes of pieces that are larger than their arrays. Pieces share bytes where
    the one is last used in a segment before the first use of the other.
    """
    outside = planner.fixed - planner.kept
    lives: dict[int, list[int]] = {}
    for number, segment in enumerate(segments):
        for phase in segment:
            for access in phase.accesses():
                if access.view.memory not in outside:
                    life = lives.setdefault(access.view.memory, [number, number])
                    life[1] = number
    for memory in planner.kept:
        lives[memory] = [0, len(segments)]
    arrays = planner.memories.arrays
    sizes = {m: -(-sizes_of.get(m, _bytes(arrays[m])) // 16) * 16 for m in lives}
    offsets: dict[int, int] = {}
    for memory in sorted(lives, key=lambda each: (-sizes[each], each)):
        first, last = lives[memory]
        taken = sorted(
            (offsets[other], offsets[other] + sizes[other])
            for other in offsets
            if lives[other][0] <= last and first <= lives[other][1]
        )
        at = 0
        for start, stop in taken:
            if at + sizes[memory] <= start:
                break
            at = max(at, stop)
        offsets[memory] = at
    return offsets, max((offsets[m] + sizes[m] for m in offsets), default=0)


def _bytes(x: HostArray) -> int:
    return x.size * x.itemsize
