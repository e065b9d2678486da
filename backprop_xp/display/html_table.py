"""Small tables in HTML, as notebooks show them."""

from collections.abc import Sequence

__all__ = ["Markup", "table", "with_references"]

_TEXT = "text-align:left;padding:0 .6em"
_NUMBER = "text-align:right;padding:0 .6em;white-space:nowrap"


class Markup(str):
    """A cell that is HTML already, such as a drawing.

    Examples
    --------
    >>> Markup("<b>1</b>")
    '<b>1</b>'
    """

    __slots__ = ()


def with_references(html: str) -> str:
    """Return HTML with character references in place of all characters that are not ASCII.

    Examples
    --------
    >>> with_references("<b>δ</b>")
    '<b>&#948;</b>'
    """
    return html.encode("ascii", "xmlcharrefreplace").decode("ascii")


def table(
    head: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str, texts: Sequence[int]
) -> str:
    """Return a table in HTML: ASCII, with every text escaped.

    Parameters
    ----------
    head : sequence of str
        The titles of the columns.
    rows : sequence of sequences
        Cells: numbers and texts, or `Markup`.
    caption : str
        The line above the table.
    texts : sequence of int
        The columns that begin at the left; numbers end at the right.

    Examples
    --------
    >>> table(["a"], [["<b>"]], caption="one", texts=[0]).count("&lt;b&gt;")
    1
    """
    from html import escape  # it takes a millisecond, and few programs show tables

    def cell(tag: str, column: int, content: object) -> str:
        shown = content if isinstance(content, Markup) else escape(str(content))
        return f'<{tag} style="{_TEXT if column in texts else _NUMBER}">{shown}</{tag}>'

    def line(tag: str, cells: Sequence[object]) -> str:
        return f"<tr>{''.join(cell(tag, at, content) for at, content in enumerate(cells))}</tr>"

    body = "\n".join(line("td", row) for row in rows)
    title = f'<caption style="text-align:left">{escape(caption)}</caption>'
    return with_references(
        f"<table>{title}\n<thead>{line('th', head)}</thead>\n<tbody>{body}</tbody></table>"
    )
