"""The numbers of each step: checked, moved when they change, the same object while they do not."""

import json

import numpy as np
import pytest
from training_steps import numbers_of

from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.errors import OptionError, ShapeError
from backprop_xp.execution.tape import leaves
from backprop_xp.optimizers import SGD, Adam
from backprop_xp.schedules import Piecewise, Product, ReduceOnPlateau, WarmUp


@pytest.mark.parametrize(
    "shape", [(), (1,), (1, 1), (3, 1), (2, 1, 1), (1, 3, 1), (2, 3, 1), (2, 3)]
)
def test_shapes_that_broadcast_against_the_leading_axes(shape):
    theta = np.zeros((2, 3, 5))
    numbers = numbers_of(SGD(np.full(shape, 0.5)), theta, np.full(shape, 0.25)).next().optimizer
    expected = () if np.prod(shape) == 1 else (6, 1)  # the networks one after another
    assert numbers["learning_rate"].shape == expected


@pytest.mark.parametrize("shape", [(2,), (3,), (5,), (4, 1), (2, 1), (3, 2), (1, 2, 3, 1)])
@pytest.mark.parametrize("name", ["learning_rate", "momentum", "l2"])
@pytest.mark.parametrize("scheduled", [False, True])
def test_shapes_that_do_not_fit(shape, name, scheduled):
    values = np.full(shape, 0.5)
    setting = (lambda _: values) if scheduled else values
    chosen = {"learning_rate": 0.1, "momentum": 0.0, "l2": 0.0, name: setting}
    l2 = chosen.pop("l2")
    with pytest.raises(ShapeError, match=rf"{name}\)?: got an array of shape .* \(2, 3, 1\)"):
        numbers_of(SGD(**chosen), np.zeros((2, 3, 5)), l2)


def test_a_single_network_takes_no_array():
    with pytest.raises(ShapeError, match=r"learning_rate: got an array of shape \(2,\)"):
        numbers_of(SGD(np.array([0.1, 0.2])), np.zeros(5))


@pytest.mark.parametrize("nesterov", [False, True])
def test_numbers_of_numpy_do_not_promote(xp, nesterov):
    # float32 · np.float64 is float64 on NumPy: every number is moved into θ's dtype first
    theta = xp.array([1.0, 2.0], "float32") * 1
    sgd = SGD(np.float64(0.1), momentum=np.float64(0.5), nesterov=nesterov)
    settings, state = numbers_of(sgd, theta, np.float64(0.01)), sgd.init(theta)
    numbers, own = settings.next()
    for number in (own["l2"], *numbers.values()):
        assert (dtype_name(number.dtype), device_of(number)) == ("float32", xp.device)
        assert namespace(number) is xp.xp
    theta, state = sgd.update(theta, state, xp.array([1.0, 1.0], "float32") * 1, **numbers)
    assert [dtype_name(x.dtype) for x in (theta, *state)] == ["float32"] * 2


def test_numbers_are_moved_only_when_they_change():
    rates = [0.5, 0.5, 0.25]
    theta = np.zeros(3)
    settings = numbers_of(SGD(lambda step: rates[step], momentum=0.5), theta, 0.1)
    moved = [settings.next() for _ in range(3)]
    assert moved[0].optimizer["momentum"] is moved[2].optimizer["momentum"]
    assert moved[0].regularisation["l2"] is moved[2].regularisation["l2"]
    assert [float(numbers.optimizer["learning_rate"]) for numbers in moved] == rates


def test_numbers_may_be_arrays_of_any_library(xp):
    numbers = xp.array([[0.5], [0.25]])
    sgd = SGD(numbers, momentum=numbers)
    for setting in (numbers, lambda _: numbers):
        moved, own = numbers_of(sgd, xp.array(np.zeros((2, 3))), setting).next()
        for one in (own["l2"], *moved.values()):
            np.testing.assert_array_equal(xp.host(one), [[0.5], [0.25]])
            assert device_of(one) == xp.device
    with pytest.raises(OptionError, match=r"SGD\(momentum\)"):
        SGD(0.1, momentum=xp.array([[0.5], [1.0]]))


@pytest.mark.parametrize("bad", ["fast", None, np.nan, 1j, [[1], [1, 2]]])
def test_a_schedule_that_returns_no_number(bad):
    with pytest.raises(OptionError, match=r"(?s)learning_rate.*: got .*; expected finite numbers"):
        numbers_of(SGD(lambda _: bad), np.zeros(3))


