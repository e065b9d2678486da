"""Schedules by formulas: by hand, beside PyTorch's and scikit-learn's, and out of range."""

import math

import numpy as np
import pytest
from rates import torch_rates, values

import backprop_xp as bp
from backprop_xp.errors import OptionError
from backprop_xp.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Piecewise,
    Product,
    Sequential,
    Step,
    WarmUp,
)

# ---------------------------------------------------------------------------------------------
# by hand: numbers with few binary digits are exact


def test_step_by_hand():
    assert values(Step(1.0, 2, 0.5), 7) == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_exponential_by_hand():
    assert values(Exponential(1.0, 0.5), 4) == [1, 0.5, 0.25, 0.125]
    assert values(Exponential(1.0, 0.25, every=2), 3) == [1, 0.5, 0.25]
    assert Exponential(1e-8, 2.0)(10) == 1e-8 * 1024
    assert Exponential(1.0, 2.0)(10**6) == math.inf  # which every range refuses where it is used


def test_inverse_time_by_hand():
    assert values(InverseTime(1.0, 1.0), 4) == [1, 1 / 2, 1 / 3, 1 / 4]
    assert values(InverseTime(1.0, 1.0, power=0.5), 4)[3] == 0.5
    assert InverseTime(0.5, 0.0)(100) == 0.5


def test_cosine_by_hand():
    # cos 0 = 1, cos π/3 = ½, cos π = −1: 4, 1 + 1.5·1.5, 1
    found = values(Cosine(4.0, 3, 1.0), 5)
    np.testing.assert_allclose(found, [4, 3.25, 1.75, 1, 1], rtol=1e-15)


def test_one_cycle_by_hand():
    # up in the steps 0 to ½·6 − 1 = 2, down in those to 5
    found = values(OneCycle(1.0, 6, 0.5, 0.5, 0.25, "linear"), 8)
    np.testing.assert_allclose(found, [0.5, 0.75, 1, 0.75, 0.5, 0.25, 0.25, 0.25], rtol=1e-15)
    assert OneCycle(1.0, 100).initial == 0.04
    assert OneCycle(1.0, 100).final == 4e-6


@pytest.mark.parametrize("rise", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 100])
@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_stays_between_its_values(shape, steps, rise):
    found = np.array(values(OneCycle(1.0, steps, rise, 0.5, 0.25, shape), steps + 3))
    assert found.min() >= 0.25
    assert found.max() <= 1.0
    if rise < 1 < steps:
        assert found[steps - 1] == 0.25
    assert np.ptp(found[steps:]) == 0


# ---------------------------------------------------------------------------------------------
# arrays over a stack

SCHEDULES = {
    "Step": lambda x: Step(x, 3, 0.5),
    "factors": lambda x: Step(1.0, 3, x),
    "Exponential": lambda x: Exponential(x, x, 4),
    "InverseTime": lambda x: InverseTime(x, x, x),
    "Cosine": lambda x: Cosine(x, 7, x / 2),
    "OneCycle": lambda x: OneCycle(x, 9),
    "OneCycle, own": lambda x: OneCycle(1.0, 9, 0.3, x, x / 3, "linear"),
    "WarmUp": lambda x: WarmUp(5, x, x),
    "Product": lambda x: Product(x, Cosine(x, 5)),
    "Sequential": lambda x: Sequential([2], [x, Cosine(x, 5)]),
}


@pytest.mark.parametrize("make", SCHEDULES.values(), ids=SCHEDULES)
def test_a_number_for_each_network(xp, make):
    # one network's number after another; arrays are of NumPy, in float64, so that no device is read
    # at a step. Two powers of the same numbers differ by a rounding.
    rates = xp.array([[0.1], [0.5], [0.9]], xp.float_dtypes[-1])
    together = make(rates)
    for step in range(12):
        alone = [make(float(x))(step) for x in xp.host(rates)[:, 0]]
        found = together(step)
        shape = np.shape(xp.host(found) if hasattr(found, "shape") else found)
        assert shape == (3, 1)
        np.testing.assert_allclose(xp.host(found)[:, 0], alone, rtol=1e-15 if xp.float64 else 1e-6)


