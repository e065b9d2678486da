"""A busy machine: processes that compute until the context ends, or the process that made it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

COMPUTE = """\
import os, sys
while os.getppid() == int(sys.argv[1]):
    sum(range(100_000))
"""


@contextmanager
def load(processes: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep so many processes computing, each on one thread, and give them."""
    started = []
    with ExitStack() as stack:
        for _ in range(processes):
            process = subprocess.Popen([sys.executable, "-c", COMPUTE, str(os.getpid())])
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append(process)
        yield started
