"""Dtypes, libraries, devices and layouts of what is trained on, and what comes back."""

import numpy as np
import pytest
from training_cases import (
    CLASSES,
    CLOSE,
    LABELS,
    LABELS_VAL,
    TARGETS,
    WEIGHTS,
    WITHOUT_JAX,
    X_VAL,
    Y_VAL,
    X,
    Y,
)

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name, namespace, to_host

# ---------------------------------------------------------------------------------------------
# dtypes, libraries, devices


@pytest.mark.parametrize(
    ("given_X", "dtype", "expected"),
    [
        (X, None, "float64"),
        (X.astype("float32"), None, "float32"),
        (X.astype("float16"), None, "float16"),
        ((X * 10).astype(int), None, "float32"),
        (X > 0, None, "float32"),
        ((X > 0).tolist(), None, "float32"),
        ((X * 10).astype(int).tolist(), None, "float32"),
        (X.tolist(), None, "float64"),
        (X, "float32", "float32"),
        (X, np.float32, "float32"),
        (X.astype("float32"), "float64", "float64"),
        (X.astype("float32"), np.dtype("float64"), "float64"),
        ((X * 10).astype(int), "float64", "float64"),
        (X.astype(">f8"), None, "float64"),
    ],
)
def test_dtypes(given_X, dtype, expected):
    run = bp.train(TARGETS, given_X, Y, dtype=dtype, epochs=1)
    assert run.theta.dtype == expected


@pytest.mark.parametrize("batch_size", [None, 32])
@pytest.mark.parametrize("weights", [None, "equal"])
def test_float16_counts_beyond_its_largest_number(batch_size, weights):
    m = 70_000  # above 65,504; the labels are the sign of x, which one weight finds at once
    x = np.linspace(-1, 1, m, dtype="float16")[:, None]
    labels = (x[:, 0] > 0).astype(int)
    net = bp.Network([1, 1], "sigmoid", "sigmoid", "binary_cross_entropy")
    w = None if weights is None else np.ones(m)
    settings = {"batch_size": batch_size, "case_weights": w, "validation": (x, labels)}
    history = bp.train(
        net, x, labels, np.asarray([4.0, 0.0], "float16"), epochs=1, **settings
    ).history
    for name in ("accuracy", "validation_accuracy"):
        assert history[name][0] == pytest.approx(1, abs=0.01), name  # weights 1/m have three digits


KINDS_OF_X = {
    "float16": X.astype("float16"),
    "float32": X.astype("float32"),
    "float64": X,
    "int": (X * 10).astype(int),
    "bool": X > 0,
    "list": X.tolist(),
}


@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize("given_X", KINDS_OF_X.values(), ids=KINDS_OF_X)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_of_theta_is_kept(dtype, given_X, stack):
    theta = TARGETS.init(seed=3, stack=stack, dtype=dtype)
    for chosen in ({}, {"optimizer": bp.LBFGS(), "batch_size": None}):
        assert bp.train(TARGETS, given_X, Y, theta, epochs=1, **chosen).theta.dtype == dtype
    np.testing.assert_array_equal(bp.train(TARGETS, given_X, Y, theta, epochs=0).theta, theta)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_dtype_that_is_asked_for_outweighs_that_of_theta(dtype):
    for given in ("float32", "float64"):
        run = bp.train(TARGETS, X, Y, TARGETS.init(dtype=given), dtype=dtype, epochs=1)
        assert run.theta.dtype == dtype


def test_theta_keeps_its_dtype_on_every_library(xp):
    for dtype in xp.float_dtypes:
        arrays = xp.array(X, "float32"), xp.array(Y, "float32")
        theta = bp.train(TARGETS, *arrays, xp.array(TARGETS.init(), dtype), epochs=1).theta
        assert (namespace(theta), dtype_name(theta.dtype)) == (xp.xp, dtype)


def test_training_in_the_dtype_of_theta_is_training_on_an_x_of_this_dtype():
    narrow, theta = X.astype("float32"), TARGETS.init(dtype="float64")
    found = bp.train(TARGETS, narrow, Y, theta, epochs=3).theta
    expected = bp.train(TARGETS, narrow.astype("float64"), Y, theta, epochs=3).theta
    np.testing.assert_array_equal(found, expected)


def test_a_resumed_run_keeps_the_dtype_of_its_checkpoint(tmp_path):
    given = TARGETS, X.astype("float32"), Y
    theta, saving = TARGETS.init(dtype="float64"), [bp.Checkpoint(tmp_path)]
    whole = bp.train(*given, theta, epochs=4)
    bp.train(*given, theta, epochs=2, callbacks=saving)
    for start in (None, theta, theta.astype("float32")):  # θ is the checkpoint's
        resumed = bp.train(*given, start, epochs=4, resume=tmp_path)
        np.testing.assert_array_equal(resumed.theta, whole.theta, strict=True)
    with pytest.raises(bp.BackpropError, match=r"dtype=float32 where it was float64"):
        bp.train(*given, theta, epochs=4, resume=tmp_path, dtype="float32")


