"""Recordings: a step run once on a `tape`, for each form of its arrays.

The form of a tree is the shape and dtype of each of its arrays. The replayers of NumPy, PyTorch and
CuPy share this module; they differ in how they run the recorded operations.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np

from backprop_xp.execution.tape import (
    Instruction,
    NotReplayable,
    Tape,
    leaves,
    mapped,
    plain_array,
)

__all__ = ["Form", "RecordedStep", "Recordings", "form_of", "names_of", "record"]

Form: TypeAlias = tuple[Any, ...]  # shape and dtype of each array of a tree, None for None
R = TypeVar("R")


class RecordedStep(NamedTuple):
    """A step on a tape: its operations, and the arrays that they read and write.

    Attributes
    ----------
    carry, numbers, batch, out : list of (ndarray or None)
        The arrays of each tree, in order. The next carry is written over the carry.
    instructions : list of Instruction
    """

    carry: list[Any]
    numbers: list[Any]
    batch: list[Any]
    out: list[Any]
    instructions: list[Instruction]


def record(
    step: Callable[..., Any],
    carry: Any,
    numbers: Any,
    batch: Sequence[Any],
    *,
    runs_here: bool = True,
    by_cases: bool = False,
) -> RecordedStep:
    """Return the operations of one call of a step, made on copies of its arguments.

    Parameters
    ----------
    step : callable
        ``step(carry, numbers, *batch) -> (carry, out)``, a function of trees of NumPy arrays.
    carry, numbers : tree of ndarray
    batch : sequence of ndarray
    runs_here, by_cases : bool
        As `Tape` takes them.

    Raises
    ------
    NotReplayable
        The step does something that a tape cannot hold.
    """
    tape = Tape(runs_here=runs_here, by_cases=by_cases)
    begin, given, rows = (mapped(tape.memory, x) for x in (carry, numbers, tuple(batch)))
    with nullcontext() if runs_here else np.errstate(all="ignore"):  # unread numbers are 0
        end, out = step(begin, given, *rows)
    tape.carry_on(leaves(begin), leaves(end), leaves(out))
    arrays = [mapped(plain_array, leaves(x)) for x in (begin, given, rows, out)]
    return RecordedStep._make([*arrays, tape.instructions])


def form_of(tree: Any) -> Form:
    """Return the shape and dtype of each array of a tree, None where it has None.

    Examples
    --------
    >>> import numpy as np
    >>> form_of((np.zeros((2, 3)), None))
    (((2, 3), dtype('float64')), None)
    """
    return tuple(None if x is None else (x.shape, x.dtype) for x in leaves(tree))


def names_of(tree: Any) -> Any:
    """Return the names in a tree, for trees that differ by them alone.

    Examples
    --------
    >>> names_of(({"rate": 0.1}, None))
    ((('rate', None),), None)
    """
    if isinstance(tree, Mapping):
        return tuple((name, names_of(one)) for name, one in tree.items())
    if isinstance(tree, tuple | list):
        return tuple(map(names_of, tree))
    return None


class Recordings(dict[Form, R | None], Generic[R]):
    """The recording of each form; None for a form whose step no tape can hold.

    Attributes
    ----------
    reason : str
        Why the last such step is on no tape; empty without one.
    """

    reason = ""

    def of(self, form: Form, make: Callable[[], R]) -> R | None:
        """Return the recording of a form, made by `make` when it is first asked for."""
        if form not in self:
            try:
                self[form] = make()
            except NotReplayable as error:
                self[form], self.reason = None, str(error)
        return self[form]
