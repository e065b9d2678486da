"""Sizes of layers and axes of a stack, as they come."""

import numpy as np
import pytest

from backprop_xp.errors import OptionError
from backprop_xp.network.description import layer_sizes, stack_shape


@pytest.mark.parametrize(
    "sizes", [[4, 3, 2], (4, 3, 2), np.array([4, 3, 2]), iter([4, 3, 2]), range(4, 1, -1)]
)
def test_layer_sizes(sizes):
    checked = layer_sizes(sizes)
    assert checked == (4, 3, 2)
    assert {type(n) for n in checked} == {int}


@pytest.mark.parametrize(
    "sizes",
    ["432", b"432", 4, None, [], [4], [4, 0], [4, -2], [4, 3.0], [4, "3"], [4, True], [[4, 3]]],
)
def test_other_layer_sizes_are_refused(sizes):
    with pytest.raises(OptionError, match=r"^Network\(sizes\): got"):
        layer_sizes(sizes)


@pytest.mark.parametrize(
    ("stack", "axes"),
    [((), ()), ([], ()), (3, (3,)), (np.int64(3), (3,)), ((2, 3), (2, 3)), ([1], (1,))],
)
def test_stack_shapes(stack, axes):
    assert stack_shape(stack) == axes


@pytest.mark.parametrize("stack", [0, -1, (2, 0), 1.5, "2", None, True, (2, (3,)), {2}])
def test_other_stack_shapes_are_refused(stack):
    with pytest.raises(OptionError, match=r"^stack: got"):
        stack_shape(stack)
