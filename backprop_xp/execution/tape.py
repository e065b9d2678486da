"""The tape: the operations of a step, noted while the step runs on NumPy.

A step never reads a number from its arrays, so that every call makes the same operations. The first
call is made on arrays that report each operation to their tape.

`NotReplayable` refuses a step that does something unseen by the tape: it reads a number, calls a
method that NumPy does not report, or writes into an array of another origin.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.execution.unread import result_of, unread

__all__ = [
    "Instruction",
    "NotReplayable",
    "Recorded",
    "Tape",
    "in_place",
    "leaves",
    "mapped",
    "plain_array",
]

LINE = 64  # bytes of a cache line
CONSTANTS = (np.zeros_like, np.ones_like, np.full_like)


class NotReplayable(Exception):  # noqa: N818  no error: the step is run as it is
    """The step does something that a tape cannot hold."""


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return the tree with ``function(x)`` for each array x; None stays.

    A tree is an array, None, or a tuple, list or mapping of trees.

    Examples
    --------
    >>> mapped(lambda x: 2 * x, (1, {"a": 2}, None))
    (2, {'a': 4}, None)
    """
    if tree is None:
        return None
    if isinstance(tree, np.ndarray):
        return function(tree)
    if isinstance(tree, Mapping):
        return {name: mapped(function, one) for name, one in tree.items()}
    if isinstance(tree, tuple | list):
        parts = [mapped(function, one) for one in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """Return the arrays of a tree in order, None where it has None.

    Examples
    --------
    >>> leaves((1, {"a": 2}, None))
    [1, 2, None]
    """
    if tree is None or isinstance(tree, np.ndarray):
        return [tree]
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    if isinstance(tree, tuple | list):
        return [leaf for one in tree for leaf in leaves(one)]
    return [tree]


@dataclass(frozen=True)
class Instruction:
    """An operation that writes its result into a given array.

    Attributes
    ----------
    function : callable
        A ufunc, or another function of NumPy.
    inputs : tuple
        Arrays and numbers.
    target : ndarray
        The array into which the result is written.
    kind : {"ufunc", "reduce", "convert", "function", "in place"}
        "ufunc": elementwise. "reduce": the reduction of a ufunc. "convert": a conversion of the
        only input to the target's dtype. "function": any other function; its result is copied. "in
        place": a function that is no operation of NumPy, of the target.
    options : mapping
        Keyword arguments of the function.
    """

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    target: HostArray
    kind: str = "ufunc"
    options: Mapping[str, Any] = field(default_factory=dict)

    def reads(self) -> list[HostArray]:
        """Return the arrays that the operation reads."""
        given = leaves((self.inputs, self.options)) if self.options else leaves(self.inputs)
        return [x for x in given if isinstance(x, np.ndarray)]

    def on(self, function: Callable[[HostArray], HostArray], target: HostArray) -> "Instruction":
        """Return the operation on ``function(x)`` for each array x that it reads."""

        def moved(x: Any) -> Any:
            return function(x) if isinstance(x, np.ndarray) else x

        options = mapped(moved, self.options) if self.options else self.options
        return Instruction(self.function, mapped(moved, self.inputs), target, self.kind, options)


class _Life:
    """The lifetime of a piece of memory, held by all views of it.

    When the last view is gone, the tape may use the memory again.
    """

    __slots__ = ("__weakref__", "constant")

    def __init__(self, *, constant: bool) -> None:
        self.constant = constant


class Recorded(HostArray):
    """An array that reports each operation on it to its tape.

    Its reference to the tape is weak, since the tape leads back to it: by its instructions, their
    views, and the `base` of a view. The garbage collector does not follow `base`, so that a strong
    reference would keep all of them for ever.
    """

    _tape: "weakref.ref[Tape] | None"
    life: _Life | None

    def __array_finalize__(self, origin: Any) -> None:
        view = self.base is not None and (self.base is origin or self.base is origin.base)
        self._tape = getattr(origin, "_tape", None) if view else None
        self.life = getattr(origin, "life", None) if view else None

    @property
    def tape(self) -> "Tape | None":
        """The tape, while there is one."""
        return None if self._tape is None else self._tape()

    @classmethod
    def of(cls, memory: Any, tape: "Tape", life: _Life) -> Self:
        """Return the memory as an array of the tape."""
        made: Any = memory.view(cls)
        made._tape, made.life = weakref.ref(tape), life  # noqa: SLF001  it is of this class
        return cast(Self, made)

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,
        out: tuple[Any, ...] | None = None,
        **options: Any,
    ) -> "Recorded":
        return _tape_of(inputs, out or ()).operation(ufunc, method, inputs, out, options)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> "Recorded":
        return _tape_of((self,), ()).function(func, args, kwargs)

    def astype(self, dtype: Any, *_: Any, **__: Any) -> "Recorded":
        """Return the array in another dtype, always a new one."""
        return _tape_of((self,), ()).converted(self, dtype)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found if isinstance(found, Recorded) else self._refuse()

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise NotReplayable("a number is read, or written by its index")

    __bool__ = __float__ = __int__ = __index__ = __setitem__ = _refuse
    item = tolist = _refuse


