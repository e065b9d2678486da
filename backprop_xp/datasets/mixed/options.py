"""The options of `read_mixed`, checked, and the words of an error that name them.

An option has a keyword here and another spelling at the command line, and errors give both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from backprop_xp.arrays.advice import nearest_name
from backprop_xp.datasets.cells import shown, usual_signs
from backprop_xp.datasets.mixed.dates import check_format
from backprop_xp.datasets.mixed.written_numbers import COMMA, POINT
from backprop_xp.errors import DTypeError, OptionError

__all__ = ["FROM_HERE", "Name", "Options", "checked", "option", "position_of"]

Name: TypeAlias = str | int

TASKS: Final = ("classes", "numbers", "labels")
_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "task": TASKS,
    "decimal": (POINT, COMMA),
    "header": (True, False),
}
_FLAGS: Final = {"ids": "--id"}
_LISTS: Final = ("categories", "numbers", "ignore", "ids", "missing")
_SHOWN: Final = 10  # names in an error
FROM_HERE: Final = "read_mixed"


def option(keyword: str, *values: str) -> str:
    """Return the words that give an option, in Python and at the command line.

    Examples
    --------
    >>> option("categories", "zip"), option("task", "numbers")
    ("categories=['zip'] (--categories zip)", "task='numbers' (--task numbers)")
    >>> print(option("missing", "-", "none"))
    missing=['-', 'none'] (--missing="-,none")
    """
    flag, text = _FLAGS.get(keyword, f"--{keyword}"), ",".join(values)
    quote = "'" if '"' in text else '"'
    typed = text if text and text.replace("_", "").isalnum() else f"{quote}{text}{quote}"
    python = repr(list(values)) if keyword in _LISTS else repr(text)
    between = "=" if text.startswith("-") else " "  # else it reads as another option
    return f"{keyword}={python} ({flag}{between}{typed})"


@dataclass(frozen=True)
class Options:
    """The options of `read_mixed`, before the columns are known."""

    target: tuple[Name, ...] | None
    categories: tuple[Name, ...]
    numbers: tuple[Name, ...]
    ignore: tuple[Name, ...]
    ids: tuple[Name, ...]
    missing: frozenset[str]
    dates: str | None
    task: str | None
    header: bool | None
    decimal: str | None

    def texts(self) -> set[str]:
        """Return all names of columns that are texts."""
        given = (self.target or (), self.categories, self.numbers, self.ignore, self.ids)
        return {name for names in given for name in names if isinstance(name, str)}

    def ignored_positions(self, n: int) -> set[int]:
        """Return the columns among n that are left out by their index."""
        return {one % n for one in self.ignore if isinstance(one, int) and -n <= one < n}


def checked(
    target: Any,
    lists: dict[str, Any],
    missing: Any,
    choices: dict[str, Any],
) -> Options:
    """Return the options after checking them.

    Parameters
    ----------
    target : str, int, sequence of these, or None
    lists : dict
        The options "categories", "numbers", "ignore" and "ids".
    missing : str, iterable of str, or None
    choices : dict
        The options "dates", "task", "header" and "decimal".

    Raises
    ------
    OptionError, DTypeError
    """
    given = {keyword: _names(keyword, value) for keyword, value in lists.items()}
    for keyword, known in _CHOICES.items():
        value = choices[keyword]
        if value is not None and not any(
            type(value) is type(one) and value == one for one in known
        ):
            expected = f"one of {', '.join(map(repr, known))}, or None to find out"
            advice = nearest_name(value, TASKS) if keyword == "task" else "Leave it out"
            raise OptionError(f"{FROM_HERE}({keyword})", repr(value), expected, advice)
    if choices["dates"] is not None:
        check_format(choices["dates"])
    if missing is None:
        signs = usual_signs()
    else:
        signs = frozenset(str(one) for one in _names("missing", missing)) | {""}
    targets = None if target is None else _names("target", target)
    return Options(
        targets,
        categories=given["categories"],
        numbers=given["numbers"],
        ignore=given["ignore"],
        ids=given["ids"],
        missing=signs,
        **choices,
    )


def _names(keyword: str, value: Any) -> tuple[Name, ...]:
    """Return a name or several as a tuple."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return (value,)
    expected = "a name or an index of a column, or a sequence of these"
    if isinstance(value, Iterable):
        names = tuple(value)
        if all(isinstance(name, str | int) and not isinstance(name, bool) for name in names):
            return names
    advice = f"Pass such as {keyword}=['a', 'b']"
    raise DTypeError(f"{FROM_HERE}({keyword})", f"{value!r:.80}", expected, advice)


def position_of(keyword: str, name: Name, names: Sequence[str], title: str) -> int:
    """Return the column of a name, or of an index.

    Raises
    ------
    OptionError
        There is none.
    """
    n = len(names)
    if isinstance(name, int):
        if -n <= name < n:
            return name % n
        expected = f"an index from {-n} to {n - 1}, or a name"
        raise OptionError(f"{FROM_HERE}({keyword})", repr(name), expected, "Choose a column")
    if name in names:
        return names.index(name)
    came = f"{shown(name)}, which is no column of {title}"
    expected = f"one of {', '.join(map(shown, names[:_SHOWN]))}" + (", ..." * (n > _SHOWN))
    advice = nearest_name(name, names[: 2**12])
    raise OptionError(f"{FROM_HERE}({keyword})", came, expected, advice)
