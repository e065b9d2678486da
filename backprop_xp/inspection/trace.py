"""A trace: z, a, δ and the gradients of each layer in one forward and one backward pass."""

import numbers
import sys
from dataclasses import dataclass
from html import escape
from typing import Any, Generic

import numpy as np

from backprop_xp import equations
from backprop_xp.arrays import requirements
from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import (
    Array,
    ArrayT,
    ArrayT_co,
    context,
    copied,
    detached,
    from_host_like,
    namespace,
)
from backprop_xp.arrays.scalars import finite_number
from backprop_xp.display.html_table import with_references
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.inspection.ascii_spelling import can_show
from backprop_xp.inspection.gradient_check import GradientCheck
from backprop_xp.inspection.not_finite import note_of_not_finite
from backprop_xp.inspection.rendering import Section, as_html, as_html_part, as_latex, as_text
from backprop_xp.inspection.trace_check import checked_trace
from backprop_xp.inspection.written_equations import TracedLayer, note, sections
from backprop_xp.network import backpropagation, columns, parameters
from backprop_xp.network.data_values import check_labels
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network
from backprop_xp.network.output_layer import Output, total_cost
from backprop_xp.network.parameters import Layer
from backprop_xp.optimizers.catalogue import find_optimizer
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.schedules.plateau import find_listeners, with_values

