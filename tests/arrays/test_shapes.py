"""Shapes that an equation takes: what fits, what does not, and what the message says."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backprop_xp import equations
from backprop_xp.arrays.shapes import takes
from backprop_xp.errors import ShapeError


@takes(W=("n_out", "n_in"), a=("n_in", "m"), b=("n_out", 1))
def layer(W, a, b, *, factor=2, out=None):
    """Return something of the three."""
    return factor * (W @ a + b)


def zeros(*shapes):
    return [np.zeros(shape) for shape in shapes]


FIT = [
    ((2, 3), (3, 4), (2, 1)),
    ((1, 1), (1, 1), (1, 1)),
    ((2, 0), (0, 4), (2, 1)),
    ((2, 3), (3, 0), (2, 1)),
    ((5, 2, 3), (5, 3, 4), (5, 2, 1)),
    ((5, 2, 3), (3, 4), (2, 1)),
    ((2, 3), (5, 3, 4), (1, 2, 1)),
    ((6, 1, 2, 3), (5, 3, 4), (6, 5, 2, 1)),
    ((1, 2, 3), (5, 3, 4), (2, 1)),
]
DO_NOT_FIT = [
    ((2, 3), (2, 4), (2, 1)),
    ((3, 2), (3, 4), (2, 1)),
    ((2, 3), (3, 4), (3, 1)),
    ((2, 3), (3, 4), (2, 2)),
    ((2, 3), (3, 4), (1, 2)),
    ((2, 3), (3, 4), (2, 4)),
    ((2, 3), (3, 4), (2, 0)),
    ((3,), (3, 4), (2, 1)),
    ((2, 3), (3,), (2, 1)),
    ((2, 3), (3, 4), (2,)),
    ((2, 3), (3, 4), ()),
    ((5, 2, 3), (4, 3, 4), (2, 1)),
    ((5, 2, 3), (5, 3, 4), (4, 2, 1)),
    ((2, 3, 2, 3), (3, 2, 3, 4), (2, 1)),
    ((0, 2, 3), (2, 3, 4), (2, 1)),
]


@pytest.mark.parametrize("shapes", FIT, ids=str)
def test_what_fits(xp, shapes):
    W, a, b = (xp.array(x + 1.0) for x in zeros(*shapes))
    lead = np.broadcast_shapes(*(shape[:-2] for shape in shapes))
    for found in (
        layer(W, a, b),
        layer(W, a=a, b=b),
        layer(b=b, W=W, a=a),
        layer(W, a, b, factor=2),
    ):
        assert tuple(found.shape) == (*lead, shapes[0][-2], shapes[1][-1])
        np.testing.assert_array_equal(
            xp.host(found), np.full(tuple(found.shape), 2.0 * (shapes[0][-1] + 1))
        )


@pytest.mark.parametrize("shapes", DO_NOT_FIT, ids=str)
def test_what_does_not_fit(xp, shapes):
    W, a, b = map(xp.array, zeros(*shapes))
    came = "W {}, a {}, b {}".format(*shapes)
    for call in (
        lambda: layer(W, a, b),
        lambda: layer(W, a, b=b),
        lambda: layer(b=b, a=a, W=W, factor=3),
    ):
        with pytest.raises(ShapeError) as caught:
            call()
        assert caught.value.parts == (
            "test_shapes.layer",
            came,
            "W (n_out, n_in), a (n_in, m), b (n_out, 1)",
            "One name is one size; leading axes are networks",
        )
        assert str(caught.value) == (
            f"test_shapes.layer: got {came}; expected W (n_out, n_in), a (n_in, m), b (n_out, 1). "
            "One name is one size; leading axes are networks."
        )


def test_it_is_also_a_value_error():
    with pytest.raises(ValueError, match="got W"):
        layer(*zeros((2, 3), (2, 4), (2, 1)))


def test_the_names_of_the_equations_in_messages():
    with pytest.raises(
        ShapeError, match=r"^equations\.weight_gradient: got delta \(2, 3\), a_prev"
    ):
        equations.weight_gradient(*zeros((2, 3), (2, 4)))
    with pytest.raises(ShapeError, match=r"^equations\.bias_gradient: got delta \(3,\); expected"):
        equations.bias_gradient(np.zeros(3))


def test_the_function_within_does_not_check():
    within = inspect.unwrap(layer)
    assert within is not layer
    assert within is layer.__wrapped__
    W, a, b = zeros((2, 3), (3, 4), (2, 4))  # b for each case, which `layer` refuses
    assert within(W, a, b).shape == (2, 4)
    with pytest.raises(ShapeError):
        layer(W, a, b)
    for name in equations.__all__:
        assert not hasattr(inspect.unwrap(getattr(equations, name)), "__wrapped__")
        assert hasattr(getattr(equations, name), "__wrapped__")


def test_name_docstring_and_signature_stay():
    assert layer.__name__ == "layer"
    assert layer.__doc__ == "Return something of the three."
    assert list(inspect.signature(layer).parameters) == ["W", "a", "b", "factor", "out"]


def test_arguments_that_are_missing_or_too_many_are_as_in_any_function():
    W, a, b = zeros((2, 3), (3, 4), (2, 1))
    with pytest.raises(TypeError, match="missing a required argument: 'b'"):
        layer(W, a)
    with pytest.raises(TypeError, match="too many positional arguments"):
        layer(W, a, b, 3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        layer(W, a, b, c=3)


def test_what_the_function_is_given_is_what_it_gets():
    given = []

    @takes(x=("n", "m"))
    def noting(x, *rest, y=None, **others):
        given.append((x, rest, y, others))
        return x

    x = np.zeros((2, 3))
    assert noting(x, 1, 2, y=3, z=4) is x
    assert noting(x=x) is x
    assert given[0][0] is x
    assert given[0][1:] == ((1, 2), 3, {"z": 4})
    assert given[1][1:] == ((), None, {})


@given(
    names=st.lists(
        st.tuples(st.sampled_from(["i", "j", "k", 1, 2]), st.sampled_from(["i", "j", "k", 1, 2])),
        min_size=1,
        max_size=3,
    ),
    sizes=st.fixed_dictionaries({name: st.integers(0, 4) for name in "ijk"}),
    leads=st.lists(st.lists(st.integers(1, 3), max_size=2), min_size=3, max_size=3),
    change=st.one_of(st.none(), st.tuples(st.integers(0, 2), st.integers(0, 1))),
)
def test_one_name_is_one_size(names, sizes, leads, change):
    """Sizes drawn for the names fit; a size changed in one place fits only a name used once."""
    axes = dict(zip("ABC", names, strict=False))
    shapes = [[size if isinstance(size, int) else sizes[size] for size in of] for of in names]
    fits = True
    if change is not None and change[0] < len(names):
        which, axis = change
        shapes[which][axis] += 1
        flat = [name for of in names for name in of]
        name = names[which][axis]
        fits = isinstance(name, str) and flat.count(name) == 1
    leads = leads[: len(names)]
    try:
        np.broadcast_shapes(*map(tuple, leads))
    except ValueError:
        fits = False
    source = f"def function({', '.join(axes)}): return 'called'"
    space = {"__name__": "space"}
    exec(source, space)  # noqa: S102  a function of one to three arguments
    function = takes(**axes)(space["function"])
    arrays = [np.zeros((*lead, *shape)) for lead, shape in zip(leads, shapes, strict=True)]
    if fits:
        assert function(*arrays) == "called"
    else:
        with pytest.raises(ShapeError):
            function(*arrays)
