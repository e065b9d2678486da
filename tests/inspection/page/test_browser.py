"""The page in Chromium: what a reader sees and does."""

import base64
import json
import urllib.parse

import numpy as np
import pytest
from needs import needs
from page_cases import as_shown, set_number, xor

import backprop_xp as bp
from backprop_xp.inspection.page.document import as_page
from backprop_xp.inspection.page.stories import Story, four_layers

pytestmark = pytest.mark.browser
STORIES = range(3)


def test_one_unit_and_why_not_the_inverse(opened):
    story = four_layers()
    layers = story.traced.layers
    with opened(as_page(story)) as page:
        page.locator("#element-layer").select_option("2")
        page.locator("#element-unit").fill("3")
        page.locator("#element-unit").dispatch_event("change")
        assert page.locator("#network .connection.chosen").count() == 4
        marked = page.locator("#element .marked").all_text_contents()
        assert marked == [as_shown(w, 4) for w in layers[2].W[:, 2]]
        text = page.locator("#element").text_content()
        delta = as_shown(layers[1].delta[2, 0], 4)
        assert f"= {delta}; a nudge of z gives {delta}" in text
        rows = page.locator("#inverse tbody tr").all()
        inverse = np.linalg.pinv(layers[2].W) @ layers[2].delta
        for K, row in enumerate(rows):
            _, nudge, transpose, other = row.locator("td").all_text_contents()
            assert nudge == transpose == as_shown(layers[1].dE_da[K, 0], 4)
            assert other == as_shown(inverse[K, 0], 4)


def test_a_unit_is_chosen_in_the_drawing(opened):
    with opened(as_page(four_layers())) as page:
        page.locator("#network .unit").nth(5 + 1).click()  # after 5 inputs
        assert page.locator("#element-layer").input_value() == "1"
        assert page.locator("#element-unit").input_value() == "2"


def test_by_keyboard_alone(opened):
    with opened(as_page(four_layers())) as page:
        press = page.keyboard.press
        press("ArrowRight")
        press("ArrowRight")
        press("ArrowLeft")
        assert page.locator("#place").text_content().startswith("Step 2 ")
        reached = set()
        for _ in range(80):
            press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
        controls = page.locator("main button, main select, main input, header select, header a")
        hidden = {one.get_attribute("id") for one in controls.all() if not one.is_visible()}
        off = {one.get_attribute("id") for one in controls.all() if one.is_disabled()}
        wanted = {one.get_attribute("id") for one in controls.all()} - {None} - hidden - off
        assert wanted <= reached
        page.locator("#story").focus()
        press("ArrowDown")
        assert page.locator("#text").text_content().startswith("A chain of one weight")
        page.locator("#scrubber").focus()
        press("ArrowRight")
        assert page.locator("#place").text_content().startswith("Step 2 ")
        page.get_by_label("x₁", exact=True).focus()
        before = page.locator("#cost-now").text_content()
        press("ArrowRight")
        assert page.locator("#cost-now").text_content() != before
        page.get_by_role("button", name="1 step", exact=True).focus()
        press("Enter")
        assert page.locator("#trained").text_content().startswith("Step 1: ")


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("story", STORIES)
def test_no_width_is_exceeded(width, story, opened):
    with opened(as_page(four_layers()), width) as page:
        page.locator("#story").select_option(str(story))
        page.evaluate("goTo(0)")
        for _ in range(int(page.locator("#scrubber").get_attribute("max"))):
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.get_by_role("button", name="Next").click()


