"""The guide's table of what happens on bad input: each row is a test here."""

import re
import warnings

import numpy as np
import pytest
from code_blocks import GUIDE
from needs import needs

import backprop_xp as bp
from backprop_xp import errors

PAGE = (GUIDE / "bad-input.md").read_text("utf-8")
SECTION = PAGE.partition("## Case by case")[2].partition("\n## ")[0]
ROWS = dict(re.findall(r"^\| (?!what comes in)(.+?) \| (.+) \|$", SECTION, re.MULTILINE))

NET = bp.Network([3, 4, 2], "tanh")
X = np.random.default_rng(0).standard_normal((6, 3))
Y = np.array([0, 1, 1, 0, 1, 0])
LINEAR = bp.Network([1, 1], output="identity", loss="squared_error")


def train(X=X, Y=Y, net=NET, **settings):
    return bp.train(net, X, Y, **{"epochs": 2, "batch_size": 2, **settings})


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


# for each row calls that are refused, and calls that are not, of a folder
CALLS = {
    "NaN, infinity or a data frame's missing value in X or Y": (
        [
            lambda _: train(changed(X, (4, 2), np.nan)),
            lambda _: train(changed(X, (0, 0), -np.inf)),
            lambda _: train(Y=changed(np.eye(2)[Y], (1, 1), np.nan)),
            lambda _: train(validation=(changed(X, (0, 0), np.inf), Y)),
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


def bfloat16(x):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    return torch.asarray(x).to(torch.bfloat16)


def on_torch(x):
    return pytest.importorskip("torch", reason="torch is not installed").asarray(x)


def a_run():
    return train(epochs=1)


IN_PLACE_OF_THETA = "Pass its theta, such as run.theta"
CLASSES = "class_weights= of bp.train"
NO_FLOAT = "float16, float32, float64, integers or booleans. Convert it to one of these"
ADVICE = {  # what people try first, and the advice that helps them on
    "optimizer class": (lambda _: train(optimizer=bp.Adam), "Pass bp.Adam()"),
    "solver class": (lambda _: estimator(solver=bp.Adam), "Pass bp.Adam()"),
    "solver name": (lambda _: estimator(solver="rmsprop"), "Pass bp.RMSprop()"),
    "forward(run)": (lambda _: NET.forward(a_run(), X), IN_PLACE_OF_THETA),
    "cost(run)": (lambda _: NET.cost(a_run(), X, Y), IN_PLACE_OF_THETA),
    "gradient(run)": (lambda _: NET.gradient(a_run(), X, Y), IN_PLACE_OF_THETA),
    "unpack(run)": (lambda _: NET.unpack(a_run()), IN_PLACE_OF_THETA),
    "predict(run)": (lambda _: bp.predict(NET, a_run(), X), IN_PLACE_OF_THETA),
    "ensemble(run)": (lambda _: bp.ensemble(NET, a_run(), X), IN_PLACE_OF_THETA),
    "trace(run)": (lambda _: bp.trace(NET, a_run(), X, Y), IN_PLACE_OF_THETA),
    "check_gradient(run)": (lambda _: bp.check_gradient(NET, a_run(), X, Y), IN_PLACE_OF_THETA),
    "save(run)": (lambda folder: bp.save(folder / "m", NET, a_run()), IN_PLACE_OF_THETA),
    "train(run)": (lambda _: train(theta=a_run()), IN_PLACE_OF_THETA),
    "rows of Y": (lambda _: train(Y=np.arange(1797) % 2), "X has 6 rows and Y has 1797"),
    "rows of targets": (lambda _: train(Y=np.ones((9, 2))), "X has 6 rows and Y has 9"),
    "rows in gradient": (lambda _: NET.cost(NET.init(), X, Y[:5]), "X has 6 rows and Y has 5"),
    "rows of validation": (lambda _: train(validation=(X, Y[:2])), "X has 6 rows and Y has 2"),
    "columns of Y": (lambda _: train(Y=np.ones((6, 3))), "Y has 3 columns, and the network has 2"),
    "float labels": (lambda _: train(Y=Y.astype(float)), "Y.astype(int)"),
    "weights of classes": (lambda _: train(case_weights={0: 1}), CLASSES),
    "balanced": (lambda _: train(case_weights="balanced"), CLASSES),
    "weights in cost": (lambda _: NET.cost(NET.init(), X, Y, {0: 1}), CLASSES),
    "order of save": (lambda folder: bp.save(NET, NET.init(), folder), "bp.save(path, net, theta)"),
    "sample_weight": (lambda _: train(sample_weight=Y), "Its name here is 'case_weights'"),
    "class_weight": (lambda _: train(class_weight={0: 1}), "Its name here is 'class_weights'"),
    "lr": (lambda _: train(lr=0.1), "bp.train(optimizer=bp.SGD(learning_rate=...))"),
    "learning_rate": (lambda _: train(learning_rate=1), "optimizer=bp.SGD(learning_rate=...)"),
    "max_iter": (lambda _: train(max_iter=3), "Its name here is 'epochs'"),
    "weight_decay": (lambda _: train(weight_decay=0.1), "Its name here is 'l2'"),
    "validation_data": (lambda _: train(validation_data=(X, Y)), "Its name here is 'validation'"),
    "validation_split": (lambda _: train(validation_split=0.1), "validation=(X_val, Y_val)"),
    "random_state": (lambda _: train(random_state=0), "Its name here is 'seed'"),
    "verbose": (lambda _: train(verbose=1), "Its name here is 'progress'"),
    "loss of train": (lambda _: train(loss="mse"), "bp.Network(..., loss=...)"),
    "patience": (lambda _: train(patience=3), "bp.EarlyStopping(patience=...)"),
    "a slip": (lambda _: train(batchsizes=3), "Did you mean 'batch_size'?"),
    "Adam(lr)": (lambda _: bp.Adam(lr=0.1), "Its name here is 'learning_rate'"),
    "SGD(lr)": (lambda _: bp.SGD(lr=0.1), "Its name here is 'learning_rate'"),
    "SGD(weight_decay)": (lambda _: bp.SGD(weight_decay=0.1), "bp.train(l2=...)"),
    "Adam(eps)": (lambda _: bp.Adam(eps=0.1), "Its name here is 'epsilon'"),
    "RMSprop(rho)": (lambda _: bp.RMSprop(rho=0.1), "Its name here is 'decay'"),
    "LBFGS(max_iter)": (lambda _: bp.LBFGS(max_iter=3), "Its name here is 'max_iterations'"),
    "Network(activation)": (
        lambda _: bp.Network([3, 2], activation="relu"),
        "Its name here is 'hidden'",
    ),
    "Network(seed)": (lambda _: bp.Network([3, 2], seed=0), "net.init(seed=...)"),
    "monitor": (lambda _: bp.EarlyStopping(monitor="cost"), "Its name here is 'metric'"),
    "val_loss": (
        lambda _: train(callbacks=[bp.EarlyStopping("val_loss")]),
        "Its name here is 'validation_cost'; train with validation=(X_val, Y_val)",
    ),
    "val_loss, validated": (
        lambda _: train(callbacks=[bp.EarlyStopping("val_loss")], validation=(X, Y)),
        "Its name here is 'validation_cost'",
    ),
    "metric loss": (lambda _: train(callbacks=[bp.EarlyStopping("loss")]), "here is 'cost'"),
    "best by val_loss": (
        lambda _: train(stack=2).best("val_loss"),
        "Its name here is 'validation_cost'; train with validation=(X_val, Y_val)",
    ),
    "plateau of acc": (
        lambda _: train(optimizer=bp.SGD(bp.schedules.ReduceOnPlateau(0.1, metric="acc"))),
        "Its name here is 'accuracy'",
    ),
    "mse": (lambda _: bp.Network([3, 2], loss="mse"), "Its name here is 'squared_error'"),
    "L1Loss": (lambda _: bp.Network([3, 2], loss="L1Loss"), "Its name here is 'absolute_error'"),
    "swish": (lambda _: bp.Network([3, 4, 2], "swish"), "Its name here is 'silu'"),
    "linear": (lambda _: bp.Network([3, 2], output="linear"), "Its name here is 'identity'"),
    "xavier": (lambda _: NET.init(initializer="xavier"), "Its name here is 'glorot'"),
    "net.fit": (lambda _: NET.fit(X, Y), "Call bp.train(net, X, Y)"),
    "net.predict": (lambda _: NET.predict(X), "Call bp.predict(net, theta, X)"),
    "net.parameters": (lambda _: NET.parameters(), "theta = net.init()"),
    "net(X)": (lambda _: NET(X), "Call bp.predict(net, theta, X), or net.forward(theta, X)"),
    "run.plot": (lambda _: a_run().plot(), "learning_curve(run.history)"),
    "run.predict": (lambda _: a_run().predict(X), "bp.predict(run.network, run.theta, X)"),
    **{
        f"{name} of a number": (lambda _, of=of: of()(0.5), "Convert it with numpy.asarray")
        for name, of in bp.activations.ACTIVATIONS.items()
        if name != "identity"
    },
    **{
        f"{name} of numbers": (lambda _, of=of: of()(0.5, 0.5), "Convert it with numpy.asarray")
        for name, of in bp.losses.LOSSES.items()
    },
    "an equation of numbers": (
        lambda _: bp.equations.error(1.0, 1.0),
        "Convert it with numpy.asarray",
    ),
    "bfloat16 X": (lambda _: train(bfloat16(X), on_torch(Y)), NO_FLOAT),
    "bfloat16 targets": (lambda _: train(on_torch(X), bfloat16(np.eye(2)[Y])), NO_FLOAT),
    "bfloat16 theta": (
        lambda _: train(on_torch(X), on_torch(Y), theta=bfloat16(NET.init())),
        NO_FLOAT,
    ),
    "bfloat16 in predict": (lambda _: bp.predict(NET, NET.init(), bfloat16(X)), NO_FLOAT),
    "bfloat16 theta in predict": (lambda _: bp.predict(NET, bfloat16(NET.init()), X), NO_FLOAT),
    "bfloat16 theta in save": (
        lambda folder: bp.save(folder / "m", NET, bfloat16(NET.init())),
        NO_FLOAT,
    ),
    "bfloat16 in an estimator": (lambda _: estimator(bfloat16(X)), NO_FLOAT),
}


def estimator(x=X, **options):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    return bp.MLPClassifier(max_iter=1, **options).fit(x, Y)


@pytest.mark.parametrize("tried", ADVICE)
def test_the_advice_helps_on(tried, tmp_path):
    call, advice = ADVICE[tried]
    with pytest.raises(errors.BackpropError) as caught:
        call(tmp_path)
    assert advice in str(caught.value)
    assert all(caught.value.parts)
    assert "Number the classes" not in str(caught.value)
    unknown = isinstance(caught.value, errors.CallError)
    assert isinstance(caught.value, TypeError) or not unknown
