"""A lack of memory in training: the error keeps what was learnt until then."""

import importlib
import weakref

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp
from backprop_xp.arrays.backend import namespace
from backprop_xp.training import failures

# what is handed over where training diverges is tested in test_train.py

NET = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy")
_rng = np.random.default_rng(0)
X, LABELS = _rng.standard_normal((10, 3)), _rng.integers(0, 3, 10)


class Failing:
    """θ ← θ − ε ∂E/∂θ, until an update, the `at`-th of all, raises an error.

    A number of another name lets JAX compile that update anew, which calls it.
    """

    def __init__(self, at, error, watched=None):
        self._at, self._error, self._watched = at, error, watched

    def settings(self, step):
        return {"rate": 0.5} if step < self._at else {"rate": 0.5, "fails": 1.0}

    def init(self, theta):
        return (namespace(theta).zeros_like(theta),)

    def update(self, theta, state, dE_dtheta, *, rate, fails=None):
        if fails is not None:
            large = dE_dtheta + 1
            if self._watched is not None:
                self._watched.append(weakref.ref(large))
            raise self._error
        theta -= rate * dE_dtheta  # in place where the library can, as the built-in ones do
        return theta, (state[0] + 1,)


def run_out(*args, **settings):
    with pytest.raises(bp.OutOfMemoryError) as caught:
        bp.train(*args, batch_size=4, **settings)
    return caught.value


def test_the_error_of_any_library_keeps_what_was_learnt(memory_error, xp):
    raised, lack = memory_error
    if xp.name == "jax" and type(raised).__module__ != "jax.errors":
        pytest.skip("compiling takes seconds; one error is enough on JAX")
    arrays, theta = (xp.array(X), xp.array(LABELS)), xp.array(NET.init(seed=3))
    start = xp.host(theta).copy()
    # 4, 4 and 2 cases: 3 updates in an epoch, of which the last of the third fails
    error = run_out(NET, *arrays, theta, optimizer=Failing(8, raised), epochs=5, seed=1)
    good = bp.train(
        NET, *arrays, theta, optimizer=Failing(99, None), epochs=2, seed=1, batch_size=4
    )
    assert error.parts[:3] == (
        "train, epoch 2 (counted from 0)",
        f"no {lack}",
        "room for the arrays of a step",
    )
    assert error.__cause__ is raised
    assert (error.epoch, error.history) == (2, good.history)
    np.testing.assert_array_equal(xp.host(error.theta), xp.host(good.theta))  # to the bit
    assert namespace(error.theta) is xp.xp
    np.testing.assert_array_equal(xp.host(theta), start)


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({}, "Try a smaller batch_size; "),
        ({"dtype": "float64"}, "Try a smaller batch_size or dtype='float32'; "),
        ({"stack": 2}, "Try a smaller batch_size or fewer networks in the stack; "),
    ],
)
def test_the_advice_is_what_can_be_made_smaller(settings, advice):
    optimizer = Failing(0, MemoryError())
    error = run_out(NET, X, LABELS, optimizer=optimizer, **{"dtype": "float32", **settings})
    assert error.parts[3] == f"{advice}the parameters before this epoch are this error's .theta"


@pytest.mark.parametrize("stack", [(), (2,), (2, 3), (1, 1)])
def test_theta_has_the_axes_of_the_stack(stack):
    settings = {"stack": stack, "seed": 2}
    error = run_out(NET, X, LABELS, optimizer=Failing(4, MemoryError()), **settings)
    good = bp.train(NET, X, LABELS, optimizer=Failing(9, None), epochs=1, batch_size=4, **settings)
    np.testing.assert_array_equal(error.theta, good.theta)
    assert error.theta.shape == (*stack, NET.parameter_count)
    assert error.epoch == 1


def test_before_the_first_edge_it_is_the_theta_of_the_start():
    class NoState(Failing):
        def init(self, theta):
            raise MemoryError(theta.shape)

    theta = NET.init(seed=5, dtype="float64")
    error = run_out(NET, X, LABELS, theta, optimizer=NoState(0, None))
    assert (error.epoch, error.history) == (0, {})
    np.testing.assert_array_equal(error.theta, theta)
    assert not np.shares_memory(error.theta, theta)


