"""Models in files: there and back, with notes and with a user's own parts."""

from dataclasses import dataclass

import numpy as np
import pytest
from model_cases import MASK, PLAIN, RICH, THETA
from needs import needs
from safetensors.numpy import load_file
from user_parts import Cube

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.errors import (
    DTypeError,
    MissingFileError,
    ModelFileError,
    OptionError,
    ShapeError,
)
from backprop_xp.files.model_file import load, read_notes, save

# ---------------------------------------------------------------------------------------------
# there and back


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("stack", [(), (2,), (2, 3)])
@pytest.mark.parametrize("net", [PLAIN, RICH], ids=["plain", "rich"])
def test_what_was_saved_is_loaded(path, net, dtype, stack):
    theta = net.init(seed=3, dtype="float64", stack=stack).astype(dtype)
    save(path, net, theta)
    loaded, again = load(path)
    assert loaded == net
    assert (again.dtype, again.shape) == (theta.dtype, theta.shape)
    np.testing.assert_array_equal(again, theta)


@pytest.fixture
def jax_without_x64():
    jax = needs("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    yield jax
    jax.config.update("jax_enable_x64", before)


def test_float64_on_jax_without_x64_is_refused_with_both_ways_out(path, jax_without_x64):
    jax = jax_without_x64
    save(path, PLAIN, PLAIN.init(dtype="float64"))
    with pytest.raises(DTypeError, match=r"load\('.*'\): got float64 parameters, .* jax:cpu") as of:
        load(path, device="jax:cpu")
    advice = of.value.parts[3]
    assert "jax.config.update('jax_enable_x64', True)" in advice
    theta = eval(advice.partition("float32: ")[2], {"jax": jax, "bp": bp, "path": path})  # noqa: S307
    assert (theta.dtype, namespace(theta)) == ("float32", jax.numpy)
    np.testing.assert_array_equal(theta, PLAIN.init(dtype="float64").astype("float32"))
    jax.config.update("jax_enable_x64", True)
    assert load(path, device="jax:cpu").theta.dtype == "float64"
    jax.config.update("jax_enable_x64", False)
    save(path, PLAIN, PLAIN.init(dtype="float32"))
    assert load(path, device="jax:cpu").theta.dtype == "float32"


@pytest.mark.parametrize("name", bp.activations.ACTIVATIONS)
@pytest.mark.parametrize("loss", bp.losses.LOSSES)
def test_every_activation_and_loss(path, name, loss):
    net = bp.Network([3, 4, 2], name, name, loss)
    save(path, net, net.init())
    assert load(path).network == net


def test_settings_of_activations_and_losses(path):
    save(path, RICH, RICH.init())
    net, theta = load(path)
    assert net.hidden[0].negative_slope == 0.2
    assert net.loss.threshold == 2
    np.testing.assert_array_equal(np.asarray(net.connections[0]), MASK)
    assert net.connections[1] is None
    X = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_array_equal(net.forward(theta, X), RICH.forward(RICH.init(), X))


def test_settings_given_as_numbers_of_numpy(path):
    net = bp.Network([3, 4, 2], bp.activations.LeakyReLU(np.float32(0.25)))
    save(path, net, net.init())
    assert load(path).network.hidden[0].negative_slope == 0.25


def test_theta_of_every_library(xp, path):
    for dtype in xp.float_dtypes:
        host = PLAIN.init(seed=2, dtype=dtype, stack=2)
        theta = xp.array(host)
        save(path, PLAIN, theta)
        np.testing.assert_array_equal(load(path).theta, host)
        np.testing.assert_array_equal(xp.host(theta), host)


@pytest.mark.parametrize(
    "theta",
    [
        np.asfortranarray(PLAIN.init(stack=4)),
        PLAIN.init(stack=4)[::2],
        np.broadcast_to(THETA, (3, len(THETA))),
        THETA.astype(">f4"),
    ],
    ids=["columns first", "strided", "broadcast", "big-endian"],
)
def test_theta_of_every_layout(path, theta):
    save(path, PLAIN, theta)
    np.testing.assert_array_equal(load(path).theta, theta)


@pytest.mark.parametrize("name", ["cpu", "torch:cpu", "jax:cpu"])
def test_a_model_is_loaded_on_the_device_of_choice(path, name):
    if name != "cpu":
        library = name.partition(":")[0]
        pytest.importorskip(library, reason=f"{library} is not installed")
    save(path, PLAIN, THETA)
    device = bp.select_device(name)
    for chosen in (name, device):
        theta = load(path, device=chosen).theta
        assert namespace(theta) is device.xp
        assert (device_of(theta), dtype_name(theta.dtype)) == (device.handle, "float32")


def test_the_loaded_theta_can_be_changed(path):
    save(path, PLAIN, THETA)
    theta = load(path).theta
    theta += 1
    np.testing.assert_array_equal(load(path).theta, THETA)


def test_paths_may_be_texts(path):
    save(str(path), PLAIN, THETA)
    assert load(str(path)).network == PLAIN
    assert read_notes(str(path)) == {}


def test_the_file_is_an_ordinary_safetensors_file(path):
    save(path, RICH, RICH.init())
    tensors = load_file(path)
    assert set(tensors) == {"theta", "connections.1", "connections.3"}
    np.testing.assert_array_equal(tensors["theta"], RICH.init())
    np.testing.assert_array_equal(tensors["connections.1"], MASK == 1)


def test_the_same_model_is_the_same_file(path):
    save(path, RICH, RICH.init())
    first = path.read_bytes()
    save(path, RICH, RICH.init())
    assert path.read_bytes() == first


def test_training_goes_on_from_a_file(path):
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    run = bp.train(net, X, Y, epochs=2)
    bp.save(path, net, run.theta)
    loaded = bp.load(path)
    again = bp.train(*loaded[:1], X, Y, loaded.theta, epochs=2)
    np.testing.assert_array_equal(again.theta, bp.train(net, X, Y, run.theta, epochs=2).theta)


# ---------------------------------------------------------------------------------------------
# notes


def test_notes(path):
    notes = {"labels": "a, b", "ü": "日本", "": ""}
    save(path, PLAIN, THETA, notes)
    assert read_notes(path) == notes
    save(path, PLAIN, THETA)
    assert read_notes(path) == {}


@pytest.mark.parametrize(
    "notes",
    [
        {"backprop_xp": "{}"},
        {"backprop_xp_training": "{}"},
        {"a": 1},
        {1: "a"},
        {"a": None},
        {"a": "b", "c": b"d"},
    ],
)
def test_other_notes_are_refused_before_anything_is_written(path, notes):
    with pytest.raises(OptionError, match=r"^save\(notes\): got .*; expected texts"):
        save(path, PLAIN, THETA, notes)
    assert list(path.parent.iterdir()) == []


def test_notes_of_no_model(path):
    with pytest.raises(MissingFileError, match="no such file"):
        read_notes(path)
    path.write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="truncated or not safetensors"):
        read_notes(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("net.onnx", "an ONNX file, which is for other programs"),
        ("table.csv", "a .csv file, which is no model file of this library"),
        ("net.PT", "a .pt file, which is no model file of this library"),
    ],
)
def test_a_file_of_another_format_is_said_to_be_no_model(path, name, words):
    other = path.with_name(name)
    other.write_bytes(b"x,y\n1,2\n3,4\n5,6\n")
    for reader in (load, read_notes):
        with pytest.raises(ModelFileError, match=words) as caught:
            reader(other)
        assert "safetensors file of the model" in caught.value.parts[3]
    save(other.with_suffix(".model"), PLAIN, THETA)
    other.with_suffix(".model").rename(other)
    load(other)  # the contents decide


