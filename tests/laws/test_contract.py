"""Law 5, and law 4 to the bit: whatever the library computes stays on its device.

Each item of the computing surface (`surface`) passes the checks of `checks`.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checks import (
    on_meta,
    on_pretended_gpu,
    on_strict,
    pretended_gpu,
    recorded,
    step_of_item,
    under_jit,
)
from cupy_path import as_cupy
from device_array import put
from needs import some_of
from surface import (
    CLASSES,
    ITEMS,
    LABELS,
    MASK,
    REGULARISED,
    STACKED,
    WEIGHTS,
    M,
    X,
    optimizer_kinds,
)
from training_steps import step_for

import backprop_xp as bp
from backprop_xp import activations, losses
from backprop_xp.arrays.backend import compiled
from backprop_xp.training.step.numbers import Numbers

STRICT = ("device1", "device2", "no_float64", "no_x64", "flags-off")
NAMES = pytest.mark.parametrize("name", ITEMS)
IN_MEMORY = pytest.mark.parametrize(
    "name", [name for name, item in ITEMS.items() if not item.in_file]
)

# ---------------------------------------------------------------------------------------------
# other devices, to the bit


@pytest.mark.parametrize("xp", [f"strict-{device}" for device in STRICT], indirect=True)
@pytest.mark.parametrize("name", some_of(ITEMS, 2))
def test_on_another_device_every_result_is_that_of_numpy_to_the_bit(xp, name):
    # two devices refuse each other's arrays, arrays of the default device, and np.asarray; two
    # have no float64, of which one has no int64; the last refuses masks and shapes that depend on
    # data
    on_strict(ITEMS[name], xp)


@NAMES
def test_on_the_way_of_cupy_every_result_is_that_of_numpy_to_the_bit(name):
    recorded(name)


@NAMES
def test_with_fused_kernels_every_result_is_that_of_numpy(name):
    # to rounding, some dozen of 6e-8: on NumPy a stack's sums over units are products with ones
    recorded(name, fused=True)


@pytest.mark.parametrize("xp", ["strict-device1"], indirect=True)
def test_a_gradient_is_checked_on_another_device(xp):
    theta = CLASSES.init(seed=0, dtype="float64")
    given = (theta, X, LABELS)
    expected = bp.check_gradient(CLASSES, *given)
    assert bp.check_gradient(CLASSES, *map(xp.array, given)) == expected
    with as_cupy(wide=True):
        assert bp.check_gradient(CLASSES, *map(put, given)) == expected


# ---------------------------------------------------------------------------------------------
# when the host reads


class Watched:
    """An optimiser that notes each step of another in a list of events."""

    def __init__(self, events, optimizer):
        self.optimizer, self.events = optimizer, events
        self.settings, self.init = optimizer.settings, optimizer.init

    def update(self, *args, **settings):
        self.events.append("step")
        return self.optimizer.update(*args, **settings)


@pytest.fixture
def events(xp, monkeypatch):
    """Note each way in which a value of array-api-strict can reach the host."""
    noted = []
    kind = type(xp.array([1.0]))

    def noting(name, real):
        def call(*args, **kwargs):
            noted.append(name)
            return real(*args, **kwargs)

        return call

    names = ("__float__", "__bool__", "__int__", "__index__", "__complex__", "__array__")
    for name in (*names, "__dlpack__", "__buffer__"):
        if hasattr(kind, name):
            monkeypatch.setattr(kind, name, noting(name, getattr(kind, name)))
    return noted


@pytest.mark.parametrize("xp", ["strict-device1"], indirect=True)
@pytest.mark.parametrize("weights", [None, WEIGHTS, STACKED["WEIGHTS"]], ids=["none", "one", "own"])
@pytest.mark.parametrize(
    "optimizer", [bp.SGD(0.1, momentum=0.9), bp.Adam(0.01)], ids=["momentum", "adam"]
)
def test_the_host_reads_only_at_the_edges_of_epochs(xp, events, weights, optimizer):
    given = [xp.array(X), xp.array(LABELS)]
    reads = []
    for batch_size in (5, 1):
        events.clear()
        bp.train(
            CLASSES,
            *given,
            optimizer=Watched(events, optimizer),
            validation=tuple(given),
            case_weights=None if weights is None else xp.array(weights),
            **REGULARISED,
            stack=3,
            epochs=3,
            batch_size=batch_size,
        )
        steps = M // batch_size
        text = "".join("s" if event == "step" else "r" for event in events)
        parts = [part for part in text.split("r") if part]
        assert parts == ["s" * steps] * 3  # no read within an epoch
        reads.append(text.count("r"))
    assert reads[0] == reads[1]  # as many for 2 batches as for 10
    assert reads[0] > 0  # and the events are seen


@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
def test_a_step_sends_nothing_to_the_device(fused):
    uploads = []
    for batch_size in (5, 1):
        with as_cupy(fused=fused) as record:
            given = put(X), put(LABELS)
            bp.train(CLASSES, *given, **REGULARISED, epochs=2, batch_size=batch_size)
        uploads.append(record.uploads)
    assert uploads[0] == uploads[1] > 0  # as many for 2 batches as for 10


# ---------------------------------------------------------------------------------------------
# PyTorch without memory, and with a pretended GPU


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
@IN_MEMORY
def test_an_epoch_on_pytorchs_device_without_memory(xp, name):
    on_meta(ITEMS[name])


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
@IN_MEMORY
def test_an_epoch_on_a_pretended_gpu(xp, name):
    pytest.importorskip("torch._subclasses.fake_tensor", reason="no fake tensors here")
    on_pretended_gpu(ITEMS[name])


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
def test_a_pretended_gpu_sees_what_it_is_for(xp):
    import torch

    fake = pytest.importorskip("torch._subclasses.fake_tensor", reason="no fake tensors here")
    with pretended_gpu() as device:
        theta = torch.zeros(3, device=device)
        for mistake in (lambda: float(theta.sum()), lambda: theta + torch.zeros(3)):
            with pytest.raises((RuntimeError, fake.DataDependentOutputException)):
                mistake()


NETS = {
    **{
        f"hidden {name}": bp.Network([3, 4, 2], name, "softmax", "cross_entropy", [MASK, None])
        for name in activations.ACTIVATIONS
    },
    **{
        f"{name} of {output}": bp.Network([3, 4, 2], "tanh", output, name)
        for name in losses.LOSSES
        for output in ("softmax", "sigmoid", "exp", "identity")  # numbers count for nothing here
    },
}


@pytest.mark.parametrize("xp", ["torch"], indirect=True)
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_a_step_on_pytorchs_device_without_memory(xp, net):
    import torch

    def make(*shape):
        return torch.empty(shape, dtype=torch.float32, device="meta")

    P = net.parameter_count
    for stack, l2, p in (((), None, None), ((2,), make(), make())):
        for nesterov in (False, True):
            given = {"l2": l2, "dropout": p} if l2 is not None else {}
            numbers = Numbers({"learning_rate": make(), "momentum": make()}, given)
            carry = make(*stack, P), (make(*stack, P),)
            noise = [make(n, M) for n in net.sizes[1:-1] if p is not None]
            step = step_for(net, bp.SGD(0.1, 0.9, nesterov=nesterov), carry[0])
            batch = make(M, 3), make(2, M), make(1, M)
            (theta, state), (z_out, penalty) = step(carry, numbers, *batch, *noise)
            assert {x.device.type for x in (theta, *state, z_out)} == {"meta"}
            assert {x.dtype for x in (theta, *state, z_out)} == {torch.float32}
            assert tuple(theta.shape) == (*stack, P)
            assert tuple(z_out.shape) == (*stack, net.sizes[-1], M)
            assert (penalty is None) == (l2 is None)


# ---------------------------------------------------------------------------------------------
# JAX: compiled, and on a second device


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
@NAMES
def test_a_step_is_traced_without_its_numbers(xp, name):
    under_jit(ITEMS[name])


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
@pytest.mark.parametrize(
    "name", [*(f"{name}, numbers" for name in optimizer_kinds()), "stack: own dropout"]
)
def test_a_compiled_step_is_the_step(xp, name):
    # another exp and tanh, and a compiler that may fuse and reorder: a few roundings of 1e-16
    step, given = step_of_item(ITEMS[name], xp.array)
    found = jax_leaves(compiled(step, xp.xp)(*given))
    step, given = step_of_item(ITEMS[name], lambda x: np.array(x, "float64"))
    for by_compiler, on_numpy in zip(found, jax_leaves(step(*given)), strict=True):
        np.testing.assert_allclose(xp.host(by_compiler), on_numpy, rtol=1e-12, atol=1e-15)


def jax_leaves(tree):
    import jax

    return jax.tree.leaves(tree)


@pytest.mark.parametrize("xp", ["jax"], indirect=True)
def test_everything_stays_on_the_second_of_two_devices_of_jax(xp):
    support = Path(__file__).parents[1] / "support"
    flags = "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0"
    paths = os.pathsep.join([str(support), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-W", "error", support / "two_jax_devices.py"],
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "0 arrays on the first device, done\n"
