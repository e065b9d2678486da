import json
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

import backprop_xp as bp
from backprop_xp.arrays.backend import device_of, dtype_name, namespace
from backprop_xp.errors import (
    DeviceError,
    DTypeError,
    MissingFileError,
    ModelFileError,
    OptionError,
    ShapeError,
)
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.model_file import FORMAT_VERSION, load, read_notes, save

MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
PLAIN = bp.Network([3, 4, 2])
RICH = bp.Network(
    [3, 4, 2, 1],
    hidden=[bp.activations.LeakyReLU(0.2), "tanh"],
    output="identity",
    loss=bp.losses.Huber(2.0),
    connections=[MASK, None, [[0, 1]]],
)
DESCRIPTION = {
    "format_version": FORMAT_VERSION,
    "sizes": [3, 4, 2],
    "hidden": [{"name": "sigmoid"}],
    "output": {"name": "softmax"},
    "loss": {"name": "cross_entropy"},
}
THETA = PLAIN.init(seed=1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def write(path, description=DESCRIPTION, tensors=None):
    """Write a file with a description, or a text in its place, and tensors of choice."""
    text = description if isinstance(description, str) else json.dumps(description)
    tensors = {"theta": THETA} if tensors is None else tensors
    path.write_bytes(to_bytes(tensors, metadata={"backprop_xp": text}))


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


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_a_device_without_float64_says_so(xp, path):
    enable_x64 = getattr(__import__("jax"), "enable_x64", None)
    if enable_x64 is None:
        pytest.skip("this version of JAX cannot switch float64 off in a context")
    save(path, PLAIN, THETA.astype("float64"))
    with enable_x64(False), pytest.raises(DTypeError, match="got float64"):
        load(path, device="jax:cpu")


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


# ---------------------------------------------------------------------------------------------
# a user's own activations and losses


class Cube:
    name = "cube"

    def __call__(self, z):
        return z * z * z

    def da_dz(self, z, _):
        return 3 * z * z


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


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_permissions_of_a_new_file_follow_the_umask(path):
    before = os.umask(0o027)
    try:
        save(path, PLAIN, THETA)
        assert mode(path) == 0o640
        assert os.umask(0o027) == 0o027  # and saving leaves the umask as it was
    finally:
        os.umask(before)


@pytest.mark.parametrize("permissions", [0o600, 0o644, 0o664])
def test_permissions_of_a_file_are_kept(path, permissions):
    path.touch()
    path.chmod(permissions)
    save(path, PLAIN, THETA)
    assert mode(path) == permissions


def test_a_file_is_replaced_whole(path):
    path.write_bytes(bytes(100_000))
    save(path, PLAIN, THETA)
    assert load(path).network == PLAIN
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["os", "^C"])
@pytest.mark.parametrize("place", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_write_that_fails_leaves_what_was_there(path, monkeypatch, error, place, exists):
    if exists:
        save(path, PLAIN, THETA, {"which": "the old one"})
    before = path.read_bytes() if exists else None

    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(os if place == "fsync" else Path, place, fail)
        with pytest.raises(type(error)):
            save(path, RICH, RICH.init())
    assert [p.name for p in path.parent.iterdir()] == ([path.name] if exists else [])
    if exists:
        assert path.read_bytes() == before


def test_the_new_file_is_on_the_disk_before_it_takes_the_name(path, monkeypatch):
    save(path, PLAIN, THETA)
    old, events, real_fsync, real_replace = path.read_bytes(), [], os.fsync, Path.replace

    def fsync(descriptor):
        assert path.read_bytes() == old
        events.append(("fsync", os.fstat(descriptor).st_size))
        real_fsync(descriptor)

    def replace(self, target):
        events.append(("replace", self.stat().st_size))
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    save(path, RICH, RICH.init())
    size = path.stat().st_size
    assert events[:2] == [("fsync", size), ("replace", size)]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        save(tmp_path / "absent" / "model", PLAIN, THETA)


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OptionError, match=r"folder.*no ordinary file"):
        save(tmp_path / "folder", PLAIN, THETA)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_pipe_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OptionError, match="no ordinary file"):
        save(pipe, PLAIN, THETA)
    assert pipe.is_fifo()


