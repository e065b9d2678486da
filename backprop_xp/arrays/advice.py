"""Advice of errors: names here for the names of other libraries, and the command that installs.

People come from Keras, PyTorch and scikit-learn. They type the names that they know first.
"""

import difflib
import functools
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast, overload

from backprop_xp.arrays.names_elsewhere import DONE_OTHERWISE, ELSEWHERE, NAMES, TAKEN_BY
from backprop_xp.errors import CallError, MissingExtraError, MissingMethodError

__all__ = [
    "checks_keywords",
    "install_command",
    "metric_advice",
    "missing_attribute",
    "missing_name",
    "name_here",
    "nearest_name",
    "needs_extra",
    "place_of_keyword",
]

F = TypeVar("F", bound=Callable[..., Any])
_COMPARED: Final = 100  # characters of a name that is compared with known names


def name_here(name: object, known: Iterable[str]) -> str | None:
    """Return the known name that means the same as another library's name; None without any.

    Examples
    --------
    >>> name_here("val_loss", ["cost", "validation_cost"])
    'validation_cost'
    """
    meant = str(name).lower()
    return next((here for here in known if meant in ELSEWHERE.get(here, "").split()), None)


def place_of_keyword(name: str) -> str | None:
    """Return the advice for a keyword that another function takes, or that no function needs.

    Examples
    --------
    >>> place_of_keyword("lr")
    'Pass it to bp.train(optimizer=bp.SGD(learning_rate=...))'
    """
    if name in DONE_OTHERWISE:
        return DONE_OTHERWISE[name]
    taken = name if name in TAKEN_BY else name_here(name, TAKEN_BY)
    return None if taken is None else f"Pass it to {TAKEN_BY[taken]}"


