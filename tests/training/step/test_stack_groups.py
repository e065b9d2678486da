"""A large stack in groups: the same training, whatever the groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backprop_xp as bp
from backprop_xp.training.step import stack_groups
from backprop_xp.training.step.stack_groups import groups_of

NET = bp.Network([3, 4, 3], "tanh")
M, K = 10, 6
_rng = np.random.default_rng(5)
X, LABELS = _rng.standard_normal((M, 3)), _rng.integers(0, 3, M)
OWN = {
    "X": _rng.standard_normal((K, M, 3)),
    "Y": _rng.integers(0, 3, (K, M)),
    "case_weights": np.where(_rng.random((K, M)) < 0.3, 0, _rng.random((K, M))),
}
RATES = np.linspace(0.05, 0.3, K)[:, None]
EVERYTHING = {
    "optimizer": bp.SGD(RATES, momentum=RATES),
    "l2": RATES,
    "dropout": RATES,
    "case_weights": OWN["case_weights"],
    "validation": (X, LABELS),
}


@given(count=st.integers(1, 5000), parameters=st.integers(1, 10_000), batch=st.integers(1, 1000))
def test_groups_cover_the_stack_once_in_equal_parts(count, parameters, batch):
    theta = np.broadcast_to(np.zeros((), "float32"), (count, parameters))
    found = groups_of(theta, (64, 32, 10), batch)
    assert [group.start for group in found] == [0, *(group.stop for group in found[:-1])]
    assert found[-1].stop == count
    sizes = {group.stop - group.start for group in found[:-1]} or {count}
    assert len(sizes) == 1
    each = 4 * (2 * parameters + 4 * 42 * batch)
    assert max(sizes) == 1 or max(sizes) * each <= stack_groups.CPU_BYTES


def test_more_memory_elsewhere_than_on_a_cpu(monkeypatch):
    theta = np.zeros((1000, 2410), "float32")
    assert len(groups_of(theta, (64, 32, 10), 32)) > 1
    monkeypatch.setattr(stack_groups, "is_on_cpu", lambda _: False)
    assert groups_of(theta, (64, 32, 10), 32) == [slice(0, 1000)]


CASES = {
    "shared": (X, LABELS, {}),
    "everything of their own": (OWN["X"], OWN["Y"], EVERYTHING),
    "adam": (X, OWN["Y"], {"optimizer": bp.Adam(RATES, beta1=RATES), "l2": 0.1}),
    "targets": (OWN["X"], np.eye(3)[OWN["Y"]], {"validation": (OWN["X"], OWN["Y"])}),
}


@pytest.mark.parametrize("case", CASES)
def test_in_groups_training_is_the_same(xp, monkeypatch, case):
    X, Y, settings = CASES[case]
    stack = (2, 3)
    if xp.name == "jax" and case != "everything of their own":
        pytest.skip("JAX compiles for seconds, for the same lines")

    def in_axes(x):  # the first axis of what the networks have of their own becomes the stack's
        own = isinstance(x, np.ndarray) and x.ndim > 1 and x.shape[0] == K
        return x.reshape(*stack, *x.shape[1:]) if own else x

    def given(x):
        return xp.array(in_axes(x)) if isinstance(x, np.ndarray) else x

    made = {name: value for name, value in settings.items() if name != "optimizer"}
    made = {n: tuple(map(given, v)) if n == "validation" else given(v) for n, v in made.items()}
    if "l2" in made and isinstance(settings["l2"], np.ndarray):
        made |= {name: in_axes(RATES) for name in ("l2", "dropout")}
    if "optimizer" in settings:
        optimizer = settings["optimizer"]
        numbers = {name: in_axes(getattr(optimizer, name)) for name in ("learning_rate",)}
        second = "momentum" if isinstance(optimizer, bp.SGD) else "beta1"
        made["optimizer"] = type(optimizer)(**numbers, **{second: in_axes(RATES)})
    runs = []
    for limit in (2**20, 2500):  # bytes: one group, and groups of one or two networks
        monkeypatch.setattr(stack_groups, "CPU_BYTES", limit)
        monkeypatch.setattr(stack_groups, "DEVICE_BYTES", limit)
        net = NET if Y.ndim < 3 else bp.Network([3, 4, 3], "tanh", "sigmoid", "squared_error")
        settings_of_run = {"epochs": 3, "batch_size": 4, "stack": stack, **made}
        runs.append(bp.train(net, given(X), given(Y), **settings_of_run))
    whole, *others = runs
    assert tuple(whole.theta.shape) == (*stack, NET.parameter_count)
    for run in others:
        # a product of a stack may sum in another order than that of a single network
        close = {"rtol": 1e-9, "atol": 1e-12} if xp.host(whole.theta).dtype == float else {}
        close = close or {"rtol": 2e-4, "atol": 1e-5}
        np.testing.assert_allclose(xp.host(run.theta), xp.host(whole.theta), **close)
        assert run.history.keys() == whole.history.keys()
        for name, of in whole.history.items():
            assert of[0].shape == stack
            np.testing.assert_allclose(run.history[name], of, **close)


def test_what_diverges_in_a_group_is_told_as_of_the_stack(monkeypatch):
    monkeypatch.setattr(stack_groups, "CPU_BYTES", 1)
    rates = np.array([[0.1], [1e30], [0.1]])
    net = bp.Network([3, 4, 3], "tanh", "identity", "squared_error")
    with pytest.raises(bp.DivergenceError) as caught:
        bp.train(net, X.astype("float32"), X, stack=3, optimizer=bp.SGD(rates), epochs=3)
    assert caught.value.theta.shape == (3, net.parameter_count)
    assert caught.value.networks == [(1,)]
    assert "network 1: got" in str(caught.value)
    assert np.isfinite(caught.value.theta).all()


def test_memory_grows_as_theta_does():
    import tracemalloc

    net = bp.Network([8, 4, 3])
    X = np.zeros((512, 8), "float32")
    peaks = []
    for count in (1000, 4000):
        tracemalloc.start()
        bp.train(net, X, np.zeros(512, int), stack=count, epochs=1, optimizer=bp.SGD(0.1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    theta = 3000 * net.parameter_count * 4
    # θ as given, at the epoch's start, in training and joined, and three arrays of its size
    # in passing: what a batch takes does not grow
    assert peaks[1] - peaks[0] < 16 * theta


def test_groups_of_different_sizes(monkeypatch):
    runs = []
    for limit in (2**20, 4 * (2 * NET.parameter_count + 4 * 7 * 4) * 2):  # 2 networks of float32
        monkeypatch.setattr(stack_groups, "CPU_BYTES", limit)
        runs.append(bp.train(NET, X.astype("float32"), LABELS, stack=5, batch_size=4, epochs=2))
    assert len(groups_of(runs[0].theta, NET.sizes, 4)) == 3  # 2, 2 and 1
    np.testing.assert_allclose(runs[1].theta, runs[0].theta, rtol=1e-4, atol=1e-6)
