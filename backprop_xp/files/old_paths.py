"""Old names of modules, most from version 0.1, so that its pickles can still be loaded.

A pickle names each class by its module, and the modules have moved into rooms since. Each old name
stands for a module that looks its names up in the new place.
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
    "estimators.ensemble": "estimators",
    "estimators.mlp": "estimators",
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
    """A module under its old name; it looks each name up in the new module, on demand."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, f"The old name of `{place}`.")
        self._place = place

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # `inspect` asks every module for some, such as __wrapped__
            raise AttributeError(name)
        return getattr(import_module(self._place), name)


def register() -> None:
    """Put the old names into ``sys.modules``, where an unpickler finds them."""
    package = __name__.partition(".")[0]
    for old, new in NEW_PLACES.items():
        name = f"{package}.{old}"
        sys.modules.setdefault(name, _OldModule(name, f"{package}.{new}"))
