"""ASCII spellings of the notation, for terminals and files that cannot hold its symbols.

Windows' code pages, such as cp1252, have no δ, no ∂ and no superscript T.
"""

import re
import unicodedata
from typing import Any

__all__ = ["SYMBOLS", "can_show", "in_ascii"]

_PAIRS = (
    "α alpha | β beta | δ delta | ε epsilon | η eta | θ theta | λ lambda | σ sigma | Δ Delta",
    "∂ d | Σ sum | √ sqrt | ⊙ * | · * | × x | − - | ± +- | ½ 1/2 | ′ ' | ‖ || | ≤ <= | ≥ >=",
    'Φ Phi | → -> | ← <- | – - | “ " | ” " | ’ \' | … ... | ⋮ : | ⋱ ...',
    "⎡ [ | ⎢ [ | ⎣ [ | ⎤ ] | ⎥ ] | ⎦ ]",
)
_SPELLINGS = dict(pair.split() for line in _PAIRS for pair in line.split(" | "))
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀⁿ", "₀₁₂₃₄₅₆₇₈₉"
_ON_THE_LINE = str.maketrans(_RAISED + _LOWERED, "0123456789+-Tn0123456789")
_TOKEN = re.compile(f"([{_RAISED}]+)|([{_LOWERED}]+)|([^\\x00-\\x7f])")

SYMBOLS = "".join(_SPELLINGS) + _RAISED + _LOWERED
"""All symbols of the notation."""


def in_ascii(text: str) -> str:
    """Return a text in ASCII: superscripts after ``^``, subscripts after ``_``, Greek by name.

    Letters lose their accents. Any other character becomes its escape sequence.

    Examples
    --------
    >>> in_ascii("δ¹ = (W²)ᵀ δ² ⊙ σ′(z¹)")
    "delta^1 = (W^2)^T delta^2 * sigma'(z^1)"
    >>> in_ascii("∂E/∂w³₂₁ = Σ_c ½ a²")
    'dE/dw^3_21 = sum_c 1/2 a^2'
    """

    def spelled(found: re.Match[str]) -> str:
        raised, lowered, symbol = found.groups()
        if raised:
            return f"^{raised.translate(_ON_THE_LINE)}"
        if lowered:
            return f"_{lowered.translate(_ON_THE_LINE)}"
        plain = unicodedata.normalize("NFKD", symbol).encode("ascii", "ignore").decode("ascii")
        escaped = symbol.encode("ascii", "backslashreplace").decode("ascii")
        return _SPELLINGS.get(symbol) or plain or escaped

    return _TOKEN.sub(spelled, text)


def can_show(text: str, stream: Any) -> bool:
    """Tell whether a stream of text, such as ``sys.stdout``, can encode a text.

    A stream without an encoding, such as `io.StringIO`, can.

    Examples
    --------
    >>> import io
    >>> can_show("δ", io.StringIO()), can_show("δ", io.TextIOWrapper(io.BytesIO(), "cp1252"))
    (True, False)
    """
    encoding = getattr(stream, "encoding", None)
    if not isinstance(encoding, str):
        return True
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
