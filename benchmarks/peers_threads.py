"""The library as a peer that counts the threads of its products, or takes all of them.

The library lowers the number of threads before a training starts. A callback that sets a number
after that, as a user may do, has the last word.
"""

from typing import Any

import threadpoolctl

from benchmarks.job import Job
from benchmarks.peers import Peer
from benchmarks.peers_own import training


def choosing(job: Job) -> Peer:
    """Return the peer whose products take as many threads as the library chooses."""
    return _counted(job, _library(job), [])


def taking_all(job: Job) -> Peer:
    """Return the peer whose products take all threads of the job, whatever their size."""
    library = _library(job)
    return _counted(job, library, [_All(library, job.threads)])


class _Blas:
    """The number of threads of each BLAS."""

    def __init__(self) -> None:
        self._libraries = threadpoolctl.ThreadpoolController().select(user_api="blas")

    def numbers(self) -> list[int]:
        return [one["num_threads"] for one in self._libraries.info()]

    def set_number(self, number: int) -> None:
        self._libraries.limit(limits=number)


class _Torch:
    """The number of threads of PyTorch."""

    def numbers(self) -> list[int]:
        import torch

        return [torch.get_num_threads()]

    def set_number(self, number: int) -> None:
        import torch

        torch.set_num_threads(number)


class _All:
    """A callback that sets the number of threads after the library has set its own."""

    def __init__(self, library: _Blas | _Torch, number: int) -> None:
        self.library, self.number = library, number

    def on_train_start(self, _: Any) -> None:
        self.library.set_number(self.number)


class _Count:
    """A callback that keeps the numbers of threads at the end of each epoch, each number once."""

    def __init__(self, library: _Blas | _Torch) -> None:
        self.library, self.found = library, list[int]()

    def on_epoch_end(self, _: Any) -> None:
        self.found += sorted({*self.library.numbers()} - {*self.found})


def _library(job: Job) -> _Blas | _Torch:
    return _Torch() if job.device.startswith("torch") else _Blas()


def _counted(job: Job, library: _Blas | _Torch, callbacks: list[Any]) -> Peer:
    count = _Count(library)
    peer = training(job, lambda theta: [theta], [*callbacks, count])
    return Peer(peer.run, peer.meter, count.found)
