"""Every public method and property shows its use: its docstring has an example that runs."""

import importlib
import inspect
import pkgutil
from functools import cached_property

import backprop_xp as bp


def public_classes():
    """Return the classes that the package, its pages and the faces of its rooms list."""
    names = [module.name for module in pkgutil.iter_modules(bp.__path__)]
    modules = [bp, *(importlib.import_module(f"backprop_xp.{n}") for n in names if n[0] != "_")]
    listed = (getattr(m, name) for m in modules for name in getattr(m, "__all__", ()))
    return {one for one in listed if isinstance(one, type) and is_ours(one)}


def is_ours(defined):
    return defined.__module__.split(".")[0] == "backprop_xp"


def public_members(kind):
    """Yield (class, name) of each public method and property, by the class that defines it."""
    for base in filter(is_ours, kind.__mro__):
        for name, static in vars(base).items():
            member = getattr(base, name)
            is_property = isinstance(static, property | cached_property)
            is_method = inspect.isroutine(member) and is_ours(member)  # scikit-learn adds its own
            if not name.startswith("_") and (is_property or is_method):
                yield base, name


def has_example(base, name):
    """Tell whether ``help`` shows an example, its own or that of the base it overrides."""
    return ">>>" in (inspect.getdoc(getattr(base, name)) or "")


def test_every_public_method_and_property_has_an_example():
    members = {member for kind in public_classes() for member in public_members(kind)}
    assert len(members) > 50
    missing = sorted(
        f"{base.__module__}.{base.__name__}.{name}"
        for base, name in members
        if not has_example(base, name)
    )
    assert not missing, "write two to five lines of doctest in the docstrings of these"
