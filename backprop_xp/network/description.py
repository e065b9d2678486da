"""A network's description, checked: sizes and activations of its layers, axes of a stack."""

from collections.abc import Iterable, Sequence

from backprop_xp.activations import Activation, find_activation
from backprop_xp.arrays.scalars import check_count
from backprop_xp.errors import OptionError, ShapeError

__all__ = ["layer_sizes", "one_for_each_layer", "stack_shape"]


def layer_sizes(sizes: Iterable[int]) -> tuple[int, ...]:
    """Return the sizes of a network's layers, two or more integers of at least 1.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> layer_sizes([4, 3, 2])
    (4, 3, 2)
    """
    where = "Network(sizes)"
    sequence = isinstance(sizes, Iterable) and not isinstance(sizes, (str, bytes))
    if not sequence or getattr(sizes, "ndim", 1) != 1:
        raise OptionError(where, repr(sizes), "a sequence of integers", "Such as [4, 3, 2]")
    checked = tuple(check_count(n, where, least=1) for n in sizes)
    if len(checked) < 2:
        expected = "at least two sizes, inputs and outputs"
        raise OptionError(where, f"{checked}", expected, "Such as [4, 3, 2]")
    return checked


def one_for_each_layer(
    hidden: str | Activation | Sequence[str | Activation], count: int
) -> tuple[Activation, ...]:
    """Return the activation of each of `count` hidden layers, given one for all or one for each.

    Raises
    ------
    OptionError
        A name is unknown.
    ShapeError
        There are fewer activations than hidden layers, or more.

    Examples
    --------
    >>> one_for_each_layer("tanh", 2)
    (Tanh(), Tanh())
    """
    if isinstance(hidden, str) or not isinstance(hidden, Sequence):
        return (find_activation(hidden, "Network(hidden)"),) * count
    if len(hidden) != count:
        raise ShapeError(
            "Network(hidden)",
            f"{len(hidden)} activations",
            f"{count}, one for each hidden layer",
            "Pass a single one for all of them",
        )
    return tuple(find_activation(one, "Network(hidden)") for one in hidden)


def stack_shape(stack: int | Sequence[int]) -> tuple[int, ...]:
    """Return the leading axes of a stack: () for a single network, (K,) for K networks.

    Raises
    ------
    OptionError
        An axis is no integer of at least 1.

    Examples
    --------
    >>> stack_shape(()), stack_shape(5), stack_shape([2, 3])
    ((), (5,), (2, 3))
    """
    axes = stack if isinstance(stack, (tuple, list)) else (stack,)
    return tuple(check_count(n, "stack", least=1) for n in axes)
