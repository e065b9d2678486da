"""Files that earlier versions wrote: checkpoints go on with their memory, and pickles load.

``tests/data`` holds what version 0.1.0 wrote before its modules were sorted into rooms.
"""

import pickle
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import parts_of_before
import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.callbacks import Callback
from backprop_xp.schedules import ReduceOnPlateau
from backprop_xp.training.fingerprint_of_before import text_of_before

DATA = Path(__file__).parent / "data"


def unpickled(name):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Trying to unpickle estimator")  # of another scikit-learn
        return pickle.loads((DATA / name).read_bytes())  # noqa: S301  it is this project's own


class TestCheckpoint:
    """After 8 epochs, the best of which was the fifth, so that three have been waited for."""

    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 3)).astype("float32"), rng.integers(0, 3, 40)
    validation = rng.standard_normal((40, 3)).astype("float32"), rng.integers(0, 3, 40)
    net = bp.Network([3, 16, 3], "tanh")
    path = DATA / "training-v1.safetensors"

    def resumed(self, path, epochs, *callbacks):
        return bp.train(
            self.net,
            self.X,
            self.Y,
            optimizer=bp.Adam(ReduceOnPlateau(0.03, patience=1)),
            dropout=0.1,
            validation=self.validation,
            batch_size=8,
            seed=3,
            epochs=epochs,
            callbacks=callbacks,
            resume=path,
        )

    def test_early_stopping_remembers_what_it_has_waited_for(self):
        run = self.resumed(self.path, 60, bp.EarlyStopping(patience=5))
        assert run.stopped == "validation_cost has not improved for 5 epochs"
        assert (len(run.history["cost"]), run.epoch) == (10, 5)

    def test_it_goes_on_as_from_a_file_of_today(self, tmp_path):
        written = self.resumed(self.path, 8, bp.EarlyStopping(patience=5, restore_best=False))
        np.testing.assert_array_equal(written.theta, bp.load(self.path).theta)
        stop, saving = bp.EarlyStopping(patience=9), bp.Checkpoint(tmp_path, keep=9)
        whole = self.resumed(self.path, 12, stop, saving)
        again = self.resumed(
            tmp_path / "epoch-000010.safetensors", 12, bp.EarlyStopping(patience=9)
        )
        np.testing.assert_array_equal(again.theta, whole.theta)
        assert again.history == whole.history
        assert again.epoch == whole.epoch

    def test_a_callback_of_ones_own_keeps_its_module(self, tmp_path):
        class EarlyStopping(Callback):  # of the name of a built-in one
            seen = 0

            def on_epoch_end(self, progress):
                self.seen = len(progress.history["cost"])

            def state(self):
                return {"seen": self.seen}

            def restore(self, state):
                self.seen = state["seen"]

        first, own = bp.EarlyStopping(patience=50), EarlyStopping()
        data = {"net": self.net, "X": self.X, "Y": self.Y, "validation": self.validation}
        bp.train(**data, epochs=3, callbacks=[own, first, bp.Checkpoint(tmp_path)])
        again, same = bp.EarlyStopping(patience=50), EarlyStopping()
        bp.train(**data, epochs=3, callbacks=[again, same], resume=tmp_path)
        assert same.seen == 3
        np.testing.assert_array_equal(again.state()["theta"], first.state()["theta"])


@pytest.mark.parametrize("changed", [None, "X", "Y", "case_weights"])
def test_data_that_were_lists(changed):
    # exclusive or, two epochs; the file describes lists number by number, today as arrays
    given = {
        "X": [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]],
        "Y": [0, 1, 1, 0],
        "case_weights": [1.0, 2.0, 1.0, 1.0],
    }
    net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    if changed is None:
        run = bp.train(net, epochs=4, resume=DATA / "training-lists-v1.safetensors", **given)
        whole = bp.train(net, epochs=4, **given)  # another CPU may round otherwise
        np.testing.assert_allclose(run.theta, whole.theta, rtol=1e-12)
        return
    other = {**given, changed: given[changed][::-1] if changed != "Y" else [1, 1, 1, 0]}
    with pytest.raises(bp.OptionError, match=rf"train\(resume\): got {changed}="):
        bp.train(net, epochs=4, resume=DATA / "training-lists-v1.safetensors", **other)


