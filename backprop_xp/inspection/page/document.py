"""The interactive page: one HTML file with its style, its scripts, its data and no other source."""

import json
import re
from html import escape
from importlib.resources import files
from typing import Any, Final

from backprop_xp.inspection.page.functions import Functions
from backprop_xp.inspection.page.lessons import lesson
from backprop_xp.inspection.page.stories import Story, stories

__all__ = ["SCRIPTS", "as_page", "data_text", "script_text"]

SCRIPTS: Final = (
    "network.js",
    "numbers.js",
    "drawing.js",
    "state.js",
    "reasons.js",
    "views.js",
    "controls.js",
    "link.js",
    "paper.js",
    "page.js",
)
"""The scripts of the page in the order in which they run, after the functions of the networks."""


def as_page(story: Story, *, case: int | None = None) -> str:
    """Return the page of a traced network, with the stories behind its menu.

    Parameters
    ----------
    story : Story
        The network that is shown at first.
    case : int, optional
        The case that is shown at first; else all of them.

    Raises
    ------
    Unwritable
        A part of the network computes in a way that JavaScript cannot be written for.
    """
    functions = Functions()
    others = [one for one in stories() if one.title != story.title]
    lessons = [lesson(story, functions, case=case)]
    lessons += [lesson(one, functions) for one in others]
    parts = {
        "title": escape(story.title),
        "style": _file("page.css"),
        "data": data_text(lessons),
        "scripts": script_text(functions, SCRIPTS),
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _file("page.html"))
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def data_text(data: Any) -> str:
    r"""Return data as JSON for a ``script`` element: ASCII, without ``<``, ``>`` and ``&``.

    Examples
    --------
    >>> data_text("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def script_text(functions: Functions, names: tuple[str, ...]) -> str:
    """Return the functions of the networks as a list, and the scripts that use them.

    Characters beyond ASCII become escape sequences, so that a file of any encoding holds them.
    """
    listed = ",\n".join(functions.texts)
    whole = "\n".join([f"const functions = [\n{listed},\n];", *map(_file, names)])
    return "".join(x if x.isascii() else _escaped(x) for x in whole)


def _escaped(sign: str) -> str:
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[k]:02x}{units[k + 1]:02x}" for k in range(0, len(units), 2))


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
