"""`to_torch` and `from_torch`: equal outputs, shared weights, and reasons."""

import doctest
import subprocess
import sys

import numpy as np
import pytest
from exchange_cases import Cube
from needs import needs

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS, ELU, LeakyReLU
from backprop_xp.arrays.advice import install_command

torch = needs("torch")
nn = torch.nn

X = np.random.default_rng(0).standard_normal((9, 4)) * 3
MASK = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1]])
ALL = [*(name for name in ACTIVATIONS if name != "exp"), LeakyReLU(0.3), ELU(0.7)]


def outputs(module, inputs=X):
    return module(torch.from_numpy(inputs)).detach().numpy()


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_outputs_agree_and_the_way_back_gives_the_same_network(activation):
    net = bp.Network([4, 3, 3, 2], activation, activation, "squared_error", [MASK, None, None])
    theta = net.init(1, dtype="float64")
    module = bp.exchange.to_torch(net, theta)
    np.testing.assert_allclose(outputs(module), net.forward(theta, X), atol=1e-13)
    again, parameters = bp.exchange.from_torch(module, loss="squared_error")
    assert again == net
    np.testing.assert_array_equal(parameters, theta)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_memory_is_shared_both_ways(library, dtype):
    net = bp.Network([4, 3, 2], "tanh")
    theta = net.init(0, dtype=dtype)
    theta = torch.from_numpy(theta) if library == "torch" else theta
    module = bp.exchange.to_torch(net, theta)
    theta[0] = 7.0
    assert float(module[0].weight.detach()[0, 0]) == 7.0
    with torch.no_grad():
        module[2].bias[1] = 5.0
    assert float(theta[-1]) == 5.0
    _, again = bp.exchange.from_torch(module)
    again[1] = 3.0
    assert float(theta[1]) == 3.0


def test_arrays_that_cannot_be_written_are_copied():
    net = bp.Network([4, 2])
    theta = net.init(0)
    theta.flags.writeable = False
    module = bp.exchange.to_torch(net, theta)
    with torch.no_grad():
        module[0].bias[0] = 5.0
    assert theta[-2] != 5.0


