"""Checks that a step stays on its device: each takes an item of the surface and raises where not.

`test_contract.py` runs them on the whole surface, and on faults that are planted to be found.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
import recorder
from cupy_path import as_cupy
from device_array import NAMESPACE
from device_array import put as put_on_device
from surface import ITEMS, Item, M, results
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.arrays import backend
from backprop_xp.arrays.backend import device_of, dtype_name
from backprop_xp.training.data.batches import BlockLimits, epochs_of_blocks
from backprop_xp.training.data.blocks import whole_block
from backprop_xp.training.data.cases import Cases
from backprop_xp.training.epoch_record import EpochRecord
from backprop_xp.training.options import Regularisation
from backprop_xp.training.step.dropout import noise_of_epoch
from backprop_xp.training.step.numbers import StepNumbers
from backprop_xp.training.step.update import UpdateRule
from backprop_xp.training.trainer import Trainer

Put = Callable[[np.ndarray], Any]


def on_host(x: Any, dtype: str = "float32") -> np.ndarray:
    """Return an array of the host, floats in the dtype, whole numbers as int32."""
    kinds = {"f": dtype, "b": "bool"}
    return np.array(x, dtype=kinds.get(np.asarray(x).dtype.kind, "int32"))


# ---------------------------------------------------------------------------------------------
# the same as NumPy, to the bit


@cache
def expected(name: str, dtype: str) -> Any:
    """Return the results of NumPy for an item of the surface."""
    return results(ITEMS[name], lambda x: on_host(x, dtype))


def same_as_numpy(found: Any, item: Item, dtype: str, to_host: Put, tolerance: float = 0) -> None:
    """Compare results, to the bit: the same operations in the same order, of the same NumPy."""
    known = next((name for name, one in ITEMS.items() if one is item), None)
    arrays, history = (
        expected(known, dtype) if known else results(item, lambda x: on_host(x, dtype))
    )
    assert found[0].keys() == arrays.keys()
    for name, x in arrays.items():
        np.testing.assert_allclose(to_host(found[0][name]), x, tolerance, tolerance, err_msg=name)
        assert dtype_name(found[0][name].dtype) == dtype, name
    assert found[1].keys() == history.keys()
    for name, of in history.items():
        np.testing.assert_allclose(found[1][name], of, tolerance, tolerance, err_msg=name)


def on_strict(item: Item, library: Any) -> None:
    """Train and evaluate on a device of array-api-strict, which refuses arrays of all others."""
    device = bp.Device(library.name, "a test", library.xp, library.device)
    found = results(item, library.array, device)
    for name, x in found[0].items():
        assert device_of(x) == library.device, name
    same_as_numpy(found, item, library.float_dtypes[-1], library.host)


def on_recorder(item: Item, *, fused: bool = False) -> set[recorder.Call]:
    """Train and evaluate on the way of CuPy; return what was asked of it."""
    device = bp.Device("cuda:1", "a test", NAMESPACE, recorder.DEVICE)
    with as_cupy(fused=fused) as record:
        found = results(item, put_on_device, device, record.unread)
    same_as_numpy(found, item, "float32", lambda x: x.values, 1e-5 if fused else 0)
    return record.calls


@cache
def recorded(name: str, *, fused: bool = False) -> frozenset[recorder.Call]:
    """Return what an item of the surface asks of CuPy, after `on_recorder`."""
    return frozenset(on_recorder(ITEMS[name], fused=fused))


# ---------------------------------------------------------------------------------------------
# an epoch without a host


def cases_of(item: Item, put: Put) -> Cases:
    """Return the cases of an item as training has them."""
    weights = item.settings.get("case_weights")
    return Cases(put(item.X), put(item.Y), item.net.sizes[-1], item.labelled, weights)


def start_of(item: Item, put: Put) -> tuple[Any, Any, StepNumbers]:
    """Return θ (K, P), the optimiser and the numbers of the steps."""
    chosen, net = item.settings, item.net
    lead = (int(np.prod(item.stack)),) if item.stack else ()
    theta = put(np.random.default_rng(2).normal(0, 0.3, (*lead, net.parameter_count)))
    optimizer = chosen.get("optimizer", bp.SGD(0.1, 0.9))
    numbers = {one.name: chosen[one.name] for one in fields(Regularisation) if one.name in chosen}
    return theta, optimizer, numbers_of(optimizer, theta, stack=item.stack, **numbers)


def train_an_epoch(item: Item, put: Put) -> list[Any]:
    """Do what `train` does between two looks of the host; return all that is left on the device."""
    with item.limits():
        theta, optimizer, settings = start_of(item, put)
        cases, record = cases_of(item, put), EpochRecord()
        size = item.settings.get("batch_size", 4) or M
        biases = item.settings.get("decay_biases", False)
        by_layer = item.settings.get("layer_rates")
        rule = UpdateRule(item.net, optimizer, item.labelled, biases, layer_rates=by_layer)
        trainer = Trainer(theta, rule, settings, size)
        networks = theta.shape[0] if settings.noise_per_network else 0
        state = trainer.init(theta)
        noise = noise_of_epoch(item.net.sizes, 0, 0, theta, networks)
        shapes = [tuple(x.shape) for x in (theta, *state)]
        limits = BlockLimits(trainer.output_bytes)
        for block in epochs_of_blocks(cases, size, 0, limits)(0):
            theta, state = trainer.blocks([block], theta, state, noise, record)
        assert [tuple(x.shape) for x in (theta, *state)] == shapes
        scores = [*record._scores, trainer.scores(theta, cases)]
    return [theta, *state, *(each.cost for each in scores), *record._penalties]


def check_places(left: list[Any], device: Any, dtype: Any) -> None:
    """Check that all that is left lies on the device, in the dtype."""
    for x in left:
        assert (x.device, x.dtype) == (device, dtype)


@contextmanager
def made_by(from_host: Callable[..., Any]) -> Iterator[None]:
    """Return the context in which arrays of the host reach the device by another function."""
    with ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            ours = name.startswith("backprop_xp")
            if ours and getattr(module, "from_host", None) is backend.from_host:
                stack.enter_context(patch.object(module, "from_host", from_host))
        yield


def on_meta(item: Item) -> None:
    """Train an epoch on PyTorch's device without memory: each read and each mixture raises."""
    torch = importlib.import_module("torch")
    device, dtypes = torch.device("meta"), {"f": torch.float32, "i": torch.int32, "b": torch.bool}

    def put(x: np.ndarray) -> Any:
        return torch.empty(x.shape, dtype=dtypes[x.dtype.kind], device=device)

    left = train_an_epoch(item, put)
    check_places(left, device, torch.float32)


