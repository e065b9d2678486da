"""Damaged model files: each gives a model, or the one error.

BACKPROP_XP_FUZZ=10000 sets how many are tried; a few hundred are unless told. `fuzz_model_file`
tries them without end, steered by what they reach.
"""

import os

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from mutations import checkpoints, mutated, originals, outcome, outcome_of_checkpoint

import backprop_xp as bp

TRIES = int(os.environ.get("BACKPROP_XP_FUZZ", "300"))
FILES = originals()
CHECKPOINTS = checkpoints()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "model.safetensors"


@pytest.mark.parametrize("number", range(len(FILES)))
def test_the_originals_are_loaded(path, number):
    assert outcome(path, FILES[number]) == "loaded"


@settings(max_examples=TRIES)
@given(number=st.integers(0, len(FILES) - 1), rng=st.randoms(use_true_random=False))
def test_a_damaged_file_gives_a_model_or_the_one_error(path, number, rng):
    event(outcome(path, mutated(FILES[number], rng)))


@pytest.mark.parametrize("number", range(len(CHECKPOINTS)))
def test_the_original_checkpoints_are_read(path, number):
    assert outcome_of_checkpoint(path, CHECKPOINTS[number]) == "loaded"
    assert outcome(path, CHECKPOINTS[number]) == "loaded"
    path.write_bytes(CHECKPOINTS[number])
    assert bp.files.model_file.read_notes(path) == {}


@settings(max_examples=TRIES)
@given(number=st.integers(0, len(CHECKPOINTS) - 1), rng=st.randoms(use_true_random=False))
def test_a_damaged_checkpoint_is_read_or_gives_the_one_error(path, number, rng):
    content = mutated(CHECKPOINTS[number], rng)
    event(outcome_of_checkpoint(path, content))
    outcome(path, content)