def test_schedules_can_be_keys_and_be_compared():
    for make in SCHEDULES.values():
        assert make(0.5) == make(0.5) != make(0.25)
        assert len({make(0.5), make(0.5), make(0.25)}) == 2


# ---------------------------------------------------------------------------------------------
# out of range

NOT_FINITE = (np.nan, np.inf, "some", None, 1j, Constant(0.1))


@pytest.mark.parametrize(
    ("make", "where", "bad"),
    [
        *(
            (lambda x, kind=kind, rest=rest: kind(x, *rest), f"{kind.__name__}({name})", bad)
            for kind, rest, name in (
                (Step, (3,), "initial"),
                (Exponential, (0.5,), "initial"),
                (InverseTime, (0.5,), "initial"),
                (Cosine, (3,), "initial"),
                (OneCycle, (3,), "peak"),
            )
            for bad in NOT_FINITE
        ),
        *((lambda x: Step(1.0, x), "Step(every)", bad) for bad in (0, 1.5, None, True)),
        *((lambda x: Step(1.0, 2, x), "Step(factor)", bad) for bad in (-0.5, np.nan)),
        *((lambda x: Exponential(1.0, x), "Exponential(factor)", bad) for bad in (-0.5, None)),
        *((lambda x: Exponential(1.0, 1, x), "Exponential(every)", bad) for bad in (0, 0.5)),
        *((lambda x: InverseTime(1.0, x), "InverseTime(decay)", bad) for bad in (-1, np.inf)),
        *((lambda x: InverseTime(1.0, 1, x), "InverseTime(power)", bad) for bad in (-1, "a")),
        *((lambda x: Cosine(1.0, x), "Cosine(steps)", bad) for bad in (0, 2.0)),
        (lambda x: Cosine(1.0, 2, x), "Cosine(final)", np.nan),
        *((lambda x: OneCycle(1.0, x), "OneCycle(steps)", bad) for bad in (0, 2.0)),
        *((lambda x: OneCycle(1.0, 9, x), "OneCycle(rise)", bad) for bad in (-0.1, 1.1, None)),
        (lambda x: OneCycle(1.0, 9, initial=x), "OneCycle(initial)", np.inf),
        (lambda x: OneCycle(1.0, 9, final=x), "OneCycle(final)", np.inf),
        (lambda x: OneCycle(1.0, 9, shape=x), "OneCycle(shape)", "straight"),
        *((lambda x: WarmUp(x, 1.0), "WarmUp(steps)", bad) for bad in (-1, 1.5)),
        *((lambda x: WarmUp(2, x), "WarmUp(then)", bad) for bad in (np.nan, None)),
        *((lambda x: WarmUp(2, 1.0, x), "WarmUp(start)", bad) for bad in (-0.1, 1.1)),
        (lambda x: Product(x, 1.0), "Product(first)", None),
        (lambda x: Product(1.0, x), "Product(second)", np.nan),
        *(
            (lambda x: Sequential(*x), "Sequential", bad)
            for bad in (([2, 1], [1, 2, 3]), ([1], [1]), (1, [1, 2]), (["a"], [1, 2]))
        ),
    ],
)
def test_parameters_out_of_range(make, where, bad):
    with pytest.raises(OptionError) as caught:
        make(bad)
    assert caught.value.parts[0] == where
    assert all(caught.value.parts)


# ---------------------------------------------------------------------------------------------
# PyTorch's


