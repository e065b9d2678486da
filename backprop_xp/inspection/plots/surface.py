"""The cost surface: the cost along two directions through θ."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array, HostArray, context, from_host_like, to_host
from backprop_xp.arrays.random_streams import generator
from backprop_xp.arrays.requirements import real_host_array
from backprop_xp.arrays.scalars import check_count, finite_number
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.inspection.plots.panel import colour_bar, matplotlib, panel_of
from backprop_xp.network import columns
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network

__all__ = ["cost_surface", "random_directions"]

_NUMBERS: Final = 2_000_000  # parameters and activations of a stack, which bounds the memory
_LOG_RANGE: Final = 20  # greatest over least cost; above it, colours are logarithmic
_CONTOURS: Final = 12


def random_directions(net: Network, theta: Any, seed: int = 0) -> NDArray[np.float64]:
    """Return two random directions whose rows have the norms of θ's: filter-normalised.

    Each row of W in a direction is a random row scaled to the norm of the same row in θ. So a step
    of 1 changes each unit by as much as its weights are large, whatever their scale is. Biases and
    removed connections do not move.

    Parameters
    ----------
    net : Network
    theta : array (P,)
    seed : int
        ≥ 0.

    Returns
    -------
    ndarray (2, P) of float64

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein, "Visualizing the loss landscape of neural nets", NeurIPS
    (2018), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> import backprop_xp as bp
    >>> net = bp.Network([2, 1])
    >>> directions = random_directions(net, np.array([3.0, 4.0, 1.0]))
    >>> np.linalg.norm(directions, axis=1), directions[:, 2]  # |(3, 4)| = 5, and the bias
    (array([5., 5.]), array([0., 0.]))
    """
    own = np.asarray(to_host(theta), dtype=np.float64)
    exists = net.existing(own)
    drawn = generator(seed, "directions").standard_normal((2, own.shape[-1]))
    packed = []
    for direction in drawn:
        pairs = zip(net.layers(direction, exists), net.layers(own, exists), strict=True)
        packed.append(net.pack([(_scaled(d.W, of.W), 0.0 * of.b) for d, of in pairs]))
    return np.stack(packed)


def _scaled(rows: HostArray, like: HostArray) -> HostArray:
    """Return rows scaled to the norms of other rows; a row of zeros stays."""
    norms, wanted = (np.linalg.norm(of, axis=1, keepdims=True) for of in (rows, like))
    return np.asarray(rows * (wanted / np.where(norms > 0, norms, 1.0)))


@checks_keywords
def cost_surface(
    net: Network,
    theta: Any,
    X: Any,
    Y: Any,
    ax: Any = None,
    *,
    directions: Any = 0,
    span: float = 1.0,
    resolution: int = 31,
) -> Any:
    """Draw the mean cost E(θ + α d₁ + β d₂) around θ, with contour lines and θ in the middle.

    The networks of the grid are computed as a stack on θ's device.

    Parameters
    ----------
    net : Network
    theta : array (P,)
        Of any library and device.
    X : array (m, n_in)
    Y : array (m,) or (m, n_out)
        Class labels or targets, as `Network.cost` takes them.
    ax : matplotlib.axes.Axes, optional
        Default: new axes.
    directions : array (2, P) or int
        d₁ and d₂; or the seed, ≥ 0, of `random_directions`, which are filter-normalised.
    span : float
        > 0, the largest step: α and β go from −span to span.
    resolution : int
        Steps in each direction, at least 2; an odd number has θ among them.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax.images[0]`` has the costs (resolution, resolution): α along a row, β down the rows
        from −span on.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        θ is a stack, or an argument does not fit the network.
    OptionError
        `span`, `resolution` or the seed is out of range.
    DTypeError
        An argument holds no real numbers, or `ax` is no axes.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net, (X, Y) = bp.Network([2, 4, 1], "tanh", "sigmoid", "huber"), bp.datasets.xor()
    >>> run = bp.train(net, X, Y, epochs=100)
    >>> ax = bp.plots.cost_surface(net, run.theta, X, Y, span=2)  # doctest: +SKIP
    """
    where = "cost_surface"
    check_network(net, where, "the network, then theta, then X and Y")
    columns.check_theta(theta, net.parameter_count, where)
    if theta.ndim != 1:
        came, advice = f"a stack of networks {tuple(theta.shape[:-1])}", "Pass one: theta[k]"
        raise ShapeError(f"{where}(theta)", came, "a single network", advice)
    n = check_count(resolution, f"{where}(resolution)", least=2)
    if finite_number(span, f"{where}(span)") <= 0:
        raise OptionError(f"{where}(span)", repr(span), "a number > 0", "Such as 1.0")
    if isinstance(directions, int):
        both = random_directions(net, theta, directions)
        units = "in norms of each unit's weights", "in the same unit"
    else:
        both = np.asarray(real_host_array(directions, f"{where}(directions)"), float)
        units = "in lengths of d₁", "in lengths of d₂"
        if both.shape != (2, net.parameter_count):
            came, expected = f"shape {both.shape}", f"(2, {net.parameter_count})"
            advice = "Pass two vectors like theta"
            raise ShapeError(f"{where}(directions)", came, expected, advice)
    steps = np.linspace(-span, span, n)
    costs = _costs(net, theta, X, Y, both, steps)
    panel = panel_of(ax, where)
    half = span / (n - 1)
    sides = (-span - half, span + half) * 2
    image = panel.imshow(costs, extent=sides, origin="lower", norm=_norm(costs), cmap="viridis")
    lines = {"colors": "white", "linewidths": 0.6, "alpha": 0.8}
    panel.contour(steps, steps, costs, levels=_levels(costs), **lines)
    panel.plot([0], [0], color="white", marker="x", markersize=7, label="θ")
    panel.set_xlim(*sides[:2])
    panel.set_ylim(*sides[2:])
    panel.set_xlabel(f"step α along d₁ ({units[0]})")
    panel.set_ylabel(f"step β along d₂ ({units[1]})")
    colour_bar(panel, image, "cost E (mean over the cases)")
    return panel


def _costs(
    net: Network, theta: Array, X: Any, Y: Any, directions: HostArray, steps: HostArray
) -> NDArray[np.float64]:
    """Return E(θ + α d₁ + β d₂), (β, α), for all pairs of steps."""
    x, y = (real_host_array(of, f"cost_surface({name})") for of, name in ((X, "X"), (Y, "Y")))
    labels = y.dtype.kind in "biu"
    own = np.asarray(to_host(theta), dtype=np.float64)
    beta, alpha = (of.reshape(-1, 1) for of in np.meshgrid(steps, steps, indexing="ij"))
    length = max(int(_NUMBERS // (len(own) + len(x) * sum(net.sizes))), 1)
    found = []
    with context(theta):
        rows = from_host_like(x, theta)
        targets = from_host_like(y, theta, "int32" if labels else None)
        for start in range(0, len(alpha), length):
            part = slice(start, start + length)
            stack = own + alpha[part] * directions[0] + beta[part] * directions[1]
            found.append(to_host(net.cost(from_host_like(stack, theta), rows, targets)))
    return np.concatenate(found).astype(np.float64).reshape(len(steps), len(steps))


def _norm(costs: NDArray[np.float64]) -> Any:
    colors, (low, high) = matplotlib("colors"), _limits(costs)
    kind = colors.LogNorm if _is_wide(costs) else colors.Normalize
    return kind(low, high)


def _levels(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the costs of the contour lines, evenly spaced as the colours are."""
    space = np.geomspace if _is_wide(costs) else np.linspace
    low, high = _limits(costs)
    return np.unique(space(low, high, _CONTOURS + 2)[1:-1])


def _limits(costs: NDArray[np.float64]) -> tuple[float, float]:
    finite = costs[np.isfinite(costs)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _is_wide(costs: NDArray[np.float64]) -> bool:
    low, high = _limits(costs)
    return low > 0 and high > _LOG_RANGE * low
