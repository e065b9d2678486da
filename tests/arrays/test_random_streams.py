"""The streams of random numbers of a seed: each of its own, the same on every machine."""

import itertools

import numpy as np
import pytest

from backprop_xp.arrays.random_streams import generator
from backprop_xp.errors import OptionError

PURPOSES = ("parameters", "order", "split", "dropout", "input dropout")


def test_the_same_arguments_give_the_same_numbers():
    assert generator(3, "order", 5).random() == generator(3, "order", 5).random()
    assert generator(np.uint8(3), "order", 5).random() == generator(3, "order", 5).random()


def test_every_seed_purpose_and_index_has_a_stream_of_its_own():
    keys = list(itertools.product(range(12), PURPOSES, range(12)))
    first = {generator(*key).integers(2**63) for key in keys}
    assert len(first) == len(keys)  # 720 numbers of 63 bits: a chance meeting has odds of 3e-14


def test_a_seed_is_not_the_prefix_of_another_stream():
    # the trap: SeedSequence fills up its entropy with zeros, so that these two are one stream
    trap = [np.random.SeedSequence(entropy).generate_state(2) for entropy in (7, [7, 0])]
    np.testing.assert_array_equal(*trap)
    plain = np.random.default_rng(7).integers(2**63)
    assert plain not in {generator(7, purpose).integers(2**63) for purpose in PURPOSES}
    assert generator(7, "order", 0).integers(2**63) != generator(7, "parameters", 0).integers(2**63)


def test_the_streams_are_those_of_the_documented_spawn_keys():
    # a file or a paper that names a seed means these numbers: they must not change
    for stream, purpose in enumerate(PURPOSES):
        sequence = np.random.SeedSequence(11, spawn_key=(stream, 4))
        expected = np.random.default_rng(sequence).permutation(20)
        np.testing.assert_array_equal(generator(11, purpose, 4).permutation(20), expected)


def test_no_global_generator_is_used_or_changed():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  it is what must not change
    generator(0, "order").random(100)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_long_seeds_are_not_cut_off():
    assert generator(2**128, "order").random() != generator(0, "order").random()


@pytest.mark.parametrize("seed", [-1, np.int64(-5), 1.0, np.float64(2), "0", None, True, [1]])
def test_other_seeds_are_refused(seed):
    with pytest.raises(OptionError, match=r"seed: got .*; expected an integer >= 0"):
        generator(seed, "order")