@pytest.mark.parametrize(
    ("own", "name", "named", "count"),
    [
        (Step(0.5, 7, 0.3), "StepLR", {"step_size": 7, "gamma": 0.3}, 50),
        (Exponential(0.5, 0.9), "ExponentialLR", {"gamma": 0.9}, 50),
        (Cosine(0.5, 40, 0.01), "CosineAnnealingLR", {"T_max": 40, "eta_min": 0.01}, 41),
        (
            WarmUp(20, 0.5, 0.25),
            "LinearLR",
            {"start_factor": 0.25, "total_iters": 20},
            40,
        ),
        (
            Piecewise([5, 20], [0.5, 0.05, 0.005]),
            "MultiStepLR",
            {"milestones": [5, 20], "gamma": 0.1},
            40,
        ),
        *(
            (
                OneCycle(2.0, steps, rise, shape=shape),
                "OneCycleLR",
                {
                    "max_lr": 2.0,
                    "total_steps": steps,
                    "pct_start": rise,
                    "anneal_strategy": {"cosine": "cos"}.get(shape, shape),
                },
                steps,
            )
            for steps, rise in ((60, 0.3), (37, 0.5), (10, 0.25))
            for shape in ("cosine", "linear")
        ),
        (
            OneCycle(2.0, 50, 0.4, 0.5, 0.01),
            "OneCycleLR",
            {
                "max_lr": 2.0,
                "total_steps": 50,
                "pct_start": 0.4,
                "div_factor": 4.0,
                "final_div_factor": 50.0,
            },
            50,
        ),
    ],
)
def test_they_equal_pytorchs(own, name, named, count):
    # PyTorch goes from rate to rate by products: a rounding of 1e-16 a step, and its cosine divides
    # by 1 + cos π t/n, which near the end is as small as 1e-3
    expected, _ = torch_rates(lambda schedulers: getattr(schedulers, name), count, **named)
    np.testing.assert_allclose(values(own, count), expected, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("rise", [0.0, 0.07, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_equals_pytorchs_for_every_number_of_steps(shape, rise):
    # where rise · n = 1, PyTorch divides 0 by 0; the peak is at step 0 then
    for steps in (*range(2, 25), 100):
        if rise * steps == 1:
            assert OneCycle(2.0, steps, rise, shape=shape)(0) == 2.0
            continue
        named = {"pct_start": rise, "anneal_strategy": {"cosine": "cos"}.get(shape, shape)}
        expected, _ = torch_rates(
            lambda schedulers: schedulers.OneCycleLR,
            steps,
            max_lr=2.0,
            total_steps=steps,
            **named,
        )
        found = values(OneCycle(2.0, steps, rise, shape=shape), steps)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_the_momentum_of_one_cycle_equals_pytorchs():
    # the same formula: a rounding or two
    named = {"max_lr": 2.0, "total_steps": 60, "base_momentum": 0.8, "max_momentum": 0.95}
    _, expected = torch_rates(lambda schedulers: schedulers.OneCycleLR, 60, **named)
    own = OneCycle(0.8, 60, initial=0.95, final=0.95)
    np.testing.assert_allclose(values(own, 60), expected, rtol=1e-14)


def test_inverse_time_equals_scikit_learns_invscaling():
    # its time is counted in cases: of one case, a sweep is a step; the rate is that after the sweep
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.neural_network import MLPRegressor

    mlp = MLPRegressor(
        hidden_layer_sizes=(2,),
        solver="sgd",
        learning_rate="invscaling",
        learning_rate_init=0.01,
        power_t=0.7,
        batch_size=1,
        max_iter=1,
        warm_start=True,
    )
    own = InverseTime(0.01, 1.0, 0.7)
    for step in range(1, 6):
        mlp.partial_fit(np.ones((1, 1)), np.ones(1))
        np.testing.assert_allclose(own(step), mlp._optimizer.learning_rate, rtol=1e-14)


def test_training_takes_them(xp):
    # what a schedule makes of a training is what its numbers make of it: the same arrays
    X, Y = xp.array(np.eye(3)), xp.array(np.array([0, 1, 0]))
    net = bp.Network([3, 2])
    own = WarmUp(2, Product(0.5, Cosine(1.0, 4, 0.25)), 0.5)
    found = bp.train(net, X, Y, optimizer=bp.SGD(own, Exponential(0.9, 0.9)), epochs=4)
    rates = [own(step) for step in range(5)]
    given = bp.SGD(lambda step: rates[step], lambda step: 0.9 * 0.9**step)
    expected = bp.train(net, X, Y, optimizer=given, epochs=4)
    rtol = 1e-14 if xp.float64 else 1e-6  # a rounding a step
    np.testing.assert_allclose(xp.host(found.theta), xp.host(expected.theta), rtol=rtol)
