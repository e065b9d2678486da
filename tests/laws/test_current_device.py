"""Every public function works on its arrays' device, whichever device is the current one.

CuPy launches kernels and takes memory on its current device, wherever the operands are, and
array-api-compat ignores ``device=`` in CuPy's creation functions. Here array-api-strict does the
same: its ``device1`` is the current device, the arrays are on ``device2``, and an operation on an
array of another device than the current one raises.
"""

import importlib
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays import backend, native
from backprop_xp.arrays.backend import device_of, from_host, to_host
from backprop_xp.training import task

strict = needs("array_api_strict", "strict")

ELSEWHERE, HERE = strict.Device("device1"), strict.Device("device2")
ARRAY = type(strict.asarray(0.0))
CREATION = {
    *("arange", "empty", "empty_like", "eye", "full", "full_like"),
    *("linspace", "ones", "ones_like", "zeros", "zeros_like"),
}
OF_NO_ARRAY = {  # of dtypes, of shapes, or careful of the device itself (asarray, from_dlpack)
    *("__array_namespace_info__", "asarray", "astype", "broadcast_shapes", "can_cast", "finfo"),
    *("from_dlpack", "iinfo", "isdtype", "result_type", "ArrayAPIStrictFlags", "Device"),
    *("set_array_api_strict_flags", "get_array_api_strict_flags", "reset_array_api_strict_flags"),
}
OPERATORS = [
    f"__{prefix}{name}__"
    for name in ("add", "sub", "mul", "truediv", "pow", "matmul", "and", "or", "mod")
    for prefix in ("", "r", "i")
] + ["__abs__", "__neg__", "__invert__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]


class Current:
    """The current device, and what was done on it."""

    def __init__(self):
        self.entered, self.operations = [ELSEWHERE], set()

    def check(self, name, *values):
        self.operations.add(name)
        for value in values:
            for x in value if isinstance(value, (list, tuple)) else [value]:
                wrong = isinstance(x, ARRAY) and device_of(x) != self.entered[-1]
                assert not wrong, f"{name} of an array on {device_of(x)} on {self.entered[-1]}"


class Context:
    """What ``with cupy.cuda.Device(i):`` is."""

    def __init__(self, current, device):
        self._current, self._device = current, device

    def __enter__(self):
        self._current.entered.append(self._device)

    def __exit__(self, *_):
        assert self._current.entered.pop() is self._device


@pytest.fixture
def current(monkeypatch):
    """Have array-api-strict work on a current device, as CuPy does."""
    now = Current()

    def guarded(name, function):
        @wraps(function)
        def call(*args, **kwargs):
            now.check(name, *args, *kwargs.values())
            return function(*args, **kwargs)

        return call

    def creating(name, function):
        @wraps(function)
        def call(*args, **kwargs):
            now.check(name, *args)
            return function(*args, **{**kwargs, "device": now.entered[-1]})

        return call

    for name in OPERATORS:
        if hasattr(ARRAY, name):
            monkeypatch.setattr(ARRAY, name, guarded(name, getattr(ARRAY, name)))
    for name in strict.__all__:
        function = getattr(strict, name)
        if not inspect.isfunction(function) or name in OF_NO_ARRAY:
            continue
        make = creating if name in CREATION else guarded
        monkeypatch.setattr(strict, name, make(name, function))
    astype = guarded("astype", strict.astype)
    monkeypatch.setattr(strict, "astype", astype)
    monkeypatch.setattr(native, "_KNOWN", {})  # it keeps functions of libraries
    for module in (backend, task):
        monkeypatch.setattr(module, "context_of", lambda _, device: Context(now, device))
    yield now
    assert now.entered == [ELSEWHERE]


def put(x, dtype="float64"):
    return from_host(np.asarray(x), strict, HERE, dtype)


RNG = np.random.default_rng(0)
NET = bp.Network([3, 4, 3], ["relu"], "softmax", connections=[RNG.integers(0, 2, (4, 3)), None])
THETA = NET.init(seed=1, dtype="float64", stack=2)
X, LABELS, WEIGHTS = RNG.normal(size=(10, 3)), RNG.integers(0, 3, 10), RNG.uniform(0, 2, (2, 10))
DEVICE = bp.Device("device2", "a test", strict, HERE)


def train(**settings):
    cases = {"X": put(X), "Y": put(LABELS, "int32"), "theta": put(THETA)}
    return bp.train(NET, **{"batch_size": 4, "epochs": 2, **cases, **settings})


def saved_and_loaded(tmp_path):
    bp.save(tmp_path / "model.safetensors", NET, put(THETA))
    return bp.load(tmp_path / "model.safetensors", DEVICE).theta


DOORS: dict[str, Callable[..., Any]] = {
    "init": lambda _: NET.init(device=DEVICE, stack=2),
    "unpack": lambda _: NET.unpack(put(THETA)),
    "pack": lambda _: NET.pack([(put(W), put(b)) for W, b in NET.unpack(THETA)]),
    "forward": lambda _: NET.forward(put(THETA), put(X, "float32")),
    "cost": lambda _: NET.cost(put(THETA), put(X), put(LABELS, "int32"), put(WEIGHTS)),
    "gradient": lambda _: NET.gradient(put(THETA), put(X), put(LABELS, "int32")),
    "predict": lambda _: bp.predict(NET, put(THETA), put(X, "float32")),
    "predict a list": lambda _: bp.predict(NET, put(THETA), X.tolist()),
    "ensemble": lambda _: bp.ensemble(NET, put(THETA), X),
    "train": lambda _: train().theta,
    "train with everything": lambda _: (
        train(
            optimizer=bp.Adam(np.array([0.1, 0.2])),
            validation=(put(X), put(LABELS, "int32")),
            case_weights=put(WEIGHTS),
            l2=0.1,
            dropout=0.5,
        ).theta
    ),
    "train a batch without weight": lambda _: train(case_weights=put(np.arange(10) < 3)).theta,
    "train from the host": lambda _: (
        bp.train(NET, X, LABELS, stack=3, device=DEVICE, dtype="float32", epochs=1).theta
    ),
    "train other dtypes": lambda _: train(dtype="float32").theta,
    "train targets": lambda _: train(Y=put(np.eye(3)[LABELS])).theta,
    "run[1]": lambda _: train()[1].theta,
    "run[:, [0]]": lambda _: train(theta=None, stack=(2, 2))[:, [0]].theta,
    "run.best": lambda _: train().best("cost").theta,
    "load": saved_and_loaded,
}
EVALUATED = {
    "evaluate": lambda: bp.evaluate(NET, put(THETA), put(X), put(LABELS, "int32"), put(WEIGHTS)),
    "evaluate rows of the host": lambda: bp.evaluate(NET, put(THETA), X, LABELS),
}


def leaves(x):
    return [one for part in x for one in leaves(part)] if isinstance(x, tuple) else [x]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_a_door_enters_the_device_of_its_arrays(door, current, tmp_path):
    for x in leaves(door(tmp_path)):
        assert device_of(x) == HERE
        assert np.isfinite(to_host(x)).all()


@pytest.mark.parametrize("call", EVALUATED.values(), ids=EVALUATED)
def test_evaluation_is_on_the_device_of_theta(call, current):
    assert all(np.isfinite(part).all() for part in call())


def test_check_gradient_works_on_the_device_of_theta(current):
    net = bp.Network([3, 4, 3], "tanh")
    theta, cases = put(net.init(stack=2), "float32"), (put(X, "float32"), put(LABELS, "int32"))
    assert bp.check_gradient(net, theta, *cases, put(WEIGHTS, "float32")).passed


def test_arrays_of_another_device_are_moved_where_training_is_to_be(current):
    there = from_host(X, strict, strict.Device("CPU_DEVICE"), "float64")
    labels = from_host(LABELS, strict, strict.Device("no_x64"), "int32")
    theta = from_host(THETA, strict, ELSEWHERE, "float64")
    weights = from_host(WEIGHTS, strict, ELSEWHERE, "float64")
    run = bp.train(NET, there, labels, theta, case_weights=weights, device=DEVICE, epochs=1)
    assert device_of(run.theta) == HERE


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_are_checked_where_they_are(current, bad):
    X_bad = X.copy()
    X_bad[3, 1] = bad
    with pytest.raises(bp.DataError, match="row 3, column 1"):
        train(X=put(X_bad))
    with pytest.raises(bp.DataError, match="label 3 at row 0"):
        train(Y=put(np.full(10, 3), "int32"))
    with pytest.raises(bp.DataError, match=r"train\(theta\)"):
        train(theta=put(np.full_like(THETA, bad)))


def test_a_divergence_hands_over_theta_of_its_device(current):
    with pytest.raises(bp.DivergenceError) as caught:
        train(optimizer=bp.SGD(1e200))
    assert device_of(caught.value.theta) == HERE


def test_memory_that_does_not_suffice_hands_over_theta_of_its_device(current):
    class Full(bp.SGD):
        def update(self, theta, *_, **settings):
            raise MemoryError(theta.shape, settings)

    with pytest.raises(bp.OutOfMemoryError) as caught:
        train(optimizer=Full())
    assert device_of(caught.value.theta) == HERE
    np.testing.assert_array_equal(to_host(caught.value.theta), THETA)


@pytest.mark.gpu
def test_on_the_second_of_two_gpus():
    cupy = needs("cupy")
    if not cupy.is_available() or cupy.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("CuPy finds no second CUDA device")
    device = bp.select_device("cuda:1")
    runs = [
        bp.train(NET, X, LABELS, THETA, device=where, validation=(X, LABELS), batch_size=4)
        for where in ("cpu", device)
    ]
    theta = runs[1].theta
    assert (theta.device.id, cupy.cuda.runtime.getDevice()) == (1, 0)
    # a hundred roundings of float64 in another order
    np.testing.assert_allclose(to_host(theta), runs[0].theta, rtol=1e-9, atol=1e-9)
    for function in (bp.predict, bp.ensemble):
        found, expected = (function(NET, run.theta, X) for run in runs)
        np.testing.assert_allclose(to_host(found[0]), expected[0], rtol=1e-9, atol=1e-9)
    assert (
        NET.gradient(
            theta,
            *(
                from_host(x, device.xp, device.handle, name)
                for x, name in ((X, "float64"), (LABELS, "int32"))
            ),
        )[1].device.id
        == 1
    )
    assert runs[1][1].theta.device.id == 1


# ---------------------------------------------------------------------------------------------
# the stand-in itself


def test_the_stand_in_refuses_what_is_done_elsewhere(current):
    x = put(X)
    for operation in (
        lambda: x + 1,
        lambda: abs(x),
        lambda: x @ strict.matrix_transpose(x),
        lambda: strict.sum(x),
        lambda: strict.concat([x, x]),
        lambda: strict.astype(x, strict.float32),
        lambda: strict.zeros_like(x),
    ):
        with pytest.raises(AssertionError, match="of an array on"):
            operation()
    assert device_of(strict.zeros(3, device=HERE)) == ELSEWHERE  # as CuPy ignores device=
    with Context(current, HERE):
        assert device_of(strict.zeros(3) + strict.sum(x, axis=-1)[:3]) == HERE


def test_training_does_what_is_watched(current):
    train()
    expected = {"__iadd__", "__matmul__", "__imul__", "__isub__", "concat", "take", "sum", "max"}
    assert expected <= current.operations


OPENED = {
    "network.network": DOORS["gradient"],
    "network.prediction": DOORS["ensemble"],
    "training.failures": DOORS["train"],
    "training.evaluation": lambda _: EVALUATED["evaluate"](),
    "network.data_values": DOORS["train"],
    "inspection.gradient_check": lambda _: bp.check_gradient(
        NET, put(THETA, "float32"), put(X, "float32"), put(LABELS, "int32")
    ),
}


@pytest.mark.parametrize("module", OPENED)
def test_without_its_context_a_door_is_found(module, current, monkeypatch):
    found = importlib.import_module(f"backprop_xp.{module}")
    monkeypatch.setattr(found, "context", lambda _: Context(current, ELSEWHERE))
    with pytest.raises(AssertionError):
        OPENED[module](None)
