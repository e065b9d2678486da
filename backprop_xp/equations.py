"""The equations of backpropagation in matrix form: one column for each training case.

For a layer l with weights W^l and biases b^l, in which ``W[d, s]`` weighs the connection from unit
s of layer l−1 to unit d of layer l:

.. code-block:: text

    forward     z^l = W^l a^(l−1) + b^l            a^l = σ(z^l)
    error       δ^l = ∂E/∂z^l = ∂E/∂a^l ⊙ ∂a^l/∂z^l
    backward    ∂E/∂a^(l−1) = (W^l)ᵀ δ^l
    gradient    ∂E/∂W^l = δ^l (a^(l−1))ᵀ            ∂E/∂b^l = Σ_c δ^l_c

Shapes: W (n_out, n_in); b (n_out, 1); z, a and δ (n, m) for m cases. E is a sum over the cases.
Leading axes are networks: the equations hold for each network by itself.

References
----------
.. [1] Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors",
   Nature 323 (1986) 533-536.
.. [2] Nielsen, "Neural Networks and Deep Learning" (2015), chapter 2, equations BP1 to BP4.
"""

from backprop_xp.arrays.backend import ArrayT, namespace
from backprop_xp.arrays.native import product
from backprop_xp.arrays.shapes import takes

__all__ = ["bias_gradient", "error", "input_gradient", "weight_gradient", "weighted_input"]


@takes(W=("n_out", "n_in"), a_prev=("n_in", "m"), b=("n_out", 1))
def weighted_input(W: ArrayT, a_prev: ArrayT, b: ArrayT) -> ArrayT:
    """Return the weighted inputs of layer l, z^l = W^l a^(l−1) + b^l.

    Parameters
    ----------
    W : array (..., n_out, n_in)
    a_prev : array (..., n_in, m)
    b : array (..., n_out, 1)

    Returns
    -------
    array (..., n_out, m)

    Raises
    ------
    ShapeError
        The shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> weighted_input(np.array([[2.0, 3.0]]), np.array([[1.0], [10.0]]), np.array([[0.5]]))
    array([[32.5]])
    """
    z: ArrayT = W @ a_prev
    z += b
    return z


@takes(dE_da=("n", "m"), da_dz=("n", "m"))
def error(dE_da: ArrayT, da_dz: ArrayT) -> ArrayT:
    """Return the error of layer l, δ^l = ∂E/∂a^l ⊙ ∂a^l/∂z^l.

    The elementwise product ⊙ holds where each activation depends on its own weighted input alone.
    In softmax each depends on all weighted inputs of the layer: it has its own vector-Jacobian
    product.

    Parameters
    ----------
    dE_da, da_dz : array (..., n, m)

    Returns
    -------
    array (..., n, m)

    Raises
    ------
    ShapeError
        The last two axes differ.

    References
    ----------
    Nielsen (2015), BP1 for the output layer.

    Examples
    --------
    >>> import numpy as np
    >>> error(np.array([[2.0], [3.0]]), np.array([[0.25], [0.5]]))
    array([[0.5],
           [1.5]])
    """
    delta: ArrayT = dE_da * da_dz
    return delta


@takes(W=("n_out", "n_in"), delta=("n_out", "m"))
def input_gradient(W: ArrayT, delta: ArrayT) -> ArrayT:
    """Return the gradient for the layer below, ∂E/∂a^(l−1) = (W^l)ᵀ δ^l.

    Unit s below feeds every unit d above through ``W[d, s]``, so that the chain rule sums over d:
    ∂E/∂a_s = Σ_d W[d, s] δ_d. This sum runs over the first index of W: it is a product with Wᵀ.

    Parameters
    ----------
    W : array (..., n_out, n_in)
    delta : array (..., n_out, m)

    Returns
    -------
    array (..., n_in, m)

    Raises
    ------
    ShapeError
        The shapes do not fit.

    References
    ----------
    Nielsen (2015), BP2 together with `error`.

    Examples
    --------
    >>> import numpy as np
    >>> input_gradient(np.array([[2.0, 3.0]]), np.array([[0.5]]))
    array([[1. ],
           [1.5]])
    """
    dE_da: ArrayT = W.mT @ delta
    return dE_da


@takes(delta=("n_out", "m"))
def bias_gradient(delta: ArrayT, ones: ArrayT | None = None, out: ArrayT | None = None) -> ArrayT:
    """Return the gradient for the biases, ∂E/∂b^l = Σ_c δ^l_c, summed over the cases c.

    A bias is the weight of an input that is always 1. The sum is therefore `weight_gradient` for
    a^(l−1) = 1, the product of δ^l and a column of ones.

    Parameters
    ----------
    delta : array (..., n_out, m)
    ones : array (m, 1), optional
        The column of ones. By default it is made here.
    out : array (..., n_out, 1), optional
        The array to write the result into, on libraries that support it: NumPy, PyTorch and CuPy.

    Returns
    -------
    array (..., n_out, 1)

    Raises
    ------
    ShapeError
        `delta` has fewer than two axes.

    References
    ----------
    Nielsen (2015), BP3.

    Examples
    --------
    >>> import numpy as np
    >>> bias_gradient(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[3.],
           [7.]])
    """
    if ones is None:
        ones = namespace(delta).ones_like(delta[..., :1, :]).mT
    return product(delta, ones, out)


@takes(delta=("n_out", "m"), a_prev=("n_in", "m"))
def weight_gradient(delta: ArrayT, a_prev: ArrayT, out: ArrayT | None = None) -> ArrayT:
    """Return the gradient for the weights, ∂E/∂W^l = δ^l (a^(l−1))ᵀ, summed over the cases.

    Parameters
    ----------
    delta : array (..., n_out, m)
    a_prev : array (..., n_in, m)
    out : array (..., n_out, n_in), optional
        The array to write the result into, on libraries that support it: NumPy, PyTorch and CuPy.

    Returns
    -------
    array (..., n_out, n_in)

    Raises
    ------
    ShapeError
        The numbers of cases differ.

    References
    ----------
    Nielsen (2015), BP4.

    Examples
    --------
    >>> import numpy as np
    >>> weight_gradient(np.array([[0.5], [1.0]]), np.array([[2.0], [3.0]]))
    array([[1. , 1.5],
           [2. , 3. ]])
    """
    dE_dW: ArrayT = product(delta, a_prev.mT, out)
    return dE_dW
