"""The command ``python -m benchmarks``."""

import io
import sys
from collections.abc import Sequence

import benchmarks
from backprop_xp import BackpropError
from benchmarks import (
    disk,
    fit,
    gpu,
    imports,
    machines,
    predict,
    scale,
    search,
    stack,
    threads,
    train,
)
from benchmarks.documents import Unwritable
from benchmarks.options import Parser, Refused
from benchmarks.tabular import command as tables

INTERRUPTED = 130  # 128 + SIGINT, the exit status that shells give


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command named in the arguments (default: sys.argv) and return its exit status."""
    parser = Parser(
        prog="python -m benchmarks", description=(benchmarks.__doc__ or "").split("\n")[0]
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    training = (train, fit, search, stack, machines)
    for module in (*training, predict, scale, threads, imports, disk, gpu, tables):
        module.add_command(commands)
    given = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack × and µ
    if given.json and given.json in (given.markdown, getattr(given, "plot", None)):
        parser.error("--json names the file of another option; give it a file of its own")
    try:
        status: int = given.run(given)
    except (BackpropError, Refused, Unwritable, OSError) as error:
        print(f"python -m benchmarks: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
