"""The deadline of a sum over ranks."""

import types

import pytest

from backprop_xp.distributed import deadline
from backprop_xp.distributed.deadline import Deadline

LIBRARY = types.SimpleNamespace(
    Query_thread=lambda: 0, THREAD_MULTIPLE=3, Is_finalized=lambda: True
)
RANKS = types.SimpleNamespace(Get_size=lambda: 2, Get_rank=lambda: 0)


def after(seconds, monkeypatch, given=None):
    """Return the deadline after sums that end at these times, and the end of an epoch."""
    now = iter(seconds)
    monkeypatch.setattr(deadline.time, "monotonic", lambda: next(now))
    made = Deadline(LIBRARY, RANKS, given)
    for _ in range(len(seconds) // 2):
        with made.waiting():
            pass
    made.ended_epoch()
    return made.seconds


def test_it_is_long_in_the_first_epoch():
    assert Deadline(LIBRARY, RANKS, None).seconds == 600


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 1, 2, 3, 4, 5], 30),  # a sum each two seconds
        ([0, 100, 101, 102], 30),  # the first one ends the preparation, which counts for nothing
        ([0, 1, 6, 7, 8, 9], 60),  # the longest time between two ends is six seconds
        ([0, 1, 2, 21], 200),  # a wait counts as well
    ],
)
def test_it_is_ten_times_the_longest_time_between_two_sums(times, expected, monkeypatch):
    assert after(times, monkeypatch) == expected


def test_a_given_one_stays(monkeypatch):
    assert after([0, 1, 2, 21], monkeypatch, given=5) == 5


def test_between_two_trainings_it_is_the_first():
    made, found = Deadline(LIBRARY, RANKS, None), []
    for _ in range(2):
        made.began()
        found.append(made.seconds)
        made.ended_epoch()
        found.append(made.seconds)
    made.began()
    assert [*found, made.seconds] == [600, 30, 600, 30, 600]


def test_a_wait_that_fails_is_over():
    made = Deadline(LIBRARY, RANKS, 5.0)
    with pytest.raises(ValueError, match="no pickle"), made.waiting():
        raise ValueError("no pickle")
    assert made._since is None
