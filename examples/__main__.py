"""Reproduce published results: all by ``python -m examples --all``, or some by their names.

``python -m examples symmetry classic`` computes two reports and replaces their sections of
examples/RESULTS.md. A quick version must not replace a full one there: it is printed, and written
only where ``--folder`` says so.

``python -m examples gallery`` writes the pictures of `bp.plots` with their code as one page,
gallery.html, to examples/ or to the folder of ``--folder``.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import backprop_xp as bp
from backprop_xp.inspection.learning_curve import check_plotting

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # for `import reporting` in the scripts

from notation import ascii_where_needed  # noqa: E402
from reporting import add_options, check_folder, guarded, publish  # noqa: E402

GALLERY = "gallery"
NEED_MNIST = ("nielsen", "mnist")
SCRIPTS = {
    "symmetry": "rumelhart1986_symmetry",
    "family-trees": "rumelhart1986_family_trees",
    "classic": "classic_tasks",
    "nielsen": "nielsen_mnist",
    "mnist": "mnist_mlp",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named scripts; return 0, 2 after a refusal, 130 after Ctrl-C."""
    ascii_where_needed()
    parser = argparse.ArgumentParser(prog="python -m examples", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*SCRIPTS, GALLERY]))
    parser.add_argument("--all", action="store_true", help="all reports, without the gallery")
    add_options(parser)
    given = parser.parse_args(argv)
    unknown = [name for name in given.names if name not in (*SCRIPTS, GALLERY)]
    if unknown or given.all == bool(given.names):
        choice = "give names or --all, not both" if given.all else "give names, or --all"
        reason = f"there is no {unknown[0]!r}" if unknown else choice
        parser.error(f"{reason}; names are {', '.join([*SCRIPTS, GALLERY])}")
    names = list(SCRIPTS) if given.all else list(dict.fromkeys(given.names))
    folder = given.folder or (None if given.quick else HERE)

    def work() -> None:
        check_folder(folder, [name for name in names if name != GALLERY])
        if set(names) & set(NEED_MNIST):
            bp.datasets.mnist(given.mnist)  # refuses missing or damaged files before any work
        if GALLERY in names:
            check_plotting()
            print(f"Written: {importlib.import_module(GALLERY).write(given.folder or HERE)}")
        for name in [name for name in names if name in SCRIPTS]:
            publish(importlib.import_module(SCRIPTS[name]).report, given, folder)

    return guarded(work)


if __name__ == "__main__":
    raise SystemExit(main())
