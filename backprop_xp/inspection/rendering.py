"""Equations with their numbers, as text, as LaTeX and as an HTML page.

Each equation is written once, in LaTeX. Text and HTML are made from it by the commands in
`_SYMBOLS` and the scripts that `_SCRIPT` finds; other LaTeX is not understood.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any, TypeAlias

from backprop_xp.arrays.backend import HostArray
from backprop_xp.arrays.scalars import check_count
from backprop_xp.display.html_table import with_references
from backprop_xp.inspection.ascii_spelling import in_ascii

__all__ = ["Section", "Step", "as_html", "as_html_part", "as_latex", "as_text"]

Numbers: TypeAlias = list[list[str]]

WIDTH = 100  # characters of a line of text
POINTS = 290  # width of a line in LaTeX, right of its =
MARGIN = "  "


@dataclass(frozen=True)
class Step:
    """An equation in symbols, and its right sides in numbers.

    Attributes
    ----------
    equation : str
        In LaTeX.
    terms : tuple of array (r, c), array () or str
        The terms from the first ``=`` on: matrices and numbers, and the signs between them in
        LaTeX. Two matrices without a sign between them are a product.
    where : str
        A formula that stands behind the equation, in LaTeX; empty for none.
    names : tuple of str
        The names of the terms that are arrays, for a page that computes them anew: ``W2`` is W of
        layer 2, ``W2.T`` its transpose, ``delta2`` δ. Empty for a sum of numbers.
    """

    equation: str
    terms: tuple[HostArray | str, ...]
    where: str = ""
    names: tuple[str, ...] = ()

    @property
    def sides(self) -> list[list[HostArray | str]]:
        """The right sides: the terms from each ``=`` to the next."""
        sides: list[list[HostArray | str]] = []
        for term in self.terms:
            if isinstance(term, str) and term == "=":
                sides.append([])
            sides[-1].append(term)
        return sides


@dataclass(frozen=True)
class Section:
    """Steps under one title.

    Attributes
    ----------
    title : str
    steps : tuple of Step
    """

    title: str
    steps: tuple[Step, ...]


def _lines(
    side: Sequence[HostArray | str], width: Callable[[HostArray | str], int], most: int
) -> list[list[HostArray | str]]:
    """Return the terms of a side, broken into lines of width `most`.

    A line has one matrix at least, however wide. A sign stands before its matrix, on the same line.
    """
    lines: list[list[HostArray | str]] = [[]]
    for term in side:
        line, has_matrix = lines[-1], not all(isinstance(x, str) for x in lines[-1])
        if has_matrix and not isinstance(term, str) and sum(map(width, [*line, term])) > most:
            end = len(line)
            while isinstance(line[end - 1], str):
                end -= 1
            lines[-1:] = [line[:end], line[end:]]
        lines[-1].append(term)
    return lines


# -------------------------------------------------------------------------------------------------
# text


def as_text(
    title: str,
    note: str,
    sections: Sequence[Section],
    *,
    digits: int,
    most: int,
    ascii: bool = False,  # noqa: A002  the name that tqdm uses
) -> str:
    """Return all steps as text in lines of `WIDTH` characters; only a wide matrix exceeds it.

    Parameters
    ----------
    title : str
    note : str
        A paragraph below the title.
    sections : sequence of Section
    digits : int
        Significant digits of the numbers, at least 1; numbers above 17 count as 17.
    most : int
        Rows and columns shown of a matrix, at least 2; dots replace the rest, in the middle.
    ascii : bool
        Whether symbols are spelled in ASCII, by `in_ascii`.

    Raises
    ------
    OptionError
        `digits` or `most` is out of range.
    """
    numbers, spelled = _shown(digits, most), in_ascii if ascii else str

    def block(term: HostArray | str, before: HostArray | str = "=") -> list[str]:
        if isinstance(term, str):
            return [spelled(_plain(term))]
        cells = [[spelled(number) for number in row] for row in numbers(term)]
        if term.ndim == 0:
            return [_signed(cells[0][0], before)]
        return [spelled(line) for line in _bracketed(cells)]

    def width(term: HostArray | str) -> int:
        return len(block(term)[0]) + 1

    lines = [spelled(title), "", *wrap(spelled(note), WIDTH)]
    for section in sections:
        heading = spelled(section.title)
        lines += ["", heading, "-" * len(heading)]
        for step in section.steps:
            where = f",  {_plain(step.where)}" if step.where else ""
            lines += ["", spelled(_plain(step.equation) + where)]
            at_once = [step.terms] if sum(map(width, step.terms)) < WIDTH else step.sides
            room = WIDTH - len(MARGIN) - len(" )")
            rows = [line for side in at_once for line in _lines(side, width, room)]
            for number, row in enumerate(rows):
                lines += [""] * (number > 0)
                lines += [
                    f"{MARGIN}{line}".rstrip() for line in _joined([*map(block, row, ["=", *row])])
                ]
    return "\n".join(lines) + "\n"


def _bracketed(numbers: Numbers) -> list[str]:
    """Return the lines of a matrix in brackets; columns are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*numbers, strict=True)]
    rows = ["  ".join(map(str.rjust, row, widths)) for row in numbers]
    if len(rows) == 1:
        return [f"[{rows[0]}]"]
    left, right = ("⎢" * (len(rows) - 2), "⎥" * (len(rows) - 2))
    edges = zip(f"⎡{left}⎣", rows, f"⎤{right}⎦", strict=True)
    return [f"{start}{row}{end}" for start, row, end in edges]


