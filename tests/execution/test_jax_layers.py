"""Functions of flat vectors in pieces: the same numbers, and no vector is joined in a step."""

import numpy as np
import pytest
from needs import needs
from tape_cases import OPTIMIZERS
from training_steps import numbers_of, step_for

import backprop_xp as bp
from backprop_xp.execution import jax_layers, jax_scan
from backprop_xp.execution.steps import over_batches
from backprop_xp.network.parameters import piece_lengths

jax = needs("jax")
jnp = jax.numpy

LENGTHS = (6, 2, 4, 1)
P = sum(LENGTHS)
RNG = np.random.default_rng(0)


def vector(*lead):
    return jnp.asarray(RNG.integers(1, 5, (*lead, P)), jnp.float32)


MASK = vector()


def rolled(x):
    return jnp.concatenate([x[..., 6:], x[..., :6]], axis=-1)


# of θ and another vector; the numbers are whole, so that they are equal however they are summed
FUNCTIONS = {
    "arithmetic": lambda x, v: (x - 2 * v, v * v + x),
    "a mask": lambda x, v: (x * MASK, v),
    "a number for each network": lambda x, v: (x * x[..., :1], v - x[..., 12:]),
    "where": lambda x, v: (jnp.where(x > v, x, v), jnp.where(jnp.sum(x) > 0, x, v)),
    "a function of its own": lambda x, v: (jax.jit(lambda y: jnp.where(y > 2, y, 0))(x), v),
    "a norm": lambda x, v: (x * jnp.max(x, axis=-1, keepdims=True), v),
    "sums": lambda x, v: (x * jnp.sum(v, axis=-1)[..., None], v * jnp.sum(x, keepdims=True)),
    "a sum over networks": lambda x, v: (x + jnp.sum(v.reshape(-1, P), axis=0), v),
    "a layer": lambda x, v: (
        jnp.concatenate([x[..., :6] @ jnp.eye(6, dtype=jnp.float32), v[..., 6:]], axis=-1),
        v,
    ),
    "pieces back": lambda x, v: (
        jnp.concatenate([x[..., :6] + 1, v[..., 6:8], x[..., 8:12], v[..., 12:]], axis=-1),
        x,
    ),
    "slices across": lambda x, v: (rolled(x), v * rolled(v)),
    "every second": lambda x, v: (x.at[..., ::2].multiply(2), v + x[..., ::-1]),
    "every second of a piece": lambda x, v: (x + jnp.sum(x[..., :6:2]), v),
    "pieces of some networks": lambda x, v: (x + jnp.sum(x.reshape(-1, P)[:1, :6]), v),
    "a slice of networks": lambda x, v: (x + x[:1, :6].sum() if x.ndim > 1 else x + x[0], v),
    "swapped": lambda x, v: (v, x),
    "twice": lambda x, v: (x, x + 0 * v[..., :1]),
    "new": lambda x, v: (jnp.ones_like(x), jnp.zeros_like(v)),
    "a derivative": lambda x, v: (jax.grad(lambda y: jnp.sum(y * y * v))(x), v),
    "a loop": lambda x, v: (jax.lax.fori_loop(0, 3, lambda _, y: y + v, x), v),
    "whole numbers": lambda x, v: (x.astype(jnp.int32).astype(jnp.float32), abs(-v)),
}