def resumed_of_before(kind, **changed):
    path = DATA / f"training-{kind}-v1.safetensors"
    return bp.train(**{**parts_of_before.settings(kind), "epochs": 4, "resume": path, **changed})


def changed_by(kind):
    """Return settings of a kind that differ in one number from those in its file."""
    if kind == "numbers":
        return {"l2": np.float32(0.02)}, {"dropout": 0.1}, {"class_weights": {1: 1.1, 0: 1.0}}
    wider = bp.Network([2, 4, 2], parts_of_before.Squash(1.6))
    rates = [parts_of_before.Falling(0.6), lambda step: 0.6 / (1 + step), 0.5]
    own = {"net": wider} if kind == "objects" else {"optimizer": bp.SGD(rates[1])}
    return own, *({"optimizer": bp.SGD(rate)} for rate in rates)


@pytest.mark.parametrize("kind", parts_of_before.KINDS)
def test_settings_that_were_objects_functions_or_numbers_of_numpy(kind):
    given = parts_of_before.settings(kind)
    if kind in ("falling", "decaying") and sys.version_info[:2] != (3, 11):
        with pytest.raises(bp.OptionError, match=r"of its Python.*resume with it\.$"):
            resumed_of_before(kind)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", bp.CheckpointWarning)
        run = resumed_of_before(kind)
    whole = bp.train(**given, epochs=4)  # another CPU may round otherwise
    np.testing.assert_allclose(run.theta, whole.theta, rtol=1e-12)
    texts = [str(one.message) for one in caught]
    # the file says all of numbers, and of arithmetic with arguments alone
    assert len(texts) == (kind in ("objects", "decaying"))
    named = {"objects": "Of network, optimizer it kept", "decaying": "Of optimizer it kept"}
    assert all(named[kind] in text for text in texts)
    for changed in changed_by(kind):
        (name,) = changed
        name = {"net": "network"}.get(name, name)
        with pytest.raises(bp.OptionError, match=rf"got {name}=.*train\(theta=bp.load"):
            resumed_of_before(kind, **changed)


@pytest.mark.parametrize("kind", ["numbers", "falling"])
def test_a_file_of_today_is_not_compared_as_one_of_before(kind, tmp_path):
    given = parts_of_before.settings(kind)
    bp.train(**given, epochs=1, callbacks=[bp.Checkpoint(tmp_path)])
    bp.train(**given, epochs=2, resume=tmp_path)
    for changed in changed_by(kind):
        with pytest.raises(bp.OptionError) as caught:
            bp.train(**{**given, **changed}, epochs=2, resume=tmp_path)
        assert "earlier version" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text", "sure"),
    [
        (max, "builtins.max", True),
        (partial(pow, 2), "partial(of=builtins.pow, given=[2])", True),
        (parts_of_before.Falling(1).__call__, "parts_of_before.Falling.__call__", False),
        (np.float16(0.5), "array (1,) float16", True),
        ({2: 1.0, 1: None}, "(2=1.0, 1=None)", True),
    ],
    ids=["function", "partial", "method", "number", "mapping"],
)
def test_texts_of_before(value, text, sure):
    found = text_of_before(value)
    assert found.text.startswith(text)
    assert found.sure == sure


def test_an_object_that_holds_itself_is_not_surely_equal():
    loop = []
    loop.append(loop)
    assert text_of_before(loop).text.count("[") == 8
    assert not text_of_before(loop).sure


