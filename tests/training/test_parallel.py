"""Pieces of work in threads: results, errors and interruptions do not depend on their number."""

import threading
from collections import deque

import pytest

from backprop_xp.training.parallel import Threads


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = threading.active_count()
    found = Threads(request.param)
    yield found
    found.close()
    assert threading.active_count() == before


def shared(count, pieces):
    return [deque(range(pieces))] * count


def test_all_pieces_are_done_in_order(threads):
    found = threads.run(shared(threads.count, 7), lambda piece, *_: piece**2)
    assert list(found.items()) == [(n, n**2) for n in range(7)]


def test_each_queue_has_one_thread(threads):
    queues = [deque(range(0, 9, 3)), deque(range(1, 9, 3)), deque(range(2, 9, 3))]
    by_queue = {0: set(), 1: set(), 2: set()}

    def task(piece, queue, given_up):
        by_queue[queue].add(threading.get_ident())
        return queue == piece % 3

    assert all(threads.run(queues, task).values())
    assert all(len(names) == 1 for names in by_queue.values())
    assert threading.get_ident() in by_queue[0]


def test_no_thread_is_started_for_one_queue():
    threads, before = Threads(3), threading.active_count()
    threads.run(shared(1, 4), lambda *_: None)
    assert threading.active_count() == before


def test_the_error_of_the_lowest_piece_is_raised(threads):
    both = threading.Barrier(min(threads.count, 2))

    def task(piece, queue, given_up):
        if piece < both.parties:
            both.wait(10)  # so that the higher piece may fail first
        if piece == 0 and both.parties > 1:
            while not threads_failed:
                pass
        threads_failed.append(piece)
        raise ValueError(piece)

    threads_failed = []
    with pytest.raises(ValueError, match="0"):
        threads.run(shared(threads.count, 6), task)
    assert set(threads_failed) <= {0, 1, 2}


def test_pieces_above_an_error_are_given_up_and_those_below_are_done():
    threads, failed, ended = Threads(2), threading.Event(), []

    def task(piece, queue, given_up):
        if piece == 1:
            failed.set()
            raise ValueError
        failed.wait(10)
        ended.append((piece, given_up()))

    with pytest.raises(ValueError):  # noqa: PT011
        threads.run([deque([0]), deque([1, 2])], task)
    threads.close()
    assert ended == [(0, False)]


def test_ctrl_c_ends_all_pieces(threads):
    if threads.count == 1:
        pytest.skip("there is no other thread")
    started, ended = threading.Event(), threading.Event()

    def task(piece, queue, given_up):
        if queue == 0:
            assert started.wait(10)
            raise KeyboardInterrupt
        started.set()
        while not given_up():
            pass
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        threads.run([deque([0]), deque([1])], task)
    assert ended.is_set()
