"""Every equation of a trace as MathML: well formed, and nothing of its LaTeX is left."""

import re
import xml.etree.ElementTree as ET

import pytest
from page_cases import random_networks
from trace_cases import NETWORKS

import backprop_xp as bp
from backprop_xp.inspection.formulas import ACTIVATIONS, LOSSES
from backprop_xp.inspection.page.mathml import in_mathml
from backprop_xp.inspection.written_equations import sections

TRACES = [
    *random_networks().values(),
    *(bp.trace(net, net.init(0), [[0.1, 0.2, 0.3]] * 3, y) for net, y in NETWORKS.values()),
]
EQUATIONS = {
    text
    for trace in TRACES
    for section in sections(trace)
    for step in section.steps
    for text in (step.equation, step.where, *(x for x in step.terms if isinstance(x, str)))
    if text
} | {text for formula in (*ACTIVATIONS.values(), *LOSSES.values()) for text in formula}


@pytest.mark.parametrize("latex", sorted(EQUATIONS))
def test_every_equation(latex):
    root = ET.fromstring(in_mathml(latex).replace("&#160;", " "))  # noqa: S314  its own text
    text = "".join(root.itertext())
    assert root.tag == "math"
    assert not re.search(r"[\\_^']", text)
    assert not re.search(r"[{}]", re.sub(r"\{(alpha|threshold|negative_slope)\}", "", text))
    for element in root.iter():
        counts = {"msup": 2, "msub": 2, "msubsup": 3}
        assert len(element) == counts.get(element.tag, len(element))
