"""The guide's table of what happens on bad input: each row is a test here."""

import os
import re
import warnings
from functools import partial

import numpy as np
import pytest
from bad_input_cases import NET, X, Y, bfloat16, on_torch, train
from code_blocks import GUIDE
from needs import needs

import backprop_xp as bp
from backprop_xp import errors

PAGE = (GUIDE / "bad-input.md").read_text("utf-8")
SECTION = PAGE.partition("## Case by case")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| (?!what comes in)(.+?) \| (.+) \|$", SECTION, re.MULTILINE))

LINEAR = bp.Network([1, 1], output="identity", loss="squared_error")


def changed(x, place, value):
    x = np.array(x)
    x[place] = value
    return x


def model_file(folder):
    bp.save(folder / "whole", NET, NET.init())
    return (folder / "whole").read_bytes()


def damaged(content):
    def load(folder):
        path = folder / "model"
        whole = model_file(folder)
        path.write_bytes(content(whole))
        return bp.load(path)

    return load


def other_library(_):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    return train(torch.asarray(X), Y)


def other_device(_):
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    one, two = (strict.Device(name) for name in ("device1", "device2"))
    return train(strict.asarray(X, device=one), strict.asarray(Y, device=two))


def strict_float16(_):
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    return train(strict.asarray(X), strict.asarray(Y), dtype="float16")


def device_without_float64(_):
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    device = strict.Device("no_float64")
    x, y = strict.asarray(X.astype("float32"), device=device), strict.asarray(Y, device=device)
    return train(x, y, dtype="float64")


def jax_without_float64(_):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    enable_x64 = getattr(jax, "enable_x64", None)
    if enable_x64 is None:
        pytest.skip("this version of JAX cannot switch float64 off in a context")
    with enable_x64(False):
        return train(jax.numpy.asarray(X), jax.numpy.asarray(Y), dtype="float64")


def scipy_sparse():
    return needs("scipy.sparse", "scipy")


def sparse_matrix(kind):
    return lambda _: train(scipy_sparse().csr_array(X).asformat(kind))


def sparse_tensor(layout):
    def call(_):
        torch = needs("torch")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some layouts are new to PyTorch
            x = getattr(torch.asarray(X, dtype=torch.float32), layout)()
        theta, y = NET.init(device="torch:cpu"), torch.asarray(Y)
        for other in (
            lambda: bp.predict(NET, theta, x),
            lambda: NET.forward(theta, x),
            lambda: NET.gradient(theta, x, y),
            lambda: bp.check_gradient(NET, theta, x, y),
            lambda: NET.forward(x, x),
            lambda: bp.ordinal_probabilities(x),
        ):
            with pytest.raises(errors.DTypeError, match="to_dense"):
                other()
        return train(x, y)

    return call


def frame(dtype):
    return needs("pandas").DataFrame((X > 0).astype(int)).astype(dtype)


def pipe(folder):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def folder_named(path):
    path.mkdir()
    return path


def table(folder, text):
    (folder / "table.csv").write_text(text)
    return folder / "table.csv"


def resumed(folder, **other):
    given = {"validation": (X, Y)}
    train(callbacks=[bp.Checkpoint(folder)], **given)
    return train(resume=folder, **{**given, "epochs": 3, **other})


class Second:
    """A callback that begins a second run in the folder of the first one."""

    def __init__(self, folder):
        self.folder = folder

    def on_epoch_start(self, _):
        train(callbacks=[bp.Checkpoint(self.folder)])


