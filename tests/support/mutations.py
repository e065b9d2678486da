"""Model files damaged on purpose: by bytes, by the fields of the header, by the JSON within it.

`mutated` takes any random.Random: one that hypothesis steers, or one with a seed.
"""

import json
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

import backprop_xp as bp
from backprop_xp.files.meaning import Meaning
from backprop_xp.files.model_file import save
from backprop_xp.files.training_state import read_snapshot
from backprop_xp.preprocessing.composition import Chain, SideBySide
from backprop_xp.preprocessing.imputation import Imputation
from backprop_xp.preprocessing.one_hot import OneHotEncoding
from backprop_xp.preprocessing.scaling import Standardisation

MASK = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]]
MODELS = (
    (bp.Network([3, 4, 2]), {"dtype": "float32"}, None),
    (
        bp.Network(
            [3, 4, 2, 1],
            [bp.activations.LeakyReLU(0.2), bp.activations.ELU(1.5)],
            "identity",
            bp.losses.Huber(2.0),
            [MASK, None, [[0, 1]]],
        ),
        {"dtype": "float64", "stack": (2, 2)},
        {"labels": "a, ü", "": ""},
    ),
    (bp.Network([1, 1], output="exp", loss="poisson"), {"dtype": "float32"}, {"note": "x" * 300}),
)
_CHOSEN = np.arange(2)
STEPS = SideBySide(
    3,
    (
        (
            np.array([2]),
            Chain(
                (
                    Imputation(1, np.nan, np.array([0]), ("a",), np.array([0])),
                    SideBySide(
                        2,
                        (
                            (
                                np.array([0]),
                                OneHotEncoding((("a", None),), (_CHOSEN,), (-1,), (2,)),
                            ),
                        ),
                    ),
                )
            ),
        ),
        (np.array([0]), Standardisation(np.ones(1), np.full(1, np.inf))),
    ),
)
MEANING = Meaning(np.array(["no", "yes"]), True, ("p", "q", "r"), STEPS)


class Pairs(list):
    """A JSON object as a list of [name, value], in which a name may come twice."""


class Raw(bytes):
    """What stands in the text as it is, JSON or not."""


STRANGE = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 1.0, 0.5, -0.0, 1e308, 2**31, 2**53, 2**60, 2**63),
    *(2**64, 2**64 + 8, -(2**63), Raw(b"1e999"), Raw(b"NaN"), Raw(b"-Infinity"), Raw(b"1" * 5000)),
    *("", "x", "0", "sigmoid", "softmax", "leaky_relu", "huber", "cross_entropy", "theta", "name"),
    *("F16", "F32", "F64", "BF16", "F8_E4M3", "F4", "F6_E2M3", "BOOL", "U8", "I64", "C64", "\0"),
    *("connections.1", "connections.3", "connections.01", "training.x", "__metadata__", "x" * 9999),
    *(Raw(b'"\\ud800"'), Raw(b'"\xff\xfe"'), Raw(b""), Raw(b"'x'"), Raw(b"{"), Raw(b"}")),
    *([], Pairs(), [[]], [0], [3, 4, 2], [2**60], [2**32, 2**32], [1] * 70, [1] * 5000, ["x"]),
    *([0, 0], [0, 8], [8, 0], [0, 2**60], [2**63, 2**63], Pairs([["name", "tanh"]])),
    *(
        Pairs([["name", Pairs()]]),
        Pairs([["dtype", "F32"], ["shape", []], ["data_offsets", [0, 4]]]),
    ),
    *(Raw(b"[" * 90 + b"]" * 90), Raw(b"[" * 5000 + b"]" * 5000), Raw(b'{"":' * 3000)),
)
LENGTHS = (0, 1, 7, 8, 100_000_000, 2**24 + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 8, 2**64 - 1)


