"""Laws 3, 4, 5 and 8 of training: stacks, libraries, devices, refusals."""

import importlib
from dataclasses import fields, replace

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp import activations, connections, data, dropout, losses, network, settings
from backprop_xp.backend import compiled, device_of, dtype_name, from_host
from backprop_xp.cases import Cases
from backprop_xp.data import epochs_of_blocks
from backprop_xp.errors import BackpropError, DivergenceError
from backprop_xp.preparation import Task
from backprop_xp.recording import EpochRecord
from backprop_xp.settings import Numbers, Settings
from backprop_xp.trainer import Trainer
from backprop_xp.updates import step_of

M = 10
MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
CLASSES = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy")
TARGETS = bp.Network([3, 4, 2], "tanh", "identity", "squared_error", [MASK, None])
BINARY = bp.Network([3, 4, 1], "sigmoid", "sigmoid", "binary_cross_entropy")

_rng = np.random.default_rng(1)
X = _rng.standard_normal((M, 3))
LABELS = _rng.integers(0, 3, M)
Y = _rng.standard_normal((M, 2))
WEIGHTS = _rng.uniform(0, 2, M)
WEIGHTS[:6] = 0  # some batches have no weight
STACKED = {
    "X": _rng.standard_normal((3, M, 3)),
    "LABELS": _rng.integers(0, 3, (3, M)),
    "Y": _rng.standard_normal((3, M, 2)),
    "WEIGHTS": np.stack([WEIGHTS, WEIGHTS[::-1], np.ones(M)]),
}


# ---------------------------------------------------------------------------------------------
# law 3: a stack is as many networks alone


RATES, MOMENTA, L2 = (np.array(x)[:, None] for x in ([0.1, 0.2, 0.05], [0, 0.5, 0.9], [0, 0.1, 1]))
ADAM = bp.Adam(RATES / 10, MOMENTA, MOMENTA[::-1], RATES)
DROPOUT = np.array([[0.5], [0.0], [0.2]])
STACKS = {
    "shared": (CLASSES, X, LABELS, {}),
    "shared, full batch": (CLASSES, X, LABELS, {"batch_size": None}),
    "own X": (CLASSES, STACKED["X"], LABELS, {}),
    "own Y": (CLASSES, X, STACKED["LABELS"], {}),
    "own X and Y": (TARGETS, STACKED["X"], STACKED["Y"], {"l2": 0.1}),
    "shared weights": (CLASSES, X, LABELS, {"case_weights": WEIGHTS}),
    "own weights": (TARGETS, X, Y, {"case_weights": STACKED["WEIGHTS"], "l2": 0.1}),
    "all of their own": (
        CLASSES,
        STACKED["X"],
        STACKED["LABELS"],
        {"case_weights": STACKED["WEIGHTS"], "optimizer": bp.SGD(RATES, MOMENTA), "l2": L2},
    ),
    "nesterov": (TARGETS, X, Y, {"optimizer": bp.SGD(RATES, MOMENTA, nesterov=True), "l2": L2}),
    "adam": (TARGETS, STACKED["X"], Y, {"optimizer": ADAM}),
    "adam, own weights": (
        CLASSES,
        X,
        LABELS,
        {"optimizer": ADAM, "case_weights": STACKED["WEIGHTS"]},
    ),
    "dropout": (CLASSES, X, STACKED["LABELS"], {"dropout": 0.5}),
    "own dropout": (TARGETS, X, Y, {"dropout": DROPOUT, "optimizer": ADAM, "l2": L2}),
    "own dropout and weights": (
        TARGETS,
        X,
        STACKED["Y"],
        {"dropout": DROPOUT, "case_weights": STACKED["WEIGHTS"]},
    ),
}


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
            **settings,
            "optimizer": optimizer_of(settings["optimizer"], k),
            "l2": own(settings.get("l2", 0.0), k, 0),
            "dropout": own(settings.get("dropout", 0.0), k, 0),
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
    [{"optimizer": bp.SGD(0.1, momentum=0.9)}, {"optimizer": bp.Adam(0.01), "dropout": 0.3}],
    ids=["momentum", "adam and dropout"],
)
def test_every_library_trains_the_same_network(xp64, chosen):
    # exp and tanh of two libraries differ in the last bit, sums in their order: about 1e-15 a step,
    # and 15 steps of a rate that lets no error grow
    settings = {**chosen, "epochs": 5, "batch_size": 4, "l2": 0.01, "seed": 4}
    here = bp.train(CLASSES, X, LABELS, case_weights=WEIGHTS, **settings)
    there = bp.train(
        CLASSES, *arrays(xp64, X, LABELS), case_weights=xp64.array(WEIGHTS), **settings
    )
    np.testing.assert_allclose(xp64.host(there.theta), here.theta, rtol=1e-10, atol=1e-13)
    for name, of in here.history.items():
        np.testing.assert_allclose(there.history[name], of, rtol=1e-10, err_msg=name)


