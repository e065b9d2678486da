"""Files from strangers: one error for all of them, and no more memory than their size allows."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import backprop_xp as bp
from backprop_xp.errors import MissingFileError, ModelFileError, OptionError
from backprop_xp.files import safetensors_file

DATA = Path(__file__).parents[1] / "data"
DESCRIPTION = {
    "format_version": 1,
    "sizes": [3, 4, 2],
    "hidden": [{"name": "sigmoid"}],
    "output": {"name": "softmax"},
    "loss": {"name": "cross_entropy"},
}
THETA_SUMS = [-2.2038067860080064, 0.7686229529677941]
A_OUT = [
    [[0.2953182736053075, 0.33963090773133436], [0.4085709875424378, 0.48756368836968395]],
    [[0.18683447321652086, 0.42503775147485257], [-0.0218601763392326, -0.03417807713410867]],
]
OPEN = json.dumps(DESCRIPTION)[:-1]  # without its closing brace


def header_of(text, theta='"dtype":"F32","shape":[26],"data_offsets":[0,104]', more=""):
    return f'{{"__metadata__":{{"backprop_xp":{json.dumps(text)}}},"theta":{{{theta}}}{more}}}'


def content_of(header, body=bytes(104)):
    text = header.encode()
    return struct.pack("<Q", len(text)) + text + body


def refused(path, words, read=bp.load):
    with pytest.raises(ModelFileError) as caught:
        read(path)
    assert type(caught.value) is ModelFileError
    assert words in str(caught.value)
    assert len(str(caught.value)) < 800 + len(str(path))


def test_a_file_of_format_version_1():
    """Written by the first version that had the format, and read by all that follow."""
    net, theta = bp.load(DATA / "model-v1.safetensors")
    assert net == bp.Network(
        [3, 4, 3, 2, 2],
        [bp.activations.LeakyReLU(0.2), bp.activations.ELU(1.5), "tanh"],
        "identity",
        bp.losses.Huber(2.0),
        [
            [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]],
            None,
            [[0, 1, 1], [1, 0, 1]],
            None,
        ],
    )
    assert (theta.shape, theta.dtype) == ((2, 45), np.float64)
    # sums of 45 numbers below 2, in any order: 45 ε · 2
    np.testing.assert_allclose(theta.sum(axis=-1), THETA_SUMS, rtol=0, atol=2e-14)
    # four layers of four products at most, of numbers below 3
    a_out = net.forward(theta, [[0.5, -1.0, 2.0], [1.0, 0.25, -0.75]])
    np.testing.assert_allclose(a_out, A_OUT, rtol=0, atol=1e-14)
    notes = bp.files.model_file.read_notes(DATA / "model-v1.safetensors")
    assert notes == {"note": "an example of format version 1, ü"}


@pytest.mark.parametrize(
    "text",
    [
        OPEN + ', "sizes": [3, 4, 2]}',
        json.dumps(DESCRIPTION).replace('"name": "sigmoid"', '"name": "tanh", "name": "sigmoid"'),
        OPEN + ', "more": NaN}',
        OPEN + ', "more": [-Infinity]}',
    ],
    ids=["a name twice", "a name twice within", "NaN", "infinite"],
)
def test_a_description_that_two_readers_might_read_in_two_ways(path, text):
    path.write_bytes(content_of(header_of(text)))
    refused(path, "without a network's description")


def test_a_version_of_thousands_of_digits(path):
    path.write_bytes(content_of(header_of(OPEN.replace("1", "9" * 4300, 1) + "}")))
    refused(path, "format version 999")


@pytest.mark.parametrize(
    "text",
    [
        OPEN.replace("sigmoid", "s" * 10**6) + "}",
        OPEN.replace('{"name": "sigmoid"}', f'{{"name": "sigmoid", "{"s" * 10**6}": 1}}') + "}",
        OPEN.replace("[3, 4, 2]", str([9] * 10**5)) + "}",
        OPEN.replace("[3, 4, 2]", str([10**4000] * 3)) + "}",
    ],
    ids=["a name", "a setting", "sizes", "digits"],
)
def test_errors_are_short_whatever_the_file_holds(path, text):
    path.write_bytes(content_of(header_of(text)))
    refused(path, "load(")


def test_a_header_beyond_the_limit_is_refused_before_it_is_read(path):
    size = safetensors_file.HEADER_BYTES + 1
    with path.open("wb") as file:
        file.write(struct.pack("<Q", size))
        file.truncate(8 + size)  # a hole that takes no room on the disk
    refused(path, "a header of 16,777,217 bytes")


def test_notes_beyond_the_limit_are_refused_before_anything_is_written(path):
    net = bp.Network([3, 4, 2])
    with pytest.raises(OptionError, match=r"^save: got texts for a header of 16,7"):
        bp.save(path, net, net.init(), {"x": "x" * safetensors_file.HEADER_BYTES})
    assert not path.exists()


def test_a_file_that_cannot_be_read(path, monkeypatch):
    path.write_bytes(content_of(header_of(json.dumps(DESCRIPTION))))

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(safetensors_file, "safe_open", denied)
    refused(path, "a file that cannot be read ([Errno 13] Permission denied)")
    refused(path, "Permission denied", bp.files.model_file.read_notes)


def test_a_name_that_no_file_can_have(tmp_path):
    with pytest.raises((MissingFileError, ModelFileError)):
        bp.load(tmp_path / ("x" * 300))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(MissingFileError, match="got a pipe, socket or device, no ordinary file"):
        bp.load(path)


def test_a_folder_is_named_as_one(tmp_path):
    with pytest.raises(MissingFileError, match="got a folder; expected a model file"):
        bp.load(tmp_path)


@pytest.mark.parametrize(
    "suffix", [".onnx", ".pt", ".PTH", ".pkl", ".npz", ".h5", ".joblib", ".csv"]
)
def test_a_name_of_another_format_is_refused(tmp_path, suffix):
    net = bp.Network([2, 1])
    with pytest.raises(OptionError, match=r"Use '.*model\.safetensors'") as caught:
        bp.save(tmp_path / f"model{suffix}", net, net.init())
    assert caught.value.parts[0] == "save(path)"
    assert not list(tmp_path.iterdir())
    for name in ("model", "model.safetensors", "model.v1.2", "model.bin"):
        bp.save(tmp_path / name, net, net.init())
        assert bp.load(tmp_path / name).network == net


N = 2**20  # characters: 64 MiB by the bound, beside which 16 MiB for Python's own are little
WIDE = json.dumps({**DESCRIPTION, "sizes": [1000, 4000], "hidden": []})
EMPTY = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
HOSTILE = {
    "2^60 numbers": content_of(
        header_of(OPEN + "}", f'"dtype":"F32","shape":[{2**60}],"data_offsets":[0,{2**62}]')
    ),
    "sizes of 1e9": content_of(header_of(OPEN.replace("[3, 4, 2]", str([10**9] * 3)) + "}")),
    "a header of 2^63": struct.pack("<Q", 2**63) + bytes(100),
    "a million axes": content_of(
        header_of(OPEN + "}", f'"dtype":"F32","shape":[{"0," * N}0],"data_offsets":[0,0]'), b""
    ),
    "texts": content_of(
        json.dumps({"__metadata__": {f"{number:x}": "" for number in range(N // 9)}})
    ),
    "tensors": content_of(
        json.dumps({f"{number}": EMPTY for number in range(N // 50)}, separators=(",", ":")), b""
    ),
    "lists": content_of(
        header_of(OPEN + f',"x":[{("[" * 400 + "]" * 400 + ",") * (N // 801)}0]}}')
    ),
    "objects": content_of(header_of(OPEN + f',"x":[{"{}," * (N // 3)}0]}}')),
    "many layers": content_of(header_of(OPEN.replace("[3, 4, 2]", str([1] * (N // 3))) + "}")),
    "a large mask": content_of(
        header_of(
            WIDE,
            '"dtype":"F16","shape":[4004000],"data_offsets":[0,8008000]',
            ',"connections.1":{"dtype":"BOOL","shape":[4000,1000],"data_offsets":[8008000,12008000]}',
        ),
        bytes(12_008_000),
    ),
}
MEASURE = """
import resource, struct, sys
import backprop_xp as bp
from backprop_xp import checkpoint

path = sys.argv[1]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    bp.load(path)
except bp.errors.ModelFileError:
    pass
unit = 1 if sys.platform == "darwin" else 1024
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit)
"""


@pytest.mark.parametrize("case", HOSTILE)
def test_the_memory_of_a_file_is_bounded_by_its_size(path, case):
    """The bound that `load` states; the memory is that of the process, whoever takes it."""
    pytest.importorskip("resource", reason="this system does not tell the memory of a process")
    content = HOSTILE[case]
    path.write_bytes(content)
    header = min(struct.unpack_from("<Q", content)[0], len(content))
    output = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True
    ).stdout
    assert int(output) <= 4 * len(content) + 64 * header + 2**24
