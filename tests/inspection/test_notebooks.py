"""What notebooks show: traces, networks and runs as HTML that is ASCII, escaped and well formed."""

from html.parser import HTMLParser

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.display.sparkline import sparkline

NET = bp.Network([2, 3, 2], hidden="tanh", connections=[None, [[1, 0, 1], [1, 1, 1]]])
X, Y = bp.datasets.xor()
LABELS = Y[:, 0].astype(int)
VOID = {"meta", "br", "circle", "polyline"}


class Sigma(bp.activations.Tanh):
    name = "<script>σ & co"


class Parsed(HTMLParser):
    """The tags of a page, which are closed in their order, and its texts."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.texts, self.styles = [], [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        kept = self.styles if self.open and self.open[-1] == "style" else self.texts
        kept.append(data.strip())


def shown(one):
    page = one._repr_html_()
    assert page.isascii()
    return Parsed(page)


def run_of(**options):
    return bp.train(NET, X, LABELS, epochs=options.pop("epochs", 5), **options)


def test_a_network_is_the_table_of_its_summary():
    cells = " ".join(shown(NET).texts).split()
    assert "loss cross_entropy" in " ".join(cells)
    for word in NET.summary().split():
        assert word in cells


def test_a_trace_is_the_part_of_its_page():
    found = bp.trace(NET, NET.init(), X[1], 1)
    part, page = found._repr_html_(), found.to_html()
    assert part in page
    assert "<html" not in part
    assert len(part) < 30_000
    assert "Backpropagation through 2 → 3 → 2" in shown(found).texts


def test_the_style_of_a_trace_changes_nothing_else_in_a_notebook():
    (style,) = shown(bp.trace(NET, NET.init(), X[1], 1)).styles
    selectors = [
        one.strip() for rule in style.split("}")[:-1] for one in rule.split("{")[0].split(",")
    ]
    assert selectors
    assert all(one.startswith(".backprop-trace ") for one in selectors)


def test_a_trace_of_a_stack_is_a_line():
    found = bp.trace(NET, NET.init(stack=3), X[1], 1)
    assert shown(found).texts == [repr(found)]


def test_a_large_trace_is_abridged():
    net = bp.Network([784, 100, 10])
    assert len(bp.trace(net, net.init(), np.ones(784), 1)._repr_html_()) < 40_000


def test_a_run_has_a_row_and_a_curve_for_each_name():
    run = run_of(validation=(X, LABELS))
    parsed = shown(run)
    for name, entries in run.history.items():
        at = parsed.texts.index(name)
        assert f"{entries[0]:.4g}" in parsed.texts[at:]
        assert f"{entries[-1]:.4g}" in parsed.texts[at:]
    drawings = [attrs for tag, attrs in parsed.tags if tag == "svg"]
    assert [one["aria-label"].split(" by")[0] for one in drawings] == list(run.history)
    assert any("2 → 3 → 2, 5 epochs" in text for text in parsed.texts)
    assert len(run._repr_html_()) < 5_000


def test_a_run_of_a_stack_has_medians():
    run = run_of(stack=5)
    texts = shown(run).texts
    assert f"{np.median(run.history['cost'][-1]):.4g}" in texts
    assert any("median of a stack (5,)" in text for text in texts)


def test_a_run_says_why_it_stopped_and_the_epoch_of_its_theta():
    stop = bp.EarlyStopping("cost", patience=2, min_delta=1.0)
    texts = " ".join(shown(run_of(epochs=50, callbacks=[stop])).texts)
    assert "θ of epoch 1; stopped: cost has not improved for 2 epochs" in texts


def test_a_long_run_is_as_small_as_a_short_one():
    run = bp.Run(NET.init(), {"cost": list(np.sin(np.arange(100_000)))}, NET)
    assert len(run._repr_html_()) < 5_000


@pytest.mark.parametrize(
    "history", [{}, {"cost": []}, {"cost": [np.nan]}, {"note": ["a"]}, {"cost": [np.array([])]}]
)
def test_runs_without_numbers_are_shown(history):
    shown(bp.Run(NET.init(), history, NET))


def test_every_text_is_escaped():
    net = bp.Network([2, 2, 1], Sigma(), "sigmoid", "binary_cross_entropy")
    run = bp.train(net, X, Y, epochs=1)
    run.history["<script>"] = [1.0]
    object.__setattr__(run, "stopped", "<script>")
    for one in (net, run, bp.trace(net, net.init(), X[1], Y[1])):
        parsed = shown(one)
        assert "script" not in {tag for tag, _ in parsed.tags}
        assert any("<script>" in text for text in parsed.texts)


def elements(drawing, name):
    """Return the attributes of the elements of an SVG with this name."""
    return [attributes for tag, attributes in Parsed(drawing).tags if tag == name]


def lines(drawing):
    """Return the points of each line of an SVG."""
    found = [one["points"].split() for one in elements(drawing, "polyline")]
    return [[tuple(map(float, pair.split(","))) for pair in one] for one in found]


def test_a_sparkline_goes_from_the_first_to_the_last_value():
    drawing = sparkline([3.0, 1.0, 2.0], "cost")
    (line,) = lines(drawing)
    assert line == [(2, 2), (60, 22), (118, 12)]  # y counts downward
    (dot,) = elements(drawing, "circle")
    assert (float(dot["cx"]), float(dot["cy"])) == line[-1]


def test_numbers_that_are_not_finite_leave_a_gap():
    first, second = lines(sparkline([3, 1, np.nan, 2, np.inf, 1, 3, 1], "cost"))
    assert (len(first), len(second)) == (2, 3)


def test_a_sparkline_of_one_value_is_a_dot():
    for values, dots in (([1.0], 1), ([np.nan, 1.0], 1), ([np.nan], 0), ([], 0)):
        drawing = sparkline(values, "cost")
        assert len(elements(drawing, "circle")) == dots
        assert not lines(drawing)


def test_the_label_of_a_sparkline_is_escaped():
    (svg,) = elements(sparkline([1.0], '<b> & "c"'), "svg")
    assert svg["aria-label"] == '<b> & "c"'