def install_command(extra: str) -> str:
    """Return the command that installs an optional dependency of this package.

    For a checkout, which pip has installed as editable or not at all, it names the folder that
    pip runs in.

    Examples
    --------
    >>> install_command("plot").endswith("[plot]'")
    True
    """
    from importlib import metadata  # which takes 30 ms

    try:
        found = metadata.distribution("backprop-xp").read_text("direct_url.json")
        editable = bool(json.loads(found or "{}").get("dir_info", {}).get("editable"))
    except metadata.PackageNotFoundError:
        editable = True
    what = f"-e '.[{extra}]'" if editable else f"'backprop-xp[{extra}]'"
    return f"python -m pip install {what}"


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
    backprop_xp.errors.MissingExtraError: ...Run: python -m pip install ...[plot]'.
    """
    try:
        yield
    except ImportError as error:
        advice = f"Run: {install_command(extra)}"
        advice += f". {or_else}" if or_else else ""
        raise MissingExtraError(where, came, expected, advice) from error


def nearest_name(name: object, known: Iterable[str]) -> str:
    """Return the advice for an unknown name: its name here, or a known name that is similar.

    Examples
    --------
    >>> nearest_name("sigmod", ["relu", "sigmoid"])
    "Did you mean 'sigmoid'?"
    >>> nearest_name("swish", ["relu", "silu"])
    "Its name here is 'silu'"
    >>> nearest_name("quux", ["relu", "sigmoid"])
    'Use one of the known names'
    """
    known = list(known)
    here = name_here(name, known)
    if here is not None:
        return f"Its name here is {here!r}"
    wanted = str(name).lower()[:_COMPARED]  # the time of a comparison is not linear in the length
    short = [one for one in known if len(one) <= _COMPARED]
    near = difflib.get_close_matches(wanted, short, n=1)
    return f"Did you mean {near[0]!r}?" if near else "Use one of the known names"


_RECORDED_BY = {
    "validation_cost": "rain with validation=(X_val, Y_val)",
    "validation_accuracy": "rain with validation=(X_val, Y_val)",
    "accuracy": "rain with class labels (m,) as Y",
}


def metric_advice(name: object, recorded: Iterable[str]) -> str:
    """Return the advice for a metric that the history does not have.

    Examples
    --------
    >>> metric_advice("val_loss", ["cost"])
    "Its name here is 'validation_cost'; train with validation=(X_val, Y_val)"
    >>> metric_advice("validation_cost", ["cost"])
    'Train with validation=(X_val, Y_val)'
    >>> metric_advice("validation_accuracy", ["cost", "validation_cost"])
    'Train with class labels (m,) as Y'
    >>> metric_advice("loss", ["cost"])
    "Its name here is 'cost'"
    """
    recorded = list(recorded)
    absent = [x for x in _RECORDED_BY if x not in recorded]
    here = name if name in absent else name_here(name, absent)
    if here is None:
        return nearest_name(name, recorded)
    validated = here == "validation_accuracy" and "validation_cost" in recorded
    way = _RECORDED_BY["accuracy" if validated else here]
    return f"T{way}" if here == name else f"Its name here is {here!r}; t{way}"


@overload
def checks_keywords(function: F) -> F: ...
@overload
def checks_keywords(**advice: str) -> Callable[[F], F]: ...
def checks_keywords(function: Any = None, **advice: str) -> Any:
    """Decorate a function, or a class, so that unknown keywords raise an error with advice.

    Parameters
    ----------
    function : callable or class
    **advice : str
        The advice for keywords of other libraries' functions of this purpose.

    Examples
    --------
    >>> @checks_keywords
    ... def train(epochs):
    ...     return epochs
    >>> train(n_epochs=3)
    Traceback (most recent call last):
    backprop_xp.errors.CallError: train(n_epochs): got an unknown keyword; expected one of epochs.
        Its name here is 'epochs'.
    >>> @checks_keywords(batch_size="Leave it out")
    ... def predict(X):
    ...     return X
    >>> predict(batch_size=3)
    Traceback (most recent call last):
    backprop_xp.errors.CallError: predict(batch_size): got an unknown keyword; expected one of X.
        Leave it out.
    """
    if function is None:
        return lambda decorated: _checking(decorated, advice)
    return _checking(function, {})


def _checking(function: F, advice: Mapping[str, str]) -> F:
    if isinstance(function, type):
        kind: Any = function
        kind.__init__ = _with_known_keywords(kind.__init__, kind.__name__, advice)
        return function
    return _with_known_keywords(function, function.__name__, advice)


def _with_known_keywords(function: F, where: str, own_advice: Mapping[str, str]) -> F:
    @functools.wraps(function)
    def call(*values: Any, **keywords: Any) -> Any:
        try:
            return function(*values, **keywords)
        except TypeError:
            known = _keywords_of(function)
            unknown = next((name for name in keywords if name not in known), None)
            if unknown is None:
                raise
        expected, advice = f"one of {', '.join(known)}", nearest_name(unknown, known)
        if unknown in own_advice:
            advice = own_advice[unknown]
        elif name_here(unknown, known) is None:
            advice = place_of_keyword(unknown) or advice
        raise CallError(f"{where}({unknown})", "an unknown keyword", expected, advice)

    return cast(F, call)


def _keywords_of(function: Callable[..., Any]) -> list[str]:
    """Return the names by which arguments can be passed to a function or method."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def missing_attribute(owner: object, name: str, elsewhere: Mapping[str, str]) -> AttributeError:
    """Return the error for an attribute that an object does not have.

    Parameters
    ----------
    owner : object
    name : str
        The attribute.
    elsewhere : mapping of str to str
        Attributes that other libraries have, with the advice for each.
    """
    kind = type(owner).__name__
    if name not in elsewhere:
        return AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=owner)
    own = sorted({*dir(type(owner)), *vars(owner)})
    expected = f"one of {', '.join(one for one in own if not one.startswith('_'))}"
    return MissingMethodError(f"{kind}.{name}", "no such attribute", expected, elsewhere[name])


def missing_name(module: str, name: str) -> AttributeError:
    """Return the error for a name that a module of this package does not have.

    Examples
    --------
    >>> missing_name("backprop_xp", "CSVLogger").parts[3]
    'Use bp.CSVLog(path)'
    """
    if name not in NAMES:
        return AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    return MissingMethodError(
        f"{module}.{name}", "no such name", f"a name in dir({module})", NAMES[name]
    )
