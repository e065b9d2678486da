"""The example scripts: their numbers, what they print, and that their checks can fail."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp import activations, equations, losses
from backprop_xp.inspection.ascii_spelling import in_ascii
from backprop_xp.network import backpropagation
from backprop_xp.training.data import file_order

FOLDER = Path(__file__).parents[2] / "examples"
CHECKED = ("one_weight_chain", "four_layer_network", "error_carried_backward")
BY_SIZE = {  # what makes them quick
    "larger_than_memory": ["--megabytes", "10"],
}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def chain() -> ModuleType:
    return load("one_weight_chain")


@pytest.fixture
def four_layers() -> ModuleType:
    return load("four_layer_network")


@pytest.fixture
def carried() -> ModuleType:
    return load("error_carried_backward")


@pytest.fixture
def selection() -> ModuleType:
    return load("device_selection")


@pytest.fixture
def larger() -> ModuleType:
    return load("larger_than_memory")


@pytest.mark.parametrize("name", [*CHECKED, *BY_SIZE])
def test_main_agrees_and_prints_plain_text(name, capsys):
    assert load(name).main(BY_SIZE.get(name, [])) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "yes" in out
    assert "NO" not in out
    assert "nan" not in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("name", [*CHECKED, "device_selection", *BY_SIZE])
def test_a_script_explains_itself_and_imports_no_framework(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    assert len(ast.get_docstring(tree)) > 200
    imported = {
        module.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in (
            [node.module] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
        )
    }
    assert imported <= {*sys.stdlib_module_names, "notation", "numpy", "backprop_xp"}


# -------------------------------------------------------------------------------------------------
# the chain


@pytest.mark.parametrize("way", ["weights_by_equations", "weights_by_network"])
def test_the_20_published_weights(chain, way):
    # rounded to as many decimals as were published, each is the same text
    weights = getattr(chain, way)()
    assert len(weights) == len(chain.PUBLISHED) == 20
    for published, w in zip(chain.PUBLISHED, weights, strict=True):
        decimals = len(published.split(".")[1])
        assert f"{w:.{decimals}f}" == published
    assert f"{5.7 * weights[-1]:.3f}" == "50.099"
    assert chain.agree(weights)


def test_the_first_step_worked_by_hand(chain):
    # 5.7 · (−23.1) = −131.67; −131.67 − 50.1 = −181.77; 2 · (−181.77) · 5.7 = −2072.178;
    # −23.1 + 0.007 · 2072.178 = −8.594754
    assert chain.weights_by_equations(1)[0] == pytest.approx(-8.594754, abs=1e-14)


def test_one_digit_off_is_seen(chain):
    weights = chain.weights_by_equations()
    weights[7] += 1e-4
    assert not chain.agree(weights)
    assert not chain.agree(chain.weights_by_equations(19))


def test_a_product_along_the_chain_worked_by_hand(chain):
    net, theta, X, Y = chain.chain_1_1_1_1()
    w1, b1, w2, b2, w3, b3 = theta
    a1 = 1 / (1 + np.exp(-(w1 * 0.5 + b1)))
    a2 = 1 / (1 + np.exp(-(w2 * a1 + b2)))
    a3 = 1 / (1 + np.exp(-(w3 * a2 + b3)))
    delta3 = (a3 - 0.9) * a3 * (1 - a3)
    delta2 = delta3 * w3 * a2 * (1 - a2)
    delta1 = delta2 * w2 * a1 * (1 - a1)
    expected = [delta1 * 0.5, delta1, delta2 * a1, delta2, delta3 * a2, delta3]
    found = chain.chains(net, theta, X, Y)
    assert [one.value for one in found] == pytest.approx(expected, rel=1e-14)  # a few roundings
    assert [one.name for one in found] == [f"∂E/∂{p}{n}" for n in "¹²³" for p in "wb"]


def test_several_units_have_a_product_for_each_path(chain):
    found = chain.chains(*chain.network_2_3_2())
    assert len(found) == 17
    assert [len(one.paths) for one in found] == [2] * 9 + [1] * 8  # from layer 1 to both outputs
    names = [factor.name for factor in found[0].paths[1]]
    assert names == ["(a²₂ − y₂)", "σ′(z²₂)", "w²₂₁", "σ′(z¹₁)", "a⁰₁"]


@pytest.mark.parametrize("case", ["chain_1_1_1_1", "network_2_3_2"])
def test_chains_are_the_matrix_form_and_steps_lower_the_cost(chain, case):
    net, theta, X, Y = getattr(chain, case)()
    assert chain.largest_difference(net, theta, X, Y) <= chain.TOLERANCE
    before = theta.copy()
    costs = chain.descend(net, theta, X, Y, rate=2.0, steps=100)
    assert np.all(np.diff(costs) < 0)
    np.testing.assert_array_equal(theta, before)


# -------------------------------------------------------------------------------------------------
# element by element


@pytest.mark.parametrize("m", [1, 2, 6])
def test_every_derivative_is_there_and_both_forms_agree(four_layers, m):
    layers = four_layers.compare(m)
    assert [len(entries) for entries in layers] == [24, 15, 16]
    for entries in layers:
        assert four_layers.largest_difference(entries) <= 1e-15  # some 1e-16 each, numbers below 1
        assert all(abs(entry.by_elements) > 1e-6 for entry in entries)  # none agrees by being 0


def test_sums_over_elements_are_the_central_difference(four_layers):
    net, theta, X, Y = four_layers.network(3)
    ones, h = np.ones(3), 1e-5
    nudges = np.eye(theta.size) * h
    central = [
        (
            net.cost(theta + n, X, Y, case_weights=ones)
            - net.cost(theta - n, X, Y, case_weights=ones)
        )
        / (2 * h)
        for n in nudges
    ]
    by_elements = [entry.by_elements for entries in four_layers.compare(3) for entry in entries]
    # each layer's entries stand in θ's order; h² and 1e-16 / h bound the error
    np.testing.assert_allclose(by_elements, central, rtol=0, atol=1e-9)


def test_a_nan_is_no_agreement(four_layers):
    entries = [four_layers.Entry("x", 1.0, 1.0), four_layers.Entry("y", float("nan"), 1.0)]
    assert not four_layers.largest_difference(entries) <= four_layers.TOLERANCE


# -------------------------------------------------------------------------------------------------
# the error carried backward


@pytest.mark.parametrize("below", [0, 1])
@pytest.mark.parametrize("masked", [False, True])
def test_three_ways_give_the_same_error(carried, below, masked):
    case = carried.without_connection() if masked else carried.run_pass()
    ways = carried.three_ways(case, below)
    assert carried.agree(ways)
    np.testing.assert_allclose(ways.by_sums, ways.by_matrices, rtol=0, atol=1e-15)
    np.testing.assert_allclose(ways.by_nudges, ways.by_matrices, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(ways.by_matrices, case.deltas[below][:, 0])
    assert np.all(np.abs(ways.by_matrices) > 1e-4)


@pytest.mark.parametrize("way", [0, 1, 2])
def test_one_way_that_is_off_is_seen(carried, way):
    ways = list(carried.three_ways(carried.run_pass(), 1))
    ways[way] = ways[way] * 1.001
    assert not carried.agree(carried.ThreeWays(*ways))


def test_a_removed_connection_takes_its_term_and_no_other(carried):
    whole, masked = carried.run_pass(), carried.without_connection()
    with_all, without = carried.terms(whole, 1, 0), carried.terms(masked, 1, 0)
    assert with_all[1] != 0
    assert without[1] == 0
    assert [with_all[j] for j in (0, 2, 3)] == [without[j] for j in (0, 2, 3)]


def test_the_transpose_carries_the_error_and_the_pseudo_inverse_does_not(carried):
    by_nudges, transpose, pseudo_inverse = carried.inverse_instead(carried.run_pass())
    np.testing.assert_allclose(transpose, by_nudges, rtol=0, atol=1e-9)
    assert np.min(np.abs(pseudo_inverse - by_nudges)) > 0.01
    assert carried.inverse_error(np.ones((4, 3)))
    assert carried.inverse_error(np.eye(3)) == ""


# -------------------------------------------------------------------------------------------------
# the checks can fail: 0.1 % in one equation

WHERE = {
    "weighted_input": (equations, backpropagation),
    "error": (equations, activations),
    "input_gradient": (equations, backpropagation),
    "weight_gradient": (equations, backpropagation),
    "bias_gradient": (equations, backpropagation),
}
USES = [
    *((name, equation) for name in CHECKED[:2] for equation in WHERE),
    *(("error_carried_backward", e) for e in ("weighted_input", "error", "input_gradient")),
]


def plant(monkeypatch, owner, name):
    name = f"_{name}" if owner is activations and name == "error" else name
    right = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *args: right(*args) * 1.001)


@pytest.mark.parametrize(("name", "equation"), USES)
def test_an_error_in_an_equation_is_found(name, equation, monkeypatch, capsys):
    for owner in WHERE[equation]:
        plant(monkeypatch, owner, equation)
    assert load(name).main([]) == 1
    assert "NO" in capsys.readouterr().out


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (activations.Sigmoid, "da_dz"),
        (activations.Sigmoid, "__call__"),
        (losses.SquaredError, "dE_da"),
    ],
)
def test_an_error_in_a_derivative_is_found(name, owner, method, monkeypatch, capsys):
    plant(monkeypatch, owner, method)
    assert load(name).main([]) == 1
    assert "NO" in capsys.readouterr().out


@pytest.mark.parametrize("equation", ["weighted_input", "input_gradient", "error"])
def test_an_error_on_one_way_alone_is_found(carried, equation, monkeypatch):
    case = carried.run_pass()
    for owner in WHERE[equation]:
        plant(monkeypatch, owner, equation)
    assert not carried.agree(carried.three_ways(case, 1))
    assert not carried.agree(carried.three_ways(case, 0))


@pytest.mark.parametrize("equation", ["weighted_input", "error", "weight_gradient"])
def test_an_error_moves_the_published_weights(chain, equation, monkeypatch):
    for owner in WHERE[equation]:
        plant(monkeypatch, owner, equation)
    assert not chain.agree(chain.weights_by_equations())


# -------------------------------------------------------------------------------------------------
# devices


@pytest.mark.parametrize(
    "device", ["auto", "cpu", "torch:cpu", "jax:cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
)
def test_device_selection_agrees_with_numpy(selection, device, capsys, monkeypatch):
    monkeypatch.delenv("BACKPROP_XP_DEVICE", raising=False)
    if ":" in device:
        library = device.partition(":")[0]
        pytest.importorskip(library, reason=f"{library} is not installed")
    try:
        bp.select_device(device)
    except bp.DeviceError as error:
        pytest.skip(str(error))
    assert selection.main(["--device", device, "--epochs", "2"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert f"Chosen for --device {device}: " in out
    assert "to rounding: yes" in out
    for status in bp.devices():
        assert str(status) in out


def test_an_error_on_the_device_alone_is_found(selection, capsys, monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    right = torch.mm

    def wrong(*factors, out):
        found = right(*factors, out=out)
        found *= 1.001
        return found

    monkeypatch.setattr(torch, "mm", wrong)
    assert selection.main(["--device", "torch:cpu", "--epochs", "2"]) == 1
    assert "to rounding: NO" in capsys.readouterr().out


def test_without_the_digits_it_trains_xor(selection, capsys, monkeypatch):
    def missing():
        raise bp.MissingExtraError("digits", "no scikit-learn", "it", "Install it")

    monkeypatch.setattr(bp.datasets, "digits", missing)
    assert selection.main(["--device", "cpu"]) == 0
    assert "XOR" in capsys.readouterr().out


@pytest.mark.parametrize("device", ["gpu9", "", "torch:cuda:99", "cuda:99"])
def test_a_device_that_cannot_be_used_is_one_line(selection, device, capsys):
    if device.startswith("torch"):
        pytest.importorskip("torch", reason="torch is not installed")
    assert selection.main(["--device", device]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("device")


def test_no_epochs_are_refused(selection, capsys):
    with pytest.raises(SystemExit) as refusal:
        selection.main(["--epochs", "0"])
    assert refusal.value.code == 2
    assert "--epochs is 0" in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------
# larger than memory


def test_the_file_is_what_was_drawn(larger, tmp_path, monkeypatch):
    labels = np.arange(70) // 7
    at_once = larger.draw(labels, np.random.default_rng(1))
    X = larger.write(tmp_path / "X", labels)
    np.testing.assert_array_equal(X, at_once)
    assert (X.dtype, X.mode, X.shape) == (np.float32, "r", (70, 784))
    monkeypatch.setattr(larger, "PIECE", 33)
    assert larger.write(tmp_path / "X", labels).shape == (70, 784)


def test_nothing_remains_of_the_file(larger, tmp_path, capsys):
    options = ["--megabytes", "1", "--epochs", "1", "--folder", str(tmp_path)]
    assert larger.main(options) == 1  # too few cases to learn from
    assert "to the last bit: yes" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_another_order_of_the_file_is_found(larger, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("backprop_xp.training.data.cases.shuffled_groups", reversed_groups)
    assert larger.main(["--megabytes", "10"]) == 1
    assert "to the last bit: NO" in capsys.readouterr().out


def reversed_groups(*args, **kwargs):
    for group in file_order.shuffled_groups(*args, **kwargs):
        yield group._replace(order=group.order[::-1])


def test_memory_that_the_system_does_not_tell(larger, monkeypatch, capsys):
    def missing(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(larger.Path, "read_text", missing)
    assert larger.resident() is None
    larger.show_memory()
    assert "unknown on this system" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("larger_than_memory", ["--megabytes", "0"], "--megabytes is 0"),
        ("larger_than_memory", ["--megabytes", "nan"], "--megabytes is nan"),
        ("larger_than_memory", ["--megabytes", "1e18"], "the disk has room for"),
        ("larger_than_memory", ["--epochs", "0"], "--epochs is 0"),
        ("larger_than_memory", ["--folder", "not/there"], "which is not a folder"),
    ],
)
def test_sizes_that_cannot_be_are_refused(name, options, told, capsys):
    with pytest.raises(SystemExit) as refusal:
        load(name).main(options)
    assert refusal.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err


# -------------------------------------------------------------------------------------------------
# as a reader runs them


@pytest.mark.parametrize("name", [*CHECKED, *BY_SIZE])
def test_as_a_script(name):
    done = run(name, *BY_SIZE.get(name, []))
    assert (done.returncode, done.stderr) == (0, "")
    assert "yes" in done.stdout


def test_an_unknown_device_ends_the_script():
    done = run("device_selection", "--device", "abacus")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "'abacus'" in done.stderr


SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text("utf-8"))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("name", CHECKED)
def test_a_terminal_without_the_symbols_is_shown_ascii(name, encoding, capsys):
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py")],
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr.decode()
    assert load(name).main([]) == 0
    assert (
        done.stdout.decode("ascii").splitlines() == in_ascii(capsys.readouterr().out).splitlines()
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_help_of_every_script_can_be_shown(name):
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), "--help"],
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr.decode()


def run(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", str(FOLDER / f"{name}.py"), *options],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


# ---------------------------------------------------------------------------------------------
# why_hadamard


@pytest.mark.parametrize(
    ("sigma", "holds"), [(activations.Sigmoid(), True), (activations.Softmax(), False)]
)
def test_the_hadamard_product_is_the_error_where_units_see_their_own_z(sigma, holds):
    found = load("why_hadamard").compared(sigma)
    np.testing.assert_allclose(found.by_jacobian, found.by_nudges, atol=1e-9)
    assert np.allclose(found.by_hadamard, found.by_nudges, atol=1e-9) == holds
    a = sigma(load("why_hadamard").Z)
    expected = np.diag((a * (1 - a))[:, 0]) if holds else np.diag(a[:, 0]) - a @ a.T
    np.testing.assert_allclose(found.jacobian, expected, atol=1e-9)


def test_why_hadamard_prints_both(capsys):
    load("why_hadamard").main([])
    said = capsys.readouterr().out
    assert said.index("⊙ gives the error: yes") < said.index("⊙ gives the error: no")