@pytest.mark.parametrize("story", STORIES)
def test_no_number_is_cut_off_on_a_phone(story, opened):
    inside = "one => one.scrollWidth <= one.clientWidth"
    with opened(as_page(four_layers()), 360) as page:
        page.locator("#story").select_option(str(story))
        for step in range(int(page.locator("#scrubber").get_attribute("max")) + 1):
            page.evaluate(f"goTo({step})")
            assert page.locator("#numbers").evaluate(inside)


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(width, scheme, opened):
    axe = needs("axe_playwright_python.sync_playwright", "axe").Axe()
    with opened(xor().to_html(interactive=True), width, color_scheme=scheme) as page:
        for story in range(4):
            page.locator("#story").select_option(str(story))
            page.get_by_role("button", name="10 steps").click()
            for step in (0, 8, 20):
                page.evaluate(f"goTo({step})")
                found = axe.run(page).response["violations"]
                assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_link_carries_the_state(opened):
    html = xor().to_html(interactive=True)
    with opened(html) as page:
        page.locator("#case").select_option("2")
        set_number(page, "x₁", 0.125)
        page.get_by_role("button", name="1 step", exact=True).click()
        page.evaluate("goTo(9)")
        fragment = page.locator("#link").get_attribute("href")
        before = page.evaluate("[pass.E, state.step, state.case, Array.from(state.theta)]")
    with opened(html, fragment=fragment) as page:
        assert page.evaluate("[pass.E, state.step, state.case, Array.from(state.theta)]") == before


@pytest.mark.parametrize(
    "fragment", ["#nonsense", "#" + "A" * 50, "#e30%3D", "#eyJuIjowLCJ0IjoiQUEifQ%3D%3D", "#%"]
)
def test_a_link_of_another_page_is_ignored(fragment, opened):
    with opened(xor().to_html(interactive=True), fragment=fragment) as page:
        assert page.locator("#place").text_content().startswith("Step 1 of ")
        assert page.locator("#cost-now").text_content().startswith("E = 0.")


def test_anew_and_as_at_first(opened):
    with opened(xor().to_html(interactive=True)) as page:
        first = page.locator("#cost-now").text_content()
        page.locator("#seed").fill("7")
        page.get_by_role("button", name="Start anew").click()
        seven = page.locator("#cost-now").text_content()
        page.get_by_role("button", name="100 steps").click()
        page.get_by_role("button", name="Start anew").click()
        assert page.locator("#cost-now").text_content() == seven != first
        page.get_by_role("button", name="All numbers as at first").click()
        assert page.locator("#cost-now").text_content() == first


def test_the_decision_map_is_there_for_two_inputs(opened):
    with opened(xor().to_html(interactive=True)) as page:
        assert page.locator("#map").is_visible()
        assert "The output for each pair" in page.locator("#map").get_attribute("aria-label")
        page.locator("#story").select_option("1")
        assert page.locator("#map").is_hidden()


def test_texts_of_a_user_are_shown_as_text(opened):
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"

    class Evil(bp.activations.Tanh):
        name = evil

    net = bp.Network([2, 2], Evil(), Evil(), "squared_error")
    trace = bp.trace(net, net.init(0), [1.0, 2.0], [0.0, 1.0])
    with opened(as_page(Story(evil, evil, trace))) as page:
        assert page.locator("#section").text_content() == f"Forward, layer 1: σ is {evil}"
        assert page.locator("#text").text_content() == evil
        assert page.locator("img").count() == 0


def test_less_motion_and_paper(opened):
    moving = "getComputedStyle(document.querySelector('.signal')).animationName"
    with opened(as_page(four_layers())) as page:
        assert page.evaluate(moving) == "forward"
        page.emulate_media(media="print")
        assert page.locator("#next").is_hidden()
        assert page.locator("#map-section").is_hidden()
        assert page.locator("#inverse").is_visible()
    ink = "getComputedStyle(document.body).color"
    with opened(as_page(four_layers()), color_scheme="dark") as page:
        assert page.evaluate(ink) == "rgb(236, 238, 242)"
        page.emulate_media(media="print")
        assert page.evaluate(ink) == "rgb(26, 28, 32)"  # paper is white
    with opened(as_page(four_layers()), reduced_motion="reduce") as page:
        assert page.locator(".signal").first.is_hidden()


def test_dashes_are_for_removed_connections_alone(opened):
    dashed = """() => Array.from(document.querySelectorAll("#network .connection"), (one) =>
        [one.classList.contains("removed"), getComputedStyle(one).strokeDasharray !== "none"])"""
    with opened(as_page(four_layers())) as page:
        page.locator("#story").select_option("The error carried backward")
        steps = int(page.locator("#scrubber").get_attribute("max"))
        for step in range(steps + 1):
            page.evaluate(f"goTo({step})")
            found = page.evaluate(dashed)
            assert len(found) == 5 * 4 + 4 * 3 + 3 * 4
            assert all(removed == dashes for removed, dashes in found)
            assert sum(removed for removed, _ in found) == 1


