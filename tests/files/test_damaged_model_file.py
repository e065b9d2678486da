"""Files that are no model: one clear error for each."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import PLAIN, RICH, THETA
from safetensors.numpy import save as to_bytes

import backprop_xp as bp
from backprop_xp.errors import (
    DeviceError,
    MissingFileError,
    ModelFileError,
)
from backprop_xp.files.model_file import FORMAT_VERSION, load, read_notes, save

DESCRIPTION = {
    "format_version": FORMAT_VERSION,
    "sizes": [3, 4, 2],
    "hidden": [{"name": "sigmoid"}],
    "output": {"name": "softmax"},
    "loss": {"name": "cross_entropy"},
}


def write(path, description=DESCRIPTION, tensors=None):
    """Write a file with a description, or a text in its place, and tensors of choice."""
    text = description if isinstance(description, str) else json.dumps(description)
    tensors = {"theta": THETA} if tensors is None else tensors
    path.write_bytes(to_bytes(tensors, metadata={"backprop_xp": text}))


# ---------------------------------------------------------------------------------------------
# writing


def test_a_damaged_mask_is_refused(path):
    save(path, bp.Network([2, 3], connections=[np.ones((3, 2))]), np.zeros(9))
    content = path.read_bytes()
    assert content.count(b"\1" * 6) == 1
    path.write_bytes(content.replace(b"\1" * 6, b"\2" * 6))
    refused(path)


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
