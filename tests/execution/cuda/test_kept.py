"""What a training on a GPU leaves for the next one: by equal rules, bounded, never two threads'."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fused_on_host import NumpyLibrary, take_pure_steps
from needs import needs

import backprop_xp as bp
from backprop_xp.execution.cuda import graphs, kept
from backprop_xp.execution.cuda.kept import Kept, forget, kept_for, with_room
from backprop_xp.execution.cuda.replay import FusedRecording, FusedReplayer
from backprop_xp.training.step import compiled

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((30, 3)).astype("float32"), RNG.integers(0, 2, 30)


class Held:
    def __init__(self, nbytes):
        self.nbytes = nbytes


@pytest.fixture(autouse=True)
def nothing_is_kept():
    forget()
    yield
    forget()


def made_for(keys, nbytes=0):
    """Return which of some keys were made anew, one after another."""
    store, made = Kept(), []
    for key in keys:
        store.of(key, lambda key=key: made.append(key) or Held(nbytes))
    return made


def test_the_results_that_were_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(kept, "MOST", 2)
    assert made_for("aab") == ["a", "b"]
    assert made_for("abacab") == ["a", "b", "c", "b"]


def test_so_are_no_more_than_some_bytes(monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 10)
    assert made_for("abab", 5) == ["a", "b"]
    assert made_for("abab", 6) == ["a", "b", "a", "b"]
    assert made_for("aa", 11) == ["a", "a"]


def test_where_memory_runs_out_nothing_is_kept_and_it_is_tried_again():
    tries = []

    def make():
        tries.append(len(kept_for("any")))
        if tries[-1]:
            raise MemoryError
        return "made"

    kept_for("any").of("before", object)
    assert with_room(make) == "made"
    assert tries == [1, 0]

    def never():
        tries.append(None)
        raise MemoryError

    with pytest.raises(MemoryError):
        with_room(never)
    assert tries[2:] == [None]


def test_a_thread_keeps_its_own():
    kept_for("any").of("here", object)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: len(kept_for("any"))).result() == 0
        assert not other.submit(forget).result()
    assert len(kept_for("any")) == 1
    assert len(kept_for(None)) == 0


# ---------------------------------------------------------------------------------------------
# in training


class Shared(NumpyLibrary):
    """A library whose recordings are kept, that counts captures."""

    now, captures, launches = ("device 0",), 0, 0

    def setting(self):
        return self.now

    def capture(self, work):
        self.captures += 1
        launch, result = super().capture(work)

        def counted():
            self.launches += 1
            launch()

        return counted, result


@pytest.fixture
def recordings(monkeypatch):
    """Return the recordings that are made while `bp.train` takes its steps as on CuPy."""
    made, init = [], FusedRecording.__init__

    def noted(self, *args):
        made.append(self)
        init(self, *args)

    monkeypatch.setattr(FusedRecording, "__init__", noted)
    return made


@pytest.fixture
def library(monkeypatch):
    library = Shared()

    def refuse(*_):
        raise AssertionError("the step is on no tape")

    take_pure_steps(monkeypatch, lambda make_step: FusedReplayer(make_step, refuse, library))
    over_batches = compiled.over_batches

    def shared(make_step, xp, *, pure=False, rule=None, **others):
        if pure and rule is not None:
            return FusedReplayer(make_step, refuse, library, rule)
        return over_batches(make_step, xp, pure=pure, **others)

    monkeypatch.setattr(compiled, "over_batches", shared)
    return library


def trained(optimizer=None, net=None, **chosen):
    net = net or bp.Network([3, 4, 2], "tanh")
    optimizer = optimizer or bp.SGD(0.1, 0.9)
    return bp.train(net, X, Y, optimizer=optimizer, epochs=1, batch_size=10, **chosen)


def test_a_second_training_records_nothing_and_begins_with_a_graph(library, recordings):
    first, *others = (trained() for _ in range(3))
    assert len(recordings) == 1
    assert (library.captures, library.launches) == (1, 2)
    for other in others:
        np.testing.assert_array_equal(other.theta, first.theta)
    other = trained(bp.SGD(0.2, 0.8))  # other numbers of an equal rule
    forget()
    np.testing.assert_array_equal(other.theta, trained(bp.SGD(0.2, 0.8)).theta)
    assert len(recordings) == 2


@pytest.mark.parametrize(
    "chosen",
    [
        {"optimizer": bp.Adam(0.1)},
        {"net": bp.Network([3, 4, 2], "relu")},
        {"l1": 0.1},
        {"dropout": 0.1},
        {"decay_biases": True},
        {"dtype": "float64"},
        {"stack": 2},
    ],
    ids=["optimizer", "net", "l1", "dropout", "biases", "dtype", "stack"],
)
def test_another_step_is_recorded_anew(chosen, library, recordings):
    alone = trained(**{"l2": 0.1, **chosen})
    forget()
    trained(l2=0.1)
    found = trained(**({"l2": 0.1, **chosen} if "l1" not in chosen else chosen))
    assert len(recordings) == 3
    if "l1" not in chosen:
        np.testing.assert_array_equal(found.theta, alone.theta)


def test_one_penalty_is_not_taken_for_another(library):
    alone = trained(l1=0.5)
    forget()
    trained(l2=0.5)
    np.testing.assert_array_equal(trained(l1=0.5).theta, alone.theta)


def test_another_device_stream_or_precision_has_its_own(library, recordings):
    trained()
    library.now = ("device 1",)
    trained()
    assert len(recordings) == 2


class OwnTanh(bp.activations.Tanh):
    """A user's own, which may do anything."""


