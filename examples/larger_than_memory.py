"""Train on a file and predict from it, without ever reading it whole.

A file is written piece by piece, in its worst order: all cases of the first class, then all of the
second, and so on. ``bp.train`` takes it as a `numpy.memmap`, in place of an array; a data set of
h5py or zarr would do, or any object with a shape, a dtype and rows that slices read.

What is in memory is a group of rows: some hundred runs of neighbouring rows, from all over the
file. The runs are shuffled each epoch, and so are the rows of a group among each other. Hence

1. a file that fits into one group is trained on bit for bit as an array in memory is;
2. a larger one is learnt as well, in memory that does not grow with it.

Run it with ``python examples/larger_than_memory.py`` or, say, ``... --megabytes 20000 --folder D``
for a file in folder D, which is removed at the end.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import backprop_xp as bp

NET = bp.Network([784, 32, 10], hidden="relu", output="softmax", loss="cross_entropy")
CLASSES, N_IN = 10, 784
ROW_BYTES = 4 * N_IN
PIECE = 1000  # rows written or drawn at one time
IN_ONE_GROUP = 5000  # 16 MB
SETTINGS = {"optimizer": bp.SGD(0.02, momentum=0.9), "batch_size": 50, "seed": 0}
NEW_CASES = 2000
AT_LEAST = 0.9  # of the new cases are right


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
    """Return the resident memory of this process now and at its peak, in MB; None if not told."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        kibibytes = {line.split()[0]: int(line.split()[1]) for line in lines if "kB" in line}
        now, peak = (kibibytes[name] * 1024 / 1e6 for name in ("VmRSS:", "VmHWM:"))
    except (OSError, KeyError):  # a system other than Linux
        return None
    return now, peak


def show_memory() -> None:
    """Print how much memory is resident, and its peak so far."""
    found = resident()
    told = "{:.0f} MB, peak {:.0f} MB".format(*found) if found else "not told by this system"
    print(f"  resident memory: {told}")


def show_training(X: Any, Y: Any, epochs: int) -> bool:
    """Train on the file and predict from it; return whether new cases are right as well."""
    run = bp.train(NET, X, Y, epochs=epochs, **SETTINGS)
    costs = ", ".join(f"{cost:.3f}" for cost in run.history["cost"])
    print(f"Trained on it: cost {costs} in epoch after epoch")
    show_memory()
    classes = bp.predict(NET, run.theta, X).argmax(axis=-1)
    print(f"Predicted from it: {np.mean(classes == Y):.1%} of its cases are right")
    show_memory()
    labels = np.arange(NEW_CASES) % CLASSES
    new = draw(labels, np.random.default_rng(2))
    accuracy = np.mean(bp.predict(NET, run.theta, new).argmax(axis=-1) == labels)
    print(f"Of {NEW_CASES:,} new cases: {accuracy:.1%}")
    return bool(accuracy >= AT_LEAST)


def show_same(X: Any, Y: Any) -> bool:
    """Train on rows that fit into one group, from the file and in memory; return whether θ agrees.

    A slice of a memmap is read from its file, too.
    """
    X, Y = X[:IN_ONE_GROUP], Y[:IN_ONE_GROUP]
    from_file = bp.train(NET, X, Y, epochs=2, **SETTINGS)
    from_array = bp.train(NET, np.array(X), Y, epochs=2, **SETTINGS)
    same = bool(np.array_equal(from_file.theta, from_array.theta))
    print(f"The first {len(X):,} rows fit into one group. Trained on them from the file and from")
    print(f"memory, all parameters are the same to the last bit: {'yes' if same else 'NO'}")
    return same


def refusal(options: argparse.Namespace) -> str:
    """Return what is wrong with the options, "" where nothing is."""
    if options.epochs < 1:
        return f"--epochs is {options.epochs}; at least 1 is needed"
    if not 1 <= options.megabytes < float("inf"):
        return f"--megabytes is {options.megabytes}; at least 1 is needed"
    if options.folder is not None and not options.folder.is_dir():
        return f"--folder is {options.folder}, which is no folder"
    free = shutil.disk_usage(options.folder or tempfile.gettempdir()).free / 1e6
    if options.megabytes > free:
        return f"--megabytes is {options.megabytes:g}; the disk has room for {free:.0f}"
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Print all of it; return 0 where the file is learnt, and as an array is, else 1."""
    parser = argparse.ArgumentParser(description="Train on a file that is never read whole.")
    parser.add_argument("--megabytes", type=float, default=200, help="of the file (default: 200)")
    parser.add_argument("--epochs", type=int, default=2, help="sweeps through it (default: 2)")
    parser.add_argument("--folder", type=Path, help="where to make the file for a while")
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
