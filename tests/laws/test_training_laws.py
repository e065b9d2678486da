"""Laws 3, 4 and 8 of training: stacks, libraries, refusals. Law 5 is in `test_contract`."""

from dataclasses import fields, replace

import numpy as np
import pytest
from surface import CLASSES, LABELS, REGULARISED, STACKS, TARGETS, WEIGHTS, M, X, Y

import backprop_xp as bp
from backprop_xp.errors import BackpropError, DivergenceError
from backprop_xp.training.data.batches import epochs_of_blocks
from backprop_xp.training.data.cases import Cases

# ---------------------------------------------------------------------------------------------
# law 3: a stack is as many networks alone


def own(x, k, axes):
    """Return what network k has of `x`: its own part where `x` has one more axis than `axes`."""
    return x[k] if np.ndim(x) > axes else x


def optimizer_of(optimizer, k):
    """Return the optimiser with the numbers of network k."""
    numbers = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
    return replace(optimizer, **{name: own(number, k, 0) for name, number in numbers.items()})


@pytest.mark.parametrize("case", STACKS)
def test_a_stack_trains_as_each_network_alone(case):
    # a product of stacked matrices may sum in another order than one of single ones: some hundred
    # roundings of 1e-16 in numbers of size 1
    net, X, Y, settings = STACKS[case]
    settings = {"epochs": 4, "batch_size": 4, "seed": 3, "optimizer": bp.SGD(0.1, 0.9), **settings}
    theta = net.init(seed=2, stack=3, dtype="float64")
    run = bp.train(net, X, Y, theta, **settings)
    for k in range(3):
        mine = {
            **{name: own(number, k, 0) for name, number in settings.items()},
            "optimizer": optimizer_of(settings["optimizer"], k),
            "case_weights": own(settings.get("case_weights"), k, 1),
        }
        targets = 1 if np.issubdtype(Y.dtype, np.integer) else 2
        alone = bp.train(net, own(X, k, 2), own(Y, k, targets), theta[k], **mine)
        np.testing.assert_allclose(run.theta[k], alone.theta, rtol=1e-10, atol=1e-13)
        assert run.history.keys() == alone.history.keys()
        for name, of in alone.history.items():
            np.testing.assert_allclose([entry[k] for entry in run.history[name]], of, rtol=1e-10)


def test_stacks_of_two_axes_are_stacks_of_one():
    flat = bp.train(CLASSES, X, LABELS, stack=6, epochs=3, batch_size=4)
    square = bp.train(CLASSES, X, LABELS, stack=(2, 3), epochs=3, batch_size=4)
    np.testing.assert_allclose(square.theta.reshape(6, -1), flat.theta, rtol=1e-10, atol=1e-13)
    costs = np.reshape(square.history["cost"], (3, 6))
    np.testing.assert_allclose(costs, flat.history["cost"], rtol=1e-10)


def test_what_one_network_is_given_changes_no_other():
    rates = np.array([[0.1], [0.1], [0.1]])
    first = bp.train(CLASSES, X, LABELS, stack=3, optimizer=bp.SGD(rates), epochs=2, batch_size=4)
    rates = np.array([[0.1], [0.3], [0.1]])
    other = bp.train(CLASSES, X, LABELS, stack=3, optimizer=bp.SGD(rates), epochs=2, batch_size=4)
    np.testing.assert_array_equal(first.theta[[0, 2]], other.theta[[0, 2]])
    assert np.any(first.theta[1] != other.theta[1])


# ---------------------------------------------------------------------------------------------
# law 4: every library


def arrays(xp, *given, dtype=None):
    return [xp.array(x, dtype if np.asarray(x).dtype.kind == "f" else None) for x in given]


def test_every_library_draws_the_same_parameters_and_orders(xp):
    for dtype in xp.float_dtypes:
        name = {"numpy": "cpu", "torch": "torch:cpu", "jax": "jax:cpu"}.get(xp.name)
        if name is not None:
            theta = CLASSES.init(seed=8, device=name, dtype=dtype, stack=2)
            expected = CLASSES.init(seed=8, dtype=dtype, stack=2)
            np.testing.assert_array_equal(xp.host(theta), expected)
        run = bp.train(CLASSES, *arrays(xp, X, LABELS, dtype=dtype), seed=8, stack=2, epochs=0)
        expected = CLASSES.init(seed=8, dtype=dtype, stack=2)
        np.testing.assert_array_equal(xp.host(run.theta), expected)
    cases = Cases(*arrays(xp, np.arange(M)[:, None] * 1.0, LABELS), 3, labelled=True)
    for epoch in (0, 1):
        blocks = list(epochs_of_blocks(cases, 4, seed=8)(epoch))
        order = np.concatenate([xp.host(block.X).reshape(-1) for block in blocks])
        key = np.random.SeedSequence(8, spawn_key=(1, epoch))
        np.testing.assert_array_equal(order, np.random.default_rng(key).permutation(M))


@pytest.mark.parametrize(
    "chosen",
    [
        {"optimizer": bp.SGD(0.1, momentum=0.9)},
        {"optimizer": bp.Adam(0.01), "dropout": 0.3},
        {"optimizer": bp.SGD(0.1, momentum=0.9), **REGULARISED, "class_weights": "balanced"},
    ],
    ids=["momentum", "adam and dropout", "regularised"],
)
def test_every_library_trains_the_same_network(xp64, chosen):
    # exp and tanh of two libraries differ in the last bit, sums in their order: about 1e-15 a step,
    # and 15 steps of a rate that lets no error grow
    settings = {"l2": 0.01, **chosen, "epochs": 5, "batch_size": 4, "seed": 4}
    here = bp.train(CLASSES, X, LABELS, case_weights=WEIGHTS, **settings)
    there = bp.train(
        CLASSES, *arrays(xp64, X, LABELS), case_weights=xp64.array(WEIGHTS), **settings
    )
    np.testing.assert_allclose(xp64.host(there.theta), here.theta, rtol=1e-10, atol=1e-13)
    for name, of in here.history.items():
        np.testing.assert_allclose(there.history[name], of, rtol=1e-10, err_msg=name)


# ---------------------------------------------------------------------------------------------
# law 8: what is refused damages nothing


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": -1},
        {"case_weights": np.zeros(M)},
        {"validation": (X, Y[:, :1])},
        {"stack": 2},
        {"seed": -1},
        {"device": "no device"},
        {"l2": -1},
        {"clip_norm": 0},
        {"label_smoothing": 0.1},
        {"class_weights": "balanced"},
        {"optimizer": bp.SGD(1e37, momentum=0.9), "batch_size": 1},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_refusal_damages_nothing(xp, settings):
    if xp.name == "jax" and "optimizer" in settings:
        pytest.skip("its arrays cannot be changed at all, and compiling takes long")
    if "case_weights" in settings:
        settings = {"case_weights": xp.array(settings["case_weights"])}
    if "validation" in settings:
        settings = {"validation": tuple(arrays(xp, *settings["validation"]))}
    given = arrays(xp, X, Y, TARGETS.init(seed=1))
    before = [xp.host(x).copy() for x in given]
    with pytest.raises(BackpropError) as caught:
        bp.train(TARGETS, *given, **settings)
    assert isinstance(caught.value, DivergenceError) == ("optimizer" in settings)
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(xp.host(now), then)
