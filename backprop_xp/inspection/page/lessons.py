"""A traced network as data for the page: its numbers, and its steps with their equations."""

import base64
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.inspection.page.functions import Functions
from backprop_xp.inspection.page.mathml import breakable_mathml, in_mathml
from backprop_xp.inspection.page.stories import Story
from backprop_xp.inspection.trace import Trace
from backprop_xp.inspection.trace import trace as traced
from backprop_xp.inspection.written_equations import note, sections
from backprop_xp.optimizers.sgd import SGD

__all__ = ["LEARNING_RATE", "MOST_CASES", "MOST_NUMBERS", "kept_cases", "lesson"]

LEARNING_RATE: Final = 0.5
"""The ε of a page whose trace has no optimiser."""

MOST_CASES: Final = 100
"""Cases of a page."""
MOST_NUMBERS: Final = 20_000
"""Inputs and targets of a page, over all cases."""


def kept_cases(m: int, numbers: int, case: int | None) -> list[int]:
    """Return the places of the cases that a page holds: the first ones, and `case`.

    Parameters
    ----------
    m : int
        The number of cases.
    numbers : int
        Inputs and targets of each.
    case : int or None

    Examples
    --------
    >>> kept_cases(1000, 784, 500)[-2:]
    [23, 500]
    """
    most = max(1, min(m, MOST_CASES, MOST_NUMBERS // numbers))
    kept = list(range(most))
    if case is not None and case not in kept:
        kept[-1] = case
    return kept


def lesson(story: Story, functions: Functions, *, case: int | None = None) -> dict[str, Any]:
    """Return a story as JSON takes it; its functions are added to `functions`.

    Arrays are float64, little-endian, in base64. Indices of layers begin at 1 in names of
    quantities, and all others at 0.

    Parameters
    ----------
    story : Story
        Of a single network.
    functions : Functions
    case : int, optional
        The case that is shown at first; else all of them.

    Raises
    ------
    Unwritable
        A part of the network computes in a way that JavaScript cannot be written for.
    """
    trace, net = story.traced, story.traced.network
    optimizer = SGD(LEARNING_RATE) if trace.optimizer is None else trace.optimizer
    X, Y, w = _host(trace.a_in).T, _host(trace.y).T, _host(trace.w)[0]
    theta = net.pack([(_host(one.W), _host(one.b)) for one in trace.layers])
    kept = kept_cases(len(X), X.shape[1] + Y.shape[1], case)
    w_kept = w[kept]
    if len(kept) < len(w) and w_kept.sum() > 0:
        w_kept = w_kept * (w.sum() / w_kept.sum())  # a mean stays a mean
    # targets of softmax that do not sum to 1 have a longer equation, which holds for all
    typical = max(kept, key=lambda c: abs(float(Y[c].sum()) - 1))
    alone = traced(net, theta, X[typical], Y[typical], optimizer=optimizer)
    found: dict[str, Any] = {
        "title": story.title,
        "text": story.text,
        "sizes": list(net.sizes),
        "activations": [_name(sigma) for sigma in net.activations],
        "loss": _name(net.loss),
        "theta": _packed(theta),
        "exists": [None if one.exists is None else _packed(one.exists) for one in trace.layers],
        "X": _packed(X[kept]),
        "Y": _packed(Y[kept]),
        "w": _packed(w_kept),
        "cases": kept,
        "ofCases": len(X),
        "case": None if case is None else kept.index(case),
        "functions": functions.of_network(net),
        "optimizer": _of_optimizer(optimizer, functions),
        "steps": [_steps_with_note(alone, story)],
        "published": list(story.published),
        "biases": not story.without_biases,
        "startsAt": story.starts_at,
    }
    if len(kept) > 1 or w_kept[0] != 1:
        few = traced(net, theta, X[kept], Y[kept], w_kept, optimizer=optimizer)
        found["steps"].append(_steps_with_note(few, story))
    return found


def _of_optimizer(optimizer: Any, functions: Functions) -> dict[str, Any]:
    found = functions.of_optimizer(optimizer)
    found["scheduled"] = {name: _packed(np.asarray(x)) for name, x in found["scheduled"].items()}
    return {"name": type(optimizer).__name__, **found}


def _steps_with_note(trace: Trace[Any], story: Story) -> dict[str, Any]:
    return {"note": note(trace), "steps": list(_steps(trace, story))}


def _steps(trace: Trace[Any], story: Story) -> Iterator[dict[str, Any]]:
    """Yield the steps of a trace: equations in MathML, terms as signs and names of quantities."""
    for section in sections(trace):
        for step in section.steps:
            if story.without_biases and step.names[-1].endswith("b1"):
                continue
            names = iter(step.names)
            terms = [
                {"sign": in_mathml(term)} if isinstance(term, str) else {"name": next(names)}
                for term in step.terms
            ]
            yield {
                "section": section.title,
                "equation": breakable_mathml(step.equation),
                "where": breakable_mathml(step.where) if step.where else "",
                "terms": terms,
            }


def _name(part: Any) -> str:
    return str(getattr(part, "name", type(part).__name__))


def _host(x: Any) -> HostArray:
    return np.asarray(to_host(x), np.float64)


def _packed(x: Any) -> str:
    return base64.b64encode(np.asarray(to_host(x), "<f8").tobytes()).decode("ascii")