@pytest.mark.parametrize(
    ("optimizer", "l2"),
    [
        (SGD(lambda _: -1.0), 0.0),
        (SGD(0.1, momentum=lambda _: 1.0), 0.0),
        (SGD(0.1), lambda _: -1.0),
    ],
)
def test_schedules_stay_within_the_range_of_numbers(optimizer, l2):
    with pytest.raises(OptionError, match=r"expected .*numbers >= 0"):
        numbers_of(optimizer, np.zeros(3), l2).next()


def test_l2_of_0_costs_nothing():
    for zero in (0, 0.0, np.float64(0), np.zeros((2, 1))):
        assert numbers_of(SGD(0.1), np.zeros((2, 3)), zero).next().regularisation == {}
    l2 = numbers_of(SGD(0.1), np.zeros(3), Piecewise([1], [0.0, 0.5]))
    assert [float(l2.next().regularisation["l2"]) for _ in range(2)] == [0, 0.5]


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, "some", None, [[0.1], [-0.1]]])
def test_an_l2_out_of_range(bad):
    with pytest.raises(OptionError, match=r"train\(l2\): got .*; expected finite numbers >= 0"):
        numbers_of(SGD(0.1), np.zeros((2, 3)), bad)


@pytest.mark.parametrize("name", ["learning_rate", "l2"])
@pytest.mark.parametrize("large", [1e39, np.array([[0.1], [1e39]])])
def test_numbers_beyond_the_range_of_theta(name, large):
    # 1e39 is infinite in float32
    chosen = {"learning_rate": 0.1, "l2": 0.0, name: large}
    with pytest.raises(OptionError, match=rf"(?s){name}.*float32"):
        numbers_of(SGD(chosen["learning_rate"]), np.zeros((2, 3), "float32"), chosen["l2"])
    numbers_of(SGD(chosen["learning_rate"]), np.zeros((2, 3), "float64"), chosen["l2"])


def test_the_same_numbers_are_the_same_object():
    theta = np.zeros((2, 3))
    constant = numbers_of(SGD(0.1, momentum=0.5), theta, 0.1, 0.5)
    assert constant.next() is constant.next()
    scheduled = numbers_of(SGD(Piecewise([1], [0.1, 0.2]), momentum=0.5), theta)
    assert scheduled.next() is not scheduled.next()


def test_dropout_by_itself_and_for_each_network():
    theta = np.zeros((2, 3), "float32")
    assert numbers_of(SGD(0.1), theta).next().regularisation == {}
    p = numbers_of(SGD(0.1), theta, dropout=np.array([[0.0], [0.5]])).next()
    p = p.regularisation["dropout"]
    assert p.dtype == np.float32
    np.testing.assert_array_equal(p, [[0], [0.5]])
    falling = numbers_of(SGD(0.1), theta, dropout=Piecewise([1], [0.5, 0.25]))
    assert [float(falling.next().regularisation["dropout"]) for _ in range(2)] == [0.5, 0.25]


@pytest.mark.parametrize("bad", [-0.1, 1, 1.0, np.nan, "some", None, [[0.1], [1.0]]])
def test_a_dropout_out_of_range(bad):
    with pytest.raises(OptionError, match=r"train\(dropout\): got .*; expected probab"):
        numbers_of(SGD(0.1), np.zeros((2, 3)), dropout=bad)
    if bad is not None and not isinstance(bad, (str, list)):
        with pytest.raises(OptionError, match=r"train\(dropout\): got .*; expected probab"):
            numbers_of(SGD(0.1), np.zeros((2, 3)), dropout=lambda _: bad)


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        (Adam(epsilon=1e-50), "epsilon"),
        (Adam(beta2=1 - 1e-9), "beta2"),
        (SGD(0.1, momentum=1 - 1e-9), "momentum"),
    ],
)
def test_numbers_that_leave_their_range_by_rounding(optimizer, name):
    with pytest.raises(OptionError, match=f"{name}: got .* after rounding to float32"):
        numbers_of(optimizer, np.zeros(3, "float32"))
    numbers_of(optimizer, np.zeros(3))


def test_a_rate_may_fall_below_what_the_dtype_holds():
    falling = numbers_of(SGD(lambda step: 10.0 ** (-30 * step)), np.zeros(3, "float32"), l2=1e-60)
    assert [float(falling.next().optimizer["learning_rate"]) for _ in range(3)][-1] == 0
    assert float(falling.next().regularisation["l2"]) == 0
    numbers_of(SGD(0.99999999), np.zeros(3, "float32"))


