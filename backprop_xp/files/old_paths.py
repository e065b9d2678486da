"""Modules of version 0.1 by their old names, under which pickles name classes and functions.

A pickle names a class by its module. Modules have moved into rooms since; under each old name there
is a module that looks its names up in the new place.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

__all__ = ["NEW_PLACES", "register"]

NEW_PLACES: Final = {
    "adam": "optimizers",
    "adaptive": "optimizers",
    "checkpointing": "callbacks",
    "checkpoint": "files.model_file",
    "connections": "network.connections",
    "decays": "schedules",
    "derivation": "inspection.written_equations",
    "device_selection": "arrays.devices",
    "full_batch": "optimizers",
    "outputs": "network.output_layer",
    "gradcheck": "inspection.gradient_check",
    "heads": "estimators.output_kind",
    "logs": "callbacks",
    "parameters": "network.parameters",
    "plateau": "schedules",
    "prediction": "network.prediction",
    "runs": "training.run",
    "tracing": "inspection.trace",
}


class _OldModule(ModuleType):
    """A module that takes each of its names from another one, when it is asked for."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, f"The former place of what is in `{place}`.")
        self._place = place

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # such as what `inspect` asks every module for
            raise AttributeError(name)
        return getattr(import_module(self._place), name)


def register() -> None:
    """Have the old modules found where an unpickler imports them."""
    package = __name__.partition(".")[0]
    for old, new in NEW_PLACES.items():
        name = f"{package}.{old}"
        sys.modules.setdefault(name, _OldModule(name, f"{package}.{new}"))
