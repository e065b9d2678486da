"""A trace as text, HTML and LaTeX."""

import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.inspection.rendering import WIDTH, Section, Step, as_html, as_latex, as_text

SHOWN = {"digits": 4, "most": 6}
NOTE = "Each & every σ."
W, x = np.array([[1.0, -0.25], [0.0, 1e-9]]), np.array([[2.0], [-0.0]])
STEP = Step(r"\delta^{1} = (W^{12})^{\top} x", ("=", W, x, "=", W @ x))
PART = [Section("One & <two>: σ is a_b", (STEP,))]


def section_of(*terms):
    return [Section("s", (Step("a", ("=", *terms)),))]


def test_text():
    assert as_text("1 → 2", NOTE, PART, **SHOWN) == (
        "1 → 2\n\n"
        "Each & every σ.\n\n"
        "One & <two>: σ is a_b\n"
        "---------------------\n\n"
        "δ¹ = (W¹²)ᵀ x\n"
        "  = ⎡1  -0.25⎤ ⎡2⎤ = ⎡2⎤\n"
        "    ⎣0  1e-09⎦ ⎣0⎦   ⎣0⎦\n"
    )


def test_text_in_ascii():
    assert as_text("1 → 2", NOTE, PART, ascii=True, **SHOWN) == (
        "1 -> 2\n\n"
        "Each & every sigma.\n\n"
        "One & <two>: sigma is a_b\n"
        "-------------------------\n\n"
        "delta^1 = (W^12)^T x\n"
        "  = [1  -0.25] [2] = [2]\n"
        "    [0  1e-09] [0]   [0]\n"
    )


def test_dots_in_ascii_stay_in_their_columns():
    text = as_text("t", "", section_of(np.arange(16.0).reshape(4, 4)), digits=2, most=2, ascii=True)
    assert text.endswith("a\n    [ 0  ...   3]\n  = [ :  ...   :]\n    [12  ...  15]\n")


def test_a_page_is_ascii_and_says_the_same():
    page = as_html("größe → 2", NOTE, PART, **SHOWN)
    assert page.isascii()
    assert Page(page).text == Page(unescape(page).replace("& <two>", "&amp; &lt;two&gt;")).text
    assert "größe → 2" in Page(page).text


def test_latex():
    assert as_latex("1 → 2", NOTE, PART, **SHOWN) == (
        "\\section*{1 $\\to$ 2}\n"
        "Each \\& every $\\sigma$.\n"
        "\\subsection*{One \\& <two>: $\\sigma$ is a\\_b}\n"
        "{\\allowdisplaybreaks\n"
        "\\begin{align*}\n"
        "\\delta^{1} &= (W^{12})^{\\top} x \\\\\n"
        "&= \\left[\\begin{array}{rr} 1 & -0.25 \\\\ 0 & 1 \\cdot 10^{-9} \\end{array}\\right] "
        "\\left[\\begin{array}{r} 2 \\\\ 0 \\end{array}\\right] \\\\\n"
        "&= \\left[\\begin{array}{r} 2 \\\\ 0 \\end{array}\\right]\n"
        "\\end{align*}}\n"
    )


class Page(HTMLParser):
    """Notes the tags that are open, and the text of the cells."""

    def __init__(self, page):
        super().__init__()
        self.open, self.cells, self.text = [], [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        assert not {name for name, _ in attributes} & {"src", "href"}  # needs no other file
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1:] == ["td"]:
            self.cells.append(data)


def test_html():
    page = as_html("1 → 2", NOTE, PART, **SHOWN)
    assert page.startswith("<!doctype html>")
    read = Page(page)
    assert read.open == []
    assert read.cells == ["1", "-0.25", "0", "1e-09", "2", "0", "2", "0"]
    assert "One & <two>" in read.text
    assert "δ<sup>1</sup> = (W<sup>12</sup>)<sup>T</sup> x" in unescape(page)


