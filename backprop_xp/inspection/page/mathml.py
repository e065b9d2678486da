r"""The LaTeX of a trace's equations as MathML, which browsers draw without a library.

The commands are those of `written_equations` and `formulas`.

>>> in_mathml(r"z^{1}")
'<math><msup><mi>z</mi><mn>1</mn></msup></math>'
"""

import re
from html import escape
from typing import Final

__all__ = ["in_mathml"]

_IDENTIFIERS: Final = {
    r"\epsilon": "ε",
    r"\delta": "δ",
    r"\sigma": "σ",
    r"\Delta": "Δ",
    r"\Phi": "Φ",
    r"\pi": "π",
    r"\ln": "ln",
    r"\tanh": "tanh",
    r"\max": "max",
}
_OPERATORS: Final = {
    r"\pm": "±",
    r"\cdot": "·",
    r"\leftarrow": "←",
    r"\partial": "∂",
    r"\odot": "⊙",
    r"\sum": "∑",
    r"\top": "⊤",
    "-": "−",
}
_PRIME: Final = '<mo class="prime">′</mo>'
_SIGN: Final = re.compile(r"\s*(\\text\{[^{}]*\}|\\[A-Za-z]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?|\S)")


def in_mathml(latex: str) -> str:
    r"""Return an equation as a ``math`` element.

    Examples
    --------
    >>> in_mathml(r"\delta^{2}_{1}")
    '<math><msubsup><mi>δ</mi><mn>1</mn><mn>2</mn></msubsup></math>'
    """
    return "<math>" + _Reader(_SIGN.findall(latex)).row("") + "</math>"


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
        scripts: dict[str, str] = {}
        while self._next() in ("_", "^", "'"):
            sign = self._signs.pop()
            scripts["^" if sign == "'" else sign] = _PRIME if sign == "'" else self._atom()
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
        if sign[0].isdigit():
            return f"<mn>{sign}</mn>"
        if sign.isalpha():
            return f"<mi>{sign}</mi>"
        stays = ' stretchy="false"' if sign in "()|" else ""
        return f"<mo{stays}>{escape(_OPERATORS.get(sign, sign))}</mo>"


def _one(parts: str) -> str:
    """Return a single element: what has several is put into a row."""
    alone = re.fullmatch(r"<(m[a-z]+)[^<>]*>(?:(?!</?\1\b).)*</\1>", parts)
    return parts if alone else f"<mrow>{parts}</mrow>"