def test_a_dtype_of_another_library():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    assert bp.train(TARGETS, X, Y, dtype=torch.float32, epochs=1).theta.dtype == "float32"


def test_without_a_device_training_follows_the_arrays(xp):
    for dtype in xp.float_dtypes:
        arrays = xp.array(X, dtype), xp.array(Y, dtype)
        theta = bp.train(TARGETS, *arrays, epochs=1, batch_size=None).theta
        assert namespace(theta) is xp.xp
        assert (device_of(theta), dtype_name(theta.dtype)) == (xp.device, dtype)


@pytest.mark.parametrize("name", ["torch:cpu", "jax:cpu", "cpu"])
@pytest.mark.parametrize("from_library", ["numpy", "torch"])
def test_a_device_takes_arrays_from_anywhere(name, from_library):
    for module in (name.partition(":")[0], from_library):
        if module != "cpu":
            pytest.importorskip(module, reason=f"{module} is not installed")
    device = bp.select_device(name)
    source = bp.select_device("cpu" if from_library == "numpy" else "torch:cpu")
    X_there = source.xp.asarray(X.astype("float32"))
    run = bp.train(
        TARGETS,
        X_there,
        Y.astype("float32"),  # the arrays may come from two libraries
        TARGETS.init(seed=1),
        validation=(X_VAL.tolist(), Y_VAL),
        case_weights=WEIGHTS,
        device=name,
        epochs=2,
    )
    assert namespace(run.theta) is device.xp
    assert device_of(run.theta) == device.handle
    here = bp.train(
        TARGETS,
        X.astype("float32"),
        Y.astype("float32"),
        TARGETS.init(seed=1),
        case_weights=WEIGHTS,
        epochs=2,
    )
    np.testing.assert_allclose(to_host(run.theta), here.theta, **CLOSE["float32"])


def test_a_device_object_is_as_good_as_its_name():
    theta = bp.train(TARGETS, X, Y, device=bp.select_device("cpu"), epochs=1).theta
    np.testing.assert_array_equal(theta, bp.train(TARGETS, X, Y, device="cpu", epochs=1).theta)


@pytest.mark.parametrize("where", ["X", "Y", "theta", "case_weights"])
def test_tensors_that_require_gradients_are_only_read(where):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    arrays = {"X": X, "Y": Y, "theta": TARGETS.init(dtype="float64"), "case_weights": WEIGHTS}
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    tensors[where].requires_grad_()
    theta = bp.train(TARGETS, **tensors, epochs=2).theta
    assert not theta.requires_grad
    expected = bp.train(TARGETS, **arrays, epochs=2).theta
    np.testing.assert_allclose(theta.numpy(), expected, **CLOSE["float64"])


@pytest.mark.parametrize("layout", ["F", "strided", "negative"])
def test_every_layout_of_memory_trains_alike(layout):
    laid = {
        "F": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "negative": np.ascontiguousarray(X[::-1])[::-1],
    }[layout]
    theta = bp.train(TARGETS, laid, Y, epochs=2).theta
    # BLAS may sum in another order
    np.testing.assert_allclose(theta, bp.train(TARGETS, X, Y, epochs=2).theta, **CLOSE["float64"])


# ---------------------------------------------------------------------------------------------
# what came in is not changed


@WITHOUT_JAX
def test_arguments_are_not_changed(xp):
    given = {
        "theta": xp.array(CLASSES.init(stack=2)),
        "X": xp.array(X),
        "Y": xp.array(LABELS),
        "case_weights": xp.array(WEIGHTS),
    }
    validation = xp.array(X_VAL), xp.array(LABELS_VAL)
    before = {name: xp.host(x).copy() for name, x in given.items()}
    for batch_size in (4, None):
        run = bp.train(
            CLASSES,
            **given,
            validation=validation,
            optimizer=bp.SGD(0.5, momentum=0.9),
            l2=0.1,
            epochs=2,
            batch_size=batch_size,
        )
        assert run.theta is not given["theta"]
    for name, x in given.items():
        np.testing.assert_array_equal(xp.host(x), before[name], err_msg=name)
    np.testing.assert_array_equal(xp.host(validation[0]), np.asarray(X_VAL, xp.float_dtypes[-1]))


def test_what_comes_back_is_memory_of_its_own():
    theta = TARGETS.init(dtype="float64")
    for epochs in (0, 1):
        found = bp.train(TARGETS, X, Y, theta, epochs=epochs).theta
        assert not np.shares_memory(found, theta)
        assert found.flags.writeable


