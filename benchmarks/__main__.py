"""The command ``python -m benchmarks``."""

import sys
from collections.abc import Sequence

import benchmarks
from backprop_xp import BackpropError
from benchmarks import disk, imports, predict, scale, stack, train
from benchmarks.options import Parser, Refused

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that the arguments name (sys.argv's) and return the exit status."""
    parser = Parser(
        prog="python -m benchmarks", description=(benchmarks.__doc__ or "").split("\n")[0]
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (train, stack, predict, scale, imports, disk):
        module.add_command(commands)
    given = parser.parse_args(arguments)
    try:
        status: int = given.run(given)
    except (BackpropError, Refused) as error:
        print(f"python -m benchmarks: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"python -m benchmarks: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