__all__ = ["Trace", "trace"]


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Generic[ArrayT_co]):
    """Every quantity of one forward and one backward pass.

    Arrays that all networks of a stack share have no leading axes. ``print(trace)`` shows the text
    of `to_text`, in ASCII where ``sys.stdout`` cannot encode its symbols; for a stack of networks
    it shows one line.

    Attributes
    ----------
    network : Network
    E : array (...)
        The cost, E = Σ_c w_c E_c.
    E_c : array (..., m)
        The cost of each case.
    a_in : array (..., n_in, m)
        The inputs a^0 in columns.
    y : array (..., n_out, m)
        The targets in columns. A class label is a column of zeros with one 1.
    w : array (..., 1, m)
        The weights of the cases.
    layers : tuple of L TracedLayer
        ``layers[0]`` is layer 1, as in ``net.unpack(theta)``.
    dE_dx : array (..., n_in, m)
        ∂E/∂a^0, the derivatives by the inputs.
    optimizer : Optimizer or None
        The optimiser of the update, with its numbers at the first step where those follow the
        history of training.
    updated : tuple of L Layer, or None
        W and b after its first step; None without an optimiser.

    Examples
    --------
    >>> import numpy as np
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> found = trace(net, np.array([2.0, 0.5]), [3.0], [6.0])
    >>> found.E  # ½ (6.5 − 6)²
    array(0.125)
    >>> found.to_text().splitlines()[8:10]
    ['z¹ = W¹ a⁰ + b¹', '  = [2] [3] + [0.5] = [6.5]']
    """

    network: Network
    E: ArrayT_co
    E_c: ArrayT_co
    a_in: ArrayT_co
    y: ArrayT_co
    w: ArrayT_co
    layers: tuple[TracedLayer[ArrayT_co], ...]
    dE_dx: ArrayT_co
    optimizer: Any = None
    updated: tuple[Layer, ...] | None = None

    @property
    def learning_rate(self) -> float | None:
        """The ε of θ ← θ − ε ∂E/∂θ; None where the optimiser's step is another one.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 2])
        >>> bp.trace(net, net.init(0), [1.0, 2.0], 0, optimizer=bp.SGD(0.5)).learning_rate
        0.5
        """
        if type(self.optimizer) is not SGD or self.optimizer.nesterov:
            return None
        return float(np.asarray(self.optimizer.settings(0)["learning_rate"]))

    @checks_keywords
    def to_text(
        self,
        *,
        digits: int = 4,
        most: int = 6,
        ascii: bool = False,  # noqa: A002  the name that tqdm uses
        elements: bool = False,
    ) -> str:
        """Return the equations with their numbers as text.

        Parameters
        ----------
        digits : int
            Significant digits of the numbers, at least 1; numbers above 17 count as 17.
        most : int
            Rows and columns shown of a matrix, at least 2; dots replace the rest, in the middle.
        ascii : bool
            Whether symbols are spelled in ASCII, for files and terminals of any encoding: δ¹ is
            ``delta^1``, and ∂E/∂W² is ``dE/dW^2``.
        elements : bool
            Whether δ of each unit is also written as a sum of numbers, for the first case.

        Raises
        ------
        ShapeError
            The trace holds a stack of networks.
        OptionError
            `digits` or `most` is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> net = bp.Network([1, 1], output="identity", loss="squared_error")
        >>> text = bp.trace(net, np.array([2.0, 0.5]), [3.0], [6.0]).to_text(ascii=True)
        >>> text.splitlines()[-23:-21]
        ['dE/dW^1 = delta^1 (a^0)^T', '  = [0.5] [3] = [1.5]']
        """
        return as_text(*self._written("to_text", elements), digits=digits, most=most, ascii=ascii)

    @checks_keywords
    def to_latex(self, *, digits: int = 4, most: int = 6, elements: bool = False) -> str:
        r"""Return the equations with their numbers as a part of a LaTeX document.

        The document needs ``\usepackage{amsmath}``, and an encoding for the letters in the names
        of your own activations. Parameters and errors are those of `to_text`, without `ascii`.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> net = bp.Network([1, 1], output="identity", loss="squared_error")
        >>> text = bp.trace(net, np.array([2.0, 0.5]), [3.0], [6.0]).to_latex()
        >>> print(text.splitlines()[5])
        z^{1} &= W^{1} a^{0} + b^{1} \\
        """
        return as_latex(*self._written("to_latex", elements), digits=digits, most=most)

    @checks_keywords
    def to_html(
        self,
        *,
        digits: int = 4,
        most: int = 6,
        elements: bool = False,
        interactive: bool = False,
    ) -> str:
        """Return the equations with their numbers as an HTML page, complete in one file.

        The page is ASCII with character references, so that a file of any encoding holds it.
        Errors are those of `to_text`.

        Parameters
        ----------
        digits, most, elements
            As in `to_text`. An interactive page has its own.
        interactive : bool
            Whether the page steps through the pass, computes every number anew where one is
            changed, and trains, in the browser and without a network. It computes in float64, from
            the formulas of the network's own activations and loss. It holds at most 100 cases. A
            page that cannot compute an activation, a loss or an optimiser is still, and says why.

        Examples
        --------
        >>> import numpy as np
        >>> import backprop_xp as bp
        >>> net = bp.Network([1, 1], output="identity", loss="squared_error")
        >>> page = bp.trace(net, np.array([2.0, 0.5]), [3.0], [6.0]).to_html()
        >>> page.splitlines()[5]  # Path("trace.html").write_text(page) writes it for a browser
        '<title>Backpropagation through 1 &#8594; 1</title>'
        """
        title, text, each = self._written("to_html", elements)
        if interactive:
            from backprop_xp.inspection.page.document import as_page
            from backprop_xp.inspection.page.functions import Unwritable
            from backprop_xp.inspection.page.stories import Story

            try:
                return as_page(Story(title.removeprefix("Backpropagation through "), "", self))
            except Unwritable as error:
                text = f"{text} The page is still, because {error}."
        return as_html(title, text, each, digits=digits, most=most)

    @checks_keywords
    def check(self, *, h: float = 1e-5, tolerance: float = 1e-6) -> GradientCheck:
        """Compare each derivative with a central difference of the cost: δ, ∂E/∂W, ∂E/∂x, ….

        For δ^l the cost is computed from z^l ± h upward, for ∂E/∂a^l from a^l ± h, in float64. Of
        large layers 500 numbers of each quantity are nudged.

        Parameters
        ----------
        h : float
            The size of a nudge, above 0.
        tolerance : float
            The largest error that passes, relative to the largest number of the same quantity.
            Traces of float32 need about 1e-4.

        Raises
        ------
        ShapeError
            The trace holds a stack of networks.
        OptionError
            `h` or `tolerance` is not above 0.
        DataError
            The cost is not finite.

        Examples
        --------
        >>> import backprop_xp as bp
        >>> net = bp.Network([2, 3, 2], hidden="tanh")
        >>> bp.trace(net, net.init(0, dtype="float64"), [1.0, 2.0], 0).check().passed
        True
        """
        for name, number in (("h", h), ("tolerance", tolerance)):
            where = f"Trace.check({name})"
            if finite_number(number, where) <= 0:
                raise OptionError(where, repr(number), "a number > 0", "Leave it out")
        self._check_single("check")
        return checked_trace(self, h, tolerance)

    def __str__(self) -> str:
        if self.E.ndim:
            return repr(self)
        text = self.to_text()
        return text if can_show(text, sys.stdout) else self.to_text(ascii=True)

    def _repr_html_(self) -> str:
        """Return the equations with their numbers in HTML, as notebooks show them.

        A stack of networks is one line.
        """
        if self.E.ndim:
            return with_references(f"<pre>{escape(repr(self))}</pre>")
        return as_html_part(*self._written("_repr_html_", elements=False), digits=4, most=6)

    def __repr__(self) -> str:
        of = f"{self.network.sizes}"
        if self.E.ndim:
            of += f", stack {tuple(self.E.shape)}"
        return f"<Trace of Network {of}, cases {self.a_in.shape[-1]}>"

    def _check_single(self, where: str) -> None:
        if self.E.ndim:
            came, expected = f"a stack of networks {tuple(self.E.shape)}", "a single network"
            advice = "Trace one of them: bp.trace(net, theta[k], x, y)"
            raise ShapeError(f"Trace.{where}", came, expected, advice)

    def _written(self, where: str, elements: bool) -> tuple[str, str, list[Section]]:
        self._check_single(where)
        sizes = " → ".join(map(str, self.network.sizes))
        title = f"Backpropagation through {sizes}"
        told = " ".join(filter(None, (note(self), note_of_not_finite(self))))
        return title, told, list(sections(self, elements=elements))


