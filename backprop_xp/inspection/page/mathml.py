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
    "'": "′",
}
_TOKEN: Final = re.compile(r"\s*(\\text\{[^{}]*\}|\\[A-Za-z]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?|\S)")


def in_mathml(latex: str) -> str:
    r"""Return an equation as a ``math`` element.

    Examples
    --------
    >>> in_mathml(r"\sigma'(z) = a (1 - a)").count("<mo>")
    7
    """
    return f"<math>{_Reader(_TOKEN.findall(latex)).row(None)}</math>"


class _Reader:
    """A reader of tokens, one after another."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at = tokens, 0

    def _next(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def row(self, end: str | None) -> str:
        """Return what comes before `end`, which is passed over."""
        parts = []
        while (token := self._next()) not in (None, end):
            parts.append(self._scripted())
            assert token is not None
        self._at += 1
        return "".join(parts)

    def _scripted(self) -> str:
        """Return an atom with its subscript and superscript."""
        base, scripts = self._atom(), {}
        while (token := self._next()) in ("_", "^", "'"):
            self._at += 1
            if token == "'":
                scripts["^"] = f"<mo>{_OPERATORS[token]}</mo>" + scripts.get("^", "")
            else:
                assert token is not None
                scripts[token] = self._atom()
        if not scripts:
            return base
        if len(scripts) == 2:
            return f"<msubsup>{base}{_one(scripts['_'])}{_one(scripts['^'])}</msubsup>"
        ((sign, script),) = scripts.items()
        tag = "msub" if sign == "_" else "msup"
        return f"<{tag}>{base}{_one(script)}</{tag}>"

    def _atom(self) -> str:
        token = self._next() or ""
        self._at += 1
        if token == "{":
            return _one(self.row("}"))
        if token == r"\sqrt":
            return f"<msqrt>{self._atom()}</msqrt>"
        if token.startswith(r"\text"):
            return f"<mtext>{escape(token[6:-1]).replace(' ', '&#160;')}</mtext>"
        if token in _IDENTIFIERS:
            return f"<mi>{_IDENTIFIERS[token]}</mi>"
        if token in _OPERATORS:
            return f"<mo>{_OPERATORS[token]}</mo>"
        if token[:1].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        return f'<mo stretchy="false">{escape(token)}</mo>' if token in "()|" else _sign(token)


def _sign(token: str) -> str:
    return f"<mo>{escape(token)}</mo>"


def _one(parts: str) -> str:
    """Return a single element: what has several is put into a row."""
    alone = re.fullmatch(r"<(m[a-z]+)[^<>]*>(?:(?!</?\1\b).)*</\1>", parts)
    return parts if alone else f"<mrow>{parts}</mrow>"
