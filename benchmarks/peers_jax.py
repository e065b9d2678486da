"""JAX as a peer: an epoch is a ``lax.scan`` of ``jax.value_and_grad`` under ``jax.jit``."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.floor import arrays_for, trial
from benchmarks.job import Job
from benchmarks.meters import Meter, meter_for
from benchmarks.peers import LeftOut, Peer
from benchmarks.products import Orders, Plan, Product, best_plan, operands, places_of, products_of

FUNCTIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}
TRIAL_FLOPS = 2e8  # operations of one compiled loop that times a candidate of the floor


def train(job: Job) -> Peer:
    """Return the peer that trains one network, or a stack by ``jax.vmap`` of the gradient."""
    place = _place(job)
    X, labels = job.data()
    # an index of the right class in place of one-hot targets takes twice as long on a CPU
    one_hot = np.eye(job.sizes[-1], dtype=np.float32)[labels]
    X, Y = (jax.device_put(x, place) for x in (X, one_hot))
    parameters = jax.device_put([x for layer in job.layers() for x in layer], place)
    gradient = jax.value_and_grad(functools.partial(_cost, job))
    if job.stack:
        gradient = jax.vmap(gradient, in_axes=(0, None, None))

    @jax.jit
    def epoch_of(parameters: Any, state: Any, order: Any, X: Any, Y: Any) -> Any:
        def step(carry: Any, rows: Any) -> Any:
            parameters, state = carry
            E, slopes = gradient(parameters, X[rows], Y[rows])
            return _updated(job, parameters, state, slopes), E

        (parameters, state), costs = lax.scan(step, (parameters, state), order)
        return parameters, state, jnp.mean(costs)

    def run(epochs: int) -> Any:
        theta, state, costs = parameters, _first_state(job, parameters), []
        for epoch in range(epochs):
            order = job.order(epoch).astype("int32").reshape(job.batches, job.batch_size)
            theta, state, cost = epoch_of(theta, state, jax.device_put(order, place), X, Y)
            costs.append(cost)
        jax.block_until_ready(theta)
        return costs[0]

    return Peer(run, _meter(job))


def predict(job: Job) -> Peer:
    """Return the peer that predicts probabilities."""
    place = _place(job)
    X = jax.device_put(job.data()[0], place)
    parameters = jax.device_put([x for layer in job.layers() for x in layer], place)

    @jax.jit
    def probabilities(parameters: Any, X: Any) -> Any:
        return jax.nn.softmax(_forward(job, parameters, X))

    def run(passes: int) -> Any:
        for _ in range(passes):
            outputs = probabilities(parameters, X).block_until_ready()
        return outputs

    return Peer(run, _meter(job))


def floor(job: Job) -> Peer:
    """Return the floor: nothing but the products, in one compiled loop."""
    place, meter = _place(job), _meter(job)
    products = products_of(job)

    def looped(plan: Plan) -> Callable[[int], None]:
        arrays = arrays_for(plan, lambda x: jax.device_put(x, place))

        def run(times: int) -> None:
            jax.block_until_ready(_multiplied(tuple(plan), arrays, times))

        return run

    def seconds(plan: Plan) -> float:
        work, flops = looped(plan), sum(product.flops for product, _ in plan)
        loops = math.ceil(TRIAL_FLOPS / flops)
        work(0)  # compiles
        return trial(meter, lambda times: work(times * loops)) / loops

    work = looped(best_plan(products, seconds))
    per_time = 1 if job.task == "predict" else job.batches
    return Peer(lambda times: work(times * per_time), meter)


@functools.partial(jax.jit, static_argnums=0)
def _multiplied(plan: tuple[tuple[Product, Orders], ...], arrays: Any, times: Any) -> Any:
    """Return the arrays after the products of the plan, computed `times` times."""
    made = {places_of(*step)[2].key for step in plan}

    def once(i: Any, arrays: Any) -> Any:
        # one number of each operand changes, or the compiler computes the products only once
        arrays = {
            key: x
            if key in made
            else lax.dynamic_update_slice(
                x, jnp.full((1,) * x.ndim, 1 / (1 + i), x.dtype), (0,) * x.ndim
            )
            for key, x in arrays.items()
        }
        for product, orders in plan:
            x, y, _ = operands(product, orders, arrays)
            key = places_of(product, orders)[2].key
            arrays[key] = (x @ y).reshape(arrays[key].shape)
        return arrays

    return lax.fori_loop(0, times, once, arrays)


def _cost(job: Job, parameters: Any, X: Any, Y: Any) -> Any:
    logarithms = jax.nn.log_softmax(_forward(job, parameters, X))
    return -jnp.mean(jnp.sum(Y * logarithms, axis=-1))


def _forward(job: Job, parameters: Any, X: Any) -> Any:
    """Return z of the output layer, (m, n_out)."""
    a = X
    for layer in range(0, len(parameters), 2):
        W, b = parameters[layer : layer + 2]
        a = (a if layer == 0 else FUNCTIONS[job.hidden](a)) @ W.T + b
    return a


def _first_state(job: Job, parameters: Any) -> Any:
    if job.optimizer == "sgd":
        return ()
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return jnp.zeros((), "float32"), zeros, zeros


def _updated(job: Job, parameters: Any, state: Any, slopes: Any) -> Any:
    """Return parameters and state after one update (Adam: Kingma and Ba, 2015, algorithm 1)."""
    rate = job.learning_rate
    if job.optimizer == "sgd":
        return jax.tree.map(lambda x, slope: x - rate * slope, parameters, slopes), state
    step, mean, square = state
    step = step + 1
    mean = jax.tree.map(lambda m, slope: 0.9 * m + 0.1 * slope, mean, slopes)
    square = jax.tree.map(lambda v, slope: 0.999 * v + 0.001 * slope * slope, square, slopes)
    of_mean, of_square = 1 / (1 - 0.9**step), 1 / (1 - 0.999**step)
    parameters = jax.tree.map(
        lambda x, m, v: x - rate * (m * of_mean) / (jnp.sqrt(v * of_square) + 1e-8),
        parameters,
        mean,
        square,
    )
    return parameters, (step, mean, square)


def _meter(job: Job) -> Meter:
    return meter_for("jax", job.cuda_index)


def _place(job: Job) -> Any:
    index = job.cuda_index
    try:
        return jax.devices("cpu" if index is None else "cuda")[index or 0]
    except RuntimeError as error:
        raise LeftOut("this JAX finds no CUDA device") from error
