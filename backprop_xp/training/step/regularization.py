"""Regularisation: penalties, clipping, shrinkage, max-norm and smoothed targets, as equations.

.. code-block:: text

    gradient        ∂E/∂θ of the batch
    penalties       l2_penalty, l1_penalty: added to the cost, their derivatives to the gradient
    clipping        clipped: the gradient by value, then by norm
    optimiser       the new θ and the optimiser's new state
    shrinkage       shrunk: a share of each weight is taken away
    max-norm        bounded: the weights into a unit are scaled down to a norm

This table is the order of one update (`update.step_of`). The functions read no number from an
array: all is arithmetic on the device. Each function leaves a weight of 0 at 0, so that removed
connections stay removed. Targets are smoothed here; `dropout` drops inputs and hidden units.
"""

from collections.abc import Sequence

from backprop_xp.arrays.backend import Array, namespace
from backprop_xp.arrays.native import astype, largest, maximum, total, writes_products
from backprop_xp.network.parameters import Layer, pack, unpack

__all__ = [
    "bounded",
    "clipped",
    "l1_penalty",
    "l2_penalty",
    "shrunk",
    "smoothed",
    "within",
]


def l2_penalty(theta: Array, l2: Array) -> tuple[Array, Array]:
    """Return ½ Σ λ θ², (...), and its derivative λ θ, (..., P).

    Parameters
    ----------
    theta : array (..., P)
    l2 : array, broadcasting against (..., P)
        λ ≥ 0, with 0 for parameters without a penalty.

    References
    ----------
    Hoerl, Kennard, "Ridge regression", Technometrics 12 (1970). Krogh, Hertz, "A simple weight
    decay can improve generalization", NIPS 4 (1991).

    Examples
    --------
    >>> import numpy as np
    >>> penalty, derivative = l2_penalty(np.array([2.0, -1.0, 3.0]), np.array([0.5, 0.5, 0.0]))
    >>> float(penalty), derivative  # ½ · 0.5 · (4 + 1)
    (1.25, array([ 1. , -0.5,  0. ]))
    """
    derivative = l2 * theta
    return 0.5 * namespace(theta).sum(derivative * theta, axis=-1), derivative


def l1_penalty(theta: Array, l1: Array) -> tuple[Array, Array]:
    """Return Σ λ |θ|, (...), and its derivative λ sign θ, (..., P), with sign 0 = 0.

    Parameters
    ----------
    theta : array (..., P)
    l1 : array, broadcasting against (..., P)
        λ ≥ 0, with 0 for parameters without a penalty.

    References
    ----------
    Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal Statistical
    Society B 58 (1996).

    Examples
    --------
    >>> import numpy as np
    >>> penalty, derivative = l1_penalty(np.array([2.0, -1.0, 0.0]), np.array(0.5))
    >>> float(penalty), derivative
    (1.5, array([ 0.5, -0.5,  0. ]))
    """
    sign = astype(theta > 0, theta.dtype) - astype(theta < 0, theta.dtype)
    derivative = l1 * sign
    return namespace(theta).sum(derivative * theta, axis=-1), derivative  # |θ| = θ sign θ


def within(x: Array, norm: Array) -> Array:
    """Return min(1, c / ‖x‖), (..., 1), for norms along the last axis.

    It is computed as c / max(‖x‖, c), which never divides by 0 and is exactly 1 where ‖x‖ ≤ c. x
    and c are first divided by the largest of c and all |x|, so that no square overflows; the square
    of 256 would in float16.

    Parameters
    ----------
    x : array (..., n)
    norm : array, broadcasting against (..., 1)
        c > 0.

    Examples
    --------
    >>> import numpy as np
    >>> within(np.array([[3.0, 4.0], [0.3, 0.4]]), np.array(1.0))
    array([[0.2],
           [1. ]])
    """
    unit = maximum(largest(abs(x), axis=-1), norm)
    x, norm = x / unit, norm / unit
    scale: Array = norm / maximum(namespace(x).sqrt(total(x * x, axis=-1)), norm)
    return scale


