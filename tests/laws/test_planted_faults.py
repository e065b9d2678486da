"""Faults that are planted into a step to be found: what each check of `checks` sees."""

import numpy as np
import planted
import pytest
from checks import on_meta, on_pretended_gpu, on_recorder, on_strict, under_jit
from planted import in_activation, in_optimizer
from recorder import ContractError

ANY = (AssertionError, RuntimeError, TypeError, ValueError, NotImplementedError)
RECORDER, STRICT, META, GPU, JIT = "recorder", "strict-device1", "meta", "pretended GPU", "jit"
NO_FLOAT64, NO_X64, FLAGS_OFF = "strict-no_float64", "strict-no_x64", "strict-flags-off"
FAULTS = {
    planted.a_value_is_read: {
        RECORDER: "float reads a value",
        META: "cannot be called on meta tensors",
        GPU: "not linked with support for cuda|_local_scalar_dense",
        JIT: "concrete value",
    },
    planted.numpy_takes_it: {
        RECORDER: "np.asarray takes",
        STRICT: "Can't convert array on",
        META: "can't convert meta device type tensor to numpy",
        JIT: "numpy.ndarray conversion",
    },
    planted.a_value_decides: {
        RECORDER: "bool reads a value",
        META: "cannot be called on meta tensors",
        GPU: "not linked with support for cuda|_local_scalar_dense",
        JIT: "Attempted boolean conversion",
    },
    planted.a_function_that_synchronises: {RECORDER: "clip synchronises"},
    planted.a_shape_from_the_data: {
        RECORDER: "unique_values synchronises",
        FLAGS_OFF: "data_dependent",
    },
    planted.a_mask_as_index: {RECORDER: "index of DeviceArray", FLAGS_OFF: "boolean_indexing"},
    planted.zeros_of_the_default_device_and_dtype: {
        RECORDER: "default device",
        STRICT: "two different devices",
        NO_FLOAT64: "two different devices",
    },
    planted.zeros_of_the_default_device: {
        RECORDER: "default device",
        STRICT: "two different devices",
        GPU: "two devices, cuda:0 and cpu",
    },
    planted.zeros_outside_of_the_context: {RECORDER: "zeros is computed on <CUDA Device 0>"},
    planted.arithmetic_outside_of_the_context: {RECORDER: "add is computed on <CUDA Device 0>"},
    planted.a_constant_of_64_bits: {
        RECORDER: "array of float64 is made",
        NO_FLOAT64: "not support dtype=array_api_strict.float64",
        NO_X64: "not support dtype=array_api_strict.float64",
        JIT: "changes shapes or dtypes",
    },
    planted.an_index_of_64_bits: {
        RECORDER: "array of int64 is made",
        NO_X64: "not support dtype=array_api_strict.int64",
    },
    planted.a_number_of_numpy: {
        RECORDER: "meets numpy.float64",
        STRICT: "Expected Array or Python scalar",
    },
}
CHECKS = {RECORDER: on_recorder, META: on_meta, GPU: on_pretended_gpu, JIT: under_jit}
LIBRARIES = {RECORDER: "numpy", META: "torch", GPU: "torch", JIT: "jax"}


def run(check, item, xp) -> None:
    if check in CHECKS:
        CHECKS[check](item)
    else:
        on_strict(item, xp)


def cases(faults):
    return [
        pytest.param(LIBRARIES.get(check, check), check, fault, id=f"{fault.__name__}-{check}")
        for fault, checks in faults.items()
        for check in checks
    ]


@pytest.mark.parametrize(("xp", "check", "fault"), cases(FAULTS), indirect=["xp"])
@pytest.mark.parametrize("place", [in_optimizer, in_activation])
def test_a_planted_fault_is_seen(xp, check, fault, place):
    with pytest.raises(ContractError if check == RECORDER else ANY, match=FAULTS[fault][check]):
        run(check, place(fault), xp)


EVERY = {planted.nothing: [RECORDER, STRICT, NO_FLOAT64, NO_X64, FLAGS_OFF, META, GPU, JIT]}


@pytest.mark.parametrize(("xp", "check", "fault"), cases(EVERY), indirect=["xp"])
@pytest.mark.parametrize("place", [in_optimizer, in_activation])
def test_without_a_fault_nothing_is_seen(xp, check, fault, place):
    run(check, place(fault), xp)


def test_an_array_of_numpy_among_the_arguments_is_seen():
    with pytest.raises(ContractError, match="takes an array of NumPy"):
        on_recorder(in_optimizer(lambda xp, x: xp.maximum(x, np.zeros(1, "float32"))))
