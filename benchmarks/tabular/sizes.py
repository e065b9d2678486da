"""The size of installed packages with all that they require."""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import backprop_xp

__all__ = ["COMMON", "installed_bytes", "missing", "own_bytes"]

COMMON = ("numpy", "scipy", "scikit-learn", "pandas")


def missing(packages: Sequence[str]) -> list[str]:
    """Return the packages that are not installed.

    Examples
    --------
    >>> missing(["numpy", "no-such-package"])
    ['no-such-package']
    """
    return [name for name in packages if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def installed_bytes(packages: Sequence[str], beyond: Sequence[str] = ()) -> int | None:
    """Return the bytes of packages with all that they require; None where one is missing.

    Parameters
    ----------
    packages : sequence of str
    beyond : sequence of str
        Packages that are not counted, nor those that they require.
    """
    if missing(packages):
        return None
    left_out = _closure(beyond)
    found = [each for name, each in _closure(packages).items() if name not in left_out]
    return sum(map(_bytes_of, found))


def own_bytes() -> int:
    """Return the bytes of this library's modules, with the bytecode that is there."""
    folder = Path(backprop_xp.__file__).parent
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _closure(packages: Sequence[str]) -> dict[str, metadata.Distribution]:
    """Return the packages that are installed, with all that they require, by their names."""
    from packaging.utils import canonicalize_name

    found: dict[str, metadata.Distribution] = {}
    waiting = list(packages)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found or not _is_installed(name):
            continue
        found[name] = metadata.distribution(name)
        waiting += _required(found[name])
    return found


def _bytes_of(distribution: metadata.Distribution) -> int:
    files = (Path(str(path.locate())) for path in distribution.files or ())
    return sum(path.stat().st_size for path in files if path.is_file())


def _required(distribution: metadata.Distribution) -> list[str]:
    """Return the names of the packages that a distribution requires here, without extras."""
    from packaging.requirements import Requirement

    found = []
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement.name)
    return found