# for each row calls that are refused, and calls that are not, of a folder
CALLS = {
    "NaN, infinity or a missing value (a data frame's, or None) in X or Y": (
        [
            lambda _: train(changed(X, (4, 2), np.nan)),
            lambda _: train(changed(X, (0, 0), -np.inf)),
            lambda _: train(Y=changed(np.eye(2)[Y], (1, 1), np.nan)),
            lambda _: train(validation=(changed(X, (0, 0), np.inf), Y)),
            lambda _: train(Y=[True, None, False, True, True, False]),
        ],
        [],
    ),
    "a label outside 0 … n_out − 1": ([lambda _: train(Y=Y + 1), lambda _: train(Y=Y - 1)], []),
    "X, Y, θ, weights or masks of a wrong shape": (
        [
            lambda _: train(X[:, :2]),
            lambda _: train(Y=Y[:5]),
            lambda _: train(theta=NET.init()[:-1]),
            lambda _: train(case_weights=np.ones(5)),
            lambda _: bp.Network([3, 4, 2], connections=[np.ones((3, 4)), None]),
            lambda _: NET.forward(NET.init(), X[:, :2]),
            lambda _: NET.gradient(NET.init(), X, Y[:5]),
            lambda _: bp.predict(NET, NET.init(), X[0]),
        ],
        [],
    ),
    "X without a row": (
        [lambda _: train(X[:0], Y[:0]), lambda _: NET.cost(NET.init(), X[:0], Y[:0])],
        [],
    ),
    "X of a single case": ([], [lambda _: train(X[:1], Y[:1])]),
    "labels of a single class": ([], [lambda _: train(Y=Y * 0)]),
    "features that are constant or 0": (
        [],
        [lambda _: train(np.ones((6, 3))), lambda _: train(np.zeros((6, 3)))],
    ),
    "case weights of 0 throughout a batch": (
        [],
        [lambda _: train(case_weights=[0, 0, 0, 0, 0, 1.0])],
    ),
    "case weights that are negative or all 0": (
        [
            lambda _: train(case_weights=changed(np.ones(6), 2, -1.0)),
            lambda _: train(case_weights=np.zeros(6)),
        ],
        [],
    ),
    "a data frame of boolean, nullable, sparse or categorical numbers": (
        [],
        [lambda _, kind=kind: train(frame(kind)) for kind in ("boolean", "Int64", "category")]
        + [lambda _: train(frame("Sparse[float64]")), lambda _: train(frame("Float32"))],
    ),
    "a θ of another float dtype than X": (
        [],
        [
            lambda _: train(X.astype("float32"), theta=NET.init(dtype="float64")),
            lambda _: train(theta=NET.init(dtype="float32")),
        ],
    ),
    "numbers of bfloat16": ([lambda _: train(bfloat16(X), on_torch(Y))], []),
    "numbers beyond the range of the dtype": (
        [lambda _: train(X * 1e39, dtype="float32"), lambda _: train(X * 1e9, dtype="float16")],
        [],
    ),
    "inputs of 1e30 or 1e−30, or logits of ±1e4": (
        [],
        [
            lambda _: train(X * 1e30),
            lambda _: train((X * 1e-30).astype("float32")),
            lambda _: train(theta=1e4 * NET.init(dtype="float64")),
        ],
    ),
    "a cost or a θ that becomes infinite or NaN": (
        [
            lambda _: train(np.ones((1, 1)) * 1e200, np.zeros((1, 1)), LINEAR),
            lambda _: train(np.ones((6, 1)), X[:, :1], LINEAR, optimizer=bp.SGD(1e300)),
        ],
        [],
    ),
    "an option out of its range": (
        [
            lambda _: train(epochs=-1),
            lambda _: train(batch_size=0),
            lambda _: train(seed=-1),
            lambda _: train(dropout=1.0),
            lambda _: train(l2=-1.0),
            lambda _: train(optimizer=bp.SGD(-0.1)),
            lambda _: bp.Network([3, 0, 2]),
            lambda _: bp.activations.LeakyReLU(np.nan),
            lambda _: bp.losses.Huber(-1.0),
        ],
        [],
    ),
    "an empty array where a number belongs": (
        [lambda _: train(l2=[]), lambda _: bp.SGD(0.1, momentum=np.ones(0))],
        [],
    ),
    "an unknown keyword": (
        [lambda _: train(learning_rate=0.1), lambda _: bp.Adam(lr=0.1)],
        [],
    ),
    "an unknown activation, loss or initialiser": (
        [
            lambda _: bp.Network([3, 4, 2], hidden="sigmod"),
            lambda _: bp.Network([3, 2], output="soft_max"),
            lambda _: bp.Network([3, 2], loss="crossentropy"),
            lambda _: NET.init(initializer="glorott"),
        ],
        [],
    ),
    "an unknown device": (
        [lambda _: bp.select_device("cdua"), lambda _: train(device="cdua")],
        [],
    ),
    "arrays of two libraries or devices": ([other_library, other_device], []),
    "texts, objects or complex numbers in X": (
        [
            lambda _: train(X.astype(str)),
            lambda _: train(X.astype(object)),
            lambda _: train(X + 0j),
        ],
        [],
    ),
    "a sparse matrix that is not in CSR format, or a sparse tensor": (
        [
            *(sparse_matrix(kind) for kind in ("coo", "csc", "bsr", "dia", "dok", "lil")),
            lambda _: train(Y=scipy_sparse().csc_array(np.eye(2)[Y])),
            lambda _: NET.forward(NET.init(), scipy_sparse().csr_array(X)),
            lambda _: bp.predict(NET, NET.init(), scipy_sparse().csc_array(X)),
            lambda _: bp.check_gradient(NET, NET.init(), scipy_sparse().csr_array(X), Y),
            *(sparse_tensor(layout) for layout in ("to_sparse", "to_sparse_csr", "to_mkldnn")),
        ],
        [
            lambda _: train(scipy_sparse().csr_array(X)),
            lambda _: train(scipy_sparse().csr_matrix(X)),
        ],
    ),
    "float64": ([device_without_float64, jax_without_float64], [lambda _: train(dtype="float64")]),
    "float16": ([strict_float16], [lambda _: train(dtype="float16")]),
    "a model file that is truncated, damaged or another's": (
        [
            damaged(lambda whole: whole[:-1]),
            damaged(lambda whole: whole[:50]),
            damaged(lambda _: b""),
            damaged(lambda whole: whole.replace(b"tanh", b"tann")),
            damaged(lambda _: b"\x80\x04\x95 a pickle"),
        ],
        [],
    ),
    "a model file that is not there": ([lambda folder: bp.load(folder / "absent")], []),
    "a folder or a pipe in a file's place": (
        [
            bp.load,
            lambda folder: bp.load(pipe(folder)),
            lambda folder: bp.datasets.read_file(folder_named(folder / "table.csv")),
        ],
        [],
    ),
    "a model under the name of another format, such as `model.onnx`": (
        [lambda folder: bp.save(folder / "model.onnx", NET, NET.init())],
        [],
    ),
    "a table whose first line may be a header or a row": (
        [lambda folder: bp.datasets.read_file(table(folder, "1,#N/A,5%\n1,2,3\n"))],
        [],
    ),
    "a resumed run whose settings, data or validation cases changed": (
        [
            lambda folder: resumed(folder, batch_size=3),
            lambda folder: resumed(folder, X=X + 1),
            lambda folder: resumed(folder, validation=(X + 1, Y)),
        ],
        [],
    ),
    "a second run that writes checkpoints to the folder of a first one": (
        [lambda folder: train(callbacks=[bp.Checkpoint(folder), Second(folder)])],
        [],
    ),
    "NaN or too large numbers in `forward`, `cost`, `gradient` or `predict`": ([], []),
}