def _joined(blocks: list[list[str]]) -> list[str]:
    """Return the lines of blocks side by side; each is centred on the height of the highest."""
    height = max(map(len, blocks))
    columns = []
    for block in blocks:
        above = (height - len(block)) // 2
        blank = [" " * len(block[0])]
        columns.append(blank * above + block + blank * (height - above - len(block)))
    return [" ".join(row) for row in zip(*columns, strict=True)]


# -------------------------------------------------------------------------------------------------
# LaTeX


def as_latex(title: str, note: str, sections: Sequence[Section], *, digits: int, most: int) -> str:
    r"""Return all steps as a part of a document with ``\usepackage{amsmath}``.

    Lines fit into an ``article``; only a wide matrix exceeds them. Parameters and errors are those
    of `as_text`, without `ascii`.
    """
    numbers = _shown(digits, most)

    def width(term: HostArray | str) -> int:  # a digit takes 5 points, the gap of a column 10
        if isinstance(term, str):
            return 10
        columns = zip(*numbers(term), strict=True)
        return 15 + sum(10 + 5 * max(map(len, column)) for column in columns)

    def line(terms: Sequence[HostArray | str]) -> str:
        both = zip(terms, ["=", *terms], strict=False)
        return " ".join(x if isinstance(x, str) else _in_latex(numbers(x), x, at) for x, at in both)

    parts = [rf"\section*{{{_escaped(title)}}}", _escaped(note).replace(r"E\_c", "$E_{c}$")]
    for section in sections:
        parts.append(rf"\subsection*{{{_escaped(section.title)}}}")
        steps = []
        for step in section.steps:
            where = rf", \quad {step.where}" if step.where else ""
            rows = [_SIGN.sub(r"&\g<0>", step.equation, count=1) + where]
            for side in step.sides:
                first, *others = _lines(side[1:], width, POINTS)
                rows += [f"&= {line(first)}", *(f"&\\quad {{}} {line(each)}" for each in others)]
            steps.append(" \\\\\n".join(rows))
        body = " \\\\[1ex]\n".join(steps)
        parts.append(f"{{\\allowdisplaybreaks\n\\begin{{align*}}\n{body}\n\\end{{align*}}}}")
    return "\n".join(parts) + "\n"


_SIGN = re.compile(r"=|\\leftarrow")


def _in_latex(numbers: Numbers, term: HostArray, before: HostArray | str) -> str:
    return _array(numbers) if term.ndim else _signed(_number_in_latex(numbers[0][0]), before)


def _array(numbers: Numbers) -> str:
    rows = r" \\ ".join(" & ".join(map(_number_in_latex, row)) for row in numbers)
    return rf"\left[\begin{{array}}{{{'r' * len(numbers[0])}}} {rows} \end{{array}}\right]"


_DOTS = {"…": r"\cdots", "⋮": r"\vdots", "⋱": r"\ddots", "inf": r"\infty", "-inf": r"-\infty"}


def _number_in_latex(number: str) -> str:
    mantissa, e, exponent = number.partition("e")
    if number in _DOTS:
        return _DOTS[number]
    if number == "nan":
        return r"\text{nan}"
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else number


