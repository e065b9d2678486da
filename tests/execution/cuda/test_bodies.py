"""Bodies of kernels as g++ compiles them: each number is stored once, by any program."""

import shutil

import numpy as np
import program_cases
import pytest
from fused_on_host import CompiledLibrary, no_thread_reads_what_another_writes
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.cuda.replay import FusedRecording

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


def run(recordings, given):
    """Return what each recorded program makes of copies of the same arguments."""
    found = []
    for recording in recordings:
        carry, numbers, X = given
        found.append(recording.run(tuple(x.copy() for x in carry), numbers, X))
    return found


def test_a_column_is_updated_once_not_once_for_each_unit(tmp_path):
    def step(carry, numbers, x):
        (c,), s = carry, np.add.reduce(x, -2, keepdims=True)
        c += s
        x -= c  # needs the column again, for each unit
        return (c,), (x * numbers,)

    x = np.arange(12.0).reshape(1, 4, 3)
    recording = FusedRecording(
        step, (np.zeros((1, 1, 3)),), np.array(1.0), (x,), CompiledLibrary(tmp_path)
    )
    assert [type(entry) for entry in recording.program.entries] == [Kernel]
    (carry,), (out,) = recording.run((np.zeros((1, 1, 3)),), [np.array(1.0)], x[None])
    np.testing.assert_array_equal(carry, [[[18, 22, 26]]])
    np.testing.assert_array_equal(out[0], x - carry)


def test_a_matrix_to_which_its_transpose_is_added_is_no_kernel(tmp_path):
    def step(carry, numbers, x):
        (a,) = carry
        a += a.mT
        a *= a[:1, :]
        return (a,), (a * numbers,)

    given = (np.arange(4.0).reshape(2, 2),), [np.array(2.0)], np.zeros((1, 2, 2))
    recording = FusedRecording(
        step, given[0], given[1][0], (given[2][0],), CompiledLibrary(tmp_path)
    )
    kinds = [isinstance(entry, Kernel) for entry in recording.program.entries]
    assert kinds == [False, False, True]
    ((carry,), _), expected = recording.run((given[0][0].copy(),), *given[1:]), given[0][0].copy()
    expected += expected.mT
    expected *= expected[:1, :]
    np.testing.assert_array_equal(carry, expected)


# tanh differs between libraries in the last bit, which a comparison would make a large difference
EXACT = tuple(one for one in program_cases.UNARY if one is not np.tanh)


@settings(max_examples=6, phases=[Phase.generate])  # each compiles: shrinking takes minutes
@given(programs=st.lists(program_cases.OPERATIONS, min_size=25, max_size=40))
def test_any_operations_compiled(programs, tmp_path):
    library, given = CompiledLibrary(tmp_path), program_cases.arguments(2)
    carry, numbers, X = given
    steps = [program_cases.step_of(each, EXACT) for each in programs]
    with np.errstate(all="ignore"):
        recordings = [FusedRecording(each, carry, numbers[0], (X[0],), library) for each in steps]
    for recording in recordings:
        assert all(map(no_thread_reads_what_another_writes, recording.program.entries))
    for step, (found, (outs, none)) in zip(steps, run(recordings, given), strict=True):
        assert none is None
        expected, of_steps = program_cases.expected(step, *given)
        for one, other in zip((*found, outs), (*expected, of_steps), strict=True):
            np.testing.assert_array_equal(one, other)
