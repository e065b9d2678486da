"""The published results, reproduced: ``python -m examples --all``, or the names of some.

``python -m examples symmetry classic`` runs these two and replaces their sections of
examples/RESULTS.md. A quick version is printed, and written where a folder is named alone: it must
not take the place of the full one.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import backprop_xp as bp

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the scripts import what they share as they do when run alone

from reporting import add_options, check_folder, guarded, publish  # noqa: E402

OF_MNIST = ("nielsen", "mnist")
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
    add_options(parser)
    given = parser.parse_args(argv)
    unknown = [name for name in given.names if name not in SCRIPTS]
    if unknown or given.all == bool(given.names):
        both = "give names or --all, not both" if given.all else "give names, or --all"
        what = f"there is no {unknown[0]!r}" if unknown else both
        parser.error(f"{what}; names are {', '.join(SCRIPTS)}")
    names = list(SCRIPTS) if given.all else list(dict.fromkeys(given.names))
    folder = given.folder or (None if given.quick else HERE)

    def work() -> None:
        check_folder(folder, names)
        if set(names) & set(OF_MNIST):
            bp.datasets.mnist(given.mnist)  # what is wrong with it is said at once
        for name in names:
            publish(importlib.import_module(SCRIPTS[name]).report, given, folder)

    return guarded(work)


if __name__ == "__main__":
    raise SystemExit(main())
