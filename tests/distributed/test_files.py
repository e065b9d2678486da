"""Ranks with data in files, and their checkpoints."""

import numpy as np
import pytest
from rank_cases import data, difference, trained
from ranks import on_ranks
from source_cases import mapped

import backprop_xp as bp
from backprop_xp.training.data import file_order


@pytest.fixture
def small_groups(monkeypatch):
    """Groups of two runs of five rows of eight numbers, so that the order of a file shows."""
    monkeypatch.setattr(file_order, "RUN_BYTES", 5 * 64)
    monkeypatch.setattr(file_order, "LEAST_RUNS", 2)
    monkeypatch.setattr(file_order, "GROUP_BYTES", 10 * 64)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("options", [{}, {"class_weights": "balanced", "dropout": 0.2}])
def test_ranks_share_the_rows_of_a_file(tmp_path, options):
    X, Y, X_others, Y_others = data()
    files = [mapped(tmp_path / f"{n}", x) for n, x in enumerate((X, X_others))]
    net = bp.Network([7, 9, 3], "tanh", "softmax", "cross_entropy")

    def work(ranks=None):
        others = files[1], Y_others
        return bp.train(net, files[0], Y, epochs=4, validation=others, reduce=ranks, **options)

    expected = work()
    for run in on_ranks(3, work):
        assert difference(run, expected) <= 1e-12
    (run,) = on_ranks(1, work)
    assert run.theta.tobytes() == expected.theta.tobytes()


def test_a_rank_reads_the_rows_of_its_share(tmp_path):
    """Of each batch a rank reads its half, and no row of the other rank's."""
    X, Y, *_ = data()

    class Counting:
        def __init__(self, x):
            self.shape, self.dtype, self.rows, self._x = x.shape, x.dtype, [], x

        def __getitem__(self, key):
            self.rows += range(key.start, key.stop)
            return self._x[key]

    net = bp.Network([7, 3], output="softmax", loss="cross_entropy")
    sources = Counting(X), Counting(X)

    def work(ranks):
        return bp.train(net, sources[ranks.rank], Y, epochs=1, batch_size=10, reduce=ranks)

    on_ranks(2, work)
    first, second = (sorted(x.rows) for x in sources)
    assert sorted(first + second) == list(range(103))
    assert len(first) == 51


@pytest.mark.parametrize("size", [2, 3])
def test_a_resumed_run_of_ranks_has_the_bits_of_the_whole(tmp_path, size):
    options = {"dropout": 0.2, "optimizer": bp.Adam(0.01)}

    def whole(ranks):
        return trained(options, ranks, 6)

    def first(ranks):
        return trained({**options, "callbacks": [bp.Checkpoint(tmp_path / "run")]}, ranks, 3)

    def then(ranks):
        return trained({**options, "resume": tmp_path / "run"}, ranks, 6)

    expected = on_ranks(size, whole)
    on_ranks(size, first)
    names = sorted(path.name for path in (tmp_path / "run").glob("*.safetensors"))
    assert names == ["epoch-000002.safetensors", "epoch-000003.safetensors"]
    for run, one in zip(on_ranks(size, then), expected, strict=True):
        assert run.theta.tobytes() == one.theta.tobytes()
        assert run.history == one.history
    for run in on_ranks(4, then):  # by another number of ranks, to rounding
        assert difference(run, expected[0]) <= 1e-10
    assert difference(then(None), expected[0]) <= 1e-10


def test_own_rows_resume(tmp_path):
    X, Y, *_ = data()
    net = bp.Network([7, 3], output="softmax", loss="cross_entropy")

    def work(epochs, **options):
        def on(ranks):
            own = slice(60) if ranks.rank else slice(60, None)
            return bp.train(net, X[own], Y[own], epochs=epochs, reduce=ranks, **options)

        return on_ranks(2, on, rows="own")

    expected = work(5)
    work(2, callbacks=[bp.Checkpoint(tmp_path / "run")])
    resumed = work(5, resume=tmp_path / "run")
    assert resumed[1].theta.tobytes() == expected[0].theta.tobytes()
    assert resumed[0].history == expected[0].history


@pytest.mark.parametrize("changed", [0, 1])
def test_own_rows_of_any_rank_must_be_those_of_the_checkpoint(tmp_path, changed):
    X, Y, *_ = data()
    net = bp.Network([7, 3], output="softmax", loss="cross_entropy")

    def work(shift=0, **options):
        def on(ranks):
            rows = X[ranks.rank :: 2] + shift * (ranks.rank == changed)
            return bp.train(net, rows, Y[ranks.rank :: 2], epochs=2, reduce=ranks, **options)

        return on_ranks(2, on, rows="own")

    work(callbacks=[bp.Checkpoint(tmp_path / "run")])
    with pytest.raises(bp.OptionError, match=r"train\(resume\): got X="):
        work(shift=1, resume=tmp_path / "run")


def test_a_subclass_of_a_callback_that_writes_is_called_in_the_first_rank(tmp_path):
    class Own(bp.Checkpoint):
        pass

    def work(ranks):
        return trained({"callbacks": [Own(tmp_path / "run")]}, ranks, 3)

    first, second = on_ranks(2, work)
    assert first.theta.tobytes() == second.theta.tobytes()
    assert len(list((tmp_path / "run").iterdir())) == 2


def test_only_the_first_rank_writes(tmp_path):
    def work(ranks):
        callbacks = [bp.CSVLog(tmp_path / f"{ranks.rank}.csv"), Count()]
        trained({"callbacks": callbacks}, ranks, 3)
        return callbacks[1].epochs

    class Count:
        epochs = 0

        def on_epoch_end(self, _):
            self.epochs += 1

    assert on_ranks(3, work) == [3, 3, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["0.csv"]
    assert np.loadtxt(tmp_path / "0.csv", delimiter=",", skiprows=1).shape[0] == 3


@pytest.mark.parametrize("rank", [0, 1])
def test_only_the_first_rank_shows_its_progress(rank, capsys):
    class Twice(bp.distributed.Ranks):
        """A rank whose other rank says the same."""

        size = 2

        def sum(self, x):
            return x + x

        def gathered(self, value):
            return [value, value]

    ranks = Twice()
    ranks.rank = rank
    trained({"progress": True}, ranks, 3)
    assert bool(capsys.readouterr().err) == (rank == 0)
