"""Several devices of one library, by a list or by ``*`` for all of a kind."""

from collections.abc import Sequence
from typing import Any

from backprop_xp.arrays.backend import library_name
from backprop_xp.arrays.devices import Device, count_of, select_device
from backprop_xp.errors import DeviceError

__all__ = ["select_devices"]

_ALL = ":*"


def select_devices(given: "str | Device | Sequence[str | Device] | None") -> tuple[Device, ...]:
    """Return the devices of these names, at least one.

    Parameters
    ----------
    given : str, Device, or sequence of them, optional
        As `select_device` takes them. A name that ends in ``:*``, such as ``"cuda:*"``, stands for
        all devices of the kind.

    Raises
    ------
    DeviceError
        A device is unknown or unusable, there is none, one comes twice, or their libraries differ.

    Examples
    --------
    >>> [device.name for device in select_devices(["cpu"])]
    ['cpu']
    """
    names: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    found = [device for name in names for device in _devices(name)]
    of_all = [device.name for device in found]
    libraries = {library_name(device.xp) for device in found}
    if not found or len(set(of_all)) < len(of_all) or len(libraries) > 1:
        expected = "at least one device, each once, all of one library"
        came = f"[{', '.join(map(repr, of_all))}]"
        raise DeviceError("device", came, expected, "Such as ['cuda:0', 'cuda:1'] or 'cuda:*'")
    return tuple(found)


def _devices(name: str | Device | None) -> list[Device]:
    if not isinstance(name, str) or not name.endswith(_ALL):
        return [select_device(name)]
    kind = name.removesuffix(_ALL)
    count = count_of(select_device(kind))
    return [select_device(f"{kind}:{at}" if at else kind) for at in range(count)]