@pytest.mark.parametrize(
    ("shape", "shown"),
    [((4, 4), 16), ((5, 5), 25), ((6, 4), 20), ((4, 9), 20), ((6, 6), 25), ((100, 1), 5)],
)
def test_the_middle_of_large_matrices_is_left_out(shape, shown):
    numbers = np.arange(np.prod(shape), dtype=float).reshape(shape)
    found = Page(as_html("t", NOTE, section_of(numbers), digits=6, most=4)).cells
    assert len(found) == shown
    kept = [i for i in range(shape[0]) if shape[0] <= 5 or i < 2 or i >= shape[0] - 2]
    columns = [i for i in range(shape[1]) if shape[1] <= 5 or i < 2 or i >= shape[1] - 2]
    assert [x for x in found if x.isdigit()] == [
        f"{numbers[i, j]:g}" for i in kept for j in columns
    ]


@pytest.mark.parametrize(
    ("number", "text", "latex"),
    [
        (np.nan, "nan", r"\text{nan}"),
        (np.inf, "inf", r"\infty"),
        (-np.inf, "-inf", r"-\infty"),
        (-0.0, "0", "0"),
        (1.5e30, "1.5e+30", r"1.5 \cdot 10^{30}"),
        (np.float16(0.1), "0.1", "0.1"),
        (np.int32(7), "7", "7"),
    ],
)
def test_numbers(number, text, latex):
    part = section_of(np.array([[number]]))
    assert f"[{text}]" in as_text("t", NOTE, part, digits=3, most=6)
    assert f"{{r}} {latex} \\end" in as_latex("t", NOTE, part, digits=3, most=6)


def test_digits():
    part = section_of(np.array([[np.pi]]))
    assert "[3]" in as_text("t", NOTE, part, digits=1, most=6)
    assert "[3.141592653589793]" in as_text("t", NOTE, part, digits=16, most=6)
    assert as_text("t", NOTE, part, digits=99, most=6) == as_text(
        "t", NOTE, part, digits=17, most=6
    )


def test_lines_are_not_wider_than_a_matrix_must_be():
    wide = np.full((3, 6), -0.12345)  # 59 characters
    lines = as_text("t", NOTE, section_of(wide, wide, "+", wide, "=", wide), **SHOWN).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.lstrip(" =+").startswith("⎢") for line in lines) == 4
    assert sum("+" in line for line in lines) == 1
    assert "\n\n\n" not in "\n".join(lines)
    row = np.full((1, 6), -0.12345)
    for terms in ((row, row, "+", row), (row, r"\odot", "(", row, "-", row, ")", "=", row)):
        lines = as_text("t", NOTE, section_of(*terms), **SHOWN).splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert all("[" in line for line in lines if line.startswith(" ") and line.strip())
        assert not any(line.endswith(("(", "⊙", "+", "−", "=")) for line in lines)
    narrow = as_text("t", NOTE, section_of(wide, "=", wide[:, :2]), **SHOWN).splitlines()
    assert sum("⎢" in line for line in narrow) == 1


@pytest.mark.parametrize("write", [as_text, as_latex, as_html])
@pytest.mark.parametrize("wrong", [{"digits": 0}, {"digits": 1.5}, {"most": 1}, {"most": "6"}])
def test_what_is_refused(write, wrong):
    with pytest.raises(bp.OptionError, match=next(iter(wrong))):
        write("t", NOTE, PART, **{**SHOWN, **wrong})


def test_every_command_is_known_to_each_form():
    net = bp.Network(
        [2, 3, 2], hidden="tanh", loss="squared_error", connections=[np.eye(3, 2), None]
    )
    found = bp.trace(net, net.init(seed=0), [1.0, 2.0], [0.5, 1.5])
    assert "\\" not in found.to_text()
    assert "\\" not in found.to_html()
    assert "{" not in re.sub(r"<style>.*?</style>", "", found.to_html(), flags=re.DOTALL)
    assert found.to_latex().isascii()
    assert found.to_latex().count("{") == found.to_latex().count("}")
