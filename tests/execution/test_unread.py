"""A step is recorded by shapes alone: nothing is computed, whatever the sizes."""

import tracemalloc

import numpy as np
import pytest
from fused_on_host import NumpyLibrary, replayer, take_pure_steps
from hypothesis import given
from hypothesis import strategies as st
from surface import ITEMS, on_numpy
from tape_cases import OPTIMIZERS
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution.recordings import record
from backprop_xp.execution.unread import contents, like, result_of, unread

LENGTHS = st.integers(0, 5)


@st.composite
def laid_out(draw, shape):
    """Return an array of this shape in any order of its axes, with gaps, backwards or repeated."""
    order = draw(st.permutations(range(len(shape))))
    whole = [shape[axis] * 2 for axis in order]
    x = np.ones(whole, draw(st.sampled_from(["float32", "float64"])))
    steps = [draw(st.sampled_from([1, 1, 2, -1])) for _ in shape]
    x = x.transpose(np.argsort(order))
    x = x[tuple(slice(None, None, step) for step in steps)]
    x = x[tuple(slice(0, n) for n in shape)]
    if shape and draw(st.integers(0, 5)) == 0:
        return np.broadcast_to(x[:1], shape) if shape[0] else x
    return x


@st.composite
def calls(draw):
    """Return a function of NumPy with arguments."""
    shape = tuple(draw(st.lists(LENGTHS, max_size=3)))
    kind = draw(st.sampled_from(["binary", "unary", "reduce", "sum", "matmul", "where", "copy"]))
    x = draw(laid_out(shape))
    if kind in ("reduce", "sum") and x.size and x.ndim:
        axis = draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
        named = {"axis": axis, "keepdims": draw(st.booleans())}
        return (np.add.reduce if kind == "reduce" else np.sum), (x,), named
    if kind == "binary":
        other = tuple(draw(st.sampled_from([1, n])) for n in shape[draw(st.integers(0, 2)) :])
        return np.multiply, (x, draw(laid_out(other))), {}
    if kind == "where":
        return np.where, (x > 0, x, draw(laid_out(shape))), {}
    if kind == "matmul":
        m, k, n, count = (draw(LENGTHS) for _ in range(4))
        lead = [draw(st.sampled_from([(), (1,), (count,)])) for _ in range(2)]
        a, b = draw(laid_out((*lead[0], m, k))), draw(laid_out((*lead[1], k, n)))
        return np.matmul, (a, b), {}
    copies = [np.zeros_like, np.ones_like, np.empty_like, np.negative]
    if kind == "copy":
        return np.array, (x,), {"order": "K"}
    return draw(st.sampled_from(copies)), (x,), {}


@given(call=calls())
def test_results_are_those_of_numpy_but_for_their_numbers(call):
    function, args, named = call
    expected = np.asarray(function(*args, **named))
    found = result_of(function, args, named)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if expected.size:  # the stride of an axis of length 1 is never used
        long = [axis for axis, n in enumerate(expected.shape) if n > 1]
        strides = [[x.strides[axis] for axis in long] for x in (found, expected)]
        assert strides[0] == strides[1]
    if function in (np.zeros_like, np.ones_like):
        np.testing.assert_array_equal(contents(found), expected)


def test_into_an_array():
    x, out = unread((3, 1, 4), np.dtype("float32")), unread((3, 5, 4), np.dtype("float32"))
    assert result_of(np.negative, (x,), {}, out) is not None
    for function, args in ((np.negative, (out,)), (np.add, (x, np.ones((2, 1))))):
        with pytest.raises(ValueError, match=r"broadcast|fit"):
            result_of(function, args, {}, x)
    with pytest.raises(ValueError, match="matrices"):
        result_of(np.matmul, (out, out), {})


