"""A loaded model: rows of every kind, on every library, and files that contradict themselves."""

import json
import pickle

import numpy as np
import pytest
from preprocessing_cases import STEPS
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

import backprop_xp as bp
from backprop_xp.files.meaning import Meaning
from backprop_xp.files.model import Model
from backprop_xp.files.model_file import load, save
from backprop_xp.preprocessing.composition import SideBySide, Unchanged
from backprop_xp.preprocessing.one_hot import REFUSED, OneHotEncoding
from backprop_xp.preprocessing.scaling import Standardisation

NET = bp.Network([3, 4, 3])
THETA = NET.init(seed=1, dtype="float64")
CLASSES = np.array(["a", "b", "ü"])
STEP = Standardisation(np.array([10.0, 20, 30]), np.array([1.0, 2, np.inf]))
MEANING = Meaning(CLASSES, True, ("p", "q", "r"), STEP)
X = np.random.default_rng(0).normal(20, 5, (40, 3))


@pytest.fixture
def model(path):
    save(path, NET, THETA, meaning=MEANING)
    return load(path)


def test_a_model_is_a_pair_with_a_meaning(model):
    net, theta = model
    assert (net, len(model), model[0]) == (NET, 2, NET)
    np.testing.assert_array_equal(theta, THETA)
    assert model.feature_names == ("p", "q", "r")
    np.testing.assert_array_equal(model.classes, CLASSES)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  it is this test's own
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_it_predicts_as_the_network_of_its_inputs(model):
    inputs = (X - STEP.mean) / STEP.spread
    p = NET.forward(THETA, inputs)
    np.testing.assert_array_equal(model.inputs(X), inputs)
    np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-14)
    np.testing.assert_array_equal(model.predict(X), CLASSES[p.argmax(axis=1)])


def test_the_version_says_whether_there_is_preprocessing(path, model):
    def version():
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        return json.loads(header["__metadata__"]["backprop_xp"])["format_version"]

    assert version() == 2
    for meaning in (None, Meaning(CLASSES, True, ("p", "q", "r"))):
        save(path, NET, THETA, meaning=meaning)
        assert version() == 1


def test_rows_of_every_library(xp, model):
    expected = model.predict_proba(X)
    tight = {"rtol": 1e-12 if "float64" in xp.float_dtypes else 1e-5}
    np.testing.assert_allclose(model.predict_proba(xp.array(X)), expected, **tight)
    plain = Model(NET, THETA)
    found = plain.predict(xp.array(X))
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, NET.forward(THETA, X), **tight)


@pytest.mark.parametrize("name", ["torch:cpu", "jax:cpu"])
def test_a_model_on_a_device(path, name, model):
    library = name.partition(":")[0]
    pytest.importorskip(library, reason=f"{library} is not installed")
    save(path, NET, THETA.astype("float32"), meaning=MEANING)
    there = load(path, device=name)
    assert not isinstance(there.theta, np.ndarray)
    np.testing.assert_array_equal(there.predict(X), model.predict(X))
    np.testing.assert_allclose(there.predict_proba(X), model.predict_proba(X), rtol=1e-4)


def test_lists_and_files(model, tmp_path):
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X.tolist()), expected)
    np.save(tmp_path / "X.npy", X)
    rows = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(model.predict_proba(rows), expected)


def test_more_rows_than_a_block(model, monkeypatch):
    from backprop_xp.network import prediction

    expected = model.predict_proba(X)
    monkeypatch.setattr(prediction, "BLOCK_BYTES", 1)
    monkeypatch.setattr(prediction, "cases_at_once", lambda *_, **__: 7)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-14)
    wrong = X.copy()
    wrong[29, 1] = np.inf
    with pytest.raises(bp.DataError, match=r"got inf \(infinity\) at row 29, column 'q'"):
        model.predict(wrong)


def test_no_rows(model):
    assert model.predict(X[:0]).shape == (0,)
    assert model.predict_proba(X[:0]).shape == (0, 3)


def test_a_model_without_a_meaning_gives_outputs(path):
    theta = NET.init(seed=0, dtype="float64", stack=2)
    save(path, NET, theta)
    model = load(path)
    np.testing.assert_array_equal(model.predict(X), bp.predict(NET, theta, X))
    assert (model.classes, model.feature_names, model.preprocessing) == (None, (), None)
    with pytest.raises(bp.MissingMethodError, match="a model without classes"):
        model.predict_proba(X)