@pytest.mark.parametrize("lead", [(), (3,), (1,)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_in_pieces_is_the_function(name, lead):
    def function(arrays, given):
        x, v, count = arrays
        first, second = FUNCTIONS[name](x + given["shift"], v)
        return [first, second, count + 1], {"sum": jnp.sum(x), "x": x, "none": None}

    arrays, given = (
        [vector(*lead), vector(*lead), jnp.zeros((), jnp.float32)],
        {"shift": jnp.float32(2)},
    )
    expected, expected_out = function(arrays, given)

    def in_pieces(arrays, given):
        values, out = jax_layers.by_pieces(function, LENGTHS)(
            [jax_layers.split(x, LENGTHS) for x in arrays], given
        )
        assert [isinstance(value, tuple) for value in values] == [True, True, False]
        assert [piece.shape for piece in values[0]] == [(*lead, n) for n in LENGTHS]
        return [jax_layers.joined(value) for value in values], out

    for run in (in_pieces, jax.jit(in_pieces)):
        found, out = run(arrays, given)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        assert out["none"] is None
        np.testing.assert_array_equal(out["x"], expected_out["x"])
        np.testing.assert_array_equal(out["sum"], expected_out["sum"])


def test_pieces_are_joined_as_they_were():
    x = vector(2)
    assert [piece.shape for piece in jax_layers.split(x, LENGTHS)] == [(2, n) for n in LENGTHS]
    np.testing.assert_array_equal(jax_layers.joined(jax_layers.split(x, LENGTHS)), x)
    for other in (jnp.ones((P, 2)), jnp.ones(()), jnp.ones(P + 1)):
        assert jax_layers.split(other, LENGTHS) is other
        assert jax_layers.joined(other) is other


slices_a_vector = pytest.mark.skipif(
    tuple(map(int, jax.__version__.split(".")[:2])) < (0, 6),
    reason="JAX before 0.6 gathers what is sliced from a vector",
)
NET = bp.Network([3, 4, 2], hidden="tanh")


def test_what_is_joined_along_another_axis_is_no_vector():
    def function(arrays, given):
        (x,) = arrays
        below = jnp.concatenate([given, given + 1], axis=0)  # (2, 3), and the pieces are of 3
        return [x * jnp.sum(below, axis=0)[0]], below

    (found,), below = jax_layers.by_pieces(function, (3, 3))(
        [(jnp.ones(3), jnp.ones(3))], jnp.ones((1, 3))
    )
    np.testing.assert_array_equal(jax_layers.joined(found), [3] * 6)
    np.testing.assert_array_equal(below, [[1, 1, 1], [2, 2, 2]])


class Looking:
    def settings(self, _):
        return {"rate": 0.1}

    def init(self, _):
        return ()

    def update(self, theta, state, dE_dtheta, rate):
        return (theta - rate * dE_dtheta if float(abs(dE_dtheta).max()) > 0 else theta), state


def test_who_disables_compilation_looks_at_numbers():
    X, Y = jnp.ones((6, 2), jnp.float32), jnp.zeros(6, jnp.int32)
    net = bp.Network([2, 3, 2])
    with jax.disable_jit():
        found = bp.train(net, X, Y, optimizer=Looking(), epochs=1, batch_size=2)
    expected = bp.train(net, X, Y, optimizer=bp.SGD(0.1), epochs=1, batch_size=2)
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-5, atol=1e-6)


def test_without_lengths_nothing_is_in_pieces():
    def step(carry, number, x):
        return jnp.concatenate([carry[1:], number * x[None]], axis=0), (carry.sum(),)

    steps = over_batches(lambda: step, jnp)
    _, (sums,) = steps(jnp.zeros((3, 2)), [jnp.float32(1)] * 4, None, jnp.ones((4, 2)))
    np.testing.assert_array_equal(sums, [0, 2, 4, 6])


def test_training_is_in_the_pieces_of_its_network(monkeypatch):
    seen = []

    def noted(function, lengths):
        seen.append(lengths)
        return jax_layers.by_pieces(function, lengths)

    monkeypatch.setattr(jax_scan, "by_pieces", noted)
    net = bp.Network([2, 5, 3])  # of no other test: it is compiled once
    X, Y = jnp.ones((6, 2), jnp.float32), jnp.zeros(6, jnp.int32)
    bp.train(net, X, Y, epochs=1, batch_size=2)
    bp.train(net, X, Y, epochs=1, batch_size=2, case_weights=jnp.asarray([0.0] * 5 + [1.0]))
    assert seen == [[10, 5, 15, 3]] * 2


SETTINGS = [{}, {"l2": 0.1}, {"l1": 0.1}, {"clip_value": 0.5}, {"clip_norm": 0.5}]
SETTINGS += [{"shrinkage": 0.1}, {"max_norm": 0.5}, {"dropout": 0.5}]


def traced_steps(optimizer, settings, *, stack=(), lengths=None, net=NET):
    """Return the operations of a step in the loop, by their names in JAX."""
    theta = jnp.asarray(net.init(seed=0, stack=stack), jnp.float32)
    made = step_for(net, optimizer, theta, labelled=True)
    lengths = piece_lengths(net.sizes) if lengths is None else lengths
    steps = over_batches(lambda: made, jnp, lengths=lengths)
    of_run = numbers_of(optimizer, theta, stack=stack, **settings)
    numbers = of_run.block(2)
    shapes = [(2, 5, 3), (2, 2, 5), (2, 1, 5), *([(2, 4, 5)] if "dropout" in settings else [])]
    batches = [jnp.ones(shape, jnp.float32) for shape in shapes]
    carry = theta, optimizer.init(theta)
    whole = jax.make_jaxpr(lambda *given: steps(given[0], numbers, None, *given[1:]))(
        carry, *batches
    )
    return [name for loop in loops(whole.jaxpr) for name in names(loop)]


def inner(jaxpr):
    for operation in jaxpr.eqns:
        for value in operation.params.values():
            found = getattr(value, "jaxpr", None)
            if found is not None:
                yield operation.primitive.name, found


def loops(jaxpr):
    for name, found in inner(jaxpr):
        yield from [found] if name == "scan" else loops(found)


def names(jaxpr):
    for operation in jaxpr.eqns:
        yield operation.primitive.name
    for _, found in inner(jaxpr):
        yield from names(found)


@slices_a_vector
@pytest.mark.parametrize("stack", [(), (2,)])
@pytest.mark.parametrize(
    ("name", "number"),
    [(name, number) for name, of in OPTIMIZERS.items() for number in range(len(of))],
)
def test_no_step_joins_a_vector(name, number, stack):
    optimizer = OPTIMIZERS[name][number]
    found = traced_steps(optimizer, {}, stack=stack)
    assert "dot_general" in found
    assert "concatenate" not in found
    assert "concatenate" in traced_steps(optimizer, {}, stack=stack, lengths=())


@slices_a_vector
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_no_setting_joins_a_vector(settings):
    assert "concatenate" not in traced_steps(bp.SGD(0.1, 0.9), settings)


@slices_a_vector
def test_removed_connections_join_no_vector():
    net = bp.Network([3, 4, 2], connections=[np.tri(4, 3, dtype=bool), None])
    assert "concatenate" not in traced_steps(bp.SGD(0.1), {}, net=net)