@checks_keywords
@np.errstate(all="ignore")  # the trace itself names a quantity that is not finite
def trace(
    net: Network,
    theta: ArrayT,
    x: Any,
    y: Any,
    case_weights: Any = None,
    *,
    optimizer: Any = None,
) -> Trace[ArrayT]:
    """Return every quantity of one forward and one backward pass.

    Parameters
    ----------
    net : Network
    theta : array (..., P)
    x : array (n_in,), or (m, n_in) for several cases
        The inputs of one case, or rows as `Network.gradient` takes them.
    y : number or array (n_out,), or (m,) or (m, n_out) for several cases
        The class label or the targets of one case, or rows as `Network.gradient` takes them. The
        values of labels are checked, so that `trace` cannot be called under ``jax.jit``.
    case_weights : array (m,), optional
        Default: 1/m each.
    optimizer : Optimizer or str, optional
        An optimiser, whose first step the trace shows as well. A schedule that follows the history
        of training, as `ReduceOnPlateau` does, has its initial value there.

    Returns
    -------
    Trace
        Arrays of θ's library, dtype and device, which share no memory with the arguments. The
        gradients equal those of `Network.gradient`. NaN and ∞ are carried on as they arise, and the
        text names the first quantity that has one. `Trace.to_text`, `Trace.to_latex` and
        `Trace.to_html` return the equations with their numbers.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        As `Network.gradient`.
    DataError
        There are no cases, or a label is no class.
    OptionError
        `optimizer` is none that makes a step from a gradient, as `LBFGS`.

    References
    ----------
    Rumelhart, Hinton, Williams, Nature 323 (1986), equations 1 to 7; Nielsen (2015), BP1 to BP4.

    Examples
    --------
    >>> import numpy as np
    >>> net = Network([1, 1], output="identity", loss="squared_error")
    >>> found = trace(net, np.array([2.0, 0.5]), [3.0], [6.0])
    >>> found.layers[0].z, found.layers[0].delta, found.layers[0].dE_dW
    (array([[6.5]]), array([[0.5]]), array([[1.5]]))
    """
    check_network(net, "trace", "the network, then theta, then x and y")
    columns.check_theta(theta, net.parameter_count, "trace")
    with context(theta):
        X, Y = _rows(net, x, y, theta)
        a_in, targets, w = net.in_columns(theta, X, Y, case_weights, "trace", ("x", "y"))
        shape = a_in.shape[-1], net.sizes[-1], tuple(theta.shape[:-1])
        if net.are_classes(columns.kind_of_targets(Y, *shape, "trace(y)")):
            check_labels(Y, net.sizes[-1], "trace(y)")
        w = namespace(w).broadcast_to(w, (*w.shape[:-1], a_in.shape[-1]))
        theta, a_in, targets, w = (copied(detached(one)) for one in (theta, a_in, targets, w))
        exists, output = net.existing(theta), net.output_with_loss
        layers = net.layers(theta, exists)
        z, a = backpropagation.forward_pass(layers, net.activations, a_in)
        delta_out = output.error(z[-1], a[-1], targets, w)
        deltas = backpropagation.backward_pass(layers, net.activations, z, a, delta_out)
        packed = parameters.pack(backpropagation.parameter_gradients(deltas, a))
        above = zip(layers[1:], deltas[1:], strict=True)
        dE_das: list[Array | None] = [
            equations.input_gradient(layer.W, delta) for layer, delta in above
        ]
        dE_das.append(_output_gradient(output, a[-1], targets, w))
        each = zip(
            *(layers, z, a[1:], dE_das, net.activations, deltas, net.layers(packed, exists)),
            [None] * len(z) if exists is None else [M for M, _ in net.layers(exists, None)],
            strict=True,
        )
        traced = [
            TracedLayer(
                *(W, b, z_here, a_here, dE_da, _slope(dE_da, sigma, z_here, a_here)),
                *(delta, dE_dW, dE_db, M),
            )
            for (W, b), z_here, a_here, dE_da, sigma, delta, (dE_dW, dE_db), M in each
        ]
        E_c = output.cost(z[-1], targets)
        dE_dx = equations.input_gradient(layers[0].W, deltas[0])
        dE_dx = copied(namespace(a_in).broadcast_to(dE_dx, (*dE_dx.shape[:-1], a_in.shape[-1])))
        chosen = None if optimizer is None else _check_optimizer(optimizer)
        updated = None if chosen is None else _updated(net, theta, packed, chosen)
        pass_of = E_c, a_in, targets, w, tuple(traced), dE_dx
        return Trace(net, total_cost(E_c, w), *pass_of, chosen, updated)