def test_a_file_of_before_predicts(path):
    from pathlib import Path

    old = load(Path(__file__).parents[1] / "data" / "model-v1.safetensors")
    x = np.zeros((2, old.network.sizes[0]))
    np.testing.assert_array_equal(old.predict(x), bp.predict(*old, x))


@pytest.mark.parametrize("theta", [THETA, THETA.astype("float32")])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_numbers_out_of_range_are_named(theta, wrong):
    model, bad = Model(NET, theta), X.copy()
    bad[3, 1] = wrong
    if wrong == 1e300 and theta.dtype == np.float64:
        return
    with pytest.raises(bp.DataError, match=r"^predict\(X\): got .* at row 3, column 1"):
        model.predict(bad)


@pytest.mark.parametrize("given", [X[0], X[:, :2], X[:, None, :2], [[1.0]], np.float64(1.0)])
@pytest.mark.parametrize("meaning", [None, MEANING])
def test_rows_of_another_width_are_refused(given, meaning):
    with pytest.raises(bp.ShapeError, match=r"^predict\(X\): got shape"):
        Model(NET, THETA, meaning).predict(given)


# ---------------------------------------------------------------------------------------------
# files that contradict themselves


def rewritten(path, change):
    """Write the file again with another description and other arrays."""
    tensors = load_file(path)
    with path.open("rb") as file:
        texts = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
    description = json.loads(texts["backprop_xp"])
    change(description, tensors)
    path.write_bytes(to_bytes(tensors, metadata={"backprop_xp": json.dumps(description)}))


def _set(*keys, value):
    def change(description, tensors):
        node = description["meaning"]
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("flat", value=1),
        _set("feature_names", value=["p", "q"]),
        _set("feature_names", value=["p", "q", "q"]),
        _set("feature_names", value="pqr"),
        _set("classes", value={"dtype": "str", "values": ["a", "b"]}),
        _set("classes", value={"dtype": "object", "values": ["a", [], "c"]}),
        _set("classes", value={"dtype": "int64", "values": ["a", "b", "c"]}),
        _set("classes", value={"dtype": "str", "values": [1, 2, 3]}),
        _set("classes", value={"dtype": "datetime64[D]", "values": [1, 2, 3]}),
        _set("classes", value={"dtype": "V8", "values": [1, 2, 3]}),
        _set("preprocessing", value=None),
        _set("preprocessing", "kind", value="eval"),
        _set("preprocessing", "more", value=1),
        _set("preprocessing", "mean", value=[1, 2, 3, 4]),
        _set("preprocessing", "mean", value={"array": "theta"}),
        _set("preprocessing", "mean", value={"array": "absent"}),
        lambda _, tensors: tensors.update({"preprocessing.more": np.ones(3)}),
        lambda _, tensors: tensors.pop("preprocessing.mean"),
        lambda _, tensors: tensors.update({"preprocessing.mean": np.ones(2)}),
        lambda description, _: description.pop("meaning"),
    ],
)
def test_a_contradiction_is_refused(path, model, change):
    rewritten(path, lambda *_: None)
    np.testing.assert_array_equal(load(path).predict(X), model.predict(X))
    rewritten(path, change)
    with pytest.raises(bp.ModelFileError, match="a description that cannot be used"):
        load(path)


@pytest.mark.parametrize("kind", STEPS)
def test_every_step_is_saved_and_loaded(path, kind):
    step = STEPS[kind]
    net = bp.Network([step.n_out, 1])
    save(path, net, net.init(), meaning=Meaning(preprocessing=step))
    assert type(load(path).preprocessing) is type(step)


def test_a_text_among_columns_that_pass_is_named_by_its_column():
    coded = OneHotEncoding((("a", "b"),), (np.array([0, 1]),), (REFUSED,), (2,))
    step = SideBySide(2, ((np.array([0]), coded), (np.array([1]), Unchanged(1))))
    rows = pytest.importorskip("pandas").DataFrame({"kind": ["a", "b"], "size": [1, "large"]})
    net = bp.Network([3, 1], output="identity", loss="squared_error")
    meaning = Meaning(feature_names=("kind", "size"), preprocessing=step)
    with pytest.raises(bp.DTypeError, match="'large' at row 1, column 'size'"):
        Model(net, net.init(), meaning).predict(rows)
