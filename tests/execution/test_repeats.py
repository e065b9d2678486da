"""Recorded steps without repeated operations, and in less memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.execution.memories import Memories
from backprop_xp.execution.numpy_calls import calls_of
from backprop_xp.execution.placement import placed
from backprop_xp.execution.recordings import record
from backprop_xp.execution.repeats import without_repeats
from backprop_xp.execution.tape import leaves

X = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, -1.0]])


def recorded(step, carry=None, x=X):
    carry = np.zeros(x.shape) if carry is None else carry
    memories = Memories()
    found = record(step, carry, np.array(2.0), (x,), runs_here=False)
    return without_repeats(found, memories), memories


def names(of):
    return [one.function.__name__ for one in of.instructions]


def check(step, carry=None, x=X, times=3):
    """Check that the step, done some times, has the bits of the function itself; return it."""
    found = placed(*recorded(step, carry, x))
    expected = np.zeros(x.shape) if carry is None else carry.copy()
    calls = [call for one in found.instructions for call in calls_of(one)]
    found.carry[0][...], found.numbers[0][...], found.batch[0][...] = expected, 2.0, x
    for _ in range(times):
        for call in calls:
            call()
        expected, outs = step(expected, np.array(2.0), x.copy())
        for one, other in zip(leaves((expected, outs)), (*found.carry, *found.out), strict=True):
            assert one.tobytes() == other.tobytes()
    return found


def test_an_operation_is_done_once():
    def step(carry, number, x):
        first, again = np.exp(-x), np.exp(-x)
        return carry + first * number, (again + 1,)

    assert names(check(step)).count("exp") == 1
    assert names(check(step)).count("negative") == 1


def test_a_repeated_operation_with_another_axis_of_length_1():
    def step(carry, number, x):
        again = np.exp(x[None, ...])
        return carry + np.exp(x), (np.tanh(again),)

    assert names(check(step)).count("exp") == 1


@pytest.mark.parametrize("lead", [(1,), (1, 1)])
@pytest.mark.parametrize("of", ["add", "maximum"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_repeated_sum_with_more_axes_of_length_1(of, lead, keepdims):
    x = np.linspace(-1, 2, 60).reshape(3, 4, 5)

    def step(carry, number, x):
        first = getattr(np, of).reduce(x, -2, keepdims=keepdims)
        again = getattr(np, of).reduce(x.reshape(*lead, *x.shape), -2, keepdims=keepdims)
        return carry + x, (first, np.tanh(again))

    assert names(check(step, x=x)).count(of) == 1 + (of == "add")


def test_sums_of_other_axes_are_other_operations():
    x = np.linspace(-1, 2, 16).reshape(4, 4)

    def step(carry, number, x):
        return carry + x, tuple(
            np.add.reduce(y, axis, keepdims=True)
            for y in (x, x[None, ...])
            for axis in range(-y.ndim, 0)
        )

    assert names(check(step, x=x)).count("add") == 4


def test_an_axis_counted_from_the_front_is_another_one_under_more_axes():
    x = np.linspace(-1, 2, 16).reshape(4, 4)

    def step(carry, number, x):
        first, again = np.maximum.reduce(x, 1), np.maximum.reduce(x[None, ...], 1)[0]
        return carry + x, (first, np.tanh(again))

    assert names(check(step, x=x)).count("maximum") == 2


def test_a_repeated_operation_that_is_broadcast_otherwise():
    x = np.arange(4.0).reshape(2, 2)

    def step(carry, number, x):
        row, column = x[:1, :], x[:, :1]
        return carry + row, (x + row, x + column, x + row.mT)

    assert names(check(step, x=x)).count("add") == 4


@pytest.mark.parametrize("also", [0.5, -0.0, 0.0, np.float32(0.5), 1])
def test_other_numbers_are_other_operations(also):
    def step(carry, number, x):
        return carry + x, (x * 0.0, x * also)

    multiplied = 1 if str(also) == "0.0" else 2
    assert names(check(step)).count("multiply") == multiplied


def test_an_operation_on_memory_that_was_written_since_is_another_one():
    def step(carry, number, x):
        made = x * number
        first = np.tanh(made)
        made += 1
        return carry + first, (np.tanh(made), made * 1.0)

    assert names(check(step)).count("tanh") == 2


def test_a_first_result_that_was_written_since_is_done_again():
    def step(carry, number, x):
        first = np.tanh(x)
        first *= number
        return carry + first, (np.tanh(x) + 1,)

    assert names(check(step)).count("tanh") == 2


def test_a_copy_that_is_written_leaves_the_first_result():
    def step(carry, number, x):
        first, again = np.tanh(x), np.tanh(x)
        again *= number
        return carry + first, (again + 0.5, first * 1.0)

    assert names(check(step)).count("tanh") == 1


def test_the_carry_is_read_before_and_after_it_is_written():
    def step(carry, number, x):
        before = np.tanh(carry)
        carry += x
        return carry, (before * 1.0, np.tanh(carry) + before)

    assert names(check(step, carry=np.ones(X.shape))).count("tanh") == 2


def test_an_output_may_be_a_repeated_result():
    def step(carry, number, x):
        return carry + np.tanh(x), (np.tanh(x), np.tanh(x))

    assert names(check(step)).count("tanh") == 1


def test_results_that_nobody_reads_are_left_out():
    def step(carry, number, x):
        np.exp(x)
        return carry + x, (x * 2,)

    assert "exp" not in names(check(step))


def test_parts_of_an_array_are_written_one_by_one():
    def step(carry, number, x):
        whole = np.empty_like(x)
        np.tanh(x[:1], out=whole[:1])
        np.tanh(x[1:], out=whole[1:])
        return carry + whole, (whole * 2,)

    check(step)


def buffers(found):
    """Return the pieces of memory that a step writes."""
    memories = Memories()
    return {memories.view(one.target).memory for one in found.instructions}


def test_elementwise_operations_write_over_their_inputs():
    def step(carry, number, x):
        return carry + 1 / (1 + np.exp(-(x + number))), (x * 2,)

    assert len(buffers(check(step))) == 3  # the carry, the output and one more


def test_an_input_that_is_read_later_is_kept():
    def step(carry, number, x):
        a = np.tanh(x)
        b = 1 - a
        return carry + a * b, (a + b,)

    check(step)


def test_an_input_in_another_order_is_not_overwritten():
    x = np.arange(4.0).reshape(2, 2)

    def step(carry, number, x):
        a = np.tanh(x)
        return carry + (a + a.mT), (x * 2,)

    check(step, x=x)


def test_constants_are_kept():
    def step(carry, number, x):
        one = np.ones_like(x)
        return carry + (one - x), (one * 2,)

    check(step)


@given(
    operations=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9)), max_size=20
    )
)
def test_any_operations(operations):
    x = np.array([[0.5, -0.25], [1.0, 0.75]])

    def step(carry, number, x):
        values = [x, carry * number, np.ones_like(x)]
        for kind, first, second in operations:
            a, b = values[first % len(values)], values[second % len(values)]
            if kind == 5 and a is not x and a is not values[2]:
                a *= 0.5
                continue
            made = [np.tanh, np.negative, np.add, np.multiply, np.matmul, np.add][kind]
            values.append(made(a) if made.nin == 1 else made(a, b.mT if second % 2 else b))
        total = values[0] * 0.125
        for value in values:
            total = total + np.tanh(value)
        return np.tanh(total), (values[-1] * 2, values[-1] * 2 + x)

    with np.errstate(all="ignore"):
        check(step, carry=np.zeros((2, 2)), x=x)


def test_the_scores_of_a_stack_take_no_second_exponential(monkeypatch):
    from backprop_xp.execution import numpy_replay
    from backprop_xp.training.step import scored

    steps = []

    def noted(of, memories):
        steps.append(of)
        return placed(of, memories)

    monkeypatch.setattr(numpy_replay, "placed", noted)
    monkeypatch.setattr(scored, "MANY_OUTPUTS", 1)
    net = bp.Network([3, 2, 1], "sigmoid", "sigmoid", "squared_error")
    bp.train(net, np.ones((4, 3)), np.ones((4, 1)), stack=2, epochs=2, batch_size=None)
    (step,) = steps
    assert names(step).count("exp") == 2