def originals():
    """Return real model files."""
    files = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        for seed, (net, settings, notes) in enumerate(MODELS):
            bp.save(path, net, net.init(seed, **settings), notes)
            files.append(path.read_bytes())
        net = bp.Network([3, 4, 2])
        save(path, net, net.init(), meaning=MEANING)
        files.append(path.read_bytes())
    return files


def checkpoints():
    """Return what `bp.Checkpoint` writes: a model file that holds a whole training."""
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    files = []
    for stack in ((), 2):
        with tempfile.TemporaryDirectory() as folder:
            callbacks = [bp.Checkpoint(folder), bp.EarlyStopping("cost")]
            bp.train(net, X, Y, epochs=2, callbacks=callbacks, optimizer=bp.Adam(), stack=stack)
            files.append((Path(folder) / "epoch-000002.safetensors").read_bytes())
    return files


def outcome(path, content):
    """Write a file and load it; return why it was refused, or "loaded" where all fits together.

    Whatever else happens is a finding.
    """
    path.write_bytes(content)
    refusal, loaded = _refusal_or_result(lambda: bp.load(path))
    if refusal:
        return refusal
    net, theta = loaded
    assert theta.shape[-1] == net.parameter_count
    with np.errstate(all="ignore"):  # the parameters may be any numbers
        a_out = net.forward(theta, np.zeros((1, net.sizes[0])))
    assert a_out.shape == (*theta.shape[:-1], 1, net.sizes[-1])
    with suppress(bp.BackpropError), np.errstate(all="ignore"):  # a category may be refused
        loaded.predict(np.zeros((1, loaded.meaning.columns(net))))
    bp.save(path, net, theta)
    again, same = bp.load(path)
    assert again == net
    assert same.tobytes() == theta.tobytes()
    return "loaded"


def outcome_of_checkpoint(path, content):
    """Write a file and read the training in it, in the same way."""
    path.write_bytes(content)
    refusal, found = _refusal_or_result(lambda: read_snapshot(path))
    if refusal:
        return refusal
    assert found.epoch >= 0
    assert all(isinstance(x, np.ndarray) for x in (found.theta, *found.state))
    return "loaded"


def _refusal_or_result(read):
    """Return what was wrong, or None, and what was read, or None."""
    try:
        return None, read()
    except bp.errors.ModelFileError as error:
        came = error.parts[1]
        if type(error) is not bp.errors.ModelFileError or len(came) > 300:
            raise
        return " ".join(came.split()[:8]), None


def mutated(content, rng):
    """Return a file with one to three changes of any kind."""
    kinds = (_json_edit, _json_edit, _json_edit, _byte_edit, _length_edit, _body_edit)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        content = rng.choice(kinds)(content, rng)
    return content


def _header_end(content):
    if len(content) < 8:
        return len(content)
    return min(8 + struct.unpack_from("<Q", content)[0], len(content))


def _with_header(text, body):
    return struct.pack("<Q", len(text)) + text + body


def _byte_edit(content, rng):
    """Flip, set, insert, delete, repeat or cut off; mostly in the header, for θ may be anything."""
    if not content:
        return b"\0"
    end = rng.choice([_header_end(content), _header_end(content), len(content)]) or 1
    place, damaged = rng.randrange(end), bytearray(content)
    kind = rng.choice(["flip", "set", "digit", "insert", "delete", "repeat", "cut"])
    stop = place + rng.randint(1, 20)
    if kind == "flip":
        damaged[place] ^= 1 << rng.randrange(8)
    elif kind == "set":
        damaged[place] = rng.randrange(256)
    elif kind == "digit":
        damaged[place] = rng.choice(b'0123456789"[]{},:-.eEtfn\\')
    elif kind == "insert":
        damaged[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 3)))
    elif kind == "delete":
        del damaged[place:stop]
    elif kind == "repeat":
        damaged[place:place] = damaged[place:stop]
    else:
        del damaged[place:]
    return bytes(damaged)


def _length_edit(content, rng):
    """Set the length of the header to an extreme, or to a little more or less."""
    near = max(_header_end(content) - 8 + rng.randint(-9, 9), 0)
    return struct.pack("<Q", rng.choice([near, *LENGTHS])) + content[8:]