class TestPickles:
    """Of estimators, and of the parts that they and `train` take."""

    @pytest.fixture
    def expected(self):
        needs("sklearn")
        return np.load(DATA / "predictions-v1.npz")

    @pytest.mark.parametrize(
        ("file", "name"),
        [
            ("default-estimator-v1.pickle", "default"),
            ("estimator-with-objects-v1.pickle", "chosen"),
            ("regressor-v1.pickle", "regressor"),
        ],
    )
    def test_estimators_predict_what_they_predicted(self, file, name, expected):
        X = bp.datasets.digits()[0][:20]
        estimator = unpickled(file)
        predict = estimator.predict if name == "regressor" else estimator.predict_proba
        found = predict(X)
        a_out = bp.predict(estimator.network_, estimator.theta_, X)
        np.testing.assert_array_equal(found, a_out.reshape(found.shape))
        # another BLAS sums in another order: of some hundred float32 or float64 numbers each
        close = 1e-5 if found.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(found, expected[name], rtol=close, atol=close)

    @pytest.mark.usefixtures("expected")
    def test_parameters_that_are_objects(self):
        schedules = bp.schedules
        mlp = unpickled("estimator-with-objects-v1.pickle")
        cosine = schedules.WarmUp(5, schedules.Cosine(0.1, 50))
        assert mlp.solver == bp.SGD(cosine, momentum=0.5, nesterov=True)
        assert mlp.device == bp.select_device("cpu")
        assert mlp.activation == [bp.activations.ELU(0.5), "tanh"]
        assert mlp.loss == bp.losses.CrossEntropy()
        X, y = bp.datasets.digits()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # five epochs do not converge
            again = mlp.fit(X[:200], y[:200])
        assert again.n_iter_ == 5

    def test_the_parts(self):
        parts = unpickled("parts-v1.pickle")
        mask = [[1, 0], [1, 1]]
        net = bp.Network(
            [2, 2, 1],
            bp.activations.LeakyReLU(0.2),
            "sigmoid",
            bp.losses.Huber(2.0),
            connections=[mask, None],
        )
        assert parts["network"] == net
        of = bp.schedules
        assert parts["optimizers"] == [
            bp.SGD(of.Sequential([3], [of.Step(0.1, 5), of.Exponential(0.1, 0.9)])),
            bp.Adam(of.OneCycle(0.1, 10)),
            bp.AdamW(of.Product(of.InverseTime(0.1, 0.1), of.Constant(2.0))),
            bp.NAdam(),
            bp.RMSprop(),
            bp.Adagrad(of.Piecewise([2], [0.1, 0.2])),
            bp.Rprop(),
            bp.LBFGS(),
        ]
        run = parts["run"]
        assert run[1].theta.shape == (run.network.parameter_count,)
        assert parts["device"] == bp.select_device("cpu")
        assert parts["early stopping"] == bp.EarlyStopping(patience=7)


@pytest.mark.parametrize(
    ("name", "module", "options"),
    [
        ("MLPClassifier", "mlp", {"hidden_layer_sizes": [2], "tol": 9.0, "n_iter_no_change": 1}),
        ("MLPRegressor", "mlp", {"hidden_layer_sizes": [2], "tol": 9.0, "n_iter_no_change": 1}),
        ("MLPEnsembleClassifier", "ensemble", {"networks": 1, "epochs": 1}),
        ("MLPEnsembleRegressor", "ensemble", {"networks": 1, "epochs": 1}),
    ],
)
def test_an_estimator_of_the_module_of_both_is_loaded(name, module, options):
    needs("sklearn")
    X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    fitted = getattr(bp, name)(**options).fit(X, y)
    today = pickle.dumps(fitted, protocol=2)
    old = today.replace(
        type(fitted).__module__.encode(), f"backprop_xp.estimators.{module}".encode()
    )
    assert old != today
    np.testing.assert_array_equal(pickle.loads(old).predict(X), fitted.predict(X))  # noqa: S301