# ---------------------------------------------------------------------------------------------
# law 5: a step never leaves its device


@pytest.mark.parametrize("xp", ["strict-device1", "strict-device2"], indirect=True)
@pytest.mark.parametrize("case", STACKS)
def test_on_another_device_training_is_that_of_numpy_to_the_bit(xp, case):
    # the two devices refuse each other's arrays, arrays of the default device, and np.asarray
    net, X, Y, settings = STACKS[case]
    settings = {"epochs": 2, "batch_size": 4, "stack": 3, **settings}
    here = bp.train(net, X, Y, **settings, validation=(X, Y))
    if "case_weights" in settings:
        settings["case_weights"] = xp.array(settings["case_weights"])
    there = bp.train(net, *arrays(xp, X, Y), **settings, validation=tuple(arrays(xp, X, Y)))
    assert device_of(there.theta) == xp.device
    np.testing.assert_array_equal(xp.host(there.theta), here.theta)
    for name, of in here.history.items():
        np.testing.assert_array_equal(there.history[name], of)


@pytest.mark.parametrize(
    "xp", ["strict-no_float64", "strict-no_x64", "strict-flags-off"], indirect=True
)
@pytest.mark.parametrize("net", [CLASSES, TARGETS, BINARY], ids=["classes", "targets", "binary"])
@pytest.mark.parametrize(
    "chosen", [{}, {"optimizer": bp.Adam(0.01), "dropout": 0.3}], ids=["plain", "adam and dropout"]
)
def test_without_float64_int64_and_masks_training_is_that_of_numpy_to_the_bit(xp, net, chosen):
    Y_here = {3: LABELS, 2: Y, 1: LABELS % 2}[net.sizes[-1]]
    here, there = (
        bp.train(
            net,
            *given,
            case_weights=weights,
            validation=given,
            stack=2,
            l2=0.1,
            epochs=2,
            batch_size=4,
            dtype="float32",
            **chosen,
        )
        for given, weights in (
            ((X.astype("float32"), Y_here), WEIGHTS.astype("float32")),
            (tuple(arrays(xp, X, Y_here, dtype="float32")), xp.array(WEIGHTS, "float32")),
        )
    )
    assert dtype_name(there.theta.dtype) == "float32"
    np.testing.assert_array_equal(xp.host(there.theta), here.theta)
    for name, of in here.history.items():
        np.testing.assert_array_equal(there.history[name], of)


class Watched:
    """An optimiser that notes each step of another in a list of events."""

    def __init__(self, events, optimizer):
        self.optimizer, self.events = optimizer, events
        self.settings, self.init = optimizer.settings, optimizer.init

    def update(self, *args, **settings):
        self.events.append("step")
        return self.optimizer.update(*args, **settings)


@pytest.fixture
def events(xp, monkeypatch):
    """Note each way in which a value of array-api-strict can reach the host."""
    noted = []
    kind = type(xp.array([1.0]))

    def noting(name, real):
        def call(*args, **kwargs):
            noted.append(name)
            return real(*args, **kwargs)

        return call

    names = ("__float__", "__bool__", "__int__", "__index__", "__complex__", "__array__")
    for name in (*names, "__dlpack__", "__buffer__"):
        if hasattr(kind, name):
            monkeypatch.setattr(kind, name, noting(name, getattr(kind, name)))
    return noted


