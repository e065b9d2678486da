import ast
import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import backprop_xp as bp

NAMES = sorted(module.name for module in pkgutil.iter_modules(bp.__path__))
HEAVY = ("torch", "jax", "cupy", "sklearn", "matplotlib", "pooch", "scipy", "pandas", "onnx")


def in_a_fresh_interpreter(code):
    """Return what the code prints in an interpreter that has imported nothing yet."""
    made = subprocess.run(  # noqa: S603  its own code
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(bp.__file__).parent.parent,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_importing_it_loads_no_framework():
    code = f"import sys, backprop_xp; print([n for n in {HEAVY!r} if n in sys.modules])"
    assert in_a_fresh_interpreter(code).strip() == "[]"


def test_training_on_numpy_loads_no_framework():
    code = f"""
import sys, backprop_xp as bp
net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
X, Y = bp.datasets.xor()
bp.train(net, X, Y, epochs=1)
bp.check_gradient(net, net.init(dtype="float64"), X, Y)
print([n for n in {HEAVY!r} if n in sys.modules])
"""
    assert in_a_fresh_interpreter(code).strip() == "[]"


def test_every_module_can_be_imported_without_the_extras():
    # None in sys.modules: importing it fails as if it were not installed
    code = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({HEAVY!r}))
for name in {NAMES!r}:
    importlib.import_module("backprop_xp." + name)
"""
    assert in_a_fresh_interpreter(code) == ""


def defined(name):
    """Return the public classes, functions and other names that a module's own lines define."""
    tree = ast.parse((Path(bp.__path__[0]) / f"{name}.py").read_text(encoding="utf-8"))
    made, others = set(), set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            made.add(node.name)
        elif isinstance(node, ast.Assign):
            others |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            others.add(node.target.id)
    return [{one for one in found if not one.startswith("_")} for found in (made, others)]


@pytest.mark.parametrize("name", NAMES)
def test_all_lists_what_a_module_defines_for_others(name):
    if name == "__main__":
        pytest.skip("it defines nothing")
    module = importlib.import_module(f"backprop_xp.{name}")
    made, others = defined(name)
    listed = set(module.__all__)
    assert len(listed) == len(module.__all__)
    assert made - listed == set()  # a helper of the module alone begins with _
    assert listed - made - others == set()  # what it only imports, others import from its source


@pytest.mark.parametrize("name", ["__init__", *NAMES])
def test_every_public_function_and_class_has_a_docstring(name):
    tree = ast.parse((Path(bp.__path__[0]) / f"{name}.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        and not (node.name.startswith("_") or ast.get_docstring(node))
    ]
    assert bare == []


def test_the_public_surface():
    assert len(set(bp.__all__)) == len(bp.__all__)
    for name in bp.__all__:
        assert getattr(bp, name) is not None
        assert name in dir(bp)
    with pytest.raises(AttributeError, match="no_such_name"):
        bp.no_such_name  # noqa: B018
    fixed = "Network train SGD devices select_device check_gradient save load datasets"
    assert set(fixed.split()) <= set(bp.__all__)


def test_the_version_is_that_of_the_installed_package():
    try:
        version = importlib.metadata.version("backprop-xp")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is not installed")
    assert bp.__version__ == version


def test_it_is_typed():
    folder = Path(bp.__path__[0])
    if not (folder.parent / "pyproject.toml").exists():
        assert (folder / "py.typed").exists()
        return
    assert (folder / "py.typed").exists(), "the classifier Typing :: Typed promises it"
