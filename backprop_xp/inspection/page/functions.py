"""The functions of a network in JavaScript: its activations, its output layer, its optimiser.

Each is what the library's own function returns for symbols: built in, or a user's own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from backprop_xp.execution.expressions import Symbol, Untraceable, reason, variable
from backprop_xp.inspection.page.javascript import function_text
from backprop_xp.network.network import Network

__all__ = ["SCHEDULED_STEPS", "Functions", "Unwritable"]

SCHEDULED_STEPS: Final = 1000
"""Steps of training whose scheduled numbers a page holds; the last ones stay."""

_FLOAT64 = "float64"


class Unwritable(Exception):  # noqa: N818  the page says it instead of being interactive
    """A part of a network computes in a way that JavaScript cannot be written for."""


class Functions:
    """The functions of a page, each text once.

    Attributes
    ----------
    texts : list of str
        The functions in JavaScript. All else names them by their index.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []

    def of_network(self, net: Network) -> dict[str, Any]:
        """Return the indices of a network's functions by the names that ``network.js`` calls them.

        Raises
        ------
        Unwritable
            An activation or the loss reads a number, or calls a function that is not known.
        """
        output = net.output_with_loss
        loss = _name(net.loss, "loss")
        activations = [self._of_activation(sigma) for sigma in net.activations]
        z, a, y, w = _variables("z", "a", "y", "w")
        return {
            "activations": activations,
            "cost": self._add(loss, [z, y], lambda: output.cost(z, y), each_unit=False),
            "error": self._add(
                loss, [z, a, y, w], lambda: output.error(z, a, y, w), ["w"], each_unit=True
            ),
            "slopes": self._add(loss, [a, y], lambda: output.loss.dE_da(a, y), each_unit=True),
        }

    def _of_activation(self, sigma: Any) -> dict[str, int]:
        name = _name(sigma, "activation")
        z, a, dE_da = _variables("z", "a", "dE_da")
        found = {"value": self._add(name, [z], lambda: sigma(z), each_unit=True)}
        if hasattr(sigma, "vjp"):
            found["vjp"] = self._add(name, [dE_da, a], lambda: sigma.vjp(dE_da, a), each_unit=True)
        else:
            found["slope"] = self._add(name, [z, a], lambda: sigma.da_dz(z, a), each_unit=True)
        return found

    def of_optimizer(self, optimizer: Any) -> dict[str, Any]:
        """Return the index of an optimiser's update, its state at first and its hyperparameters.

        `settings` are the numbers at the first step. `scheduled` are those that change, by name,
        as lists of the numbers at the first `SCHEDULED_STEPS` steps.

        A number of the state stands for an array of that number, a list of one number for a number
        that all parameters share.

        Raises
        ------
        Unwritable
            `update` cannot be written.
        """
        settings = _numbers(optimizer.settings(0))
        by_step = [settings, *_later(optimizer)]
        columns = {name: [at[name] for at in by_step] for name in settings}
        scheduled = {name: column for name, column in columns.items() if len({*column}) > 1}
        start = [np.asarray(x) for x in optimizer.init(np.zeros(2))]
        state = [float(x[0]) if x.size == 2 else [float(x[0])] for x in start]
        theta, dE_dtheta = _variables("theta", "dE_dtheta")
        kept = _variables(*(f"state{number}" for number in range(len(state))))
        given = dict(zip(settings, _variables(*settings), strict=True))
        shared = [x.name for x, at in zip(kept, state, strict=True) if isinstance(at, list)]

        def after() -> list[Any]:
            new, new_state = optimizer.update(theta, tuple(kept), dE_dtheta, **given)
            return [new, *new_state]

        name = f"the optimiser {type(optimizer).__name__}"
        inputs = [theta, dE_dtheta, *kept, *given.values()]
        index = self._add(name, inputs, after, [*shared, *settings])
        return {"update": index, "state": state, "settings": settings, "scheduled": scheduled}

    def _add(
        self,
        name: str,
        inputs: Sequence[Symbol],
        compute: Callable[[], Any],
        numbers: Sequence[str] = (),
        *,
        each_unit: bool | None = None,
    ) -> int:
        """Add a function and return its index; a list of results is returned as an array."""
        try:
            text = function_text(inputs, _results(compute()), numbers, each_unit=each_unit)
        except Exception as error:
            raise Unwritable(f"{name} computes with {reason(error)}") from error
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)


def _results(found: Any) -> list[Any]:
    results = found if isinstance(found, list) else [found]
    for x in results:
        if not isinstance(x, Symbol | float | int):
            raise Untraceable(f"a result of the type {type(x).__name__}")
    return results


def _numbers(settings: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(np.asarray(value).reshape(-1)[0]) for name, value in settings.items()}


def _later(optimizer: Any) -> Iterator[dict[str, float]]:
    """Yield the numbers of the steps after the first, up to a step that a schedule refuses."""
    for step in range(1, SCHEDULED_STEPS):
        try:
            yield _numbers(optimizer.settings(step))
        except Exception:  # noqa: BLE001  a schedule of a user may end
            return


def _variables(*names: str) -> list[Any]:
    return [variable(name, _FLOAT64) for name in names]


def _name(part: Any, kind: str) -> str:
    return f"the {kind} {getattr(part, 'name', type(part).__name__)!r}"
