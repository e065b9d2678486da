"""A saved pipeline is loaded and predicts where scikit-learn is not installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from needs import needs

import backprop_xp as bp

needs("sklearn")

from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import QuantileTransformer, StandardScaler  # noqa: E402

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sklearn", "scipy", "pandas"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
import numpy as np
import backprop_xp as bp

model = bp.load(sys.argv[1])
p = model.predict_proba(np.load(sys.argv[2]))
np.save(sys.argv[2], p)
print(model.predict(np.zeros((1, 3))).shape)
"""


def test_loading_and_predicting_need_numpy_alone(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(50, 9, (60, 3)), rng.choice(["no", "yes"], 60)
    mlp = bp.MLPClassifier(hidden_layer_sizes=[4], solver="lbfgs", tol=0.5, random_state=0)
    quantiles = QuantileTransformer(n_quantiles=20, output_distribution="normal")
    pipeline = make_pipeline(StandardScaler(), quantiles, mlp).fit(X, y)
    bp.save(tmp_path / "m.safetensors", pipeline)
    np.save(tmp_path / "X.npy", X)
    command = [sys.executable, "-W", "error", "-c", WITHOUT]
    made = subprocess.run(
        [*command, tmp_path / "m.safetensors", tmp_path / "X.npy"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(bp.__file__).parent.parent,
    )
    assert made.stdout == "(1,)\n", made.stderr
    found = np.load(tmp_path / "X.npy")
    np.testing.assert_allclose(found, pipeline.predict_proba(X), rtol=1e-12)


def test_networks_are_saved_as_ever(tmp_path):
    net = bp.Network([2, 3, 1])
    theta = net.init(stack=2)
    bp.save(tmp_path / "m", net, theta, {"note": "x"})
    loaded, again = bp.load(tmp_path / "m")
    assert loaded == net
    np.testing.assert_array_equal(again, theta)
    assert bp.files.model_file.read_notes(tmp_path / "m") == {"note": "x"}


def test_notes_beside_an_estimator(tmp_path):
    mlp = bp.MLPClassifier(hidden_layer_sizes=[2], solver="lbfgs", tol=0.5, random_state=0)
    bp.save(tmp_path / "m", mlp.fit(np.eye(4), [0, 1, 0, 1]), notes={"note": "x"})
    assert bp.files.model_file.read_notes(tmp_path / "m") == {"note": "x"}


def test_a_loaded_model_is_saved_again(tmp_path):
    mlp = bp.MLPClassifier(hidden_layer_sizes=[2], solver="lbfgs", tol=0.5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), mlp).fit(np.eye(4), [0, 1, 0, 1])
    bp.save(tmp_path / "m", pipeline)
    bp.save(tmp_path / "again", bp.load(tmp_path / "m"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_pipelines_of_scikit_learns_own_networks(tmp_path):
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(0)
    X, y = rng.normal(50, 9, (60, 3)), rng.choice(["no", "yes"], 60)
    mlp = MLPClassifier([4], solver="lbfgs", tol=0.5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), mlp).fit(X, y)
    bp.save(tmp_path / "m", pipeline)
    found = bp.load(tmp_path / "m").predict_proba(X)
    np.testing.assert_allclose(found, pipeline.predict_proba(X), rtol=1e-12)


def test_a_run_is_saved_as_its_network_and_theta(tmp_path):
    X, Y = bp.datasets.xor()
    run = bp.train(bp.Network([2, 3, 1]), X, Y, epochs=1, stack=2)
    bp.save(tmp_path / "m", run)
    model = bp.load(tmp_path / "m")
    assert model.network == run.network
    np.testing.assert_array_equal(model.theta, run.theta)