@pytest.mark.parametrize("xp", ["strict-device1"], indirect=True)
@pytest.mark.parametrize("weights", [None, WEIGHTS, STACKED["WEIGHTS"]], ids=["none", "one", "own"])
@pytest.mark.parametrize(
    "optimizer", [bp.SGD(0.1, momentum=0.9), bp.Adam(0.01)], ids=["momentum", "adam"]
)
def test_the_host_reads_only_at_the_edges_of_epochs(xp, events, weights, optimizer):
    given = arrays(xp, X, LABELS)
    reads = []
    for batch_size in (5, 1):
        events.clear()
        bp.train(
            CLASSES,
            *given,
            optimizer=Watched(events, optimizer),
            validation=tuple(given),
            case_weights=None if weights is None else xp.array(weights),
            l2=0.1,
            dropout=0.5,
            stack=3,
            epochs=3,
            batch_size=batch_size,
        )
        steps = M // batch_size
        text = "".join("s" if event == "step" else "r" for event in events)
        parts = [part for part in text.split("r") if part]
        assert parts == ["s" * steps] * 3  # no read within an epoch
        reads.append(text.count("r"))
    assert reads[0] == reads[1]  # as many for 2 batches as for 10
    assert reads[0] > 0  # and the events are seen


def step_arguments(net, make, stack=(), l2=None, p=None):
    """Return what a step takes, each array made by `make` from one of the host."""
    P, (n_in, *_, n_out) = net.parameter_count, net.sizes
    rng = np.random.default_rng(0)
    theta, velocity = rng.standard_normal((2, *stack, P)) * 0.3
    targets = rng.uniform(0.1, 0.9, (M, n_out))
    rates = {name: make(np.array(0.1)) for name in ("learning_rate", "momentum")}
    numbers = Numbers(
        rates,
        None if l2 is None else make(np.array(l2)),
        None if p is None else make(np.array(p)),
    )
    return (
        (make(theta), (make(velocity),)),
        numbers,
        make(X[:, :n_in]),
        make((targets / targets.sum(axis=1, keepdims=True)).T),
        make(np.full((1, M), 1 / M)),
        *(make(rng.uniform(size=(n, M))) for n in net.sizes[1:-1] if p is not None),
    )


NETS = {
    **{
        f"hidden {name}": bp.Network([3, 4, 2], name, "softmax", "cross_entropy", [MASK, None])
        for name in activations.ACTIVATIONS
    },
    **{
        f"{name} of {output}": bp.Network([3, 4, 2], "tanh", output, name)
        for name in losses.LOSSES
        for output in ("softmax", "sigmoid", "exp", "identity")
    },
}


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_a_step_on_pytorchs_device_without_memory(xp, net):
    # every read of a value, and every mixture with another device, raises there
    torch = importlib.import_module("torch")

    def make(x):
        return torch.empty(x.shape, dtype=torch.float32, device="meta")

    for stack, l2, p in (((), None, None), ((2,), 0.1, 0.5)):
        for nesterov in (False, True):
            given = step_arguments(net, make, stack, l2, p)
            step = step_of(net, bp.SGD(0.1, 0.9, nesterov=nesterov), given[0][0])
            (theta, state), (z_out, penalty) = step(*given)
            assert {x.device.type for x in (theta, *state, z_out)} == {"meta"}
            assert {x.dtype for x in (theta, *state, z_out)} == {torch.float32}
            assert tuple(theta.shape) == (*stack, net.parameter_count)
            assert tuple(z_out.shape) == (*stack, net.sizes[-1], M)
            assert (penalty is None) == (l2 is None)


def train_an_epoch(net, xp, device, weights, labelled, stack):
    """Train all batches of one epoch as `train` does, up to the host's look; return θ."""
    theta = from_host(np.zeros((*stack, net.parameter_count)), xp, device, "float32")
    rows = from_host(X, xp, device, "float32")
    targets = from_host(LABELS if labelled else Y, xp, device, "int32" if labelled else "float32")
    cases = Cases(rows, targets, net.sizes[-1], labelled, weights)
    sgd, record = bp.SGD(0.1, 0.9), EpochRecord()
    numbers, state = Settings(sgd, theta, 0.1, 0.5), sgd.init(theta)
    trainer = Trainer(Task(net, theta, stack, cases, None, 0), sgd, numbers, 4)
    noise = dropout.noise_of_epoch(net.sizes, 0, 0, theta)
    for block in epochs_of_blocks(cases, 4, seed=0)(0):
        theta, state = trainer.block(block, theta, state, noise, record)
    trainer.scores(theta, cases)
    return theta


