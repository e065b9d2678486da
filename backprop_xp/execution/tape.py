"""A step on NumPy, noted on a tape as the operations that it consists of.

A step never looks at the numbers in its arrays, so that the operations of its first call are those
of every other. They are noted while it runs on arrays that tell their tape what is done to them.

What would escape the tape is refused (`NotReplayable`): a number that is read, a method that NumPy
does not announce, an array that is written but not the tape's own.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

import numpy as np

from backprop_xp.arrays.backend import HostArray

__all__ = [
    "Instruction",
    "NotReplayable",
    "Recorded",
    "Tape",
    "leaves",
    "mapped",
    "plain_array",
]

LINE = 64  # bytes of a line of a CPU's cache
CONSTANTS = (np.zeros_like, np.ones_like, np.full_like)


class NotReplayable(Exception):  # noqa: N818  nothing is wrong: the step is run as it is
    """The step does what a tape cannot hold."""


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return tuples and mappings of the same form with the function's result for each array.

    Examples
    --------
    >>> mapped(lambda x: 2 * x, (1, {"a": 2}, None))
    (2, {'a': 4}, None)
    """
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return {name: mapped(function, one) for name, one in tree.items()}
    if isinstance(tree, tuple | list):
        parts = [mapped(function, one) for one in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """Return the arrays of a tree in its order, None where it has None.

    Examples
    --------
    >>> leaves((1, {"a": 2}, None))
    [1, 2, None]
    """
    if isinstance(tree, Mapping):
        tree = tuple(tree.values())
    if isinstance(tree, tuple | list):
        return [leaf for one in tree for leaf in leaves(one)]
    return [tree]


@dataclass(frozen=True)
class Instruction:
    """An operation whose result is written into memory that is there.

    Attributes
    ----------
    function : callable
        A ufunc, or a function of NumPy.
    inputs : tuple
        Arrays and numbers.
    target : ndarray
        Where the result is written.
    kind : {"ufunc", "reduce", "convert", "function"}
        A ufunc element by element; its reduction; a conversion of the one input to the target's
        dtype; any other function, whose result is copied.
    options : mapping
        What the function takes by name.
    """

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    target: HostArray
    kind: str = "ufunc"
    options: Mapping[str, Any] = field(default_factory=dict)


class _Life:
    """What all views of one piece of memory share; the memory is used again when they are gone."""

    __slots__ = ("__weakref__", "constant")

    def __init__(self, *, constant: bool) -> None:
        self.constant = constant


class Recorded(np.ndarray[Any, Any]):
    """An array that has its tape note what is done to it.

    It refers to its tape weakly. An instruction on the tape holds views, and the `base` of a view
    is an array such as this one: a cycle through `base`, which no garbage collector sees.
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
        raise NotReplayable("a number is read, or an item written, by its place")

    __bool__ = __float__ = __int__ = __index__ = __setitem__ = _refuse
    item = tolist = _refuse


def _tape_of(inputs: Sequence[Any], out: Sequence[Any]) -> "Tape":
    for x in (*inputs, *out):
        if isinstance(x, Recorded) and x.tape is not None:
            return x.tape
    raise NotReplayable("an array was made unseen")


class Tape:
    """The operations of a step, on memory of their own.

    Parameters
    ----------
    runs_here : bool
        Whether the operations will be run on this very memory: then it begins where a line of the
        cache does, and what no array needs any longer is used again.

    Attributes
    ----------
    instructions : list of Instruction
    """

    def __init__(self, *, runs_here: bool = True) -> None:
        self.instructions: list[Instruction] = []
        self._runs_here = runs_here
        self._spare: dict[Any, list[HostArray]] = {}
        self._held: list[_Life] = []

    def memory(self, like: Any) -> Recorded:
        """Return an array with the numbers of `like`, into which others may be copied later."""
        made = self._new(np.array(like, order="K"))
        self._hold(made)
        return made

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
            made = self._new(function(*plain, **named))
        else:
            made = _writable(out[0])
            function(*plain, out=plain_array(made), **named)
        kind = "ufunc" if method == "__call__" else "reduce"
        self.instructions.append(Instruction(ufunc, plain, plain_array(made), kind, named))
        return made

    def function(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Recorded:
        """Do a function of NumPy and note it, unless it makes a view or a constant."""
        plain, named = mapped(plain_array, args), mapped(plain_array, kwargs)
        result = function(*plain, **named)
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

    def converted(self, x: Recorded, dtype: Any) -> Recorded:
        """Convert to another dtype and note it."""
        plain = plain_array(x)
        made = self._new(plain.astype(dtype))
        self._convert(plain, plain_array(made))
        return made

    def carry_on(self, before: list[Recorded], after: list[Any], beside: list[Any]) -> None:
        """Note that what a step returned is where the next begins; `beside` it shares no memory."""
        lives = [x.life for x in before]
        if any(x is not None and (plain_array(x) is x or x.life in lives) for x in beside):
            raise NotReplayable("what is returned beside the carry is a part of it, or of no tape")
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
                    raise NotReplayable("parts of the carry change places")
                self._convert(source, target)

    def _convert(self, source: HostArray, target: HostArray) -> None:
        self.instructions.append(Instruction(np.copyto, (source,), target, "convert"))

    def _new(self, result: Any, *, constant: bool = False) -> Recorded:
        """Return the result, in memory that is free again where there is some of its form."""
        memory = np.asarray(result)
        form = memory.shape, memory.strides, memory.dtype
        spare = self._spare.setdefault(form, [])
        if spare and self._runs_here and not constant:
            again = spare.pop()
            np.copyto(again, memory)
            memory = again
        elif self._runs_here:
            memory = _aligned(memory)
        life = _Life(constant=constant)
        made = Recorded.of(memory, self, life)
        weakref.finalize(life, spare.append, memory).atexit = False
        return made

    def _hold(self, x: Recorded) -> Recorded:
        """Keep the memory of an array from being used again."""
        if x.life is not None:
            self._held.append(x.life)
        return x


def _aligned(x: HostArray) -> HostArray:
    """Return a copy that begins where a line of the cache does, and lies as `x` does.

    Sweeps of arrays that do not take up to a half longer.
    """
    buffer = np.empty(x.nbytes + LINE, np.uint8)
    start = -buffer.ctypes.data % LINE
    strides = np.empty_like(x).strides  # without gaps
    copy: HostArray = np.ndarray(x.shape, x.dtype, buffer, start, strides)
    np.copyto(copy, x)
    return copy


def plain_array(x: Any) -> Any:
    """Return an array as NumPy's own; anything else as it is."""
    if not isinstance(x, Recorded):
        return x
    if x.life is None:
        raise NotReplayable("an array was made unseen")
    return x.view(np.ndarray)


def _writable(x: Any) -> Recorded:
    if not isinstance(x, Recorded) or x.life is None or x.life.constant:
        raise NotReplayable("an array is written that the tape did not make, or holds constant")
    return x
