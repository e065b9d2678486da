"""The stories of the page: the networks of the source documents, with their own numbers.

.. code-block:: text

    one_weight_chain        examples/one_weight_chain.py: 20 published weights
    four_layers             examples/four_layer_network.py: every derivative of four layers
    error_carried_backward  examples/error_carried_backward.py: one connection is removed
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from backprop_xp.initializers import Uniform
from backprop_xp.inspection.trace import Trace, trace
from backprop_xp.network.network import Network
from backprop_xp.optimizers.sgd import SGD

__all__ = [
    "INPUT",
    "PUBLISHED",
    "RATE",
    "SIZES",
    "TARGET",
    "WEIGHT",
    "Story",
    "four_layers",
    "stories",
]

INPUT: Final = 5.7
WEIGHT: Final = -23.1
TARGET: Final = 50.1
RATE: Final = 0.007
PUBLISHED: Final = (
    *("-8.5948", "-0.68736", "3.6233", "5.9732", "7.2542", "7.9525", "8.3332", "8.5408"),
    *("8.6539", "8.7156", "8.7492", "8.7675", "8.7775", "8.7829", "8.7859", "8.7875"),
    *("8.7884", "8.7889", "8.7892", "8.7893"),
)
"""The weights after steps 1 to 20, as they were published."""

SIZES: Final = (5, 4, 3, 4)


@dataclass(frozen=True)
class Story:
    """A network with its numbers, and what there is to see in it.

    Attributes
    ----------
    title : str
    text : str
    traced : Trace
    published : tuple of str
        The published values of the first weight after each step; empty for none.
    without_biases : bool
        Whether b stays 0.
    starts_at : str
        The name of a quantity at whose step the story begins; empty for the first step.
    """

    title: str
    text: str
    traced: Trace[Any]
    published: tuple[str, ...] = ()
    without_biases: bool = False
    starts_at: str = ""


def stories() -> tuple[Story, ...]:
    """Return the stories in the order of the menu."""
    return _one_weight_chain(), four_layers(), _error_carried_backward()


def _one_weight_chain() -> Story:
    net = Network([1, 1], output="identity", loss="squared_error")
    text = (
        f"A chain of one weight: the input {INPUT} times w shall give {TARGET}. The published "
        "cost is C = (a\u00a0w\u00a0−\u00a0y)², twice the library's E, so each step is made at "
        f"twice the published rate of {RATE}. There is no bias. Train 20 steps: they give the 20 "
        "published weights. A W of one number is its own transpose, so a chain cannot show where a "
        "transpose belongs."
    )
    traced = trace(net, np.array([WEIGHT, 0.0]), [INPUT], [TARGET], optimizer=SGD(2 * RATE))
    return Story("One weight", text, traced, PUBLISHED, without_biases=True)


def four_layers() -> Story:
    """Return the story of the second source document."""
    text = (
        "5 inputs and layers of 4, 3 and 4 sigmoid units. Without δ, a derivative of the first "
        "layer is a sum over 4 · 3 paths. δ keeps the factors that these sums share: follow it "
        "from δ³ down to δ¹."
    )
    return Story("Four layers", text, _four_layers(None))


def _error_carried_backward() -> Story:
    mask = np.ones((SIZES[3], SIZES[2]))
    mask[1, 0] = 0
    text = (
        "The same network without the connection from unit 1 of layer 2 to unit 2 of layer 3. "
        "Unit K of a layer acts on the cost through every unit j that it feeds, with the slope "
        "w_jK: choose a unit below, and column K of W lights up. The removed connection adds "
        "nothing to the sum."
    )
    traced = _four_layers([None, None, mask])
    return Story("The error carried backward", text, traced, starts_at="dE_da2")


def _four_layers(connections: Sequence[Any] | None) -> Trace[Any]:
    whole = Network(SIZES, output="sigmoid", loss="squared_error")
    net = Network(SIZES, output="sigmoid", loss="squared_error", connections=connections)
    theta = whole.init(seed=1, initializer=Uniform(1.0), dtype="float64")
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-1, 1, SIZES[0]), rng.uniform(0, 1, SIZES[-1])
    return trace(net, theta, x, y, optimizer=SGD(0.5))