class Own:
    """An optimiser of a user's own, whose settings are one dict that changes."""

    def __init__(self):
        self.numbers = {}

    def settings(self, step):
        self.numbers["rate"] = 1.0 / (1 + step)
        return self.numbers

    def init(self, _):
        return ()

    def update(self, theta, state, *_, **__):
        return theta, state


def test_a_dict_that_is_changed_and_returned_again_is_looked_at_again():
    settings = numbers_of(Own(), np.zeros(3))
    assert [float(settings.next().optimizer["rate"]) for _ in range(3)] == [1, 0.5, 1 / 3]


def test_settings_that_are_no_dict():
    own = Own()
    own.settings = lambda _: None
    with pytest.raises(OptionError, match=r"optimizer.settings: got NoneType; expected a dict"):
        numbers_of(own, np.zeros(3))


@pytest.mark.parametrize("huge", [10**400, [0.1] * 5000 + [-1]])
def test_numbers_beyond_all_ranges(huge):
    with pytest.raises(OptionError) as caught:
        SGD(huge)
    assert len(str(caught.value)) < 300


# ---------------------------------------------------------------------------------------------
# schedules that are told of epochs


def stalling(initial, **chosen):
    return ReduceOnPlateau(initial, **{"factor": 0.5, "patience": 0, "metric": "cost", **chosen})


def test_schedules_that_listen_are_told_of_epochs():
    sgd = SGD(stalling(1.0), momentum=WarmUp(1, stalling(0.5), start=0.5))
    settings = numbers_of(sgd, np.zeros(3), l2=stalling(0.25), dropout=0.5)
    assert settings.metrics == {"cost"}
    first, second = settings.next(), settings.next()
    assert [float(x) for x in (*first.optimizer.values(), first.regularisation["l2"])] == [
        1,
        0.25,
        0.25,
    ]
    assert [float(x) for x in (*second.optimizer.values(), second.regularisation["l2"])] == [
        1,
        0.5,
        0.25,
    ]
    assert settings.next() is second  # moved once while nothing changes
    history = {"cost": [1.0]}
    for expected in ([1, 0.5, 0.25], [0.5, 0.25, 0.125], [0.25, 0.125, 0.0625]):
        settings.after_epoch(history)
        numbers = settings.next()
        assert [
            float(x) for x in (*numbers.optimizer.values(), numbers.regularisation["l2"])
        ] == expected
        assert float(numbers.regularisation["dropout"]) == 0.5
        history["cost"].append(1.0)


def test_settings_without_such_schedules_look_at_no_history():
    settings = numbers_of(SGD(Piecewise([1], [0.1, 0.2])), np.zeros(3))
    settings.after_epoch({})
    assert settings.metrics == set()
    assert settings.state() == {"step": 0, "schedules": {}}


def test_one_number_for_each_network_after_an_epoch():
    settings = numbers_of(SGD(stalling(1.0)), np.zeros((6, 2)), stack=(2, 3))
    costs = np.arange(6.0).reshape(2, 3)
    settings.after_epoch({"cost": [costs]})
    settings.after_epoch({"cost": [costs, costs - [0, 1, 0]]})
    found = settings.next().optimizer["learning_rate"]
    np.testing.assert_array_equal(found[:, 0], [0.5, 1, 0.5, 0.5, 1, 0.5])


