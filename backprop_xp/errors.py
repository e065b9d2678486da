"""One family of errors, each with a message in four parts.

A message names the place, the value that came, the values that are accepted there, and the advice.
Every error that this library raises on purpose is a `BackpropError`. It is also the built-in error
that Python programmers expect at that place, so that ``except ValueError`` works too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "BackpropError",
    "CallError",
    "CheckpointWarning",
    "DTypeError",
    "DataError",
    "DeviceError",
    "DivergenceError",
    "MissingEntryError",
    "MissingExtraError",
    "MissingFileError",
    "MissingMethodError",
    "ModelFileError",
    "OptionError",
    "OutOfMemoryError",
    "ParameterError",
    "ShapeError",
    "StackIndexError",
    "check_is_file",
    "first_line",
]


class BackpropError(Exception):
    """Base class of the library's errors, with a message in four parts.

    Parameters
    ----------
    where : str
        The function and the argument, such as ``"train(X)"``.
    came : str
        The value that came in.
    expected : str
        The values that are accepted.
    advice : str
        The next step for the user.

    Attributes
    ----------
    parts : tuple of str
        The four parameters in this order.

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

    def __reduce__(self) -> tuple[Any, ...]:  # OSError's own would keep two of the four parts
        return type(self), self.parts, self.__dict__


class ShapeError(BackpropError, ValueError):
    """The shape of an array does not fit the network or the other arrays.

    Examples
    --------
    >>> import numpy as np, backprop_xp as bp
    >>> net = bp.Network([2, 1])
    >>> net.forward(net.init(seed=0), np.ones((4, 3)))
    Traceback (most recent call last):
    backprop_xp.errors.ShapeError: forward(X): got shape (4, 3); expected (m, 2), 2 inputs of
        layer 1. Pass one row for each case and one column for each input.
    """


class DTypeError(BackpropError, TypeError):
    """The type of an argument or the dtype of an array cannot be used.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> bp.Network([2, 1]).init(seed=0, dtype="int32")
    Traceback (most recent call last):
    backprop_xp.errors.DTypeError: init(dtype): got 'int32'; expected float16, float32 or float64.
        Use float32.
    """


class CallError(BackpropError, TypeError):
    """A function does not take a keyword, or an object that was called is no function.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> bp.Adam(lr=0.01)
    Traceback (most recent call last):
    backprop_xp.errors.CallError: Adam(lr): got an unknown keyword; expected one of learning_rate,
        beta1, beta2, epsilon, epsilon_hat. Its name here is 'learning_rate'.
    """


class DataError(BackpropError, ValueError):
    """The values of an array cannot be used: NaN, infinity, a label out of range, no rows.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> run = bp.train(bp.Network([2, 2]), [[1.0, float("nan")]], [0])
    Traceback (most recent call last):
    backprop_xp.errors.DataError: train(X): got nan at row 0, column 1 (counted from 0); expected
        finite numbers within the range of float64. Remove or replace it.
    """


class OptionError(BackpropError, ValueError):
    """An option has an unknown name or a value out of range.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> run = bp.train(bp.Network([2, 2]), [[1.0, 0.0]], [0], batch_size=0)
    Traceback (most recent call last):
    backprop_xp.errors.OptionError: train(batch_size): got 0; expected integers >= 1. Pass whole
        numbers.
    """


class ParameterError(OptionError, TypeError):
    """A parameter of an estimator has a value that it cannot have.

    It is a ValueError and a TypeError at once, as scikit-learn's errors of parameters are.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> bp.MLPClassifier(alpha=-1.0).fit([[0.0], [1.0]], [0, 1])
    Traceback (most recent call last):
    backprop_xp.errors.ParameterError: alpha: got -1.0; expected finite numbers >= 0. Leave it out
        for the default.
    """


class StackIndexError(BackpropError, IndexError):
    """An index lies outside of a stack of networks.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> run = bp.train(bp.Network([2, 2]), [[1.0, 0.0]], [0], epochs=1, stack=(2,))
    >>> try:
    ...     run[5]
    ... except IndexError as error:
    ...     print(error.parts[0], "is outside of", error.parts[2])
    run[5] is outside of networks of a stack of shape (2,)
    """


class MissingEntryError(BackpropError, KeyError):
    """A history has no entries of a name.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> run = bp.train(bp.Network([2, 2]), [[1.0, 0.0]], [0], epochs=1)
    >>> try:
    ...     run.history["loss"]
    ... except KeyError as error:
    ...     print(error)
    history['loss']: got no such entries; expected one of cost, accuracy. Its name here is 'cost'.
    """


class DeviceError(BackpropError, ValueError, RuntimeError):
    """A device is unknown or unusable, or arrays of two devices or libraries were mixed.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> bp.select_device("cdua")
    Traceback (most recent call last):
    backprop_xp.errors.DeviceError: device: got 'cdua'; expected one of auto, cpu, cuda, cuda:1,
        torch:cpu, torch:cuda, jax:cpu, jax:cuda. Did you mean 'cuda'?
    """


