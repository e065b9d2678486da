"""``import``: the time of ``import backprop_xp`` in a fresh interpreter, beside other libraries."""

import argparse
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.interleave import ROOT, environment
from benchmarks.options import add_files, at_least
from benchmarks.peers import OWN
from benchmarks.publishing import Report, begin, publish
from benchmarks.summary import ratio
from benchmarks.tables import Table, number

MODULES = [OWN, "numpy", "sklearn.neural_network", "torch", "jax"]
CODE = (
    "import sys, time; start = time.perf_counter(); __import__(sys.argv[1]); "
    "print(time.perf_counter() - start)"
)


def add_command(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser("import", help="the time of import backprop_xp")
    parser.add_argument(
        "--peers", type=_modules, default=",".join(MODULES), help=f"some of {','.join(MODULES)}"
    )
    parser.add_argument("--repeat", type=at_least(1), default=9, help="rounds (default: 9)")
    add_files(parser, plot=False)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Time the imports in turn and publish the results."""
    report = Report("import", "Time of an import in a fresh interpreter")
    begin(report, given)
    times: dict[str, list[float]] = {}
    modules = list(given.peers)
    for warm in (True, *[False] * given.repeat):  # the first round fills the file cache
        for module in list(modules):
            try:
                seconds = import_seconds(module)
            except ImportError as error:
                modules.remove(module)
                report.notes.append(f"{module} is left out: {error}")
                print(report.notes[-1], file=sys.stderr)
                continue
            if not warm:
                times.setdefault(module, []).append(seconds)
    rows = []
    for module, seconds_of in times.items():
        found = {
            "median": statistics.median(seconds_of),
            "minimum": min(seconds_of),
            "ratio": ratio(seconds_of, times[OWN]) if OWN in times else None,
        }
        report.results.append({"module": module, "seconds": seconds_of} | found)
        milliseconds = (number(1e3 * (found[key] or 0)) for key in ("median", "minimum"))
        rows.append([module, *milliseconds, number(found["ratio"])])
    head = ["module", "median ms", "minimum ms", "× backprop_xp"]
    report.show(Table("Without the start of the interpreter", head, rows))
    return publish(report, given)


def _modules(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if set(names) - set(MODULES):
        raise argparse.ArgumentTypeError(f"{text!r} is not some of {', '.join(MODULES)}")
    return list(dict.fromkeys([OWN, *names]))


def import_seconds(module: str) -> float:
    """Return the seconds of importing a module in a fresh interpreter.

    Raises
    ------
    ImportError
        The module cannot be imported; the message is the reason.
    """
    done = subprocess.run(
        [sys.executable, "-c", CODE, module],
        cwd=ROOT,
        env=environment(threads=1),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise ImportError(said[-1] if said else f"status {done.returncode}")
    return float(done.stdout.split()[-1])
