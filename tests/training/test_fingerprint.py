"""Settings as text, by which a checkpoint tells whether they are the same."""

import numpy as np

import backprop_xp as bp
from backprop_xp.training.fingerprint import described

NET = bp.Network([3, 4, 3], "tanh", connections=[np.eye(4, 3) + 1 > 1, None])


def test_descriptions_tell_settings_apart():
    class Own:
        """An object of a user."""

    def falling(step):
        return 1 / (1 + step)

    array = np.arange(3.0)
    different = [0.1, 0.2, "0.2x", None, True, [1, 2], (1, [2]), array, array * 2, Own(), falling]
    different += [bp.SGD(0.1), bp.SGD(0.1, 0.9), bp.Adam(), NET, bp.Network([3, 4, 3])]
    texts = [described(one) for one in different]
    assert len(set(texts)) == len(texts)
    assert described(array) == described(np.arange(3.0))
    assert described(bp.SGD(np.ones(2))) == described(bp.SGD(np.ones(2)))
    assert described(Own()) == described(Own())


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
