"""Train on a file and predict from it, without ever reading it whole.

The script writes a file piece by piece, in the worst order for training: all cases of the first
class, then all of the second, and so on. ``bp.train`` takes the file as a `numpy.memmap` in place
of an array. It takes a data set of h5py or zarr too, or any object with a shape, a dtype and slices
of rows.

Memory holds one group of rows at a time: some hundred runs of neighbouring rows, from all over the
file. Each epoch shuffles the runs, and the rows within each group. Hence

1. training on a file that fits into one group is bit-identical to training on an array in memory;
2. a larger file is learnt as well, in memory that does not grow with the file.

Run it with ``python examples/larger_than_memory.py`` or, say, ``... --megabytes 20000 --folder D``
for a file in folder D. The file is removed at the end.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from notation import ascii_where_needed, yes_or_no

import backprop_xp as bp

NET = bp.Network([784, 32, 10], hidden="relu", output="softmax", loss="cross_entropy")
CLASSES, N_IN = 10, 784
ROW_BYTES = 4 * N_IN
PIECE = 1000  # rows drawn and written at a time
IN_ONE_GROUP = 5000  # 16 MB
SETTINGS = {"optimizer": bp.SGD(0.02, momentum=0.9), "batch_size": 50, "seed": 0}
NEW_CASES = 2000
AT_LEAST = 0.9  # share of the new cases that must be right


def draw(labels: Any, rng: np.random.Generator) -> Any:
    """Return a noisy picture for each label, (m, 784) float32: 784 numbers of mean 0."""
    patterns = np.random.default_rng(0).standard_normal((CLASSES, N_IN), dtype=np.float32)
    noise = rng.standard_normal((len(labels), N_IN), dtype=np.float32)
    return 0.15 * patterns[labels] + noise


def write(path: Path, labels: Any) -> Any:
    """Write the cases of these labels piece by piece; return the file as a memmap (m, 784)."""
    rng = np.random.default_rng(1)
    with path.open("wb") as out:
        for start in range(0, len(labels), PIECE):
            draw(labels[start : start + PIECE], rng).tofile(out)
    return np.memmap(path, dtype=np.float32, mode="r", shape=(len(labels), N_IN))


def resident() -> tuple[float, float] | None:
    """Return the resident memory of this process and its peak, in MB; None if it is unknown."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        kibibytes = {line.split()[0]: int(line.split()[1]) for line in lines if "kB" in line}
        now, peak = (kibibytes[name] * 1024 / 1e6 for name in ("VmRSS:", "VmHWM:"))
    except (OSError, KeyError):  # a system other than Linux
        return None
    return now, peak


def show_memory() -> None:
    """Print the resident memory and its peak so far."""
    found = resident()
    told = "{:.0f} MB, peak {:.0f} MB".format(*found) if found else "unknown on this system"
    print(f"  resident memory: {told}")


def show_training(X: Any, Y: Any, epochs: int) -> bool:
    """Train on the file and predict from it; return whether enough new cases are right."""
    run = bp.train(NET, X, Y, epochs=epochs, **SETTINGS)
    costs = ", ".join(f"{cost:.3f}" for cost in run.history["cost"])
    print(f"Trained on the file: cost by epoch {costs}")
    show_memory()
    classes = bp.predict(NET, run.theta, X).argmax(axis=-1)
    print(f"Predicted from the file: {np.mean(classes == Y):.1%} of its cases are right")
    show_memory()
    labels = np.arange(NEW_CASES) % CLASSES
    new = draw(labels, np.random.default_rng(2))
    accuracy = np.mean(bp.predict(NET, run.theta, new).argmax(axis=-1) == labels)
    print(f"Predicted for {NEW_CASES:,} new cases: {accuracy:.1%} are right")
    return bool(accuracy >= AT_LEAST)


def show_same(X: Any, Y: Any) -> bool:
    """Train on one group of rows, from the file and from memory; return whether θ is the same.

    A slice of a memmap is a memmap, so it is read from the file.
    """
    X, Y = X[:IN_ONE_GROUP], Y[:IN_ONE_GROUP]
    from_file = bp.train(NET, X, Y, epochs=2, **SETTINGS)
    from_array = bp.train(NET, np.array(X), Y, epochs=2, **SETTINGS)
    same = bool(np.array_equal(from_file.theta, from_array.theta))
    print(f"The first {len(X):,} rows fit into one group. Training on them from the file and from")
    print(f"memory gives the same parameters to the last bit: {yes_or_no(same)}")
    return same


def refusal(options: argparse.Namespace) -> str:
    """Return the reason to refuse the options, or "" if they can be used."""
    if options.epochs < 1:
        return f"--epochs is {options.epochs}; at least 1 is needed"
    if not 1 <= options.megabytes < float("inf"):
        return f"--megabytes is {options.megabytes}; at least 1 is needed"
    if options.folder is not None and not options.folder.is_dir():
        return f"--folder is {options.folder}, which is not a folder; create it first"
    free = shutil.disk_usage(options.folder or tempfile.gettempdir()).free / 1e6
    if options.megabytes > free:
        return f"--megabytes is {options.megabytes:g}; the disk has room for {free:.0f} MB"
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Print every part; return 0 if the file is learnt, and as an array is, else 1."""
    ascii_where_needed()
    parser = argparse.ArgumentParser(description="Train on a file that is never read whole.")
    parser.add_argument(
        "--megabytes", type=float, default=200, help="size of the file (default: 200)"
    )
    parser.add_argument("--epochs", type=int, default=2, help="epochs of training (default: 2)")
    parser.add_argument("--folder", type=Path, help="folder for the temporary file")
    options = parser.parse_args(argv)
    if wrong := refusal(options):
        parser.error(wrong)
    m = int(options.megabytes * 1e6) // ROW_BYTES
    Y = np.arange(m) * CLASSES // m  # sorted
    with tempfile.TemporaryDirectory(dir=options.folder, ignore_cleanup_errors=True) as folder:
        X = write(Path(folder) / "X.float32", Y)
        print(f"A file of {X.nbytes / 1e6:,.0f} MB: {m:,} cases of {N_IN} numbers, sorted by class")
        show_memory()
        good = show_training(X, Y, options.epochs)
        print()
        good &= show_same(X, Y)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