@pytest.mark.parametrize(
    ("function", "args", "named"),
    [
        (np.cumsum, (np.ones(3),), {}),
        (np.add.accumulate, (np.ones(3),), {}),
        (np.zeros_like, (np.ones(3),), {"shape": (2,)}),
        (np.matmul, (np.ones(3), np.ones(3)), {}),
        (np.sum, (np.ones(3),), {"where": np.ones(3, bool)}),
    ],
)
def test_any_other_function_is_not_known(function, args, named):
    assert result_of(function, args, named) is None


def test_where_there_are_no_mappings_there_are_zeros(monkeypatch):
    monkeypatch.setattr("mmap.mmap", None)
    for name in ("MAP_PRIVATE", "MAP_ANONYMOUS"):
        monkeypatch.setattr(f"mmap.{name}", 0)
    x = unread((2, 3), np.dtype("float32"), (1, 0))
    assert x.strides == (4, 8)
    np.testing.assert_array_equal(x, np.zeros((2, 3)))


def test_a_refused_mapping_is_memory_instead(monkeypatch):
    def refuse(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("mmap.mmap", refuse)
    np.testing.assert_array_equal(like(np.ones(3)), np.zeros(3))


# ---------------------------------------------------------------------------------------------
# a recording


def recorded(m, K, optimizer, hidden):
    """Return the operations of a step of K networks on m cases, and the most bytes in use."""
    net, dtype = bp.Network([20, 5, 3], hidden), np.dtype("float32")
    one = np.zeros((1, net.parameter_count), dtype)
    numbers = numbers_of(optimizer, one, 0.1).next()
    state = tuple(unread((K, x.shape[-1]), x.dtype) for x in optimizer.init(one))
    batch = [unread(shape, dtype) for shape in ((m, 20), (3, m), (1, m))]
    theta = unread((K, net.parameter_count), dtype)
    tracemalloc.start()
    try:
        step = step_for(net, optimizer, theta, labelled=True)
        made = record(step, (theta, state), numbers, batch, runs_here=False)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return made.instructions, most


@pytest.mark.parametrize("optimizer", [one for each in OPTIMIZERS.values() for one in each[:1]])
@pytest.mark.parametrize("hidden", ["tanh", "identity", "softplus"])
def test_the_work_of_a_recording_does_not_depend_on_cases_or_networks(optimizer, hidden):
    recorded(2, 3, optimizer, hidden)  # caches are filled
    (small, few), (large, most) = (
        recorded(m, K, optimizer, hidden) for m, K in ((2, 3), (512, 999))
    )
    assert [one.function for one in small] == [one.function for one in large]
    assert max(one.target.nbytes for one in large) > 2**22
    assert most < few + 2**16


@pytest.mark.parametrize("name", ITEMS)
def test_no_operation_of_a_step_is_computed_while_it_is_recorded(name, monkeypatch):
    computed = []

    def noted(function, args, named, out=None):
        made = result_of(function, args, named, out)
        if made is None:
            computed.append(function)
        return made

    monkeypatch.setattr("backprop_xp.execution.tape.result_of", noted)
    library = NumpyLibrary()
    take_pure_steps(monkeypatch, lambda make_step: replayer(make_step, library))
    on_numpy(ITEMS[name], "float32")
    assert set(computed) <= {np.reshape}  # of an array without gaps, which makes a view


def test_results_lie_case_by_case_where_their_inputs_do():
    def step(W, _, X):
        z = W @ X.mT + W[:, :1]
        a = np.maximum(z, np.zeros(z.shape, "float32"))
        return W * 1.0, (W @ a, a.mT)

    given = like(np.zeros((4, 4), "float32")), None, (like(np.zeros((5, 4), "float32")),)
    for by_cases in (False, True):
        made = record(step, *given, runs_here=False, by_cases=by_cases)
        strides = [one.target.strides for one in made.instructions if one.target.shape == (4, 5)]
        assert set(strides) == {(4, 16) if by_cases else (20, 4)}
        product, rows = made.out
        assert product.strides == strides[0]
        assert rows.flags.c_contiguous == by_cases
