"""The package as a whole: what its import loads, what it exports, and its docstrings."""

import ast
import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import backprop_xp as bp
from backprop_xp.arrays.advice import install_command

MODULES = sorted(one.name for one in pkgutil.walk_packages(bp.__path__, "backprop_xp."))
PLAIN = [name for name in MODULES if not hasattr(importlib.import_module(name), "__path__")]
ROOMS = [name for name in MODULES if name not in PLAIN]
HEAVY = ("torch", "jax", "cupy", "sklearn", "matplotlib", "pooch", "scipy", "pandas", "onnx")

LATE = (  # what the first training, a progress bar or a notebook imports
    *("threadpoolctl", "html.entities", "numpy.testing", "numpy.f2py", "array_api_compat.numpy"),
    *("backprop_xp.display", "backprop_xp.training.lbfgs", "backprop_xp.execution.jax_scan"),
)


def in_a_fresh_interpreter(code):
    """Return what the code prints in an interpreter that has imported nothing yet."""
    made = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(bp.__file__).parent.parent,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_importing_it_loads_no_framework():
    late = (*HEAVY, *LATE)
    code = f"import sys, backprop_xp; print([n for n in {late!r} if n in sys.modules])"
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


WITHOUT_EXTRAS = f"""
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
import backprop_xp as bp
"""


def test_every_module_can_be_imported_without_the_extras():
    code = f"""{WITHOUT_EXTRAS}
for name in {MODULES!r}:
    importlib.import_module(name)
"""
    assert in_a_fresh_interpreter(code) == ""


PARTS = " ".join(bp.estimators.__all__)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print([name for name in bp.__all__ if not hasattr(bp, name)])", "[]"),
        ("print(len(inspect.getmembers(bp)) >= len(bp.__all__))", "True"),
        ("import backprop_xp.estimators as e; print(*dict(inspect.getmembers(e)))", PARTS),
        ("from backprop_xp import *; print(MLPClassifier.__name__)", "MLPClassifier"),
        ("from backprop_xp.estimators import *; print(MLPRegressor.__name__)", "MLPRegressor"),
        ("print(pydoc.render_doc(bp))", "class MLPClassifier"),
        ("print(pydoc.render_doc(bp.MLPRegressor))", "that predicts numbers"),
        ("print(pydoc.render_doc(bp.StackedSearchCV))", "A search over the parameters"),
        ("print(inspect.getdoc(bp.MLPClassifier))", "hidden_layer_sizes : int or sequence of int"),
        ("print(inspect.isclass(bp.MLPClassifier), isinstance(3, bp.MLPClassifier))", "True False"),
    ],
)
def test_the_estimators_are_there_without_scikit_learn(code, words):
    printed = in_a_fresh_interpreter(f"{WITHOUT_EXTRAS}import inspect, pydoc\n{code}")
    assert words in re.sub(".\b", "", printed)  # pydoc prints letters of names twice


@pytest.mark.parametrize("name", bp.estimators.__all__)
def test_without_scikit_learn_a_call_names_the_install_command(name):
    code = f"""{WITHOUT_EXTRAS}
import copyreg
from backprop_xp.estimators import {name} as kind
for call in (kind, lambda: kind([4], alpha=0.1), lambda: copyreg.__newobj__(kind)):
    try:
        call()
    except bp.MissingExtraError as error:
        print(error, repr(error.__cause__))
"""
    line = (
        f"{name}: got no scikit-learn, or one before 1.6; expected the package scikit-learn. "
        f"Run: {install_command('sklearn')}. ModuleNotFoundError('sklearn')\n"
    )
    assert in_a_fresh_interpreter(code) == 3 * line


def tree_of(name):
    """Return the syntax tree of a module."""
    source = Path(importlib.import_module(name).__file__).read_text(encoding="utf-8")
    return ast.parse(source)


def defined(name):
    """Return the public classes and functions, and the other names, that a module defines."""
    made, others = set(), set()
    body = tree_of(name).body
    otherwise = [one for node in body if isinstance(node, ast.If) for one in node.orelse]
    for node in body + otherwise:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            made.add(node.name)
        elif isinstance(node, ast.Assign):
            others |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            others.add(node.target.id)
    return [{one for one in found if not one.startswith("_")} for found in (made, others)]


# where all optimisers and all schedules are listed, whichever modules define them
GATHERING = ("backprop_xp.optimizers", "backprop_xp.schedules")


@pytest.mark.parametrize("name", [name for name in PLAIN if name != "backprop_xp.__main__"])
def test_all_lists_what_a_module_defines_for_others(name):
    listed = importlib.import_module(name).__all__
    made, others = defined(name)
    assert len(set(listed)) == len(listed)
    assert made - set(listed) == set()  # a helper of the module alone begins with _
    if name not in GATHERING:
        assert set(listed) - made - others == set()  # what is only imported has its own source


@pytest.mark.parametrize("name", ["backprop_xp", *MODULES])
def test_every_public_function_and_class_has_a_docstring(name):
    tree = tree_of(name)
    assert ast.get_docstring(tree)
    bare = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        and not (node.name.startswith("_") or ast.get_docstring(node))
        and "overload" not in map(ast.unparse, node.decorator_list)
    ]
    assert bare == []


@pytest.mark.parametrize("room", ROOMS)
def test_the_page_of_a_room_names_its_modules_and_what_to_read_first(room):
    page = ast.get_docstring(tree_of(room))
    inside = [name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == room]
    assert [name for name in inside if not re.search(rf"\b{name}\b", page)] == []
    assert re.search(r"\b[Rr]ead\b[^.]*\b(first|order)\b|order to read|order in which", page)


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


def test_type_checkers_are_told_that_it_is_typed():
    assert (Path(bp.__path__[0]) / "py.typed").exists()


@pytest.mark.parametrize("name", ROOMS)
def test_the_page_of_a_room_lists_its_modules(name):
    room = importlib.import_module(name)
    modules = {one.name for one in pkgutil.iter_modules(room.__path__)}
    assert modules - set(re.findall(r"\w+", room.__doc__)) == set()