# ---------------------------------------------------------------------------------------------
# a user's own activations and losses


@dataclass(frozen=True)
class Weighted:
    """A loss with settings that are no numbers."""

    weights: tuple
    matrix: object = None
    name = "weighted"

    def __call__(self, a, y):
        return namespace(a).sum(abs(a - y), axis=-2)

    def dE_da(self, a, y):
        return a - y


def test_own_activations_are_saved_by_name(path):
    cube = Cube()
    net = bp.Network([3, 4, 2], cube, "identity", "squared_error")
    save(path, net, THETA)
    loaded = load(path, own={"cube": cube}).network
    assert loaded == net
    with pytest.raises(ModelFileError, match=r"got the activation or loss 'cube'.*own=\{'cube'"):
        load(path)


def test_own_losses_with_settings_are_saved_by_name(path):
    # whatever the settings are: the object itself comes back
    loss = Weighted((1.0, 2.0), matrix=np.eye(2))
    save(path, bp.Network([3, 4, 2], loss=loss), THETA)
    assert load(path, own={"weighted": loss}).network.loss is loss


def test_own_objects_may_stand_for_built_in_ones(path):
    save(path, PLAIN, THETA)
    cube = Cube()
    assert load(path, own={"sigmoid": cube}).network.hidden == (cube,)


def test_own_objects_under_the_name_of_a_built_in_one_are_refused(path):
    # the file could not tell them apart, and would come back as another network in silence
    class Tanh(Cube):
        name = "tanh"

    with pytest.raises(OptionError, match=r"save\(net\).*'tanh'"):
        save(path, bp.Network([3, 4, 2], Tanh()), THETA)
    assert not path.exists()


def test_own_objects_without_a_name_are_refused(path):
    class Nameless(Cube):
        name = None

    with pytest.raises(OptionError, match=r"save\(net\)"):
        save(path, bp.Network([3, 4, 2], Nameless()), THETA)
    assert not path.exists()


# ---------------------------------------------------------------------------------------------
# writing


@pytest.mark.parametrize(
    ("theta", "kind", "words"),
    [
        (THETA[:-1], ShapeError, "(25,)"),
        (THETA[0], ShapeError, "()"),
        (THETA.astype(int), DTypeError, "int64"),
        (THETA.astype("complex64"), DTypeError, "complex64"),
        (THETA.tolist(), DTypeError, "list"),
        (None, DTypeError, "NoneType"),
    ],
)
def test_a_theta_that_does_not_fit_is_refused_and_nothing_written(path, theta, kind, words):
    save(path, PLAIN, THETA)
    before = path.read_bytes()
    with pytest.raises(kind) as caught:
        save(path, PLAIN, theta)
    assert caught.value.parts[0] == "save(theta)"
    assert words in str(caught.value)
    assert path.read_bytes() == before