def test_a_state_goes_through_json_and_on():
    def make():
        sgd = SGD(Product(stalling(1.0), lambda step: 1.0 / (1 + step)), momentum=0.5)
        return numbers_of(sgd, np.zeros((2, 3)), l2=stalling(0.1, patience=1))

    one = make()
    for _ in range(3):
        one.next()
        one.after_epoch({"cost": [np.array([2.0, 1.0])]})
    state = json.loads(json.dumps(one.state()))
    assert state["step"] == 3
    other = make()
    other.restore(state)
    state["schedules"].clear()  # what was restored is its own
    for settings in (one, other):
        settings.after_epoch({"cost": [np.array([1.0, 1.0])]})
    for mine, theirs in zip(leaves(one.next()), leaves(other.next()), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert one.state() == other.state()


def test_a_state_is_a_copy():
    settings = numbers_of(SGD(stalling(1.0)), np.zeros(3))
    state = settings.state()
    state["schedules"]["optimizer.learning_rate"]["value"] = 7
    assert float(settings.next().optimizer["learning_rate"]) == 1


def test_the_state_of_other_schedules():
    state = numbers_of(SGD(stalling(1.0)), np.zeros(3)).state()
    for other in (SGD(0.1), SGD(0.1, momentum=stalling(0.5))):
        with pytest.raises(OptionError, match=r"schedules: optimizer.learning_rate; expected"):
            numbers_of(other, np.zeros(3)).restore(state)
    with pytest.raises(OptionError, match=r"schedules: none; expected optimizer.learning_rate"):
        numbers_of(SGD(stalling(1.0)), np.zeros(3)).restore({"step": 3})


def test_values_of_listening_schedules_stay_in_range():
    with pytest.raises(OptionError, match=r"SGD\(momentum\): got 1.5; expected numbers >= 0 and <"):
        numbers_of(SGD(0.1, momentum=stalling(1.5)), np.zeros(3))
    with pytest.raises(OptionError, match=r"train\(dropout\): got 1.5"):
        numbers_of(SGD(0.1), np.zeros(3), dropout=stalling(1.5))


def test_a_part_of_the_settings():
    rates = np.array([0.5, 0.25, 0.125])
    settings = numbers_of(SGD(lambda step: rates / (1 + step)), np.zeros((3, 2)), l2=0.1)
    part = settings.part(slice(1, 2))
    for step in range(2):
        numbers = part.next()
        assert float(numbers.regularisation["l2"]) == 0.1
        np.testing.assert_array_equal(numbers.optimizer["learning_rate"], [[0.25 / (1 + step)]])
    np.testing.assert_array_equal(settings.next().optimizer["learning_rate"], rates[:, None])


class Halving(SGD):
    """A user's own rule for the numbers of a step."""

    def settings(self, step):
        return {"learning_rate": 0.5**step, "momentum": 0.0}


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1), Adam(0.1), SGD(Piecewise([3], [0.2, 0.1])), Halving(0.1)]
)
@pytest.mark.parametrize("l2", [0.0, 0.1, Piecewise([4], [0.2, 0.1])])
def test_a_block_has_the_numbers_of_its_steps(optimizer, l2):
    theta = np.zeros(5)
    one_by_one, blocks = numbers_of(optimizer, theta, l2), numbers_of(optimizer, theta, l2)
    expected = [one_by_one.next() for _ in range(6)]
    found = [*blocks.block(2), *blocks.block(0), *blocks.block(4)]
    assert blocks.state() == one_by_one.state()
    for numbers, of_step in zip(found, expected, strict=True):
        for x, y in zip(leaves(numbers), leaves(of_step), strict=True):
            np.testing.assert_array_equal(x, y)
    constant = type(optimizer) is not Halving and optimizer.never_change and not callable(l2)
    assert (len({id(numbers) for numbers in found}) == 1) == constant


@pytest.mark.parametrize("first", ["one", "own"])
def test_a_number_has_one_shape_within_a_block(first, xp):
    """A schedule may return one number at some steps, and one for each network at others."""

    def varied(step):
        return 0.5 if (step < 3) == (first == "one") else np.array([0.5, 0.25, 0.125])

    theta = xp.array(np.zeros((3, 2)), "float32")
    settings = numbers_of(SGD(varied, 0.5), theta, varied, clip_norm=0.1)
    block = settings.block(5)
    for step, (of_optimizer, own) in enumerate(block):
        expected = np.broadcast_to(np.reshape(varied(step), (-1, 1)), (3, 1))
        for x in (of_optimizer["learning_rate"], own["l2"]):
            assert (dtype_name(x.dtype), device_of(x)) == ("float32", xp.device)
            np.testing.assert_array_equal(xp.host(x), expected)
        assert of_optimizer["momentum"].shape == own["clip_norm"].shape == ()
    assert settings.block(0) == []


def test_a_state_that_was_taken_does_not_change():
    class Counting:
        """A schedule of a user that writes into its own state."""

        def start(self):
            return {"epochs": [0]}

        def after_epoch(self, state, _):
            state["epochs"][0] += 1
            return state

        def value(self, state):
            return 0.5 / (1 + state["epochs"][0])

        def __call__(self, _):
            raise AssertionError

    numbers = numbers_of(SGD(Counting()), np.zeros(3))
    taken = numbers.state()
    numbers.after_epoch({"cost": [1.0]})
    assert taken["schedules"] == {"optimizer.learning_rate": {"epochs": [0]}}
    numbers.restore(taken)
    numbers.after_epoch({"cost": [1.0]})
    assert taken["schedules"] == {"optimizer.learning_rate": {"epochs": [0]}}
