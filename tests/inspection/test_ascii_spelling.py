"""The notation in ASCII, and what terminals of Windows' code pages are shown."""

import ast
import io
import sys

import pytest
from code_blocks import ROOT

import backprop_xp as bp
from backprop_xp.inspection.ascii_spelling import SYMBOLS, can_show, in_ascii

CODE_PAGES = ["ascii", "cp437", "cp850", "cp1252", "cp1253", "latin-1"]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("z¹ = W¹ a⁰ + b¹", "z^1 = W^1 a^0 + b^1"),
        ("∂E/∂W¹² = δ¹² (a¹¹)ᵀ", "dE/dW^12 = delta^12 (a^11)^T"),
        ("δ¹ = ∂E/∂a¹ ⊙ σ′(z¹)", "delta^1 = dE/da^1 * sigma'(z^1)"),
        ("E = ½ Σ_d (a³_d − y_d)²", "E = 1/2 sum_d (a^3_d - y_d)^2"),
        ("w³₂₁ ← w³₂₁ − η ∂E/∂w", "w^3_21 <- w^3_21 - eta dE/dw"),
        ("(W³)⁺, 10⁻¹²", "(W^3)^+, 10^-12"),
        ("Montréal", "Montreal"),
        ("中", "\\u4e2d"),
        ("plain [text]", "plain [text]"),
    ],
)
def test_spellings(text, spelled):
    assert in_ascii(text) == spelled


def test_every_symbol_has_a_spelling():
    assert in_ascii(SYMBOLS).isascii()
    assert "\\" not in in_ascii(SYMBOLS)


def terminal(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")


def a_trace():
    net = bp.Network([3, 12, 2], "relu", "tanh", "squared_error")
    return bp.trace(net, net.init(seed=0), [1.0, 2.0, 3.0], [1.0, 0.0])


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_a_trace_is_printed_on_any_terminal(monkeypatch, encoding):
    found = a_trace()
    monkeypatch.setattr(sys, "stdout", terminal(encoding))
    print(found)
    sys.stdout.flush()
    assert sys.stdout.buffer.getvalue().decode(encoding) == found.to_text(ascii=True) + "\n"


@pytest.mark.parametrize("stream", [terminal("utf-8"), io.StringIO(), None])
def test_a_trace_keeps_its_symbols_where_they_can_be_shown(monkeypatch, stream):
    found = a_trace()
    monkeypatch.setattr(sys, "stdout", stream)
    assert str(found) == found.to_text()
    assert "δ¹" in str(found)


@pytest.mark.parametrize("encoding", CODE_PAGES)
def test_the_ascii_text_and_the_page_go_into_any_file(tmp_path, encoding):
    found = a_trace()
    for name, text in (("a.txt", found.to_text(ascii=True)), ("a.html", found.to_html())):
        (tmp_path / name).write_text(text, encoding=encoding)
    assert found.to_text(ascii=True).isascii()


def test_an_unknown_encoding_is_taken_for_one_without_symbols():
    class Stream:
        encoding = "no such"

    assert not can_show("δ", Stream())


WITH_SYMBOLS = {
    *("ascii_spelling.py", "not_finite.py", "rendering.py", "trace.py", "written_equations.py"),
    *("run_table.py", "summary.py", "mathml.py", "stories.py", "table_report.py"),  # HTML, escaped
    *("layers.py", "regions.py", "surface.py", "weights.py"),  # labels of pictures
}
NEVER_SHOWN = {  # compared
    *("fingerprint.py", "fingerprint_of_before.py"),  # kept in checkpoints
    "written_numbers.py",  # patterns of cells
}


def texts_of(path):
    """Yield the texts of a module that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def test_errors_and_all_else_that_the_library_says_is_ascii():
    """``print(error)`` must not raise another error."""
    modules = [
        path
        for path in (ROOT / "backprop_xp").rglob("*.py")
        if path.name not in WITH_SYMBOLS | NEVER_SHOWN
    ]
    assert len(modules) > 80
    said = [(path.name, text) for path in modules for text in texts_of(path)]
    assert [one for one in said if not one[1].isascii()] == []