def test_a_link_leads_to_the_new_file(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    save(link, PLAIN, THETA)
    assert link.is_symlink()
    assert load(tmp_path / "target").network == PLAIN


def test_a_damaged_mask_is_refused(path):
    save(path, bp.Network([2, 3], connections=[np.ones((3, 2))]), np.zeros(9))
    content = path.read_bytes()
    assert content.count(b"\1" * 6) == 1
    path.write_bytes(content.replace(b"\1" * 6, b"\2" * 6))
    refused(path)


@pytest.mark.parametrize("length", [1, 100, 255])
def test_names_of_every_length(tmp_path, length):
    # 255 bytes are what file systems take; the temporary name must not be longer
    path = tmp_path / ("m" * length)
    save(path, PLAIN, THETA)
    assert load(path).network == PLAIN


def test_write_atomically(path):
    write_atomically(path, b"one")
    write_atomically(str(path), b"")
    assert path.read_bytes() == b""
    assert [p.name for p in path.parent.iterdir()] == [path.name]


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


# ---------------------------------------------------------------------------------------------
# reading what is no model


def refused(path, kind=ModelFileError, **settings):
    with pytest.raises(kind) as caught:
        load(path, **settings)
    assert type(caught.value) is kind
    assert repr(str(path)) in caught.value.parts[0]
    assert all(isinstance(part, str) and part for part in caught.value.parts)
    return str(caught.value)


def test_no_file(tmp_path):
    refused(tmp_path / "absent", MissingFileError)
    refused(tmp_path, MissingFileError)
    refused(tmp_path / "a\0b", MissingFileError)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent")


def test_a_device_that_is_not_there_is_no_fault_of_the_file(path):
    save(path, PLAIN, THETA)
    with pytest.raises(DeviceError, match="'cdua'"):
        load(path, device="cdua")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"no model at all, but a text",
        bytes(1000),
        b"\xff" * 1000,
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 5) + b"[1,2]",
        struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
        b"\x80\x04\x95",  # a pickle
        b"PK\x03\x04" + bytes(100),
    ],
    ids=range(11),
)
def test_files_that_are_no_safetensors(path, content):
    path.write_bytes(content)
    refused(path)


def test_files_cut_off(path):
    save(path, RICH, RICH.init(), {"note": "text"})
    whole = path.read_bytes()
    for end in [*range(0, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:end])
        refused(path)
    path.write_bytes(whole + b"\0")
    refused(path)
    path.write_bytes(whole)
    assert load(path).network == RICH


def changed(**parts):
    return {**DESCRIPTION, **parts}


def slope(value):
    return changed(hidden=[{"name": "leaky_relu", "negative_slope": value}])


