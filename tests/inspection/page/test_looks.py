"""How the page looks in Chromium: nothing is cut, nothing lies on another, all can be read."""

import re

import numpy as np
import pytest
from page_cases import random_networks

import backprop_xp as bp
from backprop_xp.inspection.page.document import as_page
from backprop_xp.inspection.page.stories import four_layers
from backprop_xp.inspection.written_equations import sections

pytestmark = pytest.mark.browser

WIDTHS = [360, 800, 1400]


def with_removed():
    """Five weighted cases, removed connections, and outputs that depend on each other."""
    random = np.random.default_rng(0)
    mask = np.ones((3, 4))
    mask[0, 1] = mask[2, 3] = 0
    net = bp.Network([2, 4, 3], "relu", "softmax", "squared_error", connections=[None, mask])
    X, Y, w = random.normal(size=(5, 2)), random.integers(0, 3, 5), random.random(5)
    return bp.trace(net, net.init(0, dtype="float64"), X, Y, w, optimizer=bp.SGD(0.1))


def ordinal():
    net = bp.Network([2, 3, 3], "tanh", "sigmoid", "binary_cross_entropy")
    Y = bp.ordinal_targets([0, 1, 3], classes=4, dtype="float64")
    X = np.array([[1.0, -20.0], [0.5, 3.0], [-0.25, 1e-5]])
    return bp.trace(net, net.init(2, dtype="float64"), X, Y)


def deep():
    net = bp.Network([2, *[3] * 8, 2], "silu")
    theta = net.init(0, dtype="float64")
    return bp.trace(net, theta, [[0.5, -1.0], [1.0, 2.0]], [0, 1], optimizer=bp.Adam(0.01))


def wide():
    net = bp.Network([200, 40, 12], "gelu")
    return bp.trace(net, net.init(0), np.linspace(-1, 1, 200, dtype="float32"), 11)


def counts():
    net = bp.Network([3, 3, 2], "gelu", "exp", "poisson")
    return bp.trace(net, net.init(0, dtype="float64"), [0.5, -1.0, 2.0], [1.0, 3.0])


NETWORKS = {
    "counts": counts,
    "deep": deep,
    "four layers": lambda: None,
    "ordinal": ordinal,
    "removed": with_removed,
    "wide": wide,
}


def html_of(name):
    trace = NETWORKS[name]()
    return as_page(four_layers()) if trace is None else trace.to_html(interactive=True)


def at_each_step(page, check):
    """Return what a function of the page returns at each step, a list each, in one list."""
    script = f"""() => {{
        const check = {check};
        return steps().flatMap((_, k) => {{
            goTo(k);
            return check();
        }});
    }}"""
    return page.evaluate(script)


CUT = """() => Array.from(document.querySelectorAll(
    "#equation, #reason, #numbers, #element, #inverse, #whole li, input[type=number], select"))
    .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
    .map((one) => `${one.id || one.tagName}: ${one.textContent} ${one.value ?? ""}`)"""