def test_nothing_of_a_users_own_is_kept(library, recordings):
    trained(net=bp.Network([3, 4, 2], OwnTanh()))
    assert len(kept_for("any")) == 0
    assert recordings == []


def test_bytes_are_those_of_scratch_and_graphs(library, recordings):
    trained()
    (one,) = kept_for("any")._made.values()
    before = one.nbytes
    assert before == recordings[0].nbytes > 0
    trained()
    copies = 30 * (3 + 2) * 4  # of X and of Y as columns of 0 and 1, in one block
    assert one.nbytes > before + copies


def test_a_recording_has_a_few_graphs(monkeypatch):
    monkeypatch.setattr(graphs, "MOST_GRAPHS", 2)
    library = Shared()

    def run(carry, numbers, x):
        return carry, (np.zeros((len(numbers), 1)),)

    steps = graphs.Graphed(run, library)
    for length in (1, 1, 2, 2, 3, 3, 3, 1):
        steps.run((np.zeros(1),), [np.array(1.0)] * length, np.zeros((length, 1)))
    assert library.captures == 4


def test_a_block_for_which_there_is_no_room_is_run_without_what_is_kept(library, recordings):
    expected = trained().theta
    kept_for("any").of("large", object)
    empty, asked = library.empty, []

    def lacking(shape, dtype):
        asked.append(len(kept_for("any")))
        if asked[-1]:
            raise MemoryError(shape)
        return empty(shape, dtype)

    library.empty = lacking
    library.now = ("device 1",)
    np.testing.assert_array_equal(trained().theta, expected)
    assert asked[:2] == [2, 0]


@pytest.mark.gpu
def test_on_a_gpu_a_second_training_is_graphs_from_the_first_block_on():
    cupy = needs("cupy")
    if not cupy.is_available():
        pytest.skip("CuPy finds no CUDA device")
    first, second, third = (trained(device="cuda") for _ in range(3))
    assert [one.execution.partition(",")[0] for one in (first, second)] == ["kernels", "graphs"]
    assert third.execution == "graphs"
    for other in (second, third):
        np.testing.assert_array_equal(other.theta.get(), first.theta.get())
    with cupy.cuda.Stream(non_blocking=True):
        np.testing.assert_array_equal(trained(device="cuda").theta.get(), first.theta.get())