_SPECIAL = {
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "→": r"$\to$",
    "σ": r"$\sigma$",
    "⊙": r"$\odot$",
    "δ": r"$\delta$",
    "∂": r"$\partial$",
    "−": "$-$",
    **{raised: f"$^{{{number}}}$" for number, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in text)


# -------------------------------------------------------------------------------------------------
# HTML

PAGE_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
"""
STYLE = """
.backprop-trace h2 { margin: 2.5rem 0 0; border-bottom: 1px solid #8888; font-size: 1.2rem; }
.backprop-trace .equation { margin: 1.5rem 0 .5rem; font: italic 1.1rem Georgia, serif; }
.backprop-trace .numbers, .backprop-trace .side
{ display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; }
.backprop-trace table
{ border-spacing: 0; border: solid; border-width: 0 2px; border-radius: .7rem; margin: 0; }
.backprop-trace td { padding: 0 .5rem; text-align: right; font-variant-numeric: tabular-nums; }
.backprop-trace sup, .backprop-trace sub { line-height: 0; }
"""


def as_html(title: str, note: str, sections: Sequence[Section], *, digits: int, most: int) -> str:
    """Return all steps as an HTML page, complete in one file.

    The page is ASCII, with character references for all other characters, so that a file of any
    encoding holds it. Parameters and errors are those of `as_text`, without `ascii`.
    """
    body = as_html_part(title, note, sections, digits=digits, most=most)
    return with_references(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{PAGE_STYLE}</style>\n</head>\n<body>\n{body}"
        "\n</body>\n</html>\n"
    )


def as_html_part(
    title: str, note: str, sections: Sequence[Section], *, digits: int, most: int
) -> str:
    """Return all steps as a part of an HTML page, with its style, which changes no other part.

    The part is ASCII. Parameters and errors are those of `as_text`, without `ascii`.
    """
    numbers = _shown(digits, most)

    def shown(term: HostArray | str, before: HostArray | str) -> str:
        if isinstance(term, str):
            return f"<span>{_tagged(term)}</span>"
        if term.ndim == 0:
            return f"<span>{_signed(numbers(term)[0][0], before)}</span>"
        rows = ("".join(f"<td>{number}</td>" for number in row) for row in numbers(term))
        size = " × ".join(map(str, term.shape))
        return f'<table title="{size}">{"".join(f"<tr>{row}</tr>" for row in rows)}</table>'

    style = f"<style>{STYLE}</style>"
    body = [
        '<div class="backprop-trace">',
        style,
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(note).replace('E_c', 'E<sub>c</sub>')}</p>",
    ]
    for section in sections:
        body.append(f"<section>\n<h2>{escape(section.title)}</h2>")
        for step in section.steps:
            where = f"<small>, {_tagged(step.where)}</small>" if step.where else ""
            body.append(f'<p class="equation">{_tagged(step.equation)}{where}</p>')
            sides = [
                f'<div class="side">{"".join(map(shown, side, ["=", *side]))}</div>'
                for side in step.sides
            ]
            body.append(f'<div class="numbers">{"".join(sides)}</div>')
        body.append("</section>")
    return with_references("\n".join([*body, "</div>"]))


# -------------------------------------------------------------------------------------------------
# numbers, and equations


def _shown(digits: int, most: int) -> Callable[[HostArray], Numbers]:
    """Return a function from a matrix to its numbers as texts, with dots for numbers left out."""
    digits, most = check_count(digits, "digits", least=1), check_count(most, "most", least=2)
    digits = min(digits, 17)  # 17 digits determine a float64

    def number(x: Any) -> str:
        return f"{float(x) + 0.0:.{digits}g}"  # 0 for −0

    def shown(matrix: HostArray) -> Numbers:
        if matrix.ndim == 0:
            return [[number(matrix)]]
        rows, columns = (_places(length, most) for length in matrix.shape)
        return [
            [
                number(matrix[i, j])
                if i is not None and j is not None
                else ("⋱" if i is j else "…" if j is None else "⋮")
                for j in columns
            ]
            for i in rows
        ]

    return shown


def _places(length: int, most: int) -> list[int | None]:
    """Return the places from 0 to `length` that are shown; None stands for all others."""
    if length <= most + 1:  # dots take as much room as one number
        return list(range(length))
    return [*range((most + 1) // 2), None, *range(length - most // 2, length)]


_SYMBOLS = {
    r"\epsilon": "ε",
    r"\Delta ": "Δ",
    r"\Phi": "Φ",
    r"\pi": "π",
    r"\ln": "ln",
    r"\tanh": "tanh",
    r"\max": "max",
    r"\pm": "±",
    r"\cdot": "·",
    r"\leftarrow": "←",
    r"\delta": "δ",
    r"\sigma": "σ",
    r"\partial ": "∂",
    r"\odot": "⊙",
    r"\sum": "Σ",
    r"\top": "T",
    "'": "′",
    "-": "−",
}
_SCRIPT = re.compile(r"([\^_])\{((?:[^{}]|\{[^{}]*\})*)\}")
_RAISED = str.maketrans("0123456789−T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ")


def _signed(number: str, before: HostArray | str) -> str:
    """Return a number, in parentheses where it is negative and follows a sign other than =."""
    follows = not isinstance(before, str) or before not in ("=", "(")
    return f"({number})" if number.startswith("-") and follows else number


_ROOT = re.compile(r"\\sqrt\{([^{}]*)\}")
_WORDS = re.compile(r"\\text\{([^{}]*)\}")


def _in_unicode(latex: str) -> str:
    latex = _ROOT.sub(r"√(\1)", _WORDS.sub(r"\1", latex))
    for command, symbol in _SYMBOLS.items():
        latex = latex.replace(command, symbol)
    return latex


def _plain(latex: str) -> str:
    r"""Return an equation as plain text.

    Examples
    --------
    >>> _plain(r"\delta^{1} = (W^{2})^{\top} \delta^{2}")
    'δ¹ = (W²)ᵀ δ²'
    """

    def script(found: re.Match[str]) -> str:
        if found[1] == "_":
            return f"_{found[2]}"
        raised = found[2].translate(_RAISED)
        if not set(raised) & set(found[2]):
            return raised
        return f"^{found[2]}" if len(found[2]) == 1 else f"^({found[2]})"

    plain = re.sub(" +", " ", _SCRIPT.sub(script, _in_unicode(latex)))
    return plain.replace(" ,", ",")


def _tagged(latex: str) -> str:
    """Return an equation as HTML."""

    def script(found: re.Match[str]) -> str:
        tag = "sup" if found[1] == "^" else "sub"
        return f"<{tag}>{found[2]}</{tag}>"

    return _SCRIPT.sub(script, _in_unicode(latex))
