"""The face of the room: six functions, loaded on first use."""

import subprocess
import sys

import pytest

import backprop_xp as bp
from backprop_xp import exchange

FUNCTIONS = {"from_sklearn", "from_torch", "to_numpy_source", "to_onnx", "to_sklearn", "to_torch"}


def test_it_has_six_functions():
    assert set(bp.exchange.__all__) == set(dir(exchange)) == FUNCTIONS
    assert all(callable(getattr(exchange, name)) for name in FUNCTIONS)
    assert not hasattr(exchange, "to_keras")


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_an_unknown_keyword_is_refused_by_name(name):
    with pytest.raises(bp.CallError, match=rf"{name}\(opset\): got an unknown keyword"):
        getattr(exchange, name)(opset=12)


def test_its_import_loads_no_other_library():
    code = """
import sys
import backprop_xp as bp
before = set(sys.modules)
bp.exchange
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout == "['backprop_xp']\n"