def test_each_row_has_its_test():
    assert list(ROWS) == list(CALLS)


@pytest.mark.parametrize(
    ("row", "call"), [(row, call) for row, (refused, _) in CALLS.items() for call in refused]
)
def test_what_is_refused(row, call, tmp_path):
    (name,) = re.findall(r"`(\w+Error)`", ROWS[row])
    with pytest.raises(errors.BackpropError) as caught:
        call(tmp_path)
    assert type(caught.value) is getattr(errors, name)
    assert all(caught.value.parts)
    said = str(caught.value)
    if "nearest name" in ROWS[row]:
        assert "Did you mean" in said
    if "offers float64" in ROWS[row]:
        assert "dtype='float64'" in said
    if "last good θ" in ROWS[row]:
        assert np.isfinite(caught.value.theta).all()


@pytest.mark.parametrize(
    ("row", "call"), [(row, call) for row, (_, trained) in CALLS.items() for call in trained]
)
def test_what_is_trained(row, call, tmp_path):
    assert "trained" in ROWS[row]
    run = call(tmp_path)
    assert np.isfinite(run.theta).all()
    assert np.isfinite(run.history["cost"]).all()
    if row == "float16":
        assert run.theta.dtype == np.float16


def test_a_row_says_an_error_or_that_it_is_trained():
    for row, (refused, trained) in CALLS.items():
        assert bool(refused) == ("Error`" in ROWS[row])
        assert bool(trained) == ("trained" in ROWS[row])


def test_what_the_pure_functions_make_of_nan_and_of_too_large_numbers():
    net, theta = bp.Network([3, 2], output="identity", loss="squared_error"), np.ones(8)
    bad, targets = changed(X, (0, 1), np.nan), np.zeros((6, 2))
    for a_out in (net.forward(theta, bad), bp.predict(net, theta, bad)):
        assert np.isnan(a_out[0]).all()  # its own case
        assert np.isfinite(a_out[1:]).all()  # and no other
    assert np.isnan(net.cost(theta, bad, targets))
    E, dE_dtheta = net.gradient(theta, bad, targets)
    assert np.isnan(E)
    assert np.isnan(dE_dtheta).any()
    large = np.full((6, 3), 1e200)
    assert net.cost(theta, large, targets) == np.inf
    E, dE_dtheta = net.gradient(theta, large, targets)
    assert np.isposinf(E)
    assert np.isposinf(dE_dtheta[:6]).all()


@pytest.mark.parametrize("kind", [np.ndarray, np.float32, np.float64, int, list])
def test_a_class_in_the_place_of_an_array(kind):
    theta, w = NET.init(), np.ones(len(Y))
    given = {"theta": theta, "X": X, "Y": Y, "case_weights": w}
    for call in (partial(bp.train, NET), NET.cost, NET.gradient, partial(bp.evaluate, NET)):
        for name in given:
            with pytest.raises(bp.BackpropError):
                call(**{**given, name: kind})
    for call in (NET.forward, partial(bp.predict, NET)):
        for bad in ((kind, X), (theta, kind)):
            with pytest.raises(bp.BackpropError):
                call(*bad)
    for call in (bp.ordinal_probabilities, partial(bp.ordinal_targets, classes=3), NET.unpack):
        with pytest.raises(bp.BackpropError):
            call(kind)
    with pytest.raises(bp.BackpropError):
        bp.activations.Sigmoid()(kind)