# ---------------------------------------------------------------------------------------------
# PyTorch's derivatives, which training does not record


def differentiated(theta):
    """Return the derivative of Σ θ² by PyTorch."""
    theta.requires_grad_(True)
    (theta * theta).sum().backward()
    return theta.grad


class Keeping:
    """Keeps each θ, and a running mean of them that it updates in place."""

    def __init__(self):
        self.thetas, self.mean = [], None

    def keep(self, progress):
        theta = progress.theta
        self.thetas.append(theta)
        self.mean = theta.clone() if self.mean is None else self.mean.mul_(0.9).add_(0.1 * theta)

    def state(self):
        return {"mean": self.mean.numpy().copy()}

    def restore(self, state):
        import torch

        self.mean = torch.tensor(state["mean"])


def keeping_at(moment):
    """Return a callback of this kind that is told of a moment of a run."""
    return type("KeepingAt", (Keeping,), {moment: Keeping.keep})()


class GradientNorm:
    """A metric by PyTorch's automatic derivative."""

    def __init__(self, X, labels):
        self.given = X, labels

    def on_epoch_end(self, progress):
        theta = progress.theta.requires_grad_(True)
        progress.network.cost(theta, *self.given).sum().backward()
        progress.history.setdefault("norm", []).append(float(theta.grad.norm()))


TORCH_MOMENTS = ("on_train_start", "on_epoch_start", "on_batch_end", "on_epoch_end", "on_train_end")
TORCH_CHOSEN = {
    "SGD": {"batch_size": 5},
    "stack": {"batch_size": 5, "stack": 2},
    "schedule": {"optimizer": bp.SGD(lambda step: 0.1 / (step + 1)), "batch_size": 5},
    "L-BFGS": {"optimizer": bp.LBFGS(), "batch_size": None},
}


def torch_data():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    return bp.Network([3, 4, 3]), torch.rand(20, 3), torch.arange(20) % 3


@pytest.mark.parametrize("moment", TORCH_MOMENTS)
@pytest.mark.parametrize("name", TORCH_CHOSEN)
def test_callbacks_on_pytorch_keep_parameters_that_can_be_differentiated(name, moment):
    chosen = TORCH_CHOSEN[name]
    keeping, (net, X, Y) = keeping_at(moment), torch_data()
    run = bp.train(net, X, Y, epochs=2, callbacks=[keeping], **chosen)
    silent = name == "L-BFGS" and moment in ("on_batch_end", "on_epoch_start")
    assert bool(keeping.thetas) != silent
    for theta in [*keeping.thetas, run.theta]:
        expected = 2 * theta.numpy()
        np.testing.assert_array_equal(differentiated(theta).numpy(), expected)


@pytest.mark.parametrize("name", TORCH_CHOSEN)
def test_a_metric_on_pytorch_may_differentiate(name):
    net, X, Y = torch_data()
    if name == "stack":
        X, Y = X.expand(2, -1, -1), Y.expand(2, -1)
    metric, chosen = GradientNorm(X, Y), TORCH_CHOSEN[name]
    run = bp.train(net, X, Y, validation=(X, Y), epochs=2, callbacks=[metric], **chosen)
    assert len(run.history["norm"]) == len(run.history["validation_cost"]) > 0
    again = bp.train(net, X, Y, epochs=2, **chosen)
    np.testing.assert_array_equal(run.theta.numpy(), again.theta.numpy())


def test_the_memory_of_a_callback_on_pytorch_goes_on_after_a_resume(tmp_path):
    net, X, Y = torch_data()
    keeping = keeping_at("on_epoch_end")
    bp.train(net, X, Y, epochs=2, callbacks=[keeping, bp.Checkpoint(tmp_path)])
    resumed, whole = keeping_at("on_epoch_end"), keeping_at("on_epoch_end")
    bp.train(net, X, Y, epochs=4, callbacks=[resumed], resume=tmp_path)
    bp.train(net, X, Y, epochs=4, callbacks=[whole])
    np.testing.assert_array_equal(resumed.mean.numpy(), whole.mean.numpy())


def test_training_goes_on_from_parameters_that_a_callback_differentiated():
    class Reset:
        def on_epoch_end(self, progress):
            progress.take(progress.theta.requires_grad_(True) * 0.5)

    net, X, Y = torch_data()
    theta = bp.train(net, X, Y, epochs=2, callbacks=[Reset()]).theta
    assert not theta.requires_grad
    assert not theta.is_inference()


class ByAutograd:
    """The hyperbolic tangent, with its derivative by PyTorch."""

    name = "by_autograd"

    def __call__(self, z):
        return z.tanh()

    def da_dz(self, z, _):
        import torch

        with torch.enable_grad():
            z = z.detach().requires_grad_()
            return torch.autograd.grad(z.tanh().sum(), z)[0]


