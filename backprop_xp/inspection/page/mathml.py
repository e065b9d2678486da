r"""The LaTeX of a trace's equations as MathML, which browsers draw without a library.

The commands are those of `written_equations` and `formulas`.

>>> in_mathml(r"z^{1}")
'<math><msup><mi>z</mi><mn>1</mn></msup></math>'

Spacing does not depend on the fonts of the reader: ∂E/∂a has none, and the sign ′ stands beside its
letter, since fonts of text have it raised already.
"""

import re
from html import escape
from typing import Final

__all__ = ["breakable_mathml", "in_mathml"]

_IDENTIFIERS: Final = {
    r"\epsilon": "ε",
    r"\delta": "δ",
    r"\sigma": "σ",
    r"\Delta": "Δ",
    r"\Phi": "Φ",
    r"\pi": "π",
    r"\partial": "∂",
}
_FUNCTIONS: Final = {r"\ln": "ln", r"\tanh": "tanh", r"\max": "max"}
_OPERATORS: Final = {
    r"\pm": "±",
    r"\cdot": "·",
    r"\leftarrow": "←",
    r"\odot": "⊙",
    r"\sum": "∑",
    r"\top": "⊤",
    "-": "−",
}
_PRIME: Final = '<mo class="prime" lspace="0" rspace="0">′</mo>'
_BREAKS: Final = ("=", "+", "-", r"\cdot", r"\odot", r"\leftarrow")
_OPENED: Final = {"(": 1, "{": 1, ")": -1, "}": -1}
_SIGN: Final = re.compile(r"\s*(\\text\{[^{}]*\}|\\[A-Za-z]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?|\S)")


def in_mathml(latex: str) -> str:
    r"""Return an equation as a ``math`` element.

    Examples
    --------
    >>> in_mathml(r"\delta^{2}_{1}")
    '<math><msubsup><mi>δ</mi><mn>1</mn><mn>2</mn></msubsup></math>'
    """
    return "<math>" + _Reader(_SIGN.findall(latex)).row("") + "</math>"


def breakable_mathml(latex: str) -> str:
    r"""Return an equation as ``math`` elements, between which a narrow page breaks the line.

    Each begins with a sign such as = or +, or with words, outside all brackets.

    Examples
    --------
    >>> breakable_mathml("z = (a + b)").count("<math>")
    2
    """
    parts: list[list[str]] = [[]]
    depth, bars = 0, 0
    for sign in _SIGN.findall(latex):
        before = parts[-1][-1] if parts[-1] else ""
        breaks = sign in _BREAKS or sign.startswith(r"\text")
        if breaks and before not in ("", "/", *_BREAKS) and depth == 0 and bars % 2 == 0:
            parts.append([])
        parts[-1].append(sign)
        depth, bars = depth + _OPENED.get(sign, 0), bars + (sign == "|")
    rows = [_Reader(part).row("") for part in parts]
    # the first sign of a later part stands between two parts, and is spaced so
    later = [re.sub("^<mo(?=>)", '<mo form="infix"', row) for row in rows[1:]]
    return "".join(f"<math>{row}</math>" for row in [rows[0], *later])


class _Reader:
    """A reader of signs, one after another."""

    def __init__(self, signs: list[str]) -> None:
        self._signs = signs[::-1]

    def _next(self) -> str:
        """Return the next sign, or "" at the end."""
        return self._signs[-1] if self._signs else ""

    def row(self, end: str) -> str:
        """Return what comes before `end`, which is passed over."""
        parts = []
        while self._next() not in ("", end):
            parts.append(self._scripted())
        if end:
            self._signs.pop()
        return "".join(parts)

    def _scripted(self) -> str:
        """Return an atom with its subscript and superscript."""
        base = self._atom()
        if self._next() == "'":
            self._signs.pop()
            base = f"<mrow>{base}{_PRIME}</mrow>"
        scripts: dict[str, str] = {}
        while self._next() in ("_", "^"):
            sign = self._signs.pop()
            scripts[sign] = self._atom()
        below, above = (_one(scripts[sign]) if sign in scripts else "" for sign in "_^")
        tag = "sub" * bool(below) + "sup" * bool(above)
        return f"<m{tag}>{base}{below}{above}</m{tag}>" if tag else base

    def _atom(self) -> str:
        sign = self._signs.pop()
        if sign == "{":
            return _one(self.row("}"))
        if sign == r"\sqrt":
            return f"<msqrt>{self._atom()}</msqrt>"
        if sign.startswith(r"\text"):
            return f"<mtext>{escape(sign[6:-1]).replace(' ', '&#160;')}</mtext>"
        if sign in _IDENTIFIERS:
            return f"<mi>{_IDENTIFIERS[sign]}</mi>"
        if sign in _FUNCTIONS:
            space = "" if self._next() == "(" else '<mspace width="0.17em"></mspace>'
            return f"<mi>{_FUNCTIONS[sign]}</mi>{space}"
        if sign[0].isdigit():
            return f"<mn>{sign}</mn>"
        if sign.isalpha():
            return f"<mi>{sign}</mi>"
        stays = ' stretchy="false"' if sign in "()|" else ""
        if sign == "/":
            stays = ' lspace="0" rspace="0"'
        return f"<mo{stays}>{escape(_OPERATORS.get(sign, sign))}</mo>"


def _one(parts: str) -> str:
    """Return a single element: what has several is put into a row."""
    alone = re.fullmatch(r"<(m[a-z]+)[^<>]*>(?:(?!</?\1\b).)*</\1>", parts)
    return parts if alone else f"<mrow>{parts}</mrow>"
