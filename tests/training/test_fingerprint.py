"""Settings as texts, by which a resumed run tells whether they are the same."""

import array
import os
import subprocess
import sys
import types
from functools import partial
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from needs import needs
from user_schedules import CHANGES

import backprop_xp as bp
from backprop_xp.errors import OptionError
from backprop_xp.training.fingerprint import described

NET = bp.Network([3, 4, 3], "tanh", connections=[np.eye(4, 3) + 1 > 1, None])


def test_descriptions_tell_settings_apart():
    class Own:
        """An object of a user."""

    def falling(step):
        return 1 / (1 + step)

    values = np.arange(3.0)
    different = [0.1, 0.2, "0.2x", None, True, [1, 2], (1, [2]), values, values * 2, Own(), falling]
    different += [bp.SGD(0.1), bp.SGD(0.1, 0.9), bp.Adam(), NET, bp.Network([3, 4, 3])]
    texts = [described(one) for one in different]
    assert len(set(texts)) == len(texts)
    assert described(values) == described(np.arange(3.0))
    assert described(bp.SGD(np.ones(2))) == described(bp.SGD(np.ones(2)))
    assert described(Own()) == described(Own())


def test_texts_of_plain_settings_stay_as_they_are():
    # files of before hold them
    assert described(NET).startswith("Network(sizes=[3, 4, 3], hidden=[Tanh()], output=Softmax()")
    assert described(bp.SGD(0.5)).startswith("SGD(learning_rate=0.5, momentum=0.0, nesterov=False")
    assert described({0: 1.0, 1: 2.5}) == "(0=1.0, 1=2.5)"
    assert described(np.arange(3)) == "array (3,) int64 " + described(np.arange(3))[-16:]
    plain = {
        None: "None",
        True: "True",
        3: "3",
        0.1: "0.1",
        "balanced": "balanced",
        (2, 3): "[2, 3]",
    }
    assert {value: described(value) for value in plain} == plain


def test_equal_numbers_are_equal_whatever_holds_them():
    pd = needs("pandas")
    numbers = np.arange(6.0).reshape(3, 2)
    frame = pd.DataFrame(numbers, columns=["a", "b"])
    assert described(frame) == described(numbers) == described(np.asfortranarray(numbers))
    assert described(frame["a"]) == described(numbers[:, 0])
    assert described(array.array("d", [0, 2, 4])) == described(numbers[:, 0])
    for changed in (frame.replace(5.0, 6.0), frame.replace(5.0, np.nan)):
        assert described(changed) != described(frame)
    assert described(array.array("d", [0, 2, 5])) != described(numbers[:, 0])
    assert described(pd.Series(["a", None])) != described(pd.Series(["a", "b"]))
    assert described({1: 2.0, 0: 3.0}) == described({0: 3.0, 1: 2.0})
    assert described({"a", "b"}) == described({"b", "a"}) != described({"a", "c"})


def made(source):
    """Return the object `made` in the source of a user's module, which is loaded anew."""
    module = types.ModuleType("of_a_user")
    module.settings = types.ModuleType("settings")
    exec(dedent(source), vars(module))  # noqa: S102  it is in this file
    return vars(module)["made"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_noticed_and_the_same_is_the_same(name):
    source, before, after = CHANGES[name]
    changed = source.replace(before, after)
    assert changed != source
    assert described(made(source)) == described(made(source))
    assert described(made(source)) != described(made(changed))


def test_texts_are_the_same_in_every_process():
    tests = Path(__file__).parents[1]
    program = (
        "from test_fingerprint import *\n"
        "for source, _, _ in CHANGES.values(): print(described(made(source)))"
    )
    texts = []
    for seed in "01":
        path = os.pathsep.join([str(tests / "training"), str(tests / "support"), *sys.path])
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
        )
        texts.append(done.stdout.splitlines())
    assert texts[0] == texts[1]
    assert len(texts[0]) == len(CHANGES)


