"""The page in Chromium: what a reader sees and does, with the numbers of the library."""

import base64
import json
import urllib.parse

import numpy as np
import pytest
from needs import needs
from page_cases import random_networks

import backprop_xp as bp
from backprop_xp.inspection.page.document import as_page
from backprop_xp.inspection.page.mathml import breakable_mathml
from backprop_xp.inspection.page.stories import PUBLISHED, Story, four_layers
from backprop_xp.inspection.written_equations import sections

pytestmark = pytest.mark.browser
TRACES = random_networks()
STORIES = range(3)


def xor(optimizer=None, **options):
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    return bp.trace(net, net.init(1, dtype="float64"), X, Y, optimizer=optimizer, **options)


def numbers_in(page, where="#numbers"):
    """Return the numbers that are shown, in order."""
    texts = page.locator(f"{where} td, {where} span").all_text_contents()
    found = []
    for text in texts:
        try:
            found.append(float(text.strip("()").replace("−", "-")))
        except ValueError:
            continue
    return found


def test_a_whole_pass_forward_and_back(opened):
    story = four_layers()
    steps = [(one.title, step) for one in sections(story.traced) for step in one.steps]
    with opened(as_page(story)) as page:
        for number, (title, step) in enumerate(steps, start=1):
            assert page.locator("#place").text_content() == f"Step {number} of {len(steps)}"
            assert page.locator("#section").text_content() == title
            expected = [x for x in step.terms if not isinstance(x, str)]
            np.testing.assert_allclose(
                numbers_in(page), np.concatenate([x.ravel() for x in expected]), rtol=6e-4
            )
            parts = [breakable_mathml(text) for text in (step.equation, step.where) if text]
            assert page.locator("#equation math").count() == "".join(parts).count("<math>")
            lit = page.locator("#network .lit")
            assert lit.count() > 0
            if number < len(steps):
                page.get_by_role("button", name="Next").click()
        assert page.get_by_role("button", name="Next").is_disabled()
        for _ in steps[1:]:
            page.get_by_role("button", name="Back").click()
        assert page.locator("#place").text_content().startswith("Step 1 ")
        page.get_by_role("button", name="Last").click()
        assert page.locator("#place").text_content().startswith(f"Step {len(steps)} ")


def set_number(page, name, value):
    box = page.get_by_label(f"{name}, as a number", exact=True)
    box.fill(str(value))
    box.dispatch_event("change")


NAMES = sorted(TRACES)


def test_at_least_fifty_networks_with_all_parts():
    assert len(NAMES) >= 50
    assert {name.split()[0] for name in NAMES} == set(bp.activations.ACTIVATIONS)
    assert {name.split()[1] for name in NAMES} == set(bp.losses.LOSSES)


@pytest.mark.parametrize("name", NAMES)
def test_moved_sliders_against_python(name, opened):
    trace = TRACES[name]
    net = trace.network
    theta = net.pack([(one.W, one.b) for one in trace.layers])
    x, y = trace.a_in[:, 0].copy(), trace.y[:, 0].copy()
    x[0], y[-1], theta[-1] = 0.375, 0.625, 0.25
    last = len(trace.layers)
    with opened(trace.to_html(interactive=True)) as page:
        page.locator("#case").select_option("0")
        set_number(page, "x₁", 0.375)
        number = "".join(chr(0x2080 + int(digit)) for digit in str(len(y)))
        set_number(page, f"y{number}", 0.625)
        page.locator("#weight-layer").select_option(str(last))
        page.locator("#weight-to").fill(str(len(y)))
        page.locator("#weight-from").fill("0")
        page.locator("#weight-from").dispatch_event("change")
        bias = f"b{'⁰¹²³⁴'[last]}{number}"
        set_number(page, bias, 0.25)
        # targets of softmax with its loss are shares: the others keep their sum
        y = np.array(page.evaluate("Array.from(pass.y.data)"))
        expected = bp.trace(net, theta, x, y)
        assert page.locator("#cost-now").text_content() == f"E = {as_shown(expected.E, 6)}"
        here = page.evaluate("[pass.E, Array.from(pass.gradient)]")
    np.testing.assert_allclose(here[0], expected.E, rtol=1e-9)
    gradient = [part.ravel() for one in expected.layers for part in (one.dE_dW, one.dE_db)]
    np.testing.assert_allclose(here[1], np.concatenate(gradient), rtol=1e-9, atol=1e-9)


def as_shown(x, digits):
    """Return a number as the page shows it, with the sign − and without zeros at the end."""
    number = float(f"{float(x):.{digits}g}")
    if number and not 1e-4 <= abs(number) < 1e6:
        mantissa, e, exponent = f"{number:.{digits - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        text = f"{mantissa}{e}{int(exponent)}"
    else:
        text = np.format_float_positional(number, trim="-")
    return text.replace("-", "−")


@pytest.mark.parametrize("optimizer", [bp.SGD(0.5), bp.SGD(0.1, momentum=0.9), bp.Adam(0.05)])
def test_a_hundred_steps_of_training_against_python(optimizer, opened):
    trace = xor(optimizer)
    net, (X, Y) = trace.network, bp.datasets.xor()
    theta = net.pack([(one.W, one.b) for one in trace.layers])
    run = bp.train(
        net, X, Y, theta, optimizer=optimizer, epochs=100, batch_size=None, dtype="float64"
    )
    with opened(trace.to_html(interactive=True)) as page:
        page.get_by_role("button", name="100 steps").click()
        page.wait_for_function("() => state.history.length === 101")
        after = float(net.cost(run.theta, X, Y))
        words = f"Step 100: E = {as_shown(after, 6)}"
        page.get_by_text(words).wait_for()
        costs = page.evaluate("state.history")
        assert page.locator("#curve polyline").get_attribute("points").count(",") == 101
    np.testing.assert_allclose(costs[:-1], run.history["cost"], rtol=1e-9)
    np.testing.assert_allclose(costs[-1], after, rtol=1e-9)


def test_the_published_weights(opened):
    with opened(as_page(four_layers())) as page:
        page.locator("#story").select_option("One weight")
        for _ in range(2):
            page.get_by_role("button", name="10 steps").click()
        rows = page.locator("#published tbody tr").all()
        cells = [row.locator("td").all_text_contents() for row in rows]
        expected = [text.replace("-", "−") for text in PUBLISHED]
        assert cells == [[str(k), text, text] for k, text in enumerate(expected, start=1)]
        set_number(page, "w¹₁₁", -3)
        page.get_by_role("button", name="1 step", exact=True).click()
        assert page.locator("#published").is_hidden()  # it is another chain now
        page.get_by_role("button", name="All numbers as at first").click()
        page.get_by_role("button", name="1 step", exact=True).click()
        assert page.locator("#published tbody tr").count() == 1


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


def test_targets_of_softmax_stay_shares(opened):
    net = bp.Network([2, 3])
    trace = bp.trace(net, net.init(0, dtype="float64"), [1.0, -1.0], 1)
    with opened(trace.to_html(interactive=True)) as page:
        set_number(page, "y₁", 0.25)
        np.testing.assert_allclose(page.evaluate("Array.from(pass.y.data)"), [0.25, 0.75, 0])
        set_number(page, "y₂", 0)
        np.testing.assert_allclose(page.evaluate("Array.from(pass.y.data)"), [1, 0, 0])


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