def _check_optimizer(given: Any) -> Any:
    optimizer = find_optimizer(given, "trace(optimizer)")
    if isinstance(optimizer, LBFGS):
        came, expected = "LBFGS, which takes many gradients", "an optimiser of single steps"
        raise OptionError("trace(optimizer)", came, expected, "Such as bp.SGD(0.1)")
    values = {at: one.value(one.start()) for at, one in find_listeners(optimizer).items()}
    return with_values(optimizer, values)


def _updated(net: Network, theta: Array, dE_dtheta: Array, optimizer: Any) -> tuple[Layer, ...]:
    """Return W and b after the first step of an optimiser."""
    numbers = {
        name: from_host_like(np.asarray(value), theta)
        for name, value in optimizer.settings(0).items()
    }
    start = copied(theta)
    after, _ = optimizer.update(start, optimizer.init(start), copied(dE_dtheta), **numbers)
    exists = net.existing(after)
    return tuple(net.layers(after, exists))


def _rows(net: Network, x: Any, y: Any, theta: Array) -> tuple[Any, Any]:
    """Return X and Y as rows, for one case or several."""
    x = requirements.same_place(x, theta, "trace(x)")
    n_in, n_out = net.sizes[0], net.sizes[-1]
    if x.ndim == 2 and tuple(x.shape) == (n_in, 1) and n_in != 1:
        expected, advice = f"a row, ({n_in},) or (1, {n_in})", "Pass x[:, 0], or x.T"
        raise ShapeError("trace(x)", f"a column ({n_in}, 1)", expected, advice)
    if x.ndim == 0 or (x.ndim == 1 and x.shape != (n_in,)):
        expected = f"({n_in},) for one case, or (m, {n_in})"
        advice = "Pass one number for each input"
        raise ShapeError("trace(x)", f"shape {tuple(x.shape)}", expected, advice)
    xp = namespace(theta)
    if isinstance(y, numbers.Integral) and abs(int(y)) < 2**31:
        y = from_host_like(np.asarray(y), theta, "int32")
    elif isinstance(y, float | np.floating):
        y = from_host_like(np.asarray(y), theta)
    y = requirements.same_place(y, theta, "trace(y)")
    if x.ndim > 1:
        return x, y
    requirements.check_real(y, "trace(y)")
    label = n_out == 1 or xp.isdtype(y.dtype, ("bool", "integral"))
    if tuple(y.shape) not in ([(), (1,)] if label else []) + [(n_out,), (1, n_out)]:
        expected = f"a class label of an integer dtype, or targets ({n_out},), for one case"
        advice = "Pass x and y in rows, (m, ...), for several"
        came = f"shape {tuple(y.shape)} of dtype {y.dtype}"
        raise ShapeError("trace(y)", came, expected, advice)
    return x[None, ...], y if y.ndim == 2 or tuple(y.shape) == (1,) else y[None, ...]


def _output_gradient(output: Output, a: Array, y: Array, w: Array) -> Array | None:
    """Return ∂E/∂a^L; None for a canonical pair, which computes δ^L without it."""
    if type(output).error is not Output.error:
        return None
    return _like(w * output.loss.dE_da(a, y), a)


def _slope(dE_da: Array | None, sigma: Any, z: Array, a: Array) -> Array | None:
    """Return ∂a/∂z; None where it is not a factor of δ."""
    if dE_da is None or hasattr(sigma, "vjp"):
        return None
    return _like(sigma.da_dz(z, a), z)


def _like(x: Any, z: Array) -> Array:
    """Return x, which a user's own function may have returned as a number, in the shape of z."""
    xp = namespace(z)
    whole: Array = xp.full_like(z, x) if isinstance(x, float | int) else xp.broadcast_to(x, z.shape)
    return whole
