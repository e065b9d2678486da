"""Bias gradients as sums over cases in one kernel, in place of products with ones."""

import shutil

import numpy as np
import pytest
from blocks_on_host import HostLibrary
from fused_on_host import NumpyLibrary, replayer
from hypothesis import example, given
from hypothesis import strategies as st
from machine_code import compiled_by_nvrtc
from surface import CLASSES
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution.cuda.case_sums import CaseSums, source_of, with_case_sums
from backprop_xp.execution.cuda.replay import FusedRecording
from backprop_xp.execution.cuda.switches import STEP_GRAPH
from backprop_xp.execution.plain_loop import loop


@pytest.fixture(autouse=True)
def asked_for(monkeypatch):
    monkeypatch.setenv(STEP_GRAPH, "1")


def entries_of(net, optimizer=None, m=10, dtype="float32"):
    optimizer = optimizer or bp.SGD(0.1)
    theta = net.init(seed=0, dtype=dtype)
    batch = np.ones((m, net.sizes[0]), dtype), np.ones((net.sizes[-1], m), dtype)
    given = (theta, optimizer.init(theta)), numbers_of(optimizer, theta).next()
    step = step_for(net, optimizer, theta, labelled=True)
    made = FusedRecording(step, *given, (*batch, np.array(1 / m, dtype)), NumpyLibrary())
    return with_case_sums(made.program), made.program


@pytest.mark.parametrize("sizes", [[784, 30, 10], [9, 8, 7, 6, 5]])
def test_all_bias_gradients_are_one_kernel(sizes):
    entries, program = entries_of(bp.Network(sizes, hidden="relu"))
    (sums,) = [entry for entry in entries if isinstance(entry, CaseSums)]
    assert len(sums.pairs) == len(sizes) - 1
    assert sums.rows == sum(sizes[1:])
    assert len(entries) == program.launches - len(sizes) + 2


def test_half_precision_keeps_its_products():
    entries, program = entries_of(CLASSES, dtype="float16")
    assert entries == program.entries


def sums_of_sums(theta, _, x):
    """Sums of rows and of columns, of which one needs another."""
    first = x @ np.ones_like(x[:1]).mT
    product = first @ theta.mT
    second = product.mT @ np.ones_like(product[:1]).mT
    theta += first - second
    return theta, (second * 1,)


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (33, 70)])
def test_sums_of_any_layout(shape, tmp_path):
    x = np.random.default_rng(0).integers(-9, 9, (3, *shape)).astype(float)
    numbers = [np.array(float(k)) for k in range(3)]
    run = replayer(lambda _: sums_of_sums, HostLibrary(tmp_path, bodies=False))
    expected, (outs,) = loop(sums_of_sums, np)(np.ones((shape[0], 1)), numbers, None, x)
    found, (found_outs,) = run(np.ones((shape[0], 1)), numbers, None, x)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_outs, outs)


class Adding(NumpyLibrary):
    """A library whose kernels of sums read all before they write."""

    def from_source(self, *_):
        def run(rows, arrays):
            assert rows == sum(target.size for target in arrays[1::2])
            sums = [x.sum(axis=-1, keepdims=True) for x in arrays[::2]]
            for target, of in zip(arrays[1::2], sums, strict=True):
                target[...] = of

        return run


OPERATIONS = st.lists(
    st.tuples(*[st.integers(0, 2)] * 3, st.integers(0, 3), st.booleans()), min_size=1, max_size=8
)


@given(operations=OPERATIONS)
@example([(0, 1, 2, 1, False), (1, 1, 0, 0, False)])  # the summed matrix is overwritten
def test_a_sum_is_added_before_others_need_it_or_overwrite_it(operations):
    """Products and sums one after another, into matrices (4, 4) and their columns."""
    matrices = np.random.default_rng(0).integers(-1, 2, (3, 4, 4)).astype(float)

    def step(carry, _, x):
        for first, second, third, kind, transposed in operations:
            factor, target = carry[first].mT if transposed else carry[first], carry[third]
            if third in (first, second):
                continue
            if kind == 0:
                np.matmul(factor, carry[second], out=target)
            else:  # a sum, or a product with twos
                column = np.full_like(x[:1], 2 if kind == 3 else 1).mT
                np.matmul(factor, column, out=target[:, second : second + 1])
        return carry, (None,)

    carry, numbers, x = tuple(matrices), np.array(1.0), np.zeros((4, 4))
    made = FusedRecording(step, carry, numbers, (x,), Adding(), True)
    found, _ = made.run(tuple(x.copy() for x in carry), [numbers], x[None])
    expected, _ = step(tuple(x.copy() for x in carry), numbers, x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nvrtc_compiles_the_kernel(dtype):
    entries, _ = entries_of(CLASSES, dtype=dtype)
    (sums,) = [one for one in entries if isinstance(one, CaseSums)]
    compiled_by_nvrtc(source_of(sums.pairs))