class ByFunc(ByAutograd):
    """The same by a transformed function."""

    name = "by_func"

    def da_dz(self, z, _):
        import torch

        return torch.func.vjp(torch.tanh, z)[1](torch.ones_like(z))[0]


class Coupled(ByAutograd):
    """The same as a vector-Jacobian product."""

    name = "coupled"

    def vjp(self, dE_da, a):
        return dE_da * super().da_dz(a.atanh(), a)


class LossByAutograd:
    """Half the squared error, with its derivative by PyTorch."""

    name = "loss_by_autograd"

    def __call__(self, a, y):
        return bp.losses.over_units((a - y) ** 2) / 2

    def dE_da(self, a, y):
        import torch

        with torch.enable_grad():
            a = a.detach().requires_grad_()
            return torch.autograd.grad(self(a, y).sum(), a)[0]


class DescentByAutograd:
    """Gradient descent that makes its step by PyTorch's own optimiser."""

    def settings(self, _):
        return {"learning_rate": 0.1}

    def init(self, _):
        return ()

    def update(self, theta, state, dE_dtheta, learning_rate):
        import torch

        with torch.enable_grad():
            new = theta.detach().clone().requires_grad_()
            (new * dE_dtheta).sum().backward()
        return theta - learning_rate * new.grad, state


OWN_PARTS = {
    "activation": (ByAutograd(), "squared_error", None),
    "functional": (ByFunc(), "squared_error", None),
    "coupled": (Coupled(), "squared_error", None),
    "loss": ("tanh", LossByAutograd(), None),
    "optimizer": ("tanh", "squared_error", DescentByAutograd()),
}


@pytest.mark.parametrize("part", OWN_PARTS)
@pytest.mark.parametrize("name", TORCH_CHOSEN)
def test_own_parts_on_pytorch_may_differentiate(part, name):
    hidden, loss, own = OWN_PARTS[part]
    torch, chosen = pytest.importorskip("torch"), {**TORCH_CHOSEN[name], "epochs": 2}
    _, X, _ = torch_data()
    X = X.double()
    Y = torch.stack([X.sum(1), X.prod(1)], 1)
    net, plain = (
        bp.Network([3, 4, 2], h, "identity", of)
        for h, of in ((hidden, loss), ("tanh", "squared_error"))
    )
    if own is not None:
        if name in ("schedule", "L-BFGS"):
            pytest.skip("the case has an optimiser of its own")
        chosen["optimizer"] = own
    seen = keeping_at("on_epoch_end")
    data = {"X": X, "Y": Y, "validation": (X, Y), "dropout": 0 if name == "L-BFGS" else 0.2}
    run = bp.train(net, **data, **chosen, callbacks=[seen])
    chosen["optimizer"] = bp.SGD(0.1) if own is not None else chosen.get("optimizer", "sgd")
    expected = bp.train(plain, **data, **chosen)
    np.testing.assert_allclose(run.theta.numpy(), expected.theta.numpy(), rtol=1e-9)
    for theta in [run.theta, *seen.thetas]:
        assert not theta.requires_grad
        twice = 2 * theta.numpy()
        np.testing.assert_array_equal(differentiated(theta).numpy(), twice)
    a_out = bp.predict(net, run.theta, X)
    assert not a_out.requires_grad
    np.testing.assert_allclose(a_out, bp.predict(plain, run.theta, X), rtol=1e-12)


def test_an_own_part_that_records_nothing_is_told_how():
    class Forgetful(ByAutograd):
        def da_dz(self, z, _):
            import torch

            z = z.detach().requires_grad_()
            return torch.autograd.grad(z.tanh().sum(), z)[0]

    _, X, Y = torch_data()
    with pytest.raises(RuntimeError, match="does not require grad") as caught:
        bp.train(bp.Network([3, 4, 3], Forgetful()), X, Y)
    assert "torch.enable_grad()" in "".join(caught.value.__notes__)


def test_parameters_trained_on_pytorch_take_part_in_its_derivatives():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    X, Y = torch.rand(20, 3), torch.arange(20) % 3
    net = bp.Network([3, 4, 3])
    theta = bp.train(net, X, Y, epochs=1).theta
    assert not theta.is_inference()
    theta.requires_grad_(True)
    net.cost(theta, X, Y).backward()
    assert theta.grad is not None
    wrong = bp.Network([3, 3], output="identity", loss="squared_error")
    with pytest.raises(bp.DivergenceError) as caught:
        bp.train(wrong, X, X, optimizer=bp.SGD(1e30), batch_size=4)
    assert not caught.value.theta.is_inference()
