"""Any operations as one kernel: in any order of its threads NumPy's numbers to the bit, no race."""

import shutil
from contextlib import suppress

import numpy as np
import program_cases
import pytest
from needs import some_of
from one_kernel_on_host import built, orders

from backprop_xp.execution.cuda.one_kernel import plan
from backprop_xp.execution.cuda.one_kernel.single import tidied
from backprop_xp.execution.cuda.one_kernel.source import source_of
from backprop_xp.execution.recordings import record

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")

STEPS = 2
# tanh differs between libraries in the last bit, which a comparison would make a large difference
UNARY = tuple(one for one in program_cases.UNARY if one is not np.tanh)
BY_TERMS = tuple(
    program_cases.product_by_terms if one is program_cases.product else one
    for one in program_cases.BINARY
)


class Program:
    """A random program as a plan, with the arrays of a launch."""

    def __init__(self, operations, given):
        self.carry, self.numbers, self.X = given
        step = program_cases.step_of(operations, UNARY)
        with np.errstate(all="ignore"):
            recorded = record(step, self.carry, self.numbers[0], (self.X[0],), runs_here=False)
        self.plan = plan.plan_of(tidied(recorded), 2**20)
        self.source = source_of(self.plan, {})
        self.outs = [None if x is None else (x.shape, x.dtype) for x in recorded.out]

    def arrays(self):
        """Return new arrays of a launch, and the carry and the outs among them."""
        carry = [x.copy() for x in self.carry]
        outs = [None if x is None else np.full((STEPS, *x[0]), np.nan, x[1]) for x in self.outs]
        given = {
            "carry": carry,
            "out": outs,
            "number": [np.stack(self.numbers)],
            "batch": [self.X],
            "constant": self.plan.constants,
        }
        arrays = [given[one.of][one.number] for one in self.plan.given]
        return arrays, [*carry, *(x for x in outs if x is not None)]

    @property
    def kernel(self):
        """The kernel, as `built` takes it."""
        return self.source, self.arrays()[0], self._numbers, self.plan.shared_bytes

    @property
    def _numbers(self):
        return sum(one.of == "number" for one in self.plan.given)

    def run(self, function, order):
        """Return the races, the carry and the outs."""
        arrays, found = self.arrays()
        longs = [STEPS, 1, 0, 0, *[1] * self._numbers]
        races = function(1, arrays, longs, orders(self.plan.threads)[order])
        return races, found


def programs_of(number):
    """Return some programs, as `program_cases.step_of` takes them."""
    rng = np.random.default_rng(number)
    whole, places = rng.integers(0, 100, (8, 14, 3)), rng.integers(0, 7, (8, 14, 1))
    all_of = np.concatenate([whole, places], axis=-1).tolist()
    return [each[:length] for each, length in zip(all_of, rng.integers(0, 15, 8), strict=True)]


@pytest.mark.parametrize("number", some_of(range(32), 32))
def test_any_operations(number, tmp_path):
    programs = programs_of(number)
    given, made = program_cases.arguments(STEPS), []
    for operations in programs:
        with suppress(plan.Unfit):  # a matrix is added to its own transpose: one in a hundred
            made.append((operations, Program(operations, given)))
    assert len(made) > len(programs) / 2
    functions = built([one.kernel for _, one in made], tmp_path, watched=True)
    for (operations, one), function in zip(made, functions, strict=True):
        step = program_cases.step_of(operations, UNARY, BY_TERMS)
        expected, outs = program_cases.expected(step, *given)
        for order in ("forwards", "backwards", "shuffled"):
            races, found = one.run(function, order)
            assert races == 0
            for x, of in zip(found, (*expected, outs), strict=True):
                np.testing.assert_array_equal(x, of)


def test_a_race_is_found_that_is_planted(tmp_path):
    """Each barrier within a step is needed: without one there is a race."""
    operations = [(UNARY.index(one), 0, 0, 0) for one in UNARY[-2:]]
    operations += [(len(UNARY) + BY_TERMS.index(program_cases.product_by_terms), 4, 5, 0)] * 2
    one = Program(operations, program_cases.arguments(STEPS))
    source, *others = one.kernel
    runs = [f"RUN(segment_{number});" for number in range(len(one.plan.segments) - 1)]
    without = [source.replace(f"{run} BARRIER;", run) for run in runs]
    functions = built([(text, *others) for text in (source, *without)], tmp_path, watched=True)
    races = [one.run(function, "shuffled")[0] for function in functions]
    assert len(races) > 3
    assert races[0] == 0
    assert all(races[1:])
