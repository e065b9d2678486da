"""One script for the CPU and the GPU: train on the device of your choice, compare with NumPy.

The equations are written once, for arrays of any library. ``--device`` chooses the library and the
device: ``cpu`` is NumPy, ``cuda`` CuPy on an NVIDIA GPU, ``torch:cuda`` PyTorch, ``jax:cpu`` JAX,
and ``auto`` an NVIDIA GPU where there is one. Nothing else in the script depends on the device.

Run it with ``python examples/device_selection.py`` or, say, ``... --device torch:cpu``.

On every device the initial weights and the order of the cases come from the seed, by NumPy's
generators. So the numbers differ by rounding only.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from notation import ascii_where_needed, yes_or_no

import backprop_xp as bp
from backprop_xp.arrays.backend import to_host

TOLERANCE = (
    2e-5  # float32 rounds by 6e-8 in each library's own order, and hundreds of updates add up
)
TOLERANCE_TF32 = 1e-3  # JAX lets a GPU round the factors of its products by 5e-4


def problem() -> tuple[str, bp.Network, dict[str, Any]]:
    """Return a title, a network and arguments of `train`: digits, or XOR without scikit-learn."""
    try:
        X, Y = bp.datasets.digits()
    except bp.MissingExtraError:
        X, Y = bp.datasets.xor()
        net = bp.Network([2, 4, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
        settings = {"optimizer": bp.SGD(0.5, momentum=0.9), "batch_size": None}
        return "XOR (the digits need scikit-learn)", net, {"X": X, "Y": Y, **settings}
    net = bp.Network([64, 32, 10], hidden="sigmoid", output="softmax", loss="cross_entropy")
    settings = {"optimizer": bp.SGD(0.1, momentum=0.9), "batch_size": 32}
    return "1,797 handwritten digits", net, {"X": X, "Y": Y, **settings}


def costs_and_parameters(device: str | bp.Device, epochs: int) -> tuple[Any, Any]:
    """Return the cost of each epoch and θ after the last, both on the host."""
    _, net, settings = problem()
    run = bp.train(net, **settings, epochs=epochs, seed=0, dtype="float32", device=device)
    return np.array(run.history["cost"]), to_host(run.theta)


def relative_difference(found: Any, expected: Any) -> float:
    """Return max |found − expected| / max |expected|."""
    return float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))


def tolerance(device: bp.Device) -> float:
    """Return the largest `relative_difference` that rounding on the device explains."""
    return TOLERANCE_TF32 if device.name.startswith("jax:cuda") else TOLERANCE


def show_devices() -> None:
    """Print what this machine offers."""
    print("What this machine offers")
    print()
    for status in bp.devices():
        print(f"    {status}")


def show_training(device: bp.Device, epochs: int) -> bool:
    """Print the costs on the device beside NumPy's; return whether they agree."""
    title, net, _ = problem()
    sizes = "-".join(map(str, net.sizes))
    costs, theta = costs_and_parameters(device, epochs)
    numpy_costs, numpy_theta = costs_and_parameters("cpu", epochs)
    print(f"Cost of each epoch: {title}, {sizes} units, float32")
    print()
    print(f"epoch   {'on ' + device.name:>14}   with NumPy")
    for epoch, (here, there) in enumerate(zip(costs, numpy_costs, strict=True), start=1):
        print(f"{epoch:5}   {here:14.7f}   {there:10.7f}")
    differences = {
        "costs": relative_difference(costs, numpy_costs),
        f"{theta.size:,} parameters": relative_difference(theta, numpy_theta),
    }
    print()
    if device.name == "cpu":
        print("The device is NumPy's own, so both columns come from the same code.")
    for name, difference in differences.items():
        print(f"The {name} differ by at most {difference:.1e} of the largest.")
    return max(differences.values()) <= tolerance(device)


def main(argv: Sequence[str] | None = None) -> int:
    """Print every part; return 0, 1 if the numbers differ, 2 if the device cannot be used."""
    ascii_where_needed()
    parser = argparse.ArgumentParser(description="Train on a device of your choice.")
    parser.add_argument(
        "--device", default="auto", help="auto (default), cpu, cuda, torch:cuda, jax:cpu …"
    )
    parser.add_argument("--epochs", type=int, default=5, help="epochs of training (default: 5)")
    options = parser.parse_args(argv)
    if options.epochs < 1:
        parser.error(f"--epochs is {options.epochs}; at least 1 is needed")
    try:
        device = bp.select_device(options.device)
    except bp.DeviceError as error:
        print(error, file=sys.stderr)
        return 2
    show_devices()
    print()
    print(f"Chosen for --device {options.device}: {device}")
    print()
    good = show_training(device, options.epochs)
    print(f"Both give the same numbers, to rounding: {yes_or_no(good)}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
