"""Modules that not every machine has."""

import importlib
import os
from collections.abc import Iterable
from typing import Any

import pytest

_REQUIRED = [name for name in os.environ.get("BACKPROP_XP_REQUIRE", "").split(",") if name]


def needs(module: str, name: str | None = None) -> Any:
    """Import a module, or skip; one that BACKPROP_XP_REQUIRE names must be there.

    `name` is how the variable calls it, the first part of the module's name unless given.
    """
    if (name or module).partition(".")[0].partition("-")[0] in _REQUIRED:
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"{module} is not installed")


every = pytest.mark.skipif(
    not _REQUIRED, reason="all cases are tried where BACKPROP_XP_REQUIRE names libraries"
)


def some_of(names: Iterable[Any], step: int) -> list[Any]:
    """Return every name as a parameter; all but one in `step` need BACKPROP_XP_REQUIRE."""
    return [
        name if place % step == 0 else pytest.param(name, marks=every)
        for place, name in enumerate(names)
    ]