SCHEDULES = {
    "step": bp.schedules.Step(1.0, every=10, factor=0.5),
    "cosine": bp.schedules.Cosine(1.0, steps=80),
    "warm-up": bp.schedules.WarmUp(20, 0.5),
    "own": lambda step: 0.5 + 0.25 * (step % 3),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_moves_with_the_steps(name, opened):
    rate = SCHEDULES[name]
    optimizer = bp.SGD(rate, momentum=0.5)
    trace = xor(optimizer)
    net, (X, Y) = trace.network, bp.datasets.xor()
    theta = net.pack([(one.W, one.b) for one in trace.layers])
    run = bp.train(
        net, X, Y, theta, optimizer=optimizer, epochs=100, batch_size=None, dtype="float64"
    )
    with opened(trace.to_html(interactive=True)) as page:
        page.get_by_role("button", name="100 steps").click()
        page.wait_for_function("() => state.history.length === 101")
        assert f"= {as_shown(rate(100), 4)} at step 101, by its schedule." in (
            page.locator("#rate").text_content()
        )
        np.testing.assert_allclose(page.evaluate("Array.from(state.theta)"), run.theta, rtol=1e-9)
        fragment = page.locator("#link").get_attribute("href")
        page.get_by_role("button", name="Start anew").click()
        assert "at step 1," in page.locator("#rate").text_content()
    with opened(trace.to_html(interactive=True), fragment=fragment) as page:
        assert "at step 101," in page.locator("#rate").text_content()


@pytest.mark.parametrize("rate", [1e3, 1e200])
def test_training_that_diverges_is_shown_and_taken_back(rate, opened):
    net = bp.Network([1, 2, 1], "identity", "identity", "squared_error")
    theta = net.init(0, dtype="float64")
    trace = bp.trace(net, theta, [2.0], [3.0], optimizer=bp.SGD(rate))
    with opened(trace.to_html(interactive=True)) as page:
        first = page.locator("#cost-now").text_content()
        page.get_by_role("button", name="100 steps").click()
        page.wait_for_function("() => state.history.length === 101")
        page.get_by_text("Step 100: E = nan").wait_for()
        for step in range(int(page.locator("#scrubber").get_attribute("max")) + 1):
            page.evaluate(f"goTo({step})")
        assert page.get_by_label("w¹₁₁, as a number", exact=True).input_value() == ""
        page.get_by_role("button", name="All numbers as at first").click()
        assert page.locator("#cost-now").text_content() == first


@pytest.mark.parametrize("n_out", [1, 3])
@pytest.mark.parametrize("weight", [np.nan, np.inf, 1e300])
def test_a_weight_that_is_not_a_number_is_shown(n_out, weight, opened):
    net = bp.Network([2, n_out], hidden="identity", output="identity", loss="squared_error")
    theta = net.init(0, dtype="float64")
    theta[:2] = weight, 1
    html = bp.trace(net, theta, [1.0, 2.0], np.ones(n_out)).to_html(interactive=True)
    with opened(html) as page:
        shown = "nan" if np.isnan(weight) else "∞"
        assert page.locator("#cost-now").text_content() == f"E = {shown}"
        assert page.locator("#map").is_visible()
        marks = {np.inf: "∞", 1e300: "e30"}
        assert marks.get(weight, "nan") in page.locator("#numbers").text_content()
        page.get_by_role("button", name="10 steps").click()
        page.get_by_text("Step 10: E = ").wait_for()


def test_without_scripts_it_says_so(opened):
    with opened(as_page(four_layers()), java_script_enabled=False) as page:
        assert page.locator("body noscript p").is_visible()
        assert page.locator("main").is_hidden()


def test_fifty_moves_of_a_slider_and_back(opened):
    with opened(as_page(four_layers())) as page:
        first = page.locator("#cost-now").text_content()
        slider = page.get_by_label("x₁", exact=True)
        start = page.get_by_label("x₁, as a number", exact=True).input_value()
        for move in range(50):
            slider.evaluate(
                "(one, x) => { one.value = x; one.dispatchEvent(new Event('input')); }",
                str(-2 + 0.08 * move),
            )
        assert page.locator("#cost-now").text_content() != first
        assert page.locator("#network svg").count() == 1
        page.get_by_role("button", name="All numbers as at first").click()
        assert page.locator("#cost-now").text_content() == first
        assert page.get_by_label("x₁, as a number", exact=True).input_value() == start


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