def test_a_step_of_torch_is_the_step_of_the_network():
    net = bp.Network([4, 3, 2], "tanh", "identity", "squared_error", [MASK, None])
    theta = net.init(0, dtype="float64")
    before, Y = theta.copy(), np.ones((9, 2))
    module = bp.exchange.to_torch(net, theta)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    (0.5 * (module(torch.from_numpy(X)) - torch.from_numpy(Y)) ** 2).sum().backward()
    optimizer.step()
    _, gradient = net.gradient(before, X, Y, np.ones(9))
    np.testing.assert_allclose(theta, before - 0.1 * gradient, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*max_iter")
def test_runs_models_and_estimators_are_taken(tmp_path):
    needs("sklearn")
    mlp = bp.MLPClassifier([3], max_iter=2).fit(X, np.arange(9) % 3)
    run = bp.train(mlp.network_, X, np.arange(9) % 3, epochs=1, theta=mlp.theta_)
    np.testing.assert_allclose(outputs(bp.exchange.to_torch(mlp)), mlp.predict_proba(X), atol=1e-12)
    bp.save(tmp_path / "model.safetensors", run.network, run.theta)
    loaded = bp.load(tmp_path / "model.safetensors")
    expected = run.network.forward(run.theta, X)
    for model in (run, loaded, (run.network, run.theta)):
        np.testing.assert_allclose(outputs(bp.exchange.to_torch(model)), expected, atol=1e-12)


def test_a_pipeline_with_preprocessing_is_refused():
    needs("sklearn")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    mlp = bp.MLPRegressor(hidden_layer_sizes=[3], solver="lbfgs", tol=9.0)
    with pytest.raises(bp.OptionError, match="preprocessing"):
        bp.exchange.to_torch(make_pipeline(StandardScaler(), mlp).fit(X, X[:, 0]))


def test_a_tensor_that_records_derivatives_is_taken_without_them():
    net = bp.Network([4, 2])
    theta = torch.from_numpy(net.init(0)).requires_grad_()
    assert all(one.is_leaf for one in bp.exchange.to_torch(net, theta).parameters())
    with torch.inference_mode():
        frozen = torch.from_numpy(net.init(0)) * 2
    for one in bp.exchange.to_torch(net, frozen).parameters():
        assert one.requires_grad
        assert not one.is_inference()


def test_a_sequence_of_ones_own():
    module = nn.Sequential(
        nn.Flatten(),
        nn.Linear(4, 3, bias=False),
        nn.Sequential(nn.GELU(approximate="tanh"), nn.Dropout(0.5)),
        nn.Linear(3, 3),
        nn.Linear(3, 2),
    ).double()
    net, theta = bp.exchange.from_torch(module, output="softmax")
    assert [one.name for one in net.activations] == ["gelu", "identity", "softmax"]
    expected = nn.functional.softmax(module.eval()(torch.from_numpy(X)), dim=1)
    np.testing.assert_allclose(net.forward(theta, torch.from_numpy(X)), expected.detach())
    assert not theta.requires_grad


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (nn.Softmax(dim=1), "cross_entropy"),
        (nn.Sigmoid(), "binary_cross_entropy"),
        (nn.Identity(), "squared_error"),
        (nn.Softplus(), "squared_error"),
    ],
)
def test_the_loss_follows_from_the_outputs_unless_it_is_named(last, loss):
    module = nn.Sequential(nn.Linear(4, 2), last)
    assert bp.exchange.from_torch(module).network.loss.name == loss
    assert bp.exchange.from_torch(module, loss="huber").network.loss.name == "huber"


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.Linear(2, 2), "torch.nn.Sequential"),
        (nn.Sequential(), "no linear layer"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), "before the first linear layer"),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Tanh()), "after an activation"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 2)), "3 outputs before 2 inputs"),
        (nn.Sequential(nn.Linear(2, 2), nn.GELU()), "approximate"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softplus(beta=2)), "beta=1"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softmax(dim=0)), "dim=-1"),
        (nn.Sequential(nn.Linear(2, 2), nn.LogSoftmax(dim=1)), "logarithm is the loss's"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "Fuse it"),
        (nn.Sequential(nn.Conv1d(2, 2, 1)), "Conv1d"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()), "one dtype"),
        (nn.Sequential(nn.Linear(2, 2).bfloat16()), "bfloat16"),
    ],
)
def test_modules_that_have_no_equal_are_refused_with_the_reason(module, words):
    with pytest.raises(bp.BackpropError, match=rf"from_torch.*{words}"):
        bp.exchange.from_torch(module)


def test_an_output_beside_an_output_is_refused():
    module = nn.Sequential(nn.Linear(2, 2), nn.Softmax(dim=1))
    with pytest.raises(bp.OptionError, match="Leave output= out"):
        bp.exchange.from_torch(module, output="softmax")


@pytest.mark.parametrize(
    ("net", "stack", "words"),
    [
        (bp.Network([2, 2], output="exp", loss="poisson"), (), "log_input=True"),
        (bp.Network([2, 2, 2], "exp"), (), "'exp'"),
        (bp.Network([2, 2, 2], Cube()), (), "'cube'"),
        (bp.Network([2, 2]), (3,), r"theta\[0\]"),
    ],
)
def test_networks_that_torch_cannot_express_are_refused(net, stack, words):
    with pytest.raises(bp.BackpropError, match=rf"to_torch.*{words}"):
        bp.exchange.to_torch(net, net.init(stack=stack))


@pytest.mark.parametrize("function", [bp.exchange.to_torch, bp.exchange.from_torch])
def test_the_examples_of_the_docstrings_run(function):
    code = function.__doc__.replace("  # doctest: +SKIP", "")
    test = doctest.DocTestParser().get_doctest(code, {}, function.__name__, None, 0)
    assert len(test.examples) > 3
    assert doctest.DocTestRunner().run(test).failed == 0


def test_without_torch_the_error_names_the_install_command():
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import backprop_xp as bp
net = bp.Network([2, 1])
for call in (lambda: bp.exchange.to_torch(net, net.init()), lambda: bp.exchange.from_torch(net)):
    try:
        call()
    except bp.MissingExtraError as error:
        print(error)
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    end = f"got no PyTorch; expected the package torch. Run: {install_command('torch')}.\n"
    assert made.stdout == f"to_torch(): {end}from_torch(): {end}"
