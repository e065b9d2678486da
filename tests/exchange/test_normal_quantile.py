"""The quantile function as an expression agrees with that of `preprocessing`."""

import numpy as np

from backprop_xp.exchange.expressions import Symbol
from backprop_xp.exchange.normal_quantile import normal_quantile
from backprop_xp.exchange.numpy_code import Functions, body
from backprop_xp.preprocessing.normal_quantile import normal_quantile as of_arrays


def test_it_agrees_from_one_tail_to_the_other():
    p = np.concatenate([np.geomspace(1e-10, 0.5, 400), 1 - np.geomspace(1e-10, 0.5, 400)])
    lines = body([normal_quantile(Symbol("input", name="p"))], Functions(), "test")
    names = {"np": np}
    exec("def f(p):\n    " + "\n    ".join(lines), names)  # noqa: S102
    np.testing.assert_allclose(names["f"](p), of_arrays(p), rtol=1e-13)
