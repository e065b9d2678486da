"""Each formula that is written beside the numbers is the function that the code computes."""

import math
import re

import numpy as np
import pytest

from backprop_xp.activations import ACTIVATIONS, ELU, LeakyReLU, Softmax
from backprop_xp.inspection.formulas import formula_of
from backprop_xp.losses import LOSSES, Huber

Z = np.array([[-2.0, -0.3, 0.4, 1.7]]).T
A, Y = np.array([[0.2, 0.7, 0.55]]).T, np.array([[0.0, 1.0, 0.5]]).T
WORDS = {
    r"\\sigma\(z\) = ": "",
    r"\^\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}": r"**(\1)",
    r"\\tanh z": "tanh(z)",
    r"\\max": "maximum",
    r"\\ln ([a-z])": r"log(\1)",
    r"\\ln": "log",
    r"\\tanh\(": "tanh(",
    r"\\sqrt\{2/\\pi\}": "sqrt(2/pi)",
    r"_\{d\}": "",
    r"\\sum ": "SUM",
    r"\|([^|]*)\|": r"abs(\1)",
}


def evaluated(latex, **names):
    """Return the value of a formula; its words and products are those of the table."""
    names |= {
        "e": math.e, "pi": math.pi, "tanh": np.tanh, "maximum": np.maximum, "log": np.log,
        "sqrt": np.sqrt,
    }  # fmt: skip
    text = latex
    definition = re.search(r", \\text\{ with \} ([sth])(?:\(r\))? = (.*)$", text)
    if definition and definition[1] != "h":
        text = text[: definition.start()]
        names[definition[1]] = evaluated(definition[2], **names)
    if " for } " in text:
        first, condition, other = re.fullmatch(
            r"(.*?) \\text\{ for \} (.*?), \\text\{ else \} (.*)", text
        ).groups()
        truth = evaluated(condition, **names)
        return np.where(truth, evaluated(first, **names), evaluated(other, **names))
    for pattern, python in WORDS.items():
        text = re.sub(pattern, python, text)
    text = re.sub(r"(?<=[a-z0-9)]) (?=[a-z(])", " * ", text)
    with np.errstate(all="ignore"):
        return eval(text, {"__builtins__": {"abs": abs}}, names)  # noqa: S307  the table's own text


ELEMENTWISE = [kind() for name, kind in ACTIVATIONS.items() if name != "softmax"]


@pytest.mark.parametrize("sigma", [*ELEMENTWISE, LeakyReLU(0.2), ELU(0.7)], ids=repr)
def test_of_activations(sigma):
    a = sigma(Z)
    formula = formula_of(sigma)
    near = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(evaluated(formula.value, z=Z) * np.ones_like(Z), a, **near)
    slope = evaluated(formula.slope, z=Z, a=a) * np.ones_like(Z)
    np.testing.assert_allclose(slope, sigma.da_dz(Z, a), **near)


def test_of_softmax():
    sigma, formula = Softmax(), formula_of(Softmax())
    assert formula.value == r"e^{z_d}/\sum_{k} e^{z_k}"
    np.testing.assert_allclose(np.exp(Z) / np.exp(Z).sum(), sigma(Z), rtol=1e-12)
    a = sigma(Z)
    for d in range(len(a)):
        for k in range(len(a)):
            there, other = formula.slope.split(r" \text{ for } k = d, \text{ else } ")
            chosen = there if k == d else other
            value = evaluated(
                chosen.replace("a_{d}", "p").replace("a_{k}", "q"), p=a[d, 0], q=a[k, 0]
            )
            unit = np.eye(len(a))[:, [d]]
            assert value == pytest.approx(sigma.vjp(unit, a)[k, 0], rel=1e-12)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"absolute_error", "huber"}))
def test_of_losses(name):
    loss, formula = LOSSES[name](), formula_of(LOSSES[name]())
    sign, _, inner = formula.value.partition(r"\sum_{d} ")
    total = evaluated(inner, a=A, y=Y)
    with np.errstate(all="ignore"):
        factor = {"": 1, "-": -1, "1/2 ": 0.5}[sign]
    np.testing.assert_allclose(factor * total.sum(), loss(A, Y)[0], rtol=1e-12)
    np.testing.assert_allclose(evaluated(formula.slope, a=A, y=Y), loss.dE_da(A, Y), rtol=1e-12)


def test_of_losses_with_kinks():
    assert formula_of(LOSSES["absolute_error"]()).value == r"\sum_{d} |a_{d} - y_{d}|"
    formula = formula_of(Huber(0.25))
    inner, outer = re.search(
        r"h\(r\) = (.*?) \\text\{ for \} .*? \\text\{ else \} (.*)", formula.value
    ).groups()
    r = A - Y
    h = np.where(abs(r) < 0.25, evaluated(inner, r=r), evaluated(outer, r=r))
    np.testing.assert_allclose(h.sum(), Huber(0.25)(A, Y)[0], rtol=1e-12)
    assert formula.slope == r"a - y, \text{ within } \pm 0.25"


def test_parts_of_users_have_none():
    class Tanh:
        name = "tanh"

    assert formula_of(Tanh()) is None


def test_every_built_in_part_has_one():
    for part in [*ACTIVATIONS.values(), *LOSSES.values()]:
        assert formula_of(part()) is not None
