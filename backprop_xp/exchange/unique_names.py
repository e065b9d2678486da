"""A name beside the names that are taken."""

from collections.abc import Container

__all__ = ["unique_name"]


def unique_name(name: str, taken: Container[str]) -> str:
    """Return a name, with the first free number behind it where it is taken.

    Examples
    --------
    >>> unique_name("x", ["y"]), unique_name("x", ["x", "x_2"])
    ('x', 'x_3')
    """
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique
