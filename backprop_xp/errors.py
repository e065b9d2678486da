"""One family of errors: where it happened, what came, what was expected, what to do.

Every error that this library raises on purpose is a `BackpropError`, and also the built-in error
that users of the language expect at that place, so that ``except ValueError`` works too.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = [
    "BackpropError",
    "CheckpointWarning",
    "DTypeError",
    "DataError",
    "DeviceError",
    "DivergenceError",
    "MissingExtraError",
    "MissingFileError",
    "ModelFileError",
    "OptionError",
    "OutOfMemoryError",
    "ShapeError",
    "StackIndexError",
    "first_line",
    "nearest_name",
    "needs_extra",
]


class BackpropError(Exception):
    """Base class: a message in four parts.

    Parameters
    ----------
    where : str
        The function and the argument, such as ``"train(X)"``.
    came : str
        What came in.
    expected : str
        What was expected there.
    advice : str
        What to do about it.

    Examples
    --------
    >>> print(BackpropError("train(X)", "an empty array", "at least one case", "Pass some rows"))
    train(X): got an empty array; expected at least one case. Pass some rows.
    """

    def __init__(self, where: str, came: str, expected: str, advice: str) -> None:
        super().__init__(where, came, expected, advice)
        self.parts = (where, came, expected, advice)

    def __str__(self) -> str:
        where, came, expected, advice = self.parts
        stop = "" if advice.endswith((".", "?")) else "."
        return f"{where}: got {came}; expected {expected}. {advice}{stop}"

    def __reduce__(self) -> tuple[Any, ...]:  # OSError would keep two of the four parts
        return type(self), self.parts, self.__dict__


class ShapeError(BackpropError, ValueError):
    """The shape of an array does not fit the network or its neighbours."""


class DTypeError(BackpropError, TypeError):
    """The type of an argument or the dtype of an array cannot be used."""


class DataError(BackpropError, ValueError):
    """The values of an array cannot be used: NaN, infinity, a label out of range, no rows."""


class OptionError(BackpropError, ValueError):
    """An option has a value or a name that is not known."""


class StackIndexError(BackpropError, IndexError):
    """A stack of networks has none of this index."""


class DeviceError(BackpropError, ValueError, RuntimeError):
    """A device is unknown or unusable, or arrays of two devices or libraries were mixed."""


class MissingExtraError(BackpropError, ImportError):
    """A feature needs a package that is not installed; the advice names the install command."""


class MissingFileError(BackpropError, FileNotFoundError):
    """A file or folder is not there."""


class ModelFileError(BackpropError, ValueError):
    """A file is no model that this version can read."""


class DivergenceError(BackpropError, ArithmeticError):
    """The cost became infinite or NaN in training.

    Attributes
    ----------
    theta : array (..., P)
        The last good parameters: those at the last edge between two epochs from which the cost
        was still finite.
    epoch, batch : int
        Where the first cost that is not finite appeared, both counted from 0.
    history : dict of lists
        What was recorded of the epochs before.
    networks : list of tuple
        Where in the stack the networks are whose numbers are not finite; [()] for a single one.
    """

    theta: Any = None
    epoch: int = -1
    batch: int = -1
    networks: Sequence[tuple[int, ...]] = ()
    history: dict[str, list[Any]]


class CheckpointWarning(UserWarning):
    """A checkpoint or a row of a log could not be written; training goes on without it."""


class OutOfMemoryError(BackpropError, MemoryError):
    """The memory of a device, or of the host, does not suffice.

    Attributes
    ----------
    theta : array (..., P) or None
        Where it happened in training: the parameters at the last edge between two epochs, or those
        that training began with. None elsewhere.
    epoch : int or None
        The epoch of training in which it happened, counted from 0.
    history : dict of lists or None
        What was recorded of the epochs before.
    """

    theta: Any = None
    epoch: int | None = None
    history: dict[str, list[Any]] | None = None


@contextmanager
def needs_extra(
    extra: str, where: str, came: str, expected: str, or_else: str = ""
) -> Iterator[None]:
    """Raise a failed import of the ``with`` block as the error that names the install command.

    Parameters
    ----------
    extra : str
        The optional dependency of this package, such as ``"plot"``.
    where, came, expected : str
        As `BackpropError` takes them.
    or_else : str
        Another way out, after the command.

    Raises
    ------
    MissingExtraError
        The block raised an ImportError.

    Examples
    --------
    >>> with needs_extra("plot", "draw()", "no cairo", "cairo"):  # doctest: +ELLIPSIS
    ...     raise ImportError
    Traceback (most recent call last):
    backprop_xp.errors.MissingExtraError: ...Run: python -m pip install 'backprop-xp[plot]'.
    """
    try:
        yield
    except ImportError as error:
        advice = f"Run: python -m pip install 'backprop-xp[{extra}]'"
        advice += f". {or_else}" if or_else else ""
        raise MissingExtraError(where, came, expected, advice) from error


def first_line(error: BaseException) -> str:
    r"""Return the first line of what another library's error says, or its type where it says none.

    Examples
    --------
    >>> first_line(ImportError("libfoo.so: no such file\nand a page of advice"))
    'libfoo.so: no such file'
    >>> first_line(MemoryError())
    'MemoryError'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def nearest_name(name: object, known: Iterable[str]) -> str:
    """Return the advice for an unknown name: the nearest known one, where one is near.

    Examples
    --------
    >>> nearest_name("sigmod", ["relu", "sigmoid"])
    "Did you mean 'sigmoid'?"
    >>> nearest_name("quux", ["relu", "sigmoid"])
    'Use one of the known names'
    """
    near = difflib.get_close_matches(str(name).lower(), list(known), n=1)
    return f"Did you mean {near[0]!r}?" if near else "Use one of the known names"
