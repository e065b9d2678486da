"""Steps that PyTorch replays: those of NumPy's tape, and of the loop, to rounding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import needs
from tape_cases import BATCHES, BINARY, N_IN, OPTIMIZERS, UNARY, M, falling
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.execution.steps import over_batches
from backprop_xp.execution.tape import Instruction, NotReplayable, leaves, mapped
from backprop_xp.execution.torch_replay import TorchReplayer, torch_calls_of
from backprop_xp.losses import LOSSES

torch, xp = needs("torch"), needs("array_api_compat.torch", "torch")


def both(net, optimizer, *, source=True, dtype="float32", **settings):
    """Return what the loop and the replay make of some batches, as flat lists of arrays."""
    rng = np.random.default_rng(1)
    theta = (rng.standard_normal(net.parameter_count) * 0.5).astype(dtype)
    X = rng.standard_normal((BATCHES * M, N_IN)).astype(dtype)
    rows = rng.permutation(BATCHES * M).reshape(BATCHES, M)
    y = rng.uniform(0.1, 0.9, (BATCHES, net.sizes[-1], M))
    y = (y / y.sum(axis=-2, keepdims=True)).astype(dtype)
    w = rng.uniform(0.5, 1.5, (BATCHES, 1, M)).astype(dtype)
    dropped = np.any(settings.get("dropout", 0))
    noise = [rng.random((BATCHES, n, M)).astype(dtype) for n in net.sizes[1:-1] if dropped]
    batches = (rows if source else X[rows], y, w, *noise)
    X, batches = torch.asarray(X), [torch.asarray(x) for x in batches]

    def run(pure):
        start = torch.asarray(theta.copy())
        of_run = numbers_of(optimizer, start, **settings)
        numbers = [of_run.next() for _ in range(BATCHES)]

        def make_step(like=start):
            return step_for(net, optimizer, like)

        steps = over_batches(make_step, xp, pure=pure)
        carry = start, optimizer.init(start)
        with torch.inference_mode():
            for _ in range(2):  # what is on the tape is used again
                carry, outs = steps(carry, numbers, X if source else None, *batches)
        if pure:
            (recording,) = steps.recordings.values()
            assert recording is not None
            assert carry[0] is start
        return [x if x is None else np.asarray(x) for x in leaves((carry, outs))]

    return run(False), run(True)


def assert_close(found, rtol=1e-12, atol=1e-12):
    for one, other in zip(*found, strict=True):
        if one is not None:
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    for net in (
        bp.Network([N_IN, 5, 4, 2], name, "identity", "squared_error"),
        bp.Network([N_IN, 4, 2], "tanh", name, "squared_error"),
    ):
        found = both(net, bp.SGD(0.1, 0.9), dtype="float64")
        assert_close(found)


@pytest.mark.parametrize("output", ["softmax", "sigmoid", "exp"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, output):
    if (loss, output) != ("binary_cross_entropy", "exp"):  # the logarithm of 1 − a has no meaning
        net = bp.Network([N_IN, 4, 2], "tanh", output, loss)
        assert_close(both(net, bp.SGD(0.1), dtype="float64"))


@pytest.mark.parametrize("optimizer", [one for each in OPTIMIZERS.values() for one in each])
def test_every_optimiser(optimizer):
    net = bp.Network([N_IN, 4, 2], "relu")
    found = both(net, optimizer, l2=0.1, dtype="float64")
    assert_close(found, rtol=1e-10, atol=1e-10)


SETTINGS = [{"l2": 0.1}, {"l1": 0.1}, {"clip_value": 0.5}, {"clip_norm": 0.5}, {"max_norm": 0.5}]
SETTINGS += [{"shrinkage": 0.1}, {"dropout": 0.5}, {"dropout": falling, "l2": falling}]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_every_setting(settings, dtype):
    rtol, atol = {"float16": (0.02, 0.02), "float32": (1e-4, 1e-5), "float64": (1e-12, 1e-12)}[
        dtype
    ]
    found = both(bp.Network([N_IN, 4, 2], "relu"), bp.SGD(0.1), dtype=dtype, **settings)
    assert_close(found, rtol=rtol, atol=atol)


@pytest.mark.parametrize("source", [False, True], ids=["batches", "rows"])
def test_every_way_in(source):
    mask = np.ones((4, N_IN))
    mask[1, 2] = 0
    net = bp.Network([N_IN, 4, 2], "relu", connections=[mask, None])
    assert_close(both(net, bp.SGD(0.1), source=source, l2=0.1, dtype="float64"))


# ---------------------------------------------------------------------------------------------
# any function of arrays


FUNCTIONS = [*UNARY[:4], lambda x: x - np.sum(x, axis=-1, keepdims=True), *BINARY]


def replayed(step, carry, numbers, X):
    """Return what a replay makes of tensors, as arrays; fail where the step is not replayed."""

    def otherwise(*_):
        raise AssertionError("the step is not replayed")

    steps = TorchReplayer(lambda _: step, otherwise)
    tensors = [mapped(lambda x: torch.asarray(x.copy()), x) for x in (carry, numbers, X)]
    return mapped(np.asarray, steps(tensors[0], tensors[1], None, tensors[2]))


@given(
    operations=st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), max_size=12
    ),
    count=st.integers(1, 4),
)
def test_any_operations_one_after_another(operations, count):
    """A random program of matrices (2, 2) with temporaries that come and go."""

    def step(carry, numbers, x):
        values = [x, numbers, carry[1]]
        for number, first, second in operations:
            one, other = values[first % len(values)], values[second % len(values)]
            which = number % len(FUNCTIONS)
            made = FUNCTIONS[which](*(one, other)[: 1 + (which >= len(UNARY))])
            values.append(made * 0.5)
            if len(values) > 6:
                values.pop(2)
        last = values[-1] * 1
        return (carry[0] + 1, carry[1] * 0.5 + last), (last,)

    rng = np.random.default_rng(0)
    start = np.zeros(1), rng.integers(-4, 4, (2, 2)) / 4
    X, numbers = (
        rng.integers(-4, 4, (count, 2, 2)) / 4,
        list(rng.integers(-4, 4, (count, 2, 2)) / 4),
    )
    expected = over_batches(lambda: step, np)(start, numbers, None, X)
    found = replayed(step, start, numbers, X)
    for one, other in zip(leaves(found), leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_numbers_between_arrays():
    def step(carry, numbers, x):
        made = np.where(x > 0.25, x, 0.75) + 0.5 * x + np.subtract(1, x) + np.maximum(x, 0.5)
        return carry + made * np.float64(3), (x[:1] + numbers, None)

    X, numbers = np.array([[0.5, 0.0], [-1.0, 2.0]]), [np.array(1.0), np.array(2.0)]
    expected = over_batches(lambda: step, np)(np.zeros(2), numbers, None, X)
    found = replayed(step, np.zeros(2), numbers, X)
    assert found[1][1] is None
    for one, other in zip(leaves(found)[:2], leaves(expected)[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


B = np.array([[1.0, -2.0, 4.0], [8.0, 0.5, -0.25]])


@pytest.mark.parametrize("name", ["add", "maximum", "minimum"])
@pytest.mark.parametrize(
    "options",
    [{}, {"axis": 1}, {"axis": -2, "keepdims": True}, {"axis": None}, {"axis": (0, 1)}],
    ids=str,
)
def test_reductions(name, options):
    ufunc = getattr(np, name)
    expected = np.asarray(ufunc.reduce(B, **options))
    target = np.zeros_like(expected)
    (call,) = torch_calls_of(Instruction(ufunc, (B,), target, "reduce", options))
    np.testing.assert_array_equal(target, expected)
    target[...] = 0
    call()
    np.testing.assert_array_equal(target, expected)


A, WIDE, SIGNS = np.ones((2, 2), "f4"), np.ones((2, 2)), np.ones((2, 2), bool)


@pytest.mark.parametrize(
    "refused",
    [
        Instruction(np.add, (A, A), WIDE),  # in two precisions
        Instruction(np.add, (A, np.float64(1)), A),
        Instruction(np.add, (A, A), A, options={"where": SIGNS}),
        Instruction(np.spacing, (A,), A),  # not in PyTorch
        Instruction(np.equal, (A, A), A.copy()),  # torch.equal is another function
        Instruction(np.sort, (A,), A, "function"),
        Instruction(np.add, (np.broadcast_to(A[0], (2, 2)), A), A),  # not to be written
        Instruction(np.add, (A[::-1], A), A),  # a tensor has no strides below 0
        Instruction(np.std, (A,), A[0], "function", {"axis": 0}),  # torch.std divides by m − 1
        Instruction(np.multiply, (A,), A[0], "reduce", {"axis": 0}),
        Instruction(np.add, (A, 0), A[0], "reduce"),
        Instruction(np.add, (SIGNS,), np.ones(2, int), "reduce", {"axis": 0}),
        Instruction(np.add, (A,), A[0], "reduce", {"axis": 0, "initial": 1}),
        Instruction(np.add, (A,), A.copy(), "reduce", {"axis": ()}),
        Instruction(np.matmul, (A, A), A.copy(), options={"axes": [(0, 1)] * 3}),
    ],
    ids=lambda of: f"{of.function.__name__} {of.kind}",
)
def test_what_pytorch_would_do_otherwise_is_refused(refused):
    with pytest.raises(NotReplayable):
        torch_calls_of(refused)


def test_a_step_that_is_refused_is_run_as_it_is():
    def step(carry, numbers, x):
        return carry + (np.spacing(x) if isinstance(x, np.ndarray) else x), (x * numbers,)

    steps = TorchReplayer(lambda _: step, over_batches(lambda: step, xp))
    carry, (outs,) = steps(torch.zeros(2), [torch.asarray(2.0)] * 3, None, torch.ones((3, 2)))
    assert list(steps.recordings.values()) == [None]
    np.testing.assert_array_equal(carry, [3, 3])
    np.testing.assert_array_equal(outs, np.full((3, 2), 2))


class Tensor(torch.Tensor):
    pass


@pytest.mark.parametrize(
    "unusual",
    [
        torch.ones(2).as_subclass(Tensor),
        torch.ones(2, device="meta"),
        torch.view_as_complex(torch.ones((2, 2))).conj().imag,  # held negated
    ],
    ids=["subclass", "meta", "negated"],
)
def test_unusual_tensors_are_not_replayed(unusual):
    steps, numbers = TorchReplayer(lambda _: None, lambda *came: came), [torch.asarray(1.0)]
    for came in (
        (unusual, numbers, None, torch.ones((1, 2))),
        (torch.zeros(2), numbers, unusual, torch.ones((1, 1))),
    ):
        assert steps(*came) == came
    assert not steps.recordings


def test_stacks_are_not_replayed():
    steps = TorchReplayer(lambda _: None, lambda *came: came)
    came = torch.zeros((2, 5)), [torch.asarray(1.0)], None, torch.ones((1, 2))
    assert steps(*came) == came
    assert not steps.recordings


def test_large_batches_are_not_replayed_in_any_block(monkeypatch):
    # what is replayed may differ from the loop in last bits, and a resumed run begins a first block
    monkeypatch.setattr("backprop_xp.execution.numpy_replay.BYTES_AT_ONCE", 16)

    def step(carry, numbers, x):
        return carry + x, (x * numbers,)

    steps = TorchReplayer(lambda _: step, over_batches(lambda: step, xp))
    for size, recordings in ((4, 1), (5, 1)):
        for _ in range(3):
            steps(torch.zeros(size), [torch.asarray(2.0)], None, torch.ones((1, size)))
        assert len(steps.recordings) == recordings


def test_training_is_replayed_and_what_it_returns_takes_part_in_derivatives():
    X, Y = torch.rand((40, N_IN)), torch.arange(40) % 2
    net = bp.Network([N_IN, 4, 2], "relu")
    theta = bp.train(net, X, Y, epochs=2, batch_size=10).theta.requires_grad_()
    net.cost(theta, X, Y).backward()
    expected = net.gradient(theta.detach(), X, Y)[1]
    np.testing.assert_allclose(theta.grad, expected, rtol=1e-4, atol=1e-6)