def sliced(x: Any, key: Any) -> Any:
    """Return x[key] by PyTorch's own operations, for whole numbers, slices, None and `...`."""
    slice_of = importlib.import_module("torch").ops.aten.slice.Tensor
    key, axis = key if isinstance(key, tuple) else (key,), 0
    if Ellipsis in key:
        at = key.index(Ellipsis)
        whole = x.ndim - sum(part is not None for part in key) + 1
        key = (*key[:at], *[slice(None)] * whole, *key[at + 1 :])
    for part in key:
        if isinstance(part, int):
            x = x.select(axis, part)
            continue
        x = x.unsqueeze(axis) if part is None else slice_of(x, axis, part.start, part.stop)
        axis += 1
    return x


@contextmanager
def pretended_gpu() -> Iterator[Any]:
    """Return the context in which PyTorch has a GPU, whose arrays hold nothing.

    Its fake tensors raise where one of the CPU meets one of the GPU and where a value is read. A
    build for the CPU cannot slice or copy one of the GPU in C++: `sliced` and an addition do it.
    """
    torch = importlib.import_module("torch")
    fake = importlib.import_module("torch._subclasses.fake_tensor")
    overrides = importlib.import_module("torch.overrides")

    class Sliced(overrides.TorchFunctionMode):
        def __torch_function__(self, function, _, args=(), kwargs=None):
            if function is torch.Tensor.__getitem__:
                return sliced(*args)
            if function is torch.Tensor.copy_:
                return torch.add(args[1], 0, out=args[0])
            return function(*args, **(kwargs or {}))

    def pretend(x, _, device, dtype):
        return torch.zeros(np.shape(x), dtype=getattr(torch, dtype), device=device)

    with made_by(pretend), fake.FakeTensorMode(), Sliced():
        yield torch.device("cuda", 0)


def on_pretended_gpu(item: Item) -> None:
    """Train an epoch on fake tensors of a GPU."""
    torch = importlib.import_module("torch")
    dtypes = {"f": torch.float32, "i": torch.int32, "b": torch.bool}
    with pretended_gpu() as device:

        def put(x: np.ndarray) -> Any:
            return torch.zeros(x.shape, dtype=dtypes[x.dtype.kind], device=device)

        left = train_an_epoch(item, put)
        check_places(left, device, torch.float32)


# ---------------------------------------------------------------------------------------------
# a compiled step


def step_of_item(item: Item, put: Put) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the step of an item and its arguments for all cases as one batch."""
    theta, optimizer, settings = start_of(item, put)
    block = whole_block(cases_of(item, put))
    batch = [x[0, ...] for x in (block.X, block.y, block.w)]
    numbers, draw = settings.next(), noise_of_epoch(item.net.sizes, 0, 0, theta)
    drawn = draw(1, M, hidden=settings.uses("dropout"), inputs=settings.uses("input_dropout"))
    noise, biases = [x[0, ...] for x in drawn], item.settings.get("decay_biases", False)
    step = step_for(item.net, optimizer, theta, item.labelled, biases)
    return step, ((theta, optimizer.init(theta)), numbers, *batch, *noise)


def under_jit(item: Item) -> None:
    """Trace the step, and what users call, with no numbers at hand, as ``jax.jit`` does."""
    jax = importlib.import_module("jax")

    def put(x: np.ndarray) -> Any:
        return jax.numpy.asarray(on_host(x))

    step, given = step_of_item(item, put)
    carry, (z_out, _) = jax.eval_shape(step, *given)
    same = jax.tree.map(lambda x, y: (x.shape, x.dtype) == (y.shape, y.dtype), carry, given[0])
    assert all(jax.tree.leaves(same)), "the step changes shapes or dtypes of its carry"
    assert z_out.dtype == "float32"
    net, theta, data = item.net, given[0][0], (put(item.X), put(item.Y))
    outputs = jax.eval_shape(net.forward, theta, data[0])
    E, dE_dtheta = jax.eval_shape(net.gradient, theta, *data)
    assert {x.dtype for x in (outputs, E, dE_dtheta)} == {np.dtype("float32")}
