"""The numbers of the page in Chromium, against Python."""

import numpy as np
import pytest
from page_cases import as_shown, numbers_in, random_networks, set_number, xor

import backprop_xp as bp
from backprop_xp.inspection.page.document import as_page
from backprop_xp.inspection.page.mathml import breakable_mathml
from backprop_xp.inspection.page.stories import PUBLISHED, four_layers
from backprop_xp.inspection.written_equations import sections

pytestmark = pytest.mark.browser
TRACES = random_networks()


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


def test_targets_of_softmax_stay_shares(opened):
    net = bp.Network([2, 3])
    trace = bp.trace(net, net.init(0, dtype="float64"), [1.0, -1.0], 1)
    with opened(trace.to_html(interactive=True)) as page:
        set_number(page, "y₁", 0.25)
        np.testing.assert_allclose(page.evaluate("Array.from(pass.y.data)"), [0.25, 0.75, 0])
        set_number(page, "y₂", 0)
        np.testing.assert_allclose(page.evaluate("Array.from(pass.y.data)"), [1, 0, 0])


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
