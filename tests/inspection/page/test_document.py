"""The page as a file: complete, small, of any encoding, and with every text escaped."""

import base64
import json
import re

import numpy as np
import pytest
from page_cases import random_networks

import backprop_xp as bp
from backprop_xp.inspection.page.document import as_page, data_text
from backprop_xp.inspection.page.lessons import kept_cases
from backprop_xp.inspection.page.stories import Story, four_layers

EVIL = "</script><script>alert(1)</script><!-- \u2028 & {{scripts}} ' \" \\"


class Evil(bp.activations.Tanh):
    name = EVIL


class EvilLoss(bp.losses.SquaredError):
    name = EVIL


class Deciding:
    name = EVIL

    def __call__(self, z):
        return z if (z > 0).any() else -z

    def da_dz(self, z, a):
        return a / z


def page_of(sizes, *parts, m=1, **options):
    net = bp.Network(sizes, *parts)
    random = np.random.default_rng(0)
    X, Y = random.random((m, sizes[0])), random.random((m, sizes[-1]))
    return bp.trace(net, net.init(0), X, Y, **options).to_html(interactive=True)


def data_of(page):
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(text)


def test_it_is_complete_and_small():
    page = page_of([4, 4, 3, 4])
    assert len(page) < 300_000
    assert page.isascii()
    for found in re.findall(r'(?:https?:)?//[^\s"\'<>]+', page):
        assert found in ("//www.w3.org/2000/svg", "http://www.w3.org/2000/svg")
    assert not re.search(r"<(link|img|iframe|script src)|@import|url\(|fetch\(|XMLHttp", page)
    assert "default-src 'none'" in page
    assert len(data_of(page)) == 4  # and three stories


def test_a_large_network_is_below_2_mb():
    page = page_of([784, 100, 10], "sigmoid", m=100)
    assert len(page) < 2_000_000
    assert len(data_of(page)[0]["cases"]) == 25


def test_the_still_page_stays():
    net = bp.Network([2, 2])
    trace = bp.trace(net, net.init(0), [1.0, 2.0], 0)
    assert trace.to_html() == trace.to_html(interactive=False)
    assert "<script" not in trace.to_html()


def test_every_text_of_a_user_is_text():
    page = page_of([2, 3, 2], Evil(), Evil(), EvilLoss())
    data = data_of(page)
    assert data[0]["activations"] == [EVIL, EVIL]
    assert data[0]["loss"] == EVIL
    assert page.count("</script>") == 2  # of the data, and of the scripts
    assert "alert" not in re.sub(r'<script type="application/json".*?</script>', "", page)
    net = bp.Network([2, 3])
    story = Story(EVIL, EVIL, bp.trace(net, net.init(0), [1.0, 2.0], 0))
    assert as_page(story).count("</script>") == 2


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028\u2029", "&amp;", "\\u003c", EVIL])
def test_data_come_back(text):
    made = data_text({text: [text]})
    assert json.loads(made) == {text: [text]}
    assert made.isascii()
    assert not re.search(r"[<>&]", made)


@pytest.mark.parametrize("where", ["activation", "optimizer"])
def test_a_part_without_a_formula_makes_a_still_page_with_the_reason(where):
    class Stepping:
        def settings(self, _):
            return {"rate": 0.1}

        def init(self, _):
            return ()

        def update(self, theta, state, g, rate):
            return theta - rate * np.sort(g), state

    if where == "activation":
        page = page_of([2, 2], Deciding(), Deciding(), "squared_error")
        assert "&lt;/script&gt;" in page
        assert "computes with .any." in page
    else:
        page = page_of([2, 2], optimizer=Stepping())
        assert "The page is still, because the optimiser Stepping computes with" in page
    assert "<script" not in page


def test_an_interactive_page_of_a_stack_is_refused():
    net = bp.Network([2, 2])
    with pytest.raises(bp.ShapeError, match="a single network"):
        bp.trace(net, net.init(0, stack=2), [[1.0, 2.0]], [0]).to_html(interactive=True)


@pytest.mark.parametrize("name", ["sigmoid squared_error", "softmax cross_entropy"])
def test_each_array_of_a_step_has_a_name(name):
    for lesson in data_of(random_networks()[name].to_html(interactive=True)):
        for written in lesson["steps"]:
            assert written["note"]
            for step in written["steps"]:
                assert step["terms"][0]["sign"] == "<math><mo>=</mo></math>"
                assert step["terms"][-1]["name"]


def test_kept_cases():
    assert kept_cases(4, 3, None) == [0, 1, 2, 3]
    assert kept_cases(4, 3, 2) == [0, 1, 2, 3]
    assert len(kept_cases(1000, 3, None)) == 100
    assert kept_cases(1000, 3, 999)[-2:] == [98, 999]
    assert kept_cases(1000, 10**6, 5) == [5]
    assert kept_cases(1, 10**6, None) == [0]


def test_weights_of_some_of_the_cases_have_the_sum_of_all():
    net, m = bp.Network([2, 2]), 250
    trace = bp.trace(net, net.init(0), np.ones((m, 2)), np.zeros(m, int))
    (lesson, *_) = data_of(trace.to_html(interactive=True))
    w = np.frombuffer(base64.b64decode(lesson["w"]), "<f8")
    assert len(w) == 100
    np.testing.assert_allclose(w.sum(), 1)


def test_the_first_network_is_not_shown_twice():
    titles = [lesson["title"] for lesson in data_of(as_page(four_layers()))]
    assert titles == ["Four layers", "One weight", "The error carried backward"]


def test_the_equations_of_a_single_case_hold_for_each_of_them():
    net = bp.Network([2, 3])
    Y = [[1.0, 0.0, 0.0], [0.5, 0.2, 0.1]]
    trace = bp.trace(net, net.init(0, dtype="float64"), [[1.0, 2.0], [3.0, 4.0]], Y)
    (lesson, *_) = data_of(trace.to_html(interactive=True))
    (delta,) = (
        step for step in lesson["steps"][0]["steps"] if step["terms"][-1].get("name") == "delta1"
    )
    assert {"name": "sum_y"} in delta["terms"]
