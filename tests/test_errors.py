"""The errors: built-in types, four parts, and copies from another process."""

import copy
import pickle

import numpy as np
import pytest

from backprop_xp import errors
from backprop_xp.arrays.advice import nearest_name
from backprop_xp.errors import BackpropError, DivergenceError, MissingFileError

FAMILY = {
    "ShapeError": (ValueError,),
    "DTypeError": (TypeError,),
    "DataError": (ValueError,),
    "OptionError": (ValueError,),
    "OutOfMemoryError": (MemoryError,),
    "ParameterError": (errors.OptionError, ValueError, TypeError),
    "StackIndexError": (IndexError,),
    "CallError": (TypeError,),
    "MissingEntryError": (KeyError,),
    "MissingMethodError": (AttributeError,),
    "DeviceError": (ValueError, RuntimeError),
    "MissingExtraError": (ImportError,),
    "MissingFileError": (FileNotFoundError, OSError),
    "ModelFileError": (ValueError,),
    "DivergenceError": (ArithmeticError, ValueError),
}
PARTS = ("train(X)", "an empty array", "at least one case", "Pass some rows")


def test_the_list_of_errors_is_complete():
    found = {
        name
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, BackpropError) and one is not BackpropError
    }
    assert found == set(FAMILY)


@pytest.mark.parametrize("name", FAMILY)
def test_each_error_is_also_the_built_in_that_users_expect(name):
    kind = getattr(errors, name)
    for base in (BackpropError, *FAMILY[name]):
        with pytest.raises(base):
            raise kind(*PARTS)


@pytest.mark.parametrize("name", ["BackpropError", *FAMILY])
def test_the_message_has_four_parts(name):
    error = getattr(errors, name)(*PARTS)
    assert error.parts == PARTS
    assert str(error) == (
        "train(X): got an empty array; expected at least one case. Pass some rows."
    )


def test_a_full_stop_in_the_advice_is_not_doubled():
    assert str(BackpropError("a", "b", "c", "Do this.")) == "a: got b; expected c. Do this."


@pytest.mark.parametrize("name", ["BackpropError", *FAMILY])
@pytest.mark.parametrize(
    "through",
    [copy.copy, lambda error: pickle.loads(pickle.dumps(error))],  # noqa: S301  its own
    ids=["copy", "pickle"],
)
def test_a_copy_from_another_process_says_the_same(name, through):
    error = getattr(errors, name)(*PARTS)
    again = through(error)
    assert (type(again), again.parts, str(again)) == (type(error), PARTS, str(error))


def test_a_divergence_keeps_what_it_holds_when_pickled():
    error = DivergenceError(*PARTS)
    error.theta, error.epoch, error.batch, error.history = np.arange(3.0), 4, 5, {"cost": [1.0]}
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  its own
    np.testing.assert_array_equal(again.theta, error.theta)
    assert (again.epoch, again.batch, again.history) == (4, 5, {"cost": [1.0]})


def test_a_missing_file_has_no_errno_that_would_hide_the_message():
    # OSError with two to five arguments would print "[Errno train(X)] an empty array"
    assert str(MissingFileError(*PARTS)).startswith("train(X): got")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("sigmod", "Did you mean 'sigmoid'?"),
        ("ReLU", "Did you mean 'relu'?"),
        ("quux", "Use one of the known names"),
        ("", "Use one of the known names"),
        (3, "Use one of the known names"),
        (None, "Use one of the known names"),
    ],
)
def test_the_nearest_name(name, advice):
    assert nearest_name(name, ["relu", "sigmoid"]) == advice
    assert nearest_name(name, iter(["relu", "sigmoid"])) == advice