PLACES = """() => {
    const box = (one) => one.getBoundingClientRect();
    const faults = [];
    for (const unit of document.querySelectorAll("#network .unit")) {
        const [circle, text] = [unit.querySelector("circle"), unit.querySelector("text")];
        if (text && box(text).width > box(circle).width) faults.push(`wide ${text.textContent}`);
    }
    const drawn = document.querySelectorAll("#network circle:not(.tint), #network rect");
    const boxes = Array.from(drawn, box);
    boxes.forEach((one, k) => boxes.slice(k + 1).forEach((other, j) => {
        const apart = one.right <= other.left || other.right <= one.left ||
            one.bottom <= other.top || other.bottom <= one.top;
        if (!apart) faults.push(`${k} lies on ${k + 1 + j}`);
    }));
    const labels = Array.from(document.querySelectorAll("#network .label"), box);
    labels.slice(1).forEach((one, k) => {
        if (one.left < labels[k].right + 2) faults.push(`label ${k + 1}`);
    });
    return faults;
}"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_cut_and_nothing_lies_on_another(name, width, opened):
    with opened(html_of(name), width) as page:
        assert at_each_step(page, CUT) == []
        assert at_each_step(page, PLACES) == []
        assert set(at_each_step(page, "() => [document.documentElement.scrollWidth]")) == {width}
        page.evaluate("state.theta = state.theta.map((x) => -0.0012345678 * (1 + x)); render()")
        assert page.evaluate(CUT) == []


def test_the_lit_layer_of_a_deep_network_is_in_view(opened):
    outside = """() => {
        const [box, lit] = ["#network", "#network .lit"].map(
            (one) => document.querySelector(one).getBoundingClientRect());
        return box.left <= lit.left && lit.right <= box.right ? [] : [state.step];
    }"""
    with opened(html_of("deep"), 360) as page:
        assert at_each_step(page, outside) == []


BESIDE = """() => {
    const middle = (one) => {
        const { top, bottom } = one.getBoundingClientRect();
        return (top + bottom) / 2;
    };
    return Array.from(document.querySelectorAll("#numbers .term")).flatMap((term) => {
        const parts = Array.from(term.children);
        const bracket = parts.findIndex((one) => one.textContent === ")");
        if (bracket < 0) return [];
        return [Math.abs(middle(parts[bracket]) - middle(parts[bracket - 1])) < 4];
    });
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_a_bracket_stands_beside_its_matrix(width, opened):
    with opened(html_of("removed"), width) as page:
        found = at_each_step(page, BESIDE)
        assert len(found) > 0
        assert all(found)


SPELLED = """() => ["#reason", "#note", "#inverse", "#element", "#text"]
    .map((where) => document.querySelector(where).textContent)
    .filter((text) => text.includes("_"))"""


@pytest.mark.parametrize("name", NETWORKS)
def test_indices_are_set_and_not_spelled(name, opened):
    with opened(html_of(name)) as page:
        assert at_each_step(page, SPELLED) == []


def test_a_slider_reaches_its_number(opened):
    net = bp.Network([1, 1], output="identity", loss="squared_error")
    trace = bp.trace(net, np.array([0.5, 0.0]), [1.0], [40.0], optimizer=bp.SGD(0.1))
    with opened(trace.to_html(interactive=True)) as page:
        slider = page.get_by_label("w¹₁₁", exact=True)
        page.get_by_role("button", name="100 steps").click()
        page.get_by_text("Step 100: E = ").wait_for()
        weight = page.evaluate("state.theta[0]")
        assert weight > 10
        np.testing.assert_allclose(float(slider.input_value()), weight)


def test_the_curve_has_its_numbers(opened):
    with opened(html_of("four layers")) as page:
        assert page.locator("#curve circle").count() == 1
        page.get_by_role("button", name="10 steps", exact=True).click()
        page.get_by_text("Step 10: E = ").wait_for()
        texts = page.locator("#curve text").all_text_contents()
        assert texts == ["E", "0.363", "0", "0", "step 10"]


def test_the_map_shows_each_output(opened):
    drawn = "document.querySelector('#map').toDataURL()"
    with opened(html_of("removed")) as page:
        assert page.locator("#map-colours").text_content() == "The largest output:123"
        assert page.locator("#map-colours .swatch").count() == 3
        choice, picture = (page.locator(one).bounding_box() for one in ("#map-output", "#map"))
        assert choice["y"] + choice["height"] <= picture["y"]
        pictures = {page.evaluate(drawn)}
        for output in range(3):
            page.locator("#map-output").select_option(str(output))
            assert page.locator("#map-colours").text_content().startswith("The output: ")
            pictures.add(page.evaluate(drawn))
        assert len(pictures) == 4
    with opened(html_of("ordinal")) as page:  # the largest output means nothing here
        assert page.locator("#map-output").input_value() == "0"


@pytest.mark.parametrize("name", ["four layers", "removed"])
def test_paper_has_every_step(name, opened):
    overlaps = """() => {
        const boxes = Array.from(document.querySelectorAll("section, .printed"))
            .filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect());
        const inside = (one, other) => one.top >= other.top && one.bottom <= other.bottom;
        return boxes.some((one, k) => boxes.slice(k + 1).some((other) => !(
            one.bottom <= other.top || other.bottom <= one.top || inside(other, one))));
    }"""
    with opened(html_of(name), 720) as page:
        steps = page.evaluate("steps().length")
        page.emulate_media(media="print")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#paper .printed").count() == steps
        for one in page.locator("#paper .printed").all():
            assert one.is_visible()
            assert one.locator("math").count() >= 1
        assert page.locator("#step").is_hidden()
        assert not page.evaluate(overlaps)
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
        assert page.locator("#paper .printed").count() == 0
        assert page.locator("#step").is_visible()


def covering():
    """Return names of networks whose steps have every equation and formula of all networks."""
    of_each = {
        name: {text for part in sections(trace) for step in part.steps for text in _texts(step)}
        for name, trace in sorted(random_networks().items())
    }
    chosen, missing = [], set().union(*of_each.values())
    while missing:
        best = max(of_each, key=lambda name: len(of_each[name] & missing))
        chosen.append(best)
        missing -= of_each[best]
    return chosen


def _texts(step):
    return re.sub(r"\d+", "1", step.equation), step.where


@pytest.mark.parametrize("name", covering())
def test_every_formula_fits_a_phone(name, opened):
    with opened(random_networks()[name].to_html(interactive=True), 360) as page:
        assert at_each_step(page, CUT) == []


def test_a_product_of_numbers_has_a_dot(opened):
    with opened(html_of("four layers")) as page:
        page.locator("#story").select_option("One weight")
        page.evaluate("goTo(0)")
        text = page.locator("#numbers").text_content().replace(" ", "")
        assert text == "=(−23.1)·5.7+0=(−131.7)"


def test_a_large_layer_is_compared_with_its_inverse(opened):
    with opened(html_of("wide")) as page:
        page.locator("#inverse-layer").select_option("2")
        rows = [row.locator("td").all_text_contents() for row in page.locator("#inverse tr").all()]
        assert [row[0] for row in rows[1:]] == ["1", "2", "3", "⋮", "38", "39", "40"]
        trace = wide()
        W, delta = (np.asarray(x, np.float64) for x in (trace.layers[1].W, trace.layers[1].delta))
        inverse = (np.linalg.pinv(W) @ delta)[:, 0]
        for row in rows[1:4]:
            found = float(row[3].replace("−", "-"))
            np.testing.assert_allclose(found, inverse[int(row[0]) - 1], rtol=1e-3)