def _body_edit(content, rng):
    """Lengthen or shorten the numbers, or change those at the end, where masks are."""
    end = _header_end(content)
    kind = rng.choice(["longer", "shorter", "twice", "none", "last"])
    head, body = content[:end], content[end:]
    if kind == "longer":
        body += bytes(rng.choice([1, 7, 8, 4096]))
    elif kind == "shorter":
        body = body[: -rng.choice([1, 4, 8, 100])]
    elif kind == "last" and body:
        place = len(body) - rng.randint(1, min(len(body), 20))
        body = body[:place] + bytes([rng.randrange(256)]) + body[place + 1 :]
    else:
        body = body * 2 if kind == "twice" else b""
    return head + body


def _json_edit(content, rng):
    """Edit the header's JSON, or that of the description within it; now and then not its length."""
    end = _header_end(content)
    header = _parsed(content[8:end])
    if header is None:
        return _byte_edit(content, rng)
    texts = next((value for name, value in header if name == "__metadata__"), None)
    inner = [
        (pair, found)
        for pair in (texts if isinstance(texts, Pairs) else ())
        if isinstance(pair[1], str)
        and (found := _parsed(pair[1].encode("utf-8", "surrogatepass"))) is not None
    ]
    if inner and rng.random() < 0.6:
        pair, description = rng.choice(inner)
        pair[1] = _written(_edited(description, rng)).decode("utf-8", "surrogateescape")
    else:
        header = _edited(header, rng)
    text = _written(header)
    return _with_header(text, content[end:])


def _parsed(text):
    try:
        found = json.loads(text, object_pairs_hook=lambda pairs: Pairs(map(list, pairs)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Pairs) else None


def _places(node):
    """Return each (container, index) within a tree; the value of a pair is at its index 1."""
    found = []
    for number, child in enumerate(node):
        if isinstance(node, Pairs):
            found += [(node, number), (child, 0), (child, 1)]
        else:
            found.append((node, number))
        value = child[1] if isinstance(node, Pairs) else child
        if isinstance(value, list):
            found += _places(value)
    return found


def _edited(tree, rng):
    places = _places(tree)
    if not places:
        return Pairs([["x", rng.choice(STRANGE)]])
    (into, at), (other, number) = rng.choice(places), rng.choice(places)
    kind = rng.choice(["strange", "strange", "strange", "delete", "twice", "other", "more"])
    pair = isinstance(into, Pairs)
    in_pair = not pair and at < 2 and len(into) == 2 and isinstance(into[0], str)
    if kind == "strange" or (in_pair and kind == "delete"):
        strange = rng.choice(STRANGE)
        into[at] = [into[at][0], strange] if pair else strange
    elif kind == "delete":
        del into[at]
    elif kind == "twice" and not in_pair:
        into.insert(rng.randint(0, len(into)), into[at])
    elif kind == "more" and not in_pair:
        strange = rng.choice(STRANGE)
        into.insert(at, ["more", strange] if pair else strange)
    else:
        value = other[number]
        value = value[1] if isinstance(other, Pairs) else value
        # a copy, for a tree that holds itself has no text
        copy = value if not isinstance(value, list) else _copied(value)
        into[at] = [into[at][0], copy] if pair else copy
    return tree


def _copied(node):
    return type(node)(_copied(x) if isinstance(x, list) else x for x in node)


def _written(node):
    """Return JSON text, as bytes, of a tree in which anything may be anywhere."""
    if isinstance(node, Raw):
        return bytes(node)
    if isinstance(node, Pairs):
        return b"{" + b",".join(_written(a) + b":" + _written(b) for a, b in node) + b"}"
    if isinstance(node, list):
        return b"[" + b",".join(map(_written, node)) + b"]"
    return json.dumps(node, ensure_ascii=False).encode("utf-8", "surrogatepass")
