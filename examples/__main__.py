"""The published results, reproduced: ``python -m examples --all``, or the names of some.

``python -m examples symmetry classic`` runs these two and replaces their sections of RESULTS.md.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the scripts import what they share as they do when run alone

from reporting import add_options, guarded, publish  # noqa: E402

SCRIPTS = {
    "symmetry": "rumelhart1986_symmetry",
    "family-trees": "rumelhart1986_family_trees",
    "classic": "classic_tasks",
    "nielsen": "nielsen_mnist",
    "mnist": "mnist_mlp",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scripts that are asked for; return 0, or 2 where something cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m examples", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCRIPTS))
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument(
        "--folder", type=Path, default=HERE, help="of RESULTS.md and pictures (default: examples)"
    )
    add_options(parser)
    given = parser.parse_args(argv)
    unknown = [name for name in given.names if name not in SCRIPTS]
    if unknown or given.all == bool(given.names):
        what = f"there is no {unknown[0]!r}" if unknown else "give names, or --all"
        parser.error(f"{what}; names are {', '.join(SCRIPTS)}")
    if not given.folder.is_dir():
        parser.error(f"--folder {given.folder} is no folder; make it first")

    def work() -> None:
        for name in SCRIPTS if given.all else given.names:
            script = importlib.import_module(SCRIPTS[name])
            publish(script.report, given, given.folder)

    return guarded(work)


if __name__ == "__main__":
    raise SystemExit(main())