EPOCHS = pytest.mark.parametrize(
    ("net", "weights", "stack"),
    [
        (CLASSES, None, ()),
        (TARGETS, None, (2,)),
        (CLASSES, WEIGHTS, ()),
        (TARGETS, STACKED["WEIGHTS"], (3,)),
    ],
    ids=["plain", "stack", "weights", "weights-stack"],
)


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
@EPOCHS
def test_an_epoch_on_pytorchs_device_without_memory(xp, net, weights, stack):
    device = importlib.import_module("torch").device("meta")
    theta = train_an_epoch(net, xp.xp, device, weights, net is CLASSES, stack)
    assert theta.device == device


def sliced(x, key):
    """Return x[key] by PyTorch's own operations, for whole numbers, slices, None and `...`."""
    slice_of = importlib.import_module("torch").ops.aten.slice.Tensor
    key, axis = key if isinstance(key, tuple) else (key,), 0
    if Ellipsis in key:
        at = key.index(Ellipsis)
        whole = x.ndim - sum(part is not None for part in key) + 1
        key = (*key[:at], *[slice(None)] * whole, *key[at + 1 :])
    for part in key:
        if isinstance(part, int):
            x = x.select(axis, part)
            continue
        x = x.unsqueeze(axis) if part is None else slice_of(x, axis, part.start, part.stop)
        axis += 1
    return x


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
@EPOCHS
def test_an_epoch_on_a_pretended_gpu(xp, monkeypatch, net, weights, stack):
    # PyTorch's fake tensors raise where one of the CPU meets one of the GPU and where a value is
    # read. A build for the CPU cannot slice or copy one of the GPU in C++: `sliced` and an
    # addition do it.
    torch = importlib.import_module("torch")
    fake = pytest.importorskip("torch._subclasses.fake_tensor", reason="no fake tensors here")
    overrides = importlib.import_module("torch.overrides")

    class Sliced(overrides.TorchFunctionMode):
        def __torch_function__(self, function, _, args=(), kwargs=None):
            if function is torch.Tensor.__getitem__:
                return sliced(*args)
            if function is torch.Tensor.copy_:
                return torch.add(args[1], 0, out=args[0])
            return function(*args, **(kwargs or {}))

    def pretend(x, _, device, dtype):
        return torch.zeros(np.shape(x), dtype=getattr(torch, dtype), device=device)

    for module in (connections, data, dropout, network, settings):
        monkeypatch.setattr(module, "from_host", pretend)
    monkeypatch.setitem(globals(), "from_host", pretend)
    device = torch.device("cuda", 0)
    with fake.FakeTensorMode(), Sliced():
        theta = train_an_epoch(net, xp.xp, device, weights, net is CLASSES, stack)
        assert theta.device == device
        for mistake in (lambda: float(theta.sum()), lambda: theta + torch.zeros(theta.shape)):
            with pytest.raises((RuntimeError, fake.DataDependentOutputException)):
                mistake()  # what the test is for would be seen


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
@pytest.mark.parametrize(
    ("net", "stack", "l2", "p"),
    [(CLASSES, (), None, None), (TARGETS, (2,), 0.1, 0.5)],
    ids=["plain", "stack"],
)
def test_a_compiled_step_is_the_step(xp, net, stack, l2, p):
    # a compiler may fuse and reorder: a few roundings of 1e-16
    sgd = bp.SGD(0.1, 0.1, nesterov=True)
    step = step_of(net, sgd, xp.array(np.zeros((*stack, net.parameter_count))))
    plain, fast = (
        one(*step_arguments(net, xp.array, stack, l2, p)) for one in (step, compiled(step, xp.xp))
    )
    plain, fast = ((theta, *state, *out) for (theta, state), out in (plain, fast))
    for by_hand, by_compiler in zip(plain, fast, strict=True):
        if by_hand is not None:
            close = {"rtol": 1e-12, "atol": 1e-15}
            np.testing.assert_allclose(xp.host(by_compiler), xp.host(by_hand), **close)
    expected = step_on_numpy(net, stack, l2, p)
    np.testing.assert_allclose(xp.host(fast[0]), expected, rtol=1e-12, atol=1e-15)


def step_on_numpy(net, stack, l2, p):
    given = step_arguments(net, np.array, stack, l2, p)
    return step_of(net, bp.SGD(0.1, 0.1, nesterov=True), given[0][0])(*given)[0][0]


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
