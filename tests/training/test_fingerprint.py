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