def _tape_of(inputs: Sequence[Any], out: Sequence[Any]) -> "Tape":
    for x in (*inputs, *out):
        if isinstance(x, Recorded) and x.tape is not None:
            return x.tape
    raise NotReplayable("an array was made unseen by the tape")


class Tape:
    """The operations of a step in order, and the memory on which they work.

    Parameters
    ----------
    runs_here : bool
        Whether the operations will be replayed on this memory. If so, they are done, arrays begin
        at a cache line, and memory that no array needs any longer is used again. If not, nothing is
        computed: arrays are `unread`.
    by_cases : bool
        Whether results lie in memory case by case, column after column, where their inputs do: a
        product where its second factor does. Only for unread arrays.

    Attributes
    ----------
    instructions : list of Instruction
    """

    def __init__(self, *, runs_here: bool = True, by_cases: bool = False) -> None:
        self.instructions: list[Instruction] = []
        self._runs_here, self._by_cases = runs_here, by_cases
        self._spare: dict[Any, list[HostArray]] = {}
        self._held: list[_Life] = []

    def memory(self, x: Any) -> Recorded:
        """Return a recorded copy of `x`, whose memory stays: later inputs are copied into it."""
        return self._hold(self._new(self._done(np.array, (x,), {"order": "K"})))

    def _done(self, function: Callable[..., Any], args: Any, named: Any, out: Any = None) -> Any:
        """Return the result of a function, or an unread array like it; `out` is written."""
        made = None if self._runs_here else result_of(function, args, named, out)
        if made is not None:
            return made
        return function(*args, **named, **({} if out is None else {"out": out}))

    def operation(
        self,
        ufunc: np.ufunc,
        method: str,
        inputs: tuple[Any, ...],
        out: tuple[Any, ...] | None,
        options: dict[str, Any],
    ) -> Recorded:
        """Do and note an operation of a ufunc."""
        if method not in ("__call__", "reduce") or ufunc.nout != 1:
            raise NotReplayable(f"{ufunc.__name__}.{method}")
        function: Callable[..., Any] = ufunc if method == "__call__" else ufunc.reduce
        plain, named = mapped(plain_array, inputs), mapped(plain_array, options)
        if out is None:
            result = self._done(function, plain, named)
            if self._by_cases and _goes_by_cases(ufunc, plain, result):
                axes = range(result.ndim)
                result = unread(result.shape, result.dtype, (*axes[:-2], axes[-1], axes[-2]))
            made = self._new(result)
        else:
            made = _writable(out[0])
            self._done(function, plain, named, plain_array(made))
        kind = "ufunc" if method == "__call__" else "reduce"
        self.instructions.append(Instruction(ufunc, plain, plain_array(made), kind, named))
        return made

    def function(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Recorded:
        """Do a function of NumPy and note it, unless it makes a view or a constant."""
        plain, named = mapped(plain_array, args), mapped(plain_array, kwargs)
        result = self._done(function, plain, named)
        if not isinstance(result, np.ndarray | np.generic) or "out" in kwargs:
            raise NotReplayable(function.__name__)
        if function is np.empty_like:
            return self._new(result)
        if function in CONSTANTS:
            return self._hold(self._new(result, constant=True))
        for x in leaves((args, kwargs)):
            if isinstance(x, Recorded) and np.may_share_memory(result, plain_array(x)):
                return Recorded.of(result, self, cast(_Life, x.life))
        made = self._new(result)
        self.instructions.append(Instruction(function, plain, plain_array(made), "function", named))
        return made

    def in_place(self, function: Callable[[Any], Any], x: Recorded) -> Recorded:
        """Note a function of an array, whose result takes the array's place; it is not called."""
        plain = plain_array(_writable(x))
        self.instructions.append(Instruction(function, (plain,), plain, "in place"))
        return x

    def converted(self, x: Recorded, dtype: Any) -> Recorded:
        """Convert to another dtype and note it."""
        plain = plain_array(x)
        made = self._new(self._done(np.ndarray.astype, (plain, dtype), {}))
        self._convert(plain, plain_array(made))
        return made

    def carry_on(self, before: list[Recorded], after: list[Any], beside: list[Any]) -> None:
        """Note copies of the next carry over the carry, so that the next step can begin.

        Parameters
        ----------
        before, after : list
            Arrays of the carry before and after the step.
        beside : list
            Arrays and None that the step returns beside the carry.

        Raises
        ------
        NotReplayable
            The carry changes its form, its arrays swap their memory, or an array of `beside` shares
            memory with the carry or is unknown to the tape.
        """
        lives = [x.life for x in before]
        if any(x is not None and (plain_array(x) is x or x.life in lives) for x in beside):
            raise NotReplayable("an output shares memory with the carry, or was made unseen")
        if len(before) != len(after):
            raise NotReplayable("the carry has another form after a step")
        for old, new in zip(before, after, strict=True):
            source, target = plain_array(new), plain_array(old)
            if not isinstance(new, Recorded) or (source.shape, source.dtype) != (
                target.shape,
                target.dtype,
            ):
                raise NotReplayable("the carry has another form after a step")
            if new.life is not old.life:
                if new.life in lives:
                    raise NotReplayable("arrays of the carry swap their memory")
                self._convert(source, target)

    def _convert(self, source: HostArray, target: HostArray) -> None:
        self.instructions.append(Instruction(np.copyto, (source,), target, "convert"))

    def _new(self, result: Any, *, constant: bool = False) -> Recorded:
        """Return the result as a recorded array, in spare memory of its form if there is some."""
        memory = np.asarray(result)
        life = _Life(constant=constant)
        if not self._runs_here:
            return Recorded.of(memory, self, life)
        spare = self._spare.setdefault((memory.shape, memory.strides, memory.dtype), [])
        if spare and not constant:
            again = spare.pop()
            np.copyto(again, memory)
            memory = again
        else:
            memory = _aligned(memory)
        weakref.finalize(life, spare.append, memory).atexit = False
        return Recorded.of(memory, self, life)

    def _hold(self, x: Recorded) -> Recorded:
        """Return `x`, whose memory is not used again while the tape lives."""
        if x.life is not None:
            self._held.append(x.life)
        return x


def _goes_by_cases(ufunc: np.ufunc, inputs: tuple[Any, ...], result: Any) -> bool:
    """Tell whether each case, a column of the result (..., n, m), is to be one piece of memory."""
    if ufunc is np.matmul:
        inputs = inputs[1:]
    else:
        inputs = tuple(x for x in inputs if np.shape(x) == result.shape)
    return any(np.ndim(x) > 1 and x.mT.flags.c_contiguous for x in inputs)


def in_place(function: Callable[[Any], Any], x: Any) -> Any:
    """Return ``function(x)``, where `x` is consumed; a tape notes it, and calls it in each replay.

    The function may do anything, such as a sum over processes.

    Examples
    --------
    >>> in_place(lambda x: x + 1, np.ones(2))
    array([2., 2.])
    """
    if isinstance(x, Recorded):
        return _tape_of((x,), ()).in_place(function, x)
    return function(x)


def _aligned(x: HostArray) -> HostArray:
    """Return a copy in the same memory order that begins at a cache line.

    Sweeps over arrays that do not begin there take up to half as long again.
    """
    buffer = np.empty(x.nbytes + LINE, np.uint8)
    start = -buffer.ctypes.data % LINE
    strides = np.empty_like(x).strides  # without gaps
    copy: HostArray = np.ndarray(x.shape, x.dtype, buffer, start, strides)
    np.copyto(copy, x)
    return copy


def plain_array(x: Any) -> Any:
    """Return a recorded array as a plain NumPy array; anything else as it is."""
    if not isinstance(x, Recorded):
        return x
    if x.life is None:
        raise NotReplayable("an array was made unseen by the tape")
    return x.view(np.ndarray)


def _writable(x: Any) -> Recorded:
    if not isinstance(x, Recorded) or x.life is None or x.life.constant:
        raise NotReplayable("an array is written that is constant, or was not made by the tape")
    return x
