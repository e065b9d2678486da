"""The library itself as a peer, on any of its devices."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat
import numpy as np

import backprop_xp as bp
from backprop_xp.arrays.devices import COMPILED_VARIABLE
from backprop_xp.execution.cuda.switches import ONE_KERNEL
from benchmarks.job import Job
from benchmarks.meters import FileMeter, Meter, meter_for
from benchmarks.peers import LeftOut, Peer

SYMMETRY_RATE = 0.1 * 64  # for the mean over 64 cases; it was 0.1 for their sum in 1986


def train(job: Job) -> Peer:
    """Return the peer that trains one network, or a stack, with one call."""
    return training(job, lambda theta: [theta])


def train_compiled(job: Job) -> Peer:
    """Return the peer that trains one network, or a stack, on NumPy compiled by numba."""
    return training(job, lambda theta: [theta], device=compiled_device(job))


def compiled_device(job: Job) -> Any:
    """Return the compiled device of NumPy.

    Raises
    ------
    LeftOut
        The job is for another device.
    ImportError
        numba is missing.
    """
    if job.device != "cpu":
        raise LeftOut(f"numba compiles for NumPy's arrays, not for {job.device}")
    return bp.select_device("cpu", compiled=True)


def train_one_kernel(job: Job) -> Peer:
    """Return the peer that trains each network of a stack in one kernel of a CUDA device.

    Raises
    ------
    LeftOut
        The job is for another device.
    """
    if not job.device.startswith("cuda"):
        raise LeftOut(f"the kernel is for CuPy's arrays, not for {job.device}")
    os.environ[ONE_KERNEL] = "1"
    return train(job)


def train_one_by_one(job: Job) -> Peer:
    """Return the peer that trains the networks of a stack one after another."""
    return training(job, lambda theta: [theta[network, :] for network in range(job.stack)])


def training(
    job: Job,
    starts: Callable[[Any], list[Any]],
    callbacks: Sequence[Any] = (),
    device: bp.Device | None = None,
) -> Peer:
    """Return the peer that trains each of the starts, which are cut from θ of the whole stack."""
    device = device or bp.select_device(job.device)
    X, Y = _data(job, device)
    net, optimizer = job.network(), _optimizer(job)
    theta = net.init(seed=0, device=device, stack=job.stack or ())

    def run(epochs: int) -> float:
        costs = []
        for start in starts(theta):
            done = bp.train(
                net,
                X,
                Y,
                start,
                optimizer=optimizer,
                epochs=epochs,
                batch_size=job.batch_size,
                device=device,
                callbacks=callbacks,
            )
            _wait(done.theta)
            costs.append(done.history["cost"][0])
        return float(np.mean(costs))

    return Peer(run, _meter(job, device))


def solve_symmetry(job: Job) -> Peer:
    """Return the peer that trains many starts of the symmetry network of 1986.

    Its `run` returns the share of the starts that solved the task.
    """
    device = bp.select_device(job.device)
    X, Y = (device.xp.asarray(x, device=device.handle) for x in bp.datasets.symmetry())
    net = bp.Network(job.sizes, hidden="sigmoid", output="sigmoid", loss="squared_error")
    theta = net.init(seed=0, initializer="uniform", device=device, stack=job.stack)

    def run(sweeps: int) -> float:
        done = bp.train(
            net,
            X,
            Y,
            theta,
            optimizer=bp.SGD(SYMMETRY_RATE, momentum=0.9),
            epochs=sweeps,
            batch_size=None,
            device=device,
        )
        right = (net.forward(done.theta, X) > 0.5) == (Y > 0.5)
        solved = device.xp.all(right, axis=(-2, -1))
        return float(device.xp.mean(device.xp.astype(solved, device.xp.float32)))

    return Peer(run, _meter(job, device))


def forward(job: Job) -> Peer:
    """Return the peer that predicts with ``net.forward``."""
    return _prediction(job, lambda net, theta, X: net.forward(theta, X))


def predict(job: Job) -> Peer:
    """Return the peer that predicts with ``bp.predict``."""
    if not hasattr(bp, "predict"):
        raise LeftOut("this version of backprop_xp has no predict")
    return _prediction(job, bp.predict)


def predict_compiled(job: Job) -> Peer:
    """Return the peer that predicts with ``bp.predict`` on NumPy compiled by numba."""
    compiled_device(job)
    os.environ[COMPILED_VARIABLE] = "1"  # the peer has a process of its own
    return predict(job)


def _prediction(job: Job, outputs_of: Callable[[bp.Network, Any, Any], Any]) -> Peer:
    device = bp.select_device(job.device)
    X, _ = _data(job, device)
    net = job.network()
    theta = net.init(seed=0, device=device)

    def run(passes: int) -> Any:
        for _ in range(passes):
            outputs = outputs_of(net, theta, X)
            _wait(outputs)
        return outputs

    return Peer(run, _meter(job, device))


def _data(job: Job, device: bp.Device) -> tuple[Any, Any]:
    """Return X and Y; both are moved to the device, except X in a file."""
    X, Y = job.data()
    resident = X if job.file else device.xp.asarray(X, device=device.handle)
    return resident, device.xp.asarray(Y, device=device.handle)


def _optimizer(job: Job) -> Any:
    if job.optimizer == "sgd":
        return bp.SGD(job.learning_rate)
    if not hasattr(bp, "Adam"):
        raise LeftOut("this version of backprop_xp has no Adam")
    return bp.Adam(job.learning_rate)


def _meter(job: Job, device: bp.Device) -> Meter:
    if job.file and job.cuda_index is None:
        return FileMeter()
    library = device.name.partition(":")[0]
    return meter_for(library if library in ("torch", "jax") else "cupy", job.cuda_index)


def _wait(x: Any) -> None:
    """Wait for an array of JAX, which computes on after a call; meters wait for other libraries."""
    if array_api_compat.is_jax_array(x):
        x.block_until_ready()
