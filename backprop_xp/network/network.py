"""A multi-layer perceptron as a frozen description; its parameters are an array θ beside it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from backprop_xp.activations import Activation, Sigmoid, find_activation
from backprop_xp.arrays import requirements
from backprop_xp.arrays.advice import checks_keywords, missing_attribute
from backprop_xp.arrays.backend import (
    Array,
    ArrayT,
    astype,
    context,
    from_host,
    from_host_like,
    ignore_overflow,
)
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.arrays.random_streams import generator
from backprop_xp.arrays.scalars import float_name
from backprop_xp.errors import CallError, DataError
from backprop_xp.initializers import Initializer, find_initializer
from backprop_xp.losses import Loss, find_loss
from backprop_xp.network import backpropagation, chunks, columns, parameters
from backprop_xp.network.connections import Mask, checked_connections, existing
from backprop_xp.network.description import layer_sizes, one_for_each_layer, stack_shape
from backprop_xp.network.methods_elsewhere import ELSEWHERE, PREDICT
from backprop_xp.network.output_layer import Output, output_of, total_cost
from backprop_xp.network.parameters import Layer
from backprop_xp.network.summary import Summary, html_of, summary_of

__all__ = ["Network"]


@checks_keywords
@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron: its sizes, activations, loss and connections, without parameters.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer from the inputs to the outputs, each at least 1.
    hidden : str or Activation, or a sequence of them
        The activation of the hidden layers, or one for each hidden layer.
    output : str or Activation
        The activation of the output layer.
    loss : str or Loss
        The cost of a case. Any loss goes with any output activation. A canonical pair, such as
        softmax with cross-entropy, computes cost and error stably from z.
    connections : sequence of (None or array of 0 and 1), optional
        One for each layer: None for all connections, or a mask (n_out, n_in) with 0 for each
        removed connection. A removed connection carries nothing, whatever number θ holds there,
        and its gradient is exactly 0.

    Raises
    ------
    OptionError
        A size is no positive integer, or a name is unknown.
    ShapeError
        A mask or the number of activations does not fit the sizes.

    Examples
    --------
    >>> net = Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
    >>> net.parameter_count
    13
    """

    sizes: tuple[int, ...]
    hidden: tuple[Activation, ...]
    output: Activation
    loss: Loss
    connections: tuple[Mask | None, ...]

    def __init__(
        self,
        sizes: Iterable[int],
        hidden: str | Activation | Sequence[str | Activation] = "sigmoid",
        output: str | Activation = "softmax",
        loss: str | Loss = "cross_entropy",
        connections: Sequence[Any] | None = None,
    ) -> None:
        checked = layer_sizes(sizes)
        fields = {
            "sizes": checked,
            "hidden": one_for_each_layer(hidden, len(checked) - 2),
            "output": find_activation(output, "Network(output)"),
            "loss": find_loss(loss),
            "connections": checked_connections(connections, parameters.layer_shapes(checked)),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)  # a frozen dataclass has no other way

    if not TYPE_CHECKING:  # a type checker shall still find misspelt attributes

        def __getattr__(self, name: str) -> Any:
            raise missing_attribute(self, name, ELSEWHERE)

        def __call__(self, *_: Any, **__: Any) -> Any:
            """Refuse the call, with the method to call instead."""
            expected = "a method, such as forward(theta, X)"
            raise CallError("Network()", "a call of a network", expected, PREDICT)

    @cached_property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each layer, the output layer's last.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy").activations
        (Tanh(), Sigmoid())
        """
        return (*self.hidden, self.output)

    @cached_property
    def parameter_count(self) -> int:
        """P, the length of θ.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.Network([784, 100, 10]).parameter_count  # 784·100 + 100, and 100·10 + 10
        79510
        """
        return sum(self.piece_lengths)

    def summary(self) -> Summary:
        """Return the table of the layers: units, activation, parameters and removed connections.

        Returns
        -------
        Summary
            A text in ASCII, which `print` and the interactive prompt show alike. The column
            "parameters" counts the weights and biases of a layer in θ. The column "removed" counts
            the weights whose connections are removed; they are parameters too.

        Examples
        --------
        >>> mask = [[1, 0, 1], [0, 1, 1]]
        >>> Network([2, 3, 2], hidden="tanh", connections=[None, mask]).summary()
        layer     inputs  units  activation  parameters  removed
        1 hidden       2      3  tanh                 9        0
        2 output       3      2  softmax              8        2
        total                                        17        2
        loss      cross_entropy
        """
        return summary_of(self.sizes, self.activations, self.loss, self.connections)

    def _repr_html_(self) -> str:
        """Return the table of the layers in HTML, as notebooks show it."""
        return html_of(self.sizes, self.activations, self.loss, self.connections)

    @cached_property
    def output_with_loss(self) -> Output:
        """The output activation together with the loss.

        A canonical pair, such as softmax with cross-entropy, is a class of its own.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([4, 3], output="softmax", loss="cross_entropy")
        >>> type(net.output_with_loss).__name__
        'SoftmaxCrossEntropy'
        """
        return output_of(self.output, self.loss)

    @overload
    def init(
        self,
        seed: int = 0,
        initializer: str | Initializer = "glorot",
        device: Literal["cpu"] = "cpu",
        dtype: Any = "float32",
        stack: int | Sequence[int] = (),
    ) -> NDArray[Any]: ...
    @overload
    def init(
        self,
        seed: int = 0,
        initializer: str | Initializer = "glorot",
        device: str | Device = "cpu",
        dtype: Any = "float32",
        stack: int | Sequence[int] = (),
    ) -> Array: ...
    @checks_keywords
    def init(
        self,
        seed: int = 0,
        initializer: str | Initializer = "glorot",
        device: str | Device = "cpu",
        dtype: Any = "float32",
        stack: int | Sequence[int] = (),
    ) -> Array:
        """Return initial parameters θ, (*stack, P).

        Parameters
        ----------
        seed : int
            ≥ 0. A seed gives the same θ on every device. A stack begins with the networks of any
            smaller stack of the same seed.
        initializer : str or Initializer
            A name from `initializers.INITIALIZERS`, or a user's own.
        device : str or Device
            Where θ lives, as `select_device` takes it.
        dtype : str or dtype
            A float dtype; numbers are drawn in float64 and rounded.
        stack : int or sequence of int
            The leading axes of θ: K for K networks, () for a single one.

        Returns
        -------
        array (*stack, P)

        Raises
        ------
        OptionError
            The seed, the initialiser or the stack cannot be used.
        DeviceError
            The device is unknown or unusable.
        DTypeError
            The dtype is no float dtype of the device.

        Examples
        --------
        >>> net = Network([2, 3, 1])
        >>> net.init(seed=1).shape, net.init(seed=1, stack=5).shape
        ((13,), (5, 13))
        """
        chosen, name = select_device(device), float_name(dtype, "init(dtype)")
        draw, shape = find_initializer(initializer), stack_shape(stack)
        rng = generator(seed, "parameters")
        theta = np.empty((int(np.prod(shape)), self.parameter_count))
        for network in theta:
            network[:] = self.pack(self._drawn(draw, rng))
        theta = theta.reshape(*shape, self.parameter_count)
        return from_host(theta, chosen.xp, chosen.handle, name)

    @checks_keywords
    def unpack(self, theta: ArrayT) -> tuple[Layer[ArrayT], ...]:
        """Return the layers (W, b) in θ, as views where the library has views.

        Parameters
        ----------
        theta : array (..., P)

        Returns
        -------
        tuple of Layer
            One for each layer: W (..., n_out, n_in) and b (..., n_out, 1).

        Raises
        ------
        ShapeError
            θ has another number of parameters.
        DTypeError
            θ is no array of floats.

        Examples
        --------
        >>> import numpy as np
        >>> (layer,) = Network([2, 1]).unpack(np.array([1.0, 2.0, 3.0]))
        >>> layer.W, layer.b
        (array([[1., 2.]]), array([[3.]]))
        """
        columns.check_theta(theta, self.parameter_count, "unpack")
        with context(theta):
            return self.views(theta)

    @checks_keywords
    def pack(self, layers: Sequence[tuple[ArrayT, ArrayT]]) -> ArrayT:
        """Return θ (..., P), which holds the layers (W, b): the inverse of `unpack`.

        Parameters
        ----------
        layers : sequence of Layer or (W, b)
            One for each layer: W (..., n_out, n_in) and b (..., n_out, 1), of one library, dtype
            and device.

        Returns
        -------
        array (..., P)

        Raises
        ------
        ShapeError
            The shapes do not fit the sizes; the message names the layer.

        Examples
        --------
        >>> import numpy as np
        >>> Network([2, 1]).pack([(np.array([[1.0, 2.0]]), np.array([[3.0]]))])
        array([1., 2., 3.])
        """
        named = [Layer(*layer) for layer in layers]
        parameters.check_layers(self.sizes, named)
        with context(named[0].W):
            return parameters.pack(named)

    @checks_keywords
    @ignore_overflow
    def forward(self, theta: ArrayT, X: Any) -> ArrayT:
        """Return the outputs as rows, (..., m, n_out), for inputs in rows.

        Many cases pass through the layers in chunks (`chunks`), so that z and a of the hidden
        layers exist for one chunk at a time. There are two exceptions: on JAX all cases are one
        chunk, and PyTorch keeps the arrays that it needs where it records derivatives.

        Parameters
        ----------
        theta : array (..., P)
        X : array (m, n_in), or (..., m, n_in) with one set of inputs for each network
            Converted to θ's dtype.

        Returns
        -------
        array (..., m, n_out)
            In θ's library and dtype, on its device.

        Raises
        ------
        ShapeError
            θ or X does not fit the sizes.
        DTypeError
            θ is no array of floats, or X holds no real numbers.
        DeviceError
            X belongs to another library or device than θ.

        See Also
        --------
        backprop_xp.predict : for inputs of another library, device or in a file.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> net.forward(np.array([2.0, 0.5]), np.array([[3.0], [4.0]]))  # 2 x + 0.5
        array([[6.5],
               [8.5]])
        """
        where = "forward(X)"
        xp = columns.check_theta(theta, self.parameter_count, "forward")
        rows = requirements.same_place(X, theta, where)
        columns.check_shape_of_inputs(rows, tuple(theta.shape[:-1]), self.sizes[0], where)
        if rows.dtype != theta.dtype:
            requirements.check_real(rows, where)
        m = length = rows.shape[-2]
        # jax.jit would unroll the loop over chunks
        if m > chunks.LEAST_CASES and not array_api_compat.is_jax_namespace(xp):
            length = chunks.cases_at_once(self.sizes, theta)
        with context(theta):
            layers = self.layers(theta, self.existing(theta))
            parts: list[Any] = []
            for piece in chunks.pieces(rows, length):
                a_in = astype(piece, theta.dtype).mT
                parts.append(backpropagation.outputs(layers, self.activations, a_in).mT)
            a_out: ArrayT = chunks.joined(parts)
            return a_out

    @checks_keywords
    @ignore_overflow
    def cost(self, theta: ArrayT, X: Any, Y: Any, case_weights: Any = None) -> ArrayT:
        """Return the cost E = Σ_c w_c E_c, (...), a 0-d array for a single network.

        Parameters
        ----------
        theta : array (..., P)
        X : array (m, n_in) or (..., m, n_in)
        Y : array
            Integer class labels (m,), or targets (m, n_out). Labels or targets for each network of
            a stack have the stack's axes in front. For one output unit, Y (m,) holds the targets.
            Only shapes are checked, not values: a label that is no class gives targets of 0 alone.
        case_weights : array (m,) or (..., m), optional
            The weights w_c, used without scaling. By default each is 1/m.

        Returns
        -------
        array (...)
            In θ's library and dtype, on its device.

        Raises
        ------
        ShapeError
            θ, X, Y or the weights do not fit the sizes or each other.
        DTypeError
            θ is no array of floats, or another argument holds no real numbers.
        DeviceError
            An argument belongs to another library or device than θ.
        DataError
            X has no cases.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> E = net.cost(np.array([2.0, 0.5]), np.array([[3.0]]), np.array([[6.0]]))
        >>> float(E)  # ½ (2·3 + 0.5 − 6)²
        0.125
        """
        columns.check_theta(theta, self.parameter_count, "cost")
        with context(theta):
            a_in, y, w = self.in_columns(theta, X, Y, case_weights, "cost")
            layers = self.layers(theta, self.existing(theta))
            z_out = backpropagation.output_weighted_input(layers, self.activations, a_in)
            E_c: Any = self.output_with_loss.cost(z_out, y)
            E: ArrayT = total_cost(E_c, w)
            return E

    @checks_keywords
    @ignore_overflow
    def gradient(
        self, theta: ArrayT, X: Any, Y: Any, case_weights: Any = None
    ) -> tuple[ArrayT, ArrayT]:
        """Return the cost E (...) and its gradient ∂E/∂θ (..., P), by backpropagation.

        Parameters and errors are the same as in `cost`.

        Returns
        -------
        E : array (...)
        dE_dtheta : array (..., P)
            In θ's order; exactly 0 for removed connections.

        References
        ----------
        Rumelhart, Hinton, Williams, Nature 323 (1986), equations 4 to 7.

        Examples
        --------
        >>> import numpy as np
        >>> net = Network([1, 1], output="identity", loss="squared_error")
        >>> E, dE_dtheta = net.gradient(np.array([2.0, 0.5]), np.array([[3.0]]), np.array([[6.0]]))
        >>> float(E), dE_dtheta  # ½ (2·3 + 0.5 − 6)², δ = 0.5, δ·3 and δ
        (0.125, array([1.5, 0.5]))
        """
        columns.check_theta(theta, self.parameter_count, "gradient")
        with context(theta):
            a_in, y, w = self.in_columns(theta, X, Y, case_weights, "gradient")
            exists = self.existing(theta)
            z_out, gradients = backpropagation.backpropagate(
                self.layers(theta, exists), self.activations, self.output_with_loss, a_in, y, w
            )
            dE_dtheta = parameters.pack(gradients)
            E_c: Any = self.output_with_loss.cost(z_out, y)
            E = total_cost(E_c, w)
            return E, dE_dtheta if exists is None else dE_dtheta * exists

    # -----------------------------------------------------------------------------------------
    # for training, which calls them at every step, and `trace`: columns in place of rows

    def existing(self, theta: Array) -> Array | None:
        """Return the mask of θ, (P,): 0 for each removed connection, else 1; None if all exist.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1], connections=[[[1, 0]]])  # without the second weight
        >>> net.existing(net.init())
        array([1., 0., 1.], dtype=float32)
        """
        return existing(self.connections, self._shapes, theta)

    def is_weight(self, theta: Array) -> Array:
        """Return the mask of weights, (P,) like θ: 1 for each weight, 0 for each bias.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1])
        >>> net.is_weight(net.init())
        array([1., 1., 0.], dtype=float32)
        """
        each = np.tile([1.0, 0.0], len(self._shapes))  # for W and for b
        return from_host_like(np.repeat(each, self.piece_lengths), theta)

    def of_layers(self, numbers: Sequence[float], theta: Array) -> Array:
        """Return an array (P,) like θ that holds the number of its layer for each parameter.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 1, 1])
        >>> net.of_layers([0.5, 2.0], net.init())
        array([0.5, 0.5, 0.5, 2. , 2. ], dtype=float32)
        """
        each = np.repeat(np.asarray(numbers, dtype=np.float64), 2)  # of W and of b
        return from_host_like(np.repeat(each, self.piece_lengths), theta)

    def layers(self, theta: ArrayT, exists: Array | None) -> tuple[Layer[ArrayT], ...]:
        """Return the layers in θ (..., P), with W = 0 where `exists`, the mask of θ, is 0.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> net, theta = bp.Network([2, 1], connections=[[[1, 0]]]), np.array([1.0, 2.0, 3.0])
        >>> net.layers(theta, net.existing(theta))
        (Layer(W=array([[1., 0.]]), b=array([[3.]])),)
        """
        return self.views(theta if exists is None else theta * exists)

    def views(self, theta: ArrayT) -> tuple[Layer[ArrayT], ...]:
        """Return the layers in θ (..., P), as `unpack` does, without its checks.

        Examples
        --------
        >>> import numpy as np
        >>> Network([2, 1]).views(np.array([1.0, 2.0, 3.0]))
        (Layer(W=array([[1., 2.]]), b=array([[3.]])),)
        """
        return parameters.unpack(self.sizes, theta)

    @cached_property
    def piece_lengths(self) -> list[int]:
        """The number of parameters in W^1, b^1, W^2, b^2 and so on, one for each.

        Examples
        --------
        >>> Network([784, 100, 10]).piece_lengths
        [78400, 100, 1000, 10]
        """
        return parameters.piece_lengths(self.sizes)

    def are_classes(self, kind: columns.TargetKind) -> bool:
        """Tell whether targets of this kind are classes.

        Labels are classes where the network has several output units, or a single sigmoid output
        unit. For any other single output unit, labels are numbers.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> bp.Network([4, 3]).are_classes("labels")
        True
        >>> bp.Network([4, 1], output="identity", loss="squared_error").are_classes("labels")
        False
        """
        return kind == "labels" and (self.sizes[-1] > 1 or isinstance(self.output, Sigmoid))

    def in_columns(
        self,
        theta: Array,
        X: Any,
        Y: Any,
        case_weights: Any,
        where: str,
        names: tuple[str, str] = ("X", "Y"),
    ) -> tuple[Array, Array, Array]:
        """Return a^0 (..., n_in, m), y (..., n_out, m) and w (..., 1, m), from rows as in `cost`.

        Error messages name the function `where` and its two arguments `names`.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> net, X = bp.Network([2, 3]), np.array([[0.5, 1.0]])
        >>> a_in, y, w = net.in_columns(net.init(), X, np.array([2]), None, "cost")
        >>> a_in.T, y.T, w  # class 2 of 0, 1, 2
        (array([[0.5, 1. ]], dtype=float32), array([[0., 0., 1.]], dtype=float32),
         array([[1.]], dtype=float32))
        """
        of_inputs, of_targets = (f"{where}({name})" for name in names)
        a_in = columns.columns(X, theta, self.sizes[0], of_inputs)
        m = a_in.shape[-1]
        if m == 0:
            raise DataError(of_inputs, "no cases", "at least one", "Pass some rows")
        y = columns.columns_of_targets(Y, theta, m, self.sizes[-1], of_targets)
        w = columns.weights_row(case_weights, theta, m, f"{where}(case_weights)")
        return a_in, y, w

    def _drawn(self, draw: Callable[..., Any], rng: np.random.Generator) -> list[Any]:
        """Return the initial layers of one network."""
        layers = []
        for (n_out, n_in), mask in zip(self._shapes, self.connections, strict=True):
            W, b = draw(rng, n_in, n_out)
            layers.append(Layer(W if mask is None else W * np.asarray(mask), b))
        return layers

    @cached_property
    def _shapes(self) -> list[tuple[int, int]]:
        return parameters.layer_shapes(self.sizes)