@pytest.mark.parametrize(
    "source",
    [
        "import threading\nclass Own:\n    pass\nmade = Own()\nmade.lock = threading.Lock()",
        "made = (x for x in [1])",
        "import threading\nlock = threading.Lock()\ndef made(s):\n    with lock:\n        return 1",
        "import numpy as np\nmade = np.frompyfunc(len, 1, 1)",
        f"file = open({__file__!r})\nmade = lambda step: print(step, file=file)",
    ],
)
def test_what_cannot_be_described_is_refused_with_the_way_out(source, tmp_path):
    unknown = made(source)
    with pytest.raises(OptionError, match=r"here: got a .* cannot be read; .*state\(\)"):
        described({"rate": unknown}, "here")

    class Schedule:
        """The way out: a state of its own."""

        def __init__(self, rate):
            self.unknown, self.rate = unknown, rate

        def __call__(self, step):
            return self.rate / (1 + step)

        def state(self):
            return {"rate": self.rate}

    assert described(Schedule(0.1)) == described(Schedule(0.1)) != described(Schedule(0.2))
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
    chosen = {"epochs": 1, "callbacks": [bp.Checkpoint(tmp_path)], "optimizer": bp.SGD(Schedule(1))}
    bp.train(net, X, Y, **chosen)
    assert bp.train(net, X, Y, **{**chosen, "resume": tmp_path, "epochs": 2}).epoch == 2


def test_training_refuses_at_the_start_what_cannot_be_described(tmp_path):
    lock = __import__("threading").Lock()

    def rate(step):
        with lock:
            return 0.1 / (1 + step)

    X, Y = bp.datasets.xor()
    net = bp.Network([2, 1], output="sigmoid", loss="binary_cross_entropy")
    chosen = {"optimizer": bp.SGD(rate), "epochs": 1}
    with pytest.raises(OptionError, match=r"train\(optimizer\).*lock.*state\(\)"):
        bp.train(net, X, Y, callbacks=[bp.Checkpoint(tmp_path)], **chosen)
    assert list(tmp_path.iterdir()) == []
    assert bp.train(net, X, Y, **chosen).epoch == 1  # without a checkpoint nothing is compared


HOLDERS = {
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "frame": lambda x: needs("pandas").DataFrame(x) if x.ndim == 2 else needs("pandas").Series(x),
    "array.array": lambda x: array.array("d", x) if x.dtype == float and x.ndim == 1 else x,
    "torch": lambda x: needs("torch").as_tensor(x.copy()),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("changed", ["X", "Y", "case_weights"])
def test_data_are_compared_as_training_sees_them(holder, changed, tmp_path):
    rng = np.random.default_rng(0)
    given = {
        "X": rng.normal(size=(8, 2)),
        "Y": rng.normal(size=8),
        "case_weights": np.arange(1, 9.0),
    }
    net = bp.Network([2, 1], output="identity", loss="squared_error")
    make = HOLDERS[holder]

    def trained(epochs, values, make=make, **more):
        data = {name: make(x) for name, x in values.items()}
        return bp.train(net, **data, epochs=epochs, device="cpu", **more)

    trained(1, given, callbacks=[bp.Checkpoint(tmp_path)])
    trained(2, given, resume=tmp_path)
    trained(2, given, resume=tmp_path, make=np.asarray)
    other = {**given, changed: given[changed].copy()}
    other[changed][3] += 1
    with pytest.raises(OptionError, match=rf"train\(resume\): got {changed}="):
        trained(2, other, resume=tmp_path)
    with pytest.raises(OptionError, match=rf"train\(resume\): got {changed}="):
        trained(2, other, resume=tmp_path, make=np.asarray)


def test_a_partial_of_ones_own_function():
    def rate(step, first):
        return first / (1 + step)

    assert described(partial(rate, first=1)) == described(partial(rate, first=1))
    assert described(partial(rate, first=1)) != described(partial(rate, first=2))


def test_a_number_is_described_by_its_value():
    texts = {np.float64: "0.1", np.float32: "0.10000000149011612", np.float16: "0.0999755859375"}
    assert {kind: described(kind(0.1)) for kind in texts} == texts
    assert described(np.int64(3)) == described(3)
    assert described(bp.SGD(np.float16(0.1))) != described(bp.SGD(0.1))


def test_arrays_of_the_same_bytes_are_told_apart():
    zeros = [np.zeros(4), np.zeros((2, 2)), np.zeros((4, 1)), np.zeros(8, "float32")]
    zeros += [np.zeros(4, "int64"), np.zeros(4, ">f8"), np.zeros(32, "int8")]
    assert len({described(one) for one in zeros}) == len(zeros)


def test_functions_that_differ_in_a_default_or_a_constant_are_told_apart():
    def made(source):
        found = {}
        exec(source, found)  # noqa: S102  its own
        return found["rate"]

    sources = [
        "def rate(step, start=0.1): return start / (1 + step)",
        "def rate(step, start=0.2): return start / (1 + step)",
        "def rate(step, start=0.1): return start / (2 + step)",
        "def rate(step, start=0.1): return start * (1 + step)",
    ]
    texts = [described(made(source)) for source in sources]
    assert len(set(texts)) == len(texts)
    assert texts == [described(made(source)) for source in sources]
