"""A process that times one peer: ``python -m benchmarks.worker PEER JOB``.

It reads a number of epochs from each line of its input, runs them, and prints the seconds.
"""

import json
import sys
import time

from benchmarks.peers import PEERS, Job


def main() -> None:
    """Serve until the input ends."""
    name, job = sys.argv[1], Job(**json.loads(sys.argv[2]))
    run = PEERS[name](job)
    run(1)  # warm-up: caches, compilers, allocators
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        run(int(line))
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
