"""A step on NumPy, recorded once and then replayed: the same operations on the same memory.

On small arrays most of a step is not arithmetic: it is Python, which finds the next operation, and
the memory of results. But a step never looks at the numbers in its arrays, so that the operations
of its first call are those of every other. They are noted while it runs on arrays that tell their
tape what is done to them; from then on the tape alone is run, on memory that lasts. The same
operations in the same order give the same numbers, to the bit.

What would escape the tape is refused (`NotReplayable`): a number that is read, a method that NumPy
does not announce, an array that is written but not the tape's own.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np

__all__ = ["NotReplayable", "Recorded", "Recording", "Replayer", "Tape", "leaves", "mapped"]

HostArray: TypeAlias = np.ndarray[Any, Any]
Steps: TypeAlias = Callable[..., tuple[Any, tuple[Any, ...]]]
MOST_BYTES = 2**20  # of a batch: on larger ones the tape saves nothing that can be measured
CONSTANTS = (np.zeros_like, np.ones_like, np.full_like)
ONE_OUT_BY_NAME = (np.maximum, np.minimum)  # NumPy warns of a third argument without a name


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


class _Life:
    """What all views of one piece of memory share; the memory is used again when they are gone."""

    __slots__ = ("__weakref__", "constant")

    def __init__(self, *, constant: bool) -> None:
        self.constant = constant


class Recorded(np.ndarray[Any, Any]):
    """An array that has its tape note what is done to it."""

    tape: "Tape | None"
    life: _Life | None

    def __array_finalize__(self, origin: Any) -> None:
        view = self.base is not None and (self.base is origin or self.base is origin.base)
        self.tape = getattr(origin, "tape", None) if view else None
        self.life = getattr(origin, "life", None) if view else None

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
    """The operations of a step as functions without arguments, on memory of their own.

    Attributes
    ----------
    calls : list of callable
    """

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []
        self._spare: dict[Any, list[HostArray]] = {}
        self._held: list[_Life] = []

    def memory(self, like: Any) -> Recorded:
        """Return an array with the numbers of `like`, into which others may be copied later."""
        made = self._new(np.array(like, order="K", copy=True))
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
        plain, named = mapped(_plain, inputs), mapped(_plain, options)
        if out is None:
            made = self._new(function(*plain, **named))
        else:
            made = _writable(out[0])
            function(*plain, out=_plain(made), **named)
        target = _plain(made)
        if method == "reduce" and len(plain) == 1 and set(named) <= {"axis", "dtype", "keepdims"}:
            axis, keepdims = named.get("axis", 0), named.get("keepdims", False)
            call = partial(function, *plain, axis, named.get("dtype"), target, keepdims)
        elif named or ufunc in ONE_OUT_BY_NAME:
            call = partial(function, *plain, out=target, **named)
        else:  # by position it takes a quarter of a microsecond less
            call = partial(function, *plain, target)
        self.calls.append(call)
        return made

    def function(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Recorded:
        """Do a function of NumPy and note it, unless it makes a view or a constant."""
        plain, named = mapped(_plain, args), mapped(_plain, kwargs)
        result = function(*plain, **named)
        if not isinstance(result, np.ndarray | np.generic) or "out" in kwargs:
            raise NotReplayable(function.__name__)
        if function is np.empty_like:
            return self._new(result)
        if function in CONSTANTS:
            return self._hold(self._new(result, constant=True))
        for x in leaves((args, kwargs)):
            if isinstance(x, Recorded) and np.may_share_memory(result, _plain(x)):
                view: Any = result.view(Recorded)
                view.tape, view.life = x.tape, x.life
                return cast(Recorded, view)
        made = self._new(result)
        target = _plain(made)
        self.calls.append(lambda: np.copyto(target, function(*plain, **named)))
        return made

    def converted(self, x: Recorded, dtype: Any) -> Recorded:
        """Convert to another dtype and note it."""
        plain = _plain(x)
        made = self._new(plain.astype(dtype))
        self.calls.append(partial(np.copyto, _plain(made), plain, "unsafe"))
        return made

    def carry_on(self, before: list[Recorded], after: list[Any], beside: list[Any]) -> None:
        """Note that what a step returned is where the next begins; `beside` it shares no memory."""
        lives = [x.life for x in before]
        if any(x is not None and (_plain(x) is x or x.life in lives) for x in beside):
            raise NotReplayable("what is returned beside the carry is a part of it, or of no tape")
        if len(before) != len(after):
            raise NotReplayable("the carry has another form after a step")
        for old, new in zip(before, after, strict=True):
            source, target = _plain(new), _plain(old)
            if not isinstance(new, Recorded) or (source.shape, source.dtype) != (
                target.shape,
                target.dtype,
            ):
                raise NotReplayable("the carry has another form after a step")
            if new.life is not old.life:
                if new.life in lives:
                    raise NotReplayable("parts of the carry change places")
                self.calls.append(partial(np.copyto, target, source))

    def _new(self, result: Any, *, constant: bool = False) -> Recorded:
        """Return the result, in memory that is free again where there is some of its form."""
        memory = np.asarray(result)
        form = memory.shape, memory.strides, memory.dtype
        spare = self._spare.setdefault(form, [])
        if spare and not constant:
            again = spare.pop()
            np.copyto(again, memory)
            memory = again
        made, life = memory.view(Recorded), _Life(constant=constant)
        made.tape, made.life = self, life
        weakref.finalize(life, spare.append, memory).atexit = False
        return made

    def _hold(self, x: Recorded) -> Recorded:
        """Keep the memory of an array from being used again."""
        if x.life is not None:
            self._held.append(x.life)
        return x


def _plain(x: Any) -> Any:
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


class Recording:
    """A step on the tape.

    Parameters
    ----------
    step : callable
        ``step(carry, numbers, *batch) -> (carry, out)``, of trees of arrays; it keeps no array of
        another recording.
    carry, numbers : tree of arrays
    batch : sequence of arrays
        Of the shapes and dtypes to come. Nothing of them is changed.

    Raises
    ------
    NotReplayable
    """

    def __init__(
        self, step: Callable[..., Any], carry: Any, numbers: Any, batch: Sequence[Any]
    ) -> None:
        tape = Tape()
        begin, given, batch = (mapped(tape.memory, x) for x in (carry, numbers, tuple(batch)))
        end, out = step(begin, given, *batch)
        tape.carry_on(leaves(begin), leaves(end), leaves(out))
        self._calls = tape.calls
        self._carry, self._numbers, self._batch, self._out = (
            mapped(_plain, leaves(x)) for x in (begin, given, batch, out)
        )

    def run(
        self, carry: Any, numbers: Sequence[Any], source: HostArray | None, *batches: HostArray
    ) -> tuple[Any, tuple[HostArray | None, ...]]:
        """Return the carry after a step for each batch, and what the steps returned beside it.

        Where `source` is given, the first of the batches holds numbers of its rows. The arrays of
        the carry are written.
        """
        count, seen, calls = len(numbers), None, self._calls
        outs: list[Any] = [
            None if x is None else np.empty((count, *x.shape), x.dtype) for x in self._out
        ]
        results = [(x, kept) for x, kept in zip(self._out, outs, strict=True) if x is not None]
        if source is None:
            feeds = list(zip(self._batch, batches, strict=True))
        else:
            feeds = list(zip(self._batch[1:], batches[1:], strict=True))
        _copy(self._carry, leaves(carry))
        for k, given in enumerate(numbers):
            if given is not seen:
                _copy(self._numbers, leaves(given))
                seen = given
            if source is not None:
                source.take(batches[0][k], -2, self._batch[0], "clip")
            for x, block in feeds:
                x[...] = block[k]
            for call in calls:
                call()
            for x, kept in results:
                kept[k] = x
        _copy(leaves(carry), self._carry)
        return carry, tuple(outs)


def _copy(targets: list[Any], sources: list[Any]) -> None:
    for target, source in zip(targets, sources, strict=True):
        if target is not None:
            target[...] = source


class Replayer:
    """Steps on NumPy, each form of batch recorded once.

    Parameters
    ----------
    make_step : callable
        Returns a step as `Recording` takes it.
    otherwise : callable
        Takes the steps that no tape can hold, and those of large batches; it is called as this is.
    """

    def __init__(self, make_step: Callable[[], Callable[..., Any]], otherwise: Steps) -> None:
        self._make_step, self._otherwise = make_step, otherwise
        self.recordings: dict[Any, Recording | None] = {}

    def __call__(
        self, carry: Any, numbers: Sequence[Any], source: HostArray | None, *batches: HostArray
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the carry after all steps and their outs, as `Recording.run` does."""
        X, *others = (x[0, ...] for x in batches)
        batch = (X if source is None else source.take(X, -2), *others)
        recording = None
        if sum(x.nbytes for x in batch) <= MOST_BYTES:
            form = tuple(_form(x) for x in leaves((carry, numbers[0], batch)))
            if form not in self.recordings:
                self.recordings[form] = self._record(carry, numbers[0], batch)
            recording = self.recordings[form]
        steps = self._otherwise if recording is None else recording.run
        return steps(carry, numbers, source, *batches)

    def _record(self, carry: Any, numbers: Any, batch: Sequence[Any]) -> Recording | None:
        try:
            return Recording(self._make_step(), carry, numbers, batch)
        except NotReplayable:
            return None


def _form(x: Any) -> Any:
    return None if x is None else (x.shape, x.dtype)