class MissingExtraError(BackpropError, ImportError):
    """A feature needs a package that is not installed; the advice names the install command.

    Examples
    --------
    >>> advice = "Run: python -m pip install 'backprop-xp[plot]'"
    >>> print(MissingExtraError("plotting", "no matplotlib", "the package matplotlib", advice))
    plotting: got no matplotlib; expected the package matplotlib. Run: python -m pip install
        'backprop-xp[plot]'.
    """


class MissingFileError(BackpropError, FileNotFoundError):
    """A file or folder does not exist, or a path is no ordinary file.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> bp.load("nowhere.safetensors")
    Traceback (most recent call last):
    backprop_xp.errors.MissingFileError: load('nowhere.safetensors'): got no such file; expected a
        model file. Check the name.
    """


class MissingMethodError(BackpropError, AttributeError):
    """An object does not have the method that objects of other libraries have.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> try:
    ...     bp.Network([2, 1]).fit
    ... except bp.MissingMethodError as error:
    ...     print(error.parts[3])
    Call bp.train(net, X, Y)
    """


class ModelFileError(BackpropError, ValueError):
    """A file holds no model that this version can read.

    Examples
    --------
    >>> import pathlib, tempfile, backprop_xp as bp
    >>> path = pathlib.Path(tempfile.mkdtemp(), "notes.safetensors")
    >>> _ = path.write_text("no model")
    >>> try:
    ...     bp.load(path)
    ... except bp.ModelFileError as error:
    ...     print(error.parts[2])
    a model written by save()
    """


class DivergenceError(BackpropError, ArithmeticError, ValueError):
    """The cost became infinite or NaN in training.

    Attributes
    ----------
    theta : array (..., P)
        The last good parameters: at the last boundary between two epochs from which training
        still had a finite cost.
    epoch, batch : int
        Epoch and batch of the first cost that is not finite, both counted from 0.
    history : dict of lists
        The history of the epochs before.
    networks : list of tuple
        Indices in the stack of the networks whose numbers are not finite; [()] without a stack.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> X, Y = bp.datasets.xor()
    >>> net = bp.Network([2, 1], output="identity", loss="squared_error")
    >>> try:
    ...     bp.train(net, X, Y, optimizer=bp.SGD(1e30), batch_size=None)
    ... except bp.DivergenceError as error:
    ...     print(error.epoch, error.batch, error.theta.shape, error.networks)
    1 0 (3,) [()]
    """

    theta: Any = None
    epoch: int = -1
    batch: int = -1
    networks: Sequence[tuple[int, ...]] = ()
    history: dict[str, list[Any]]


class CheckpointWarning(UserWarning):
    """A checkpoint or a row of a log could not be written; training goes on without it.

    It is also given where a resumed run trains no further, since a callback had stopped it, and
    where a checkpoint of an earlier version does not hold all that a resumed run has to share.

    Examples
    --------
    A filter turns the warning into an error, for training that shall not go on without checkpoints:

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", CheckpointWarning)
    ...     warnings.warn("No space left on device", CheckpointWarning)
    Traceback (most recent call last):
    backprop_xp.errors.CheckpointWarning: No space left on device
    """


class OutOfMemoryError(BackpropError, MemoryError):
    """The memory of a device or of the host does not suffice.

    Attributes
    ----------
    theta : array (..., P) or None
        In training: the parameters at the last boundary between two epochs, or the initial ones.
        None elsewhere.
    epoch : int or None
        In training: the epoch that ran out of memory, counted from 0.
    history : dict of lists or None
        In training: the history of the epochs before.

    Examples
    --------
    >>> error = OutOfMemoryError("train(X)", "no memory for 8 GiB", "room on cuda:0", "Use less")
    >>> isinstance(error, MemoryError), error.theta
    (True, None)
    """

    theta: Any = None
    epoch: int | None = None
    history: dict[str, list[Any]] | None = None


def first_line(error: BaseException) -> str:
    r"""Return the first line of another library's message, or the type of an error without one.

    Examples
    --------
    >>> first_line(ImportError("libfoo.so: no such file\nand a page of advice"))
    'libfoo.so: no such file'
    >>> first_line(MemoryError())
    'MemoryError'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def check_is_file(path: Path, where: str, expected: str, prefix: str = "") -> None:
    """Refuse a path at which there is no ordinary file.

    Parameters
    ----------
    path : path
    where, expected : str
        As `BackpropError` takes them.
    prefix : str
        The text before the kind of the path, in the part of the message that says what came.

    Raises
    ------
    MissingFileError
        There is nothing, a folder, or a pipe, socket or device.

    Examples
    --------
    >>> check_is_file(Path("."), "load('.')", "a model file")
    Traceback (most recent call last):
    backprop_xp.errors.MissingFileError: load('.'): got a folder; expected a model file. Name a file
        in it.
    """
    if path.is_file():
        return
    came, advice = "no such file", "Check the name"
    if path.is_dir():
        came, advice = "a folder", "Name a file in it"
    elif path.exists():
        came, advice = "a pipe, socket or device, no ordinary file", "Write its bytes to a file"
    raise MissingFileError(where, prefix + came, expected, advice)
