"""The chart of a live curve: where its curves and its marks are."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from backprop_xp.display.bands import middle_half
from backprop_xp.display.curve_chart import curve_chart
from backprop_xp.display.scales import Scale


def single(values):
    return middle_half(np.asarray(values, float)[:, None])


class Drawing(HTMLParser):
    """The elements of a drawing by name."""

    def __init__(self, svg):
        super().__init__()
        self.found, self.texts = [], []
        self.feed(svg)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.texts.append(data)

    def lines(self):
        points = [one["points"].split() for tag, one in self.found if tag == "polyline"]
        return [[tuple(map(float, pair.split(","))) for pair in one] for one in points]


def test_a_falling_cost_falls_from_the_left_to_the_right():
    (line,) = Drawing(curve_chart({"training": single([3.0, 2.0, 1.0])}, "cost")).lines()
    x, y = zip(*line, strict=True)
    assert list(x) == sorted(x)
    assert list(y) == sorted(y)  # y counts downward
    assert y[1] == pytest.approx((y[0] + y[2]) / 2, abs=0.1)


def test_decades_have_a_logarithmic_axis():
    drawing = Drawing(curve_chart({"training": single([1.0, 0.1, 0.01])}, "cost"))
    _, y = zip(*drawing.lines()[0], strict=True)
    assert y[1] == pytest.approx((y[0] + y[2]) / 2, abs=0.1)
    assert {"1", "0.1", "0.01"} <= set(drawing.texts)


@pytest.mark.parametrize(
    "values", [[np.nan], [np.inf, np.nan], [0.0], [-1.0, 5.0], [2.0, 2.0], [1e-300, 1e300], [1e308]]
)
def test_any_values_are_drawn_inside(values):
    svg = curve_chart({"training": single(values)}, "<cost> & more")
    assert "<cost>" not in svg
    assert "nan" not in svg
    assert "inf" not in svg
    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", svg):
        assert 0 <= float(x) <= 560
        assert 0 <= float(y) <= 230


def test_a_long_run_is_as_small_as_a_short_one():
    curves = {name: single(np.linspace(1, 0.1, 100_000)) for name in ("training", "validation")}
    assert len(curve_chart(curves, "cost")) < 12_000


def test_a_band_where_networks_differ():
    values = np.random.default_rng(0).uniform(size=(9, 20))
    assert "<polygon" in curve_chart({"training": middle_half(values)}, "cost")
    assert "<polygon" not in curve_chart({"training": single(values[:, 0])}, "cost")


@pytest.mark.parametrize("low", [-3.0, 0.0, 0.02, 7.0, 1e-9, 12345.0])
@pytest.mark.parametrize("factor", [1.001, 1.5, 9.0, 11.0, 1e3, 1e12])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_marks_are_few_round_and_inside(low, factor, logarithmic):
    if logarithmic and low <= 0:
        pytest.skip("no logarithm")
    if logarithmic and factor < 10:
        pytest.skip("such an axis is linear")
    high = abs(low) * factor + 1e-9
    marks = Scale(low, high, 0, 100, logarithmic=logarithmic).marks()
    assert 1 <= len(marks) <= 9
    assert all(low <= x * (1 + 1e-6) + 1e-15 for x in marks)
    assert all(x <= high * (1 + 1e-6) for x in marks)


def test_marks_of_epochs_are_whole():
    for epochs in (2, 3, 7, 30, 12345):
        marks = Scale(1, epochs, 0, 100, whole=True).marks()
        assert marks
        assert all(x == round(x) for x in marks)