def test_a_validation_that_does_not_fit_is_of_its_epoch(monkeypatch):
    # the epoch's updates are done, but not recorded: θ fits the history
    from backprop_xp.training.scoring import Scorer

    calls, score = [], Scorer.cases

    def scores(self, *given):
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError
        return score(self, *given)

    monkeypatch.setattr(Scorer, "cases", scores)
    settings = {"optimizer": Failing(99, None), "validation": (X, LABELS)}
    error = run_out(NET, X, LABELS, **settings)
    monkeypatch.undo()
    good = bp.train(NET, X, LABELS, epochs=2, batch_size=4, **settings)
    np.testing.assert_array_equal(error.theta, good.theta)
    assert (error.epoch, error.history) == (2, good.history)


def test_where_not_even_a_copy_of_theta_fits_the_array_itself_is_kept(monkeypatch):
    def copied(x):
        raise MemoryError

    monkeypatch.setattr(failures, "copied", copied)
    theta = NET.init(seed=5, dtype="float64")
    error = run_out(NET, X, LABELS, theta, optimizer=Failing(0, MemoryError()))
    np.testing.assert_array_equal(error.theta, theta)


def test_what_the_step_worked_on_is_free_while_the_error_is_handled():
    # else there would be no memory to go on with less
    watched = []
    error = run_out(NET, X, LABELS, optimizer=Failing(2, MemoryError(), watched))
    assert error.__cause__.__traceback__ is not None
    assert [watch() for watch in watched] == [None]


def test_training_goes_on_from_there_with_less():
    error = run_out(NET, X, LABELS, optimizer=Failing(4, MemoryError()), seed=1)
    run = bp.train(NET, X, LABELS, error.theta, epochs=1, batch_size=2)
    assert run.history["cost"][0] < 2


def test_theta_on_pytorch_takes_part_in_its_derivatives():
    torch = needs("torch")
    arrays = torch.asarray(X), torch.asarray(LABELS)
    assert not run_out(NET, *arrays, optimizer=Failing(4, MemoryError())).theta.is_inference()


@pytest.mark.parametrize("error", [RuntimeError("no luck"), KeyError("no memory"), bp.DataError])
def test_other_errors_pass_through(error):
    made = error if isinstance(error, Exception) else error("a", "out of memory", "c", "d")
    with pytest.raises(type(made)) as caught:
        bp.train(NET, X, LABELS, optimizer=Failing(4, made), batch_size=4)
    assert caught.value is made


def test_the_end_of_training_counts_too(monkeypatch):
    # the copy that is handed over fails, when all epochs are done
    driver = importlib.import_module("backprop_xp.training.driver")
    calls, kept = [], driver.kept

    def fails_at_last(x):
        calls.append(1)
        if len(calls) == 2:  # one at the start
            raise MemoryError
        return kept(x)

    monkeypatch.setattr(driver, "kept", fails_at_last)
    error = run_out(NET, X, LABELS, optimizer=Failing(99, None), epochs=2)
    monkeypatch.undo()
    good = bp.train(NET, X, LABELS, optimizer=Failing(99, None), epochs=2, batch_size=4)
    np.testing.assert_array_equal(error.theta, good.theta)
    assert (error.epoch, error.history) == (2, good.history)


@pytest.mark.gpu
def test_a_gpu_that_is_full():
    cupy = needs("cupy")
    if not cupy.is_available():
        pytest.skip("CuPy finds no CUDA device")

    class Greedy(Failing):
        def update(self, theta, state, dE_dtheta, *, rate, fails=None):
            if fails is not None:
                cupy.empty(2**50, "uint8")  # more than any device has
            return super().update(theta, state, dE_dtheta, rate=rate)

    error = run_out(NET, X, LABELS, device="cuda", optimizer=Greedy(4, None), seed=1)
    settings = {"device": "cuda", "batch_size": 4, "seed": 1}
    good = bp.train(NET, X, LABELS, epochs=1, optimizer=Failing(9, None), **settings)
    assert isinstance(error.__cause__, cupy.cuda.memory.OutOfMemoryError)
    assert error.parts[1] == f"no memory for {2**50:,} bytes"
    np.testing.assert_array_equal(cupy.asnumpy(error.theta), cupy.asnumpy(good.theta))
