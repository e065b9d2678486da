"""The argument `net` of functions, checked: a model or θ may come in its place."""

from typing import Any

from backprop_xp.errors import DTypeError
from backprop_xp.network.network import Network

__all__ = ["check_network"]


def check_network(net: Any, where: str, order: str) -> None:
    """Refuse anything but a `Network` as the argument `net` of the function `where`.

    Parameters
    ----------
    net : object
    where : str
    order : str
        The arguments of the function in their order, for the advice.

    Raises
    ------
    DTypeError
    """
    if not isinstance(net, Network):
        advice = f"Pass {order}"
        raise DTypeError(f"{where}(net)", type(net).__name__, "a Network", advice)