def clipped(dE_dtheta: Array, value: Array | None, norm: Array | None) -> Array:
    """Return the gradient with each number within ±`value`, and then ‖∂E/∂θ‖ within `norm`.

    Both bounds hold for the result, since scaling to the norm makes no number larger. None is no
    bound. PyTorch's ``clip_grad_norm_`` divides by ‖∂E/∂θ‖ + 10⁻⁶ in place of ‖∂E/∂θ‖.

    Parameters
    ----------
    dE_dtheta : array (..., P)
        The whole gradient of each network, penalties included.
    value, norm : array, broadcasting against (..., 1), or None
        > 0.

    References
    ----------
    Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML
    (2013), algorithm 1, for the norm.

    Examples
    --------
    >>> import numpy as np
    >>> clipped(np.array([6.0, -4.0, 0.0]), np.array(3.0), None)
    array([ 3., -3.,  0.])
    >>> clipped(np.array([6.0, -8.0, 0.0]), None, np.array(5.0))
    array([ 3., -4.,  0.])
    """
    if value is not None:
        xp = namespace(dE_dtheta)
        dE_dtheta = xp.minimum(xp.maximum(dE_dtheta, -value), value)
    return dE_dtheta if norm is None else dE_dtheta * within(dE_dtheta, norm)


def shrunk(theta: Array, share: Array) -> Array:
    """Return (1 − s) θ; `theta` is consumed.

    Parameters
    ----------
    theta : array (..., P)
    share : array, broadcasting against (..., P)
        0 ≤ s < 1, with 0 for parameters that are not shrunk.

    References
    ----------
    Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323
    (1986): in the family trees a weight loses 0.2 per cent after each change.

    Examples
    --------
    >>> import numpy as np
    >>> shrunk(np.array([4.0, -2.0]), np.array([0.25, 0.0]))
    array([ 3., -2.])
    """
    theta *= 1 - share
    return theta


def bounded(sizes: Sequence[int], theta: Array, norm: Array) -> Array:
    """Return θ with the weights into each unit, a row w of W, scaled down to ‖w‖ ≤ c.

    Biases do not count for the norm and stay as they are. `theta` is consumed.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer.
    theta : array (..., P)
    norm : array, broadcasting against (..., 1)
        c > 0.

    References
    ----------
    Srebro, Shraibman, "Rank, trace-norm and max-norm", COLT (2005). Srivastava, Hinton, Krizhevsky,
    Sutskever, Salakhutdinov, "Dropout", Journal of Machine Learning Research 15 (2014).

    Examples
    --------
    >>> import numpy as np
    >>> bounded([2, 1], np.array([3.0, 4.0, 7.0]), np.array(2.5))  # ‖(3, 4)‖ = 5, and a bias
    array([1.5, 2. , 7. ])
    """
    layers, norm = unpack(sizes, theta), norm[..., None]
    if not writes_products(namespace(theta)):
        inside: Array = pack([Layer(W * within(W, norm), b) for W, b in layers])
        return inside
    for W, _ in layers:  # views of θ
        W *= within(W, norm)  # noqa: PLW2901  W is a view that is written into
    return theta


def smoothed(y: Array, share: Array) -> Array:
    """Return (1 − s) y + s / n_out: a share s of each target is spread evenly over the classes.

    A single output unit stands for two classes: (1 − s) y + s / 2.

    Parameters
    ----------
    y : array (..., n_out, m)
        One-hot targets; 0 or 1 for a single unit.
    share : array, broadcasting against (..., 1, 1)
        0 ≤ s < 1.

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception architecture for computer
    vision", CVPR (2016), section 7.

    Examples
    --------
    >>> import numpy as np
    >>> smoothed(np.array([[1.0], [0.0]]), np.array(0.25)).T, smoothed(np.eye(1), np.array(0.5))
    (array([[0.875, 0.125]]), array([[0.75]]))
    """
    classes = max(y.shape[-2], 2)
    smooth: Array = (1 - share) * y + share * (1 / classes)
    return smooth
