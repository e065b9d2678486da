"""A process that times one peer: ``python -m benchmarks.worker PEER JOB``.

The process does the work once and answers with memory and figure. Then it reads a number from each
line of its input, does the work so many times, and answers with the mean seconds, the figure and
the threads of its products.
Each answer is a line of JSON. An error ends the process, with one line on its standard error.
"""

import json
import os
import signal
import sys
from functools import partial
from types import TracebackType
from typing import Any, TextIO

import numpy as np

from backprop_xp.arrays.backend import to_host
from benchmarks.job import Job
from benchmarks.peers import LeftOut, make


def main() -> None:
    """Answer until the input ends."""
    sys.excepthook = _say_in_one_line
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    answers = _own_output()
    peer = make(sys.argv[1], Job(**json.loads(sys.argv[2])))
    warm = np.ones((256, 256), np.float32)
    warm @ warm  # the BLAS allocates its buffers, which do not count as memory of the peer
    memory, result = peer.meter.memory(lambda: peer.run(1))
    _answer(answers, memory=memory, figure=figure(result))
    for line in sys.stdin:
        times = int(line)
        seconds, result = peer.meter.seconds(partial(peer.run, times))
        _answer(answers, seconds=seconds / times, figure=figure(result), threads=list(peer.threads))


def figure(result: Any) -> float | None:
    """Return one number from a peer's result, by which peers are compared.

    It is the mean of costs, or the mean over cases of the largest output (m, n_out); None for None.
    """
    if result is None:
        return None
    host = np.asarray(result, float) if isinstance(result, float) else to_host(result)
    return float(np.mean(host.max(axis=-1) if host.ndim == 2 else host))


def _own_output() -> TextIO:
    """Return the stream for answers; the libraries' own prints go to the standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, **content: Any) -> None:
    print(json.dumps(content), file=answers, flush=True)


def _say_in_one_line(
    kind: type[BaseException], error: BaseException, _: TracebackType | None
) -> None:
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, ModuleNotFoundError):
        first = f"{error.name} is not installed"
    elif not isinstance(error, LeftOut):
        first = f"{kind.__name__}: {first}"
    print(f"\n{first}", file=sys.stderr)


if __name__ == "__main__":
    main()