DESCRIPTIONS = {
    "empty": "",
    "no JSON": "{'a': 1}",
    "cut off": '{"format_version": 1, "sizes": [3',
    "no description": "{}",
    "a list": "[]",
    "a text": '"text"',
    "a number": "1",
    "null": "null",
    "nested lists": "[" * 100_000,
    "nested dicts": '{"format_version":' * 100_000,
    "whole and nested": json.dumps(DESCRIPTION)[:-1]
    + ', "x": '
    + "[" * 50_000
    + "]" * 50_000
    + "}",
    "long number": '{"format_version": ' + "1" * 10_000 + "}",
    "version 0": changed(format_version=0),
    "version -1": changed(format_version=-1),
    "version 1.0": changed(format_version=1.0),
    "version '1'": changed(format_version="1"),
    "version null": changed(format_version=None),
    "version true": changed(format_version=True),
    **{f"no {name}": {k: v for k, v in DESCRIPTION.items() if k != name} for name in DESCRIPTION},
    "sizes null": changed(sizes=None),
    "sizes a text": changed(sizes="342"),
    "sizes a number": changed(sizes=3),
    "sizes a dict": changed(sizes={"3": 1, "4": 2, "2": 3}),
    "sizes empty": changed(sizes=[]),
    "sizes one": changed(sizes=[3]),
    "sizes floats": changed(sizes=[3.0, 4.0, 2.0]),
    "sizes texts": changed(sizes=["3", "4", "2"]),
    "sizes truths": changed(sizes=[3, 4, True]),
    "sizes nested": changed(sizes=[[3], 4, 2]),
    "sizes negative": changed(sizes=[-3, 4, 2]),
    "sizes 0": changed(sizes=[3, 0, 2]),
    "sizes 1e18": changed(sizes=[10**18, 10**18, 10**18]),
    "sizes infinite": changed(sizes=[float("inf"), 4, 2]),
    "sizes others": changed(sizes=[3, 4, 3]),
    "sizes longer": changed(sizes=[3, 4, 2, 1]),
    "sizes many": changed(sizes=[1] * 50_000),
    "hidden null": changed(hidden=None),
    "hidden a text": changed(hidden="sigmoid"),
    "hidden texts": changed(hidden=["sigmoid"]),
    "hidden a dict": changed(hidden={"name": "sigmoid"}),
    "hidden none": changed(hidden=[]),
    "hidden two": changed(hidden=[{"name": "sigmoid"}] * 2),
    "hidden nameless": changed(hidden=[{}]),
    "hidden unknown": changed(hidden=[{"name": "sigmod"}]),
    "hidden list": changed(hidden=[{"name": ["sigmoid"]}]),
    "hidden null name": changed(hidden=[{"name": None}]),
    "hidden with settings": changed(hidden=[{"name": "sigmoid", "slope": 1}]),
    "slope text": slope("x"),
    "slope null": slope(None),
    "slope list": slope([1]),
    "slope dict": slope({"a": 1}),
    "slope true": slope(True),
    "slope NaN": slope(float("nan")),
    "slope infinite": slope(float("inf")),
    "slope 1e400": slope(10**400),
    "alpha text": changed(hidden=[{"name": "elu", "alpha": "x"}]),
    "output null": changed(output=None),
    "output a loss": changed(output={"name": "cross_entropy"}),
    "loss null": changed(loss=None),
    "loss an activation": changed(loss={"name": "softmax"}),
    "huber text": changed(loss={"name": "huber", "threshold": "1"}),
    "huber -1": changed(loss={"name": "huber", "threshold": -1}),
    "huber infinite": changed(loss={"name": "huber", "threshold": float("inf")}),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_descriptions_that_do_not_hold(path, case):
    write(path, DESCRIPTIONS[case])
    refused(path)


def test_the_description_that_holds(path):
    write(path)
    assert load(path).network == PLAIN
    write(path, changed(hidden=[{"name": "leaky_relu", "negative_slope": 1}]))
    assert load(path).network.hidden == (bp.activations.LeakyReLU(1),)


def test_a_newer_format_says_what_to_do(path):
    write(path, changed(format_version=FORMAT_VERSION + 1, what_is_this=[]))
    assert "Update backprop-xp" in refused(path)


def test_another_program_s_file(path):
    path.write_bytes(to_bytes({"theta": THETA}))
    assert "without a network's description" in refused(path)
    path.write_bytes(to_bytes({"theta": THETA}, metadata={"format": "pt"}))
    assert "without a network's description" in refused(path)
    assert read_notes(path) == {"format": "pt"}


ONES = np.ones((4, 3), dtype=bool)
TENSORS = {
    "no tensors": {"other": THETA},
    "one too many": {"theta": THETA, "other": THETA},
    "layer 0": {"theta": THETA, "connections.0": ONES},
    "layer 3": {"theta": THETA, "connections.3": ONES},
    "layer 01": {"theta": THETA, "connections.01": ONES},
    "short": {"theta": THETA[:-1]},
    "long": {"theta": np.append(THETA, THETA[:1])},
    "stacked the wrong way": {"theta": PLAIN.init(stack=2).T.copy()},
    "no axis": {"theta": np.zeros((), dtype="float32")},
    "int32": {"theta": THETA.astype("int32")},
    "uint8": {"theta": THETA.astype("uint8")},
    "bool": {"theta": THETA > 0},
    "complex": {"theta": THETA.astype("complex64")},
    "mask of another shape": {"theta": THETA, "connections.1": ONES.T.copy()},
    "mask without axes": {"theta": THETA, "connections.1": np.ones(())},
    "mask of other values": {"theta": THETA, "connections.1": ONES * 2},
    "mask of NaN": {"theta": THETA, "connections.1": ONES * np.nan},
    "mask of complex": {"theta": THETA, "connections.1": ONES.astype("complex64")},
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_do_not_fit(path, case):
    write(path, tensors=TENSORS[case])
    refused(path)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("BF16", 2),
        ("F8_E4M3", 1),
        ("F8_E5M2", 1),
        ("F8_E8M0", 1),
        ("C64", 8),
        ("I64", 8),
        ("X9", 4),
    ],
)
def test_theta_of_the_other_dtypes_of_the_format(path, dtype, size):
    header = {
        "__metadata__": {"backprop_xp": json.dumps(DESCRIPTION)},
        "theta": {"dtype": dtype, "shape": [len(THETA)], "data_offsets": [0, len(THETA) * size]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(len(THETA) * size))
    refused(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a file's path and what a good file holds."""
    path = tmp_path_factory.mktemp("mutations") / "model.safetensors"
    save(path, RICH, RICH.init(stack=2), {"note": "text"})
    return path, path.read_bytes()


@settings(max_examples=1000)
@given(data=st.data())
def test_damaged_bytes_give_a_model_or_one_clear_error(whole, data):
    path, content = whole
    damaged = bytearray(content)
    header = 8 + struct.unpack("<Q", content[:8])[0]
    for _ in range(data.draw(st.integers(1, 3))):
        # mostly where the description is: a change in θ's numbers is another good model
        end = data.draw(st.sampled_from([header, header, header, len(damaged)]))
        place = data.draw(st.integers(0, min(end, len(damaged)) - 1))
        kind = data.draw(st.sampled_from(["set", "digit", "insert", "delete", "swap"]))
        if kind == "set":
            damaged[place] = data.draw(st.integers(0, 255))
        elif kind == "digit":
            damaged[place] = data.draw(st.sampled_from(b'0123456789"[]{},:-.eEtfn'))
        elif kind == "insert":
            damaged.insert(place, data.draw(st.integers(0, 255)))
        elif kind == "delete":
            del damaged[place]
        else:
            damaged[place], damaged[place - 1] = damaged[place - 1], damaged[place]
    path.write_bytes(damaged)
    try:
        net, theta = load(path)
    except ModelFileError:
        return
    assert theta.shape[-1] == net.parameter_count
    assert net.forward(theta, np.zeros((1, net.sizes[0]))).shape[-2:] == (1, net.sizes[-1])


@settings(max_examples=40)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
    place=st.sampled_from([*DESCRIPTION, "a setting", "whole"]),
)
def test_any_json_in_any_place_gives_a_model_or_one_clear_error(tmp_path_factory, value, place):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    texts = {"a setting": slope(value), "whole": value}
    write(path, json.dumps(texts[place] if place in texts else changed(**{place: value})))
    try:
        net, theta = load(path)
    except ModelFileError:
        return
    assert theta.shape == (net.parameter_count,)
    assert np.isfinite(net.forward(theta, np.ones((1, net.sizes[0])))).all()