def test_each_step_has_a_reason_and_a_place_in_the_whole(opened):
    names = "steps().map(({ terms }) => terms.at(-1).name)"
    softmax = bp.Network([2, 3], output="softmax", loss="squared_error")
    hidden = bp.trace(softmax, softmax.init(0, dtype="float64"), np.eye(2), np.eye(3)[:2])
    for html in (
        as_page(four_layers()),
        xor().to_html(interactive=True),
        hidden.to_html(interactive=True),
    ):
        with opened(html) as page:
            for step, name in enumerate(page.evaluate(names)):
                page.evaluate(f"goTo({step})")
                reason = page.locator("#reason").text_content()
                assert reason.endswith(".")
                assert "undefined" not in reason
                here = page.locator("#whole [aria-current]")
                assert here.count() == (not name.startswith("why."))
            page.locator("#whole button").first.click()
            assert page.locator("#place").text_content().startswith("Step 1 ")


def test_the_three_questions_are_answered_where_they_arise(opened):
    with opened(as_page(four_layers())) as page:
        reasons = []
        for step in range(int(page.locator("#scrubber").get_attribute("max"))):
            page.evaluate(f"goTo({step})")
            reasons.append(page.locator("#reason").text_content())
        whole = page.locator("#whole").text_content()
    assert any("Hadamard" in text and "diagonal" in text for text in reasons)
    assert any("row K of the transpose" in text for text in reasons)
    assert "4×1 from 4×5, 5×1, 4×1" in whole


def test_without_scripts_it_says_so(opened):
    with opened(as_page(four_layers()), java_script_enabled=False) as page:
        assert page.locator("body noscript p").is_visible()
        assert page.locator("main").is_hidden()


BROKEN = [
    {"n": 0, "u": [99, 99], "v": [-1, 5, 9], "i": 1e9, "s": -3, "c": 77, "r": "x", "o": "y"},
    {"n": 0, "s": 5},
    {"n": "__proto__"},
    {"n": 0, "u": [0, 0], "v": [1, 0, 0], "i": 1, "s": 1, "c": 0, "r": -5, "o": 1e300, "t": "!!"},
    {"n": 0, "u": None},
    [],
]


@pytest.mark.parametrize("carried", BROKEN, ids=range(len(BROKEN)))
def test_a_link_with_a_broken_state_leaves_a_whole_page(carried, opened):
    state = urllib.parse.quote(base64.b64encode(json.dumps(carried).encode()).decode())
    html = xor().to_html(interactive=True)
    with opened(html, fragment=f"#{state}") as at_first, opened(html) as later:
        later.evaluate("hash => { location.hash = hash; }", state)
        later.wait_for_timeout(50)
        for page in (at_first, later):
            step = page.evaluate("state.step")
            assert page.locator("#place").text_content().startswith(f"Step {step + 1} of ")
            assert page.evaluate("Number.isFinite(pass.E) && lessons.includes(lesson)")
            page.get_by_role("button", name="10 steps").click()
            page.get_by_text("Step 10: E = 0.").wait_for()


def test_a_large_network_is_abridged_and_right(opened):
    net = bp.Network([784, 100, 10], "sigmoid")
    random = np.random.default_rng(0)
    X, Y = random.random((100, 784), dtype="float32"), np.arange(100) % 10
    theta = net.init(0)
    expected = bp.trace(net, theta.astype(np.float64), X[3].astype(np.float64), 3)
    trace = bp.trace(net, theta, X, Y)
    with opened(trace.to_html(interactive=True)) as page:
        page.locator("#case").select_option("3")
        assert page.locator("#cost-now").text_content() == f"E = {as_shown(expected.E, 6)}"
        assert page.locator("#network .unit").count() == 30
        assert page.locator("#numbers td").count() < 200
        gradient = page.evaluate("Array.from(pass.gradient)")
    parts = [part.ravel() for one in expected.layers for part in (one.dE_dW, one.dE_db)]
    np.testing.assert_allclose(gradient, np.concatenate(parts), rtol=1e-9, atol=1e-12)
