"""Train and evaluate on the second of two devices of JAX; print what lies elsewhere at the end.

A script for `test_contract.py`: the number of devices is fixed once JAX has started.
"""

import importlib
from dataclasses import replace

from checks import on_host
from surface import ITEMS, results

import backprop_xp as bp

# Adam with numbers, dropout and penalties of each network; one network, labels in a file
NAMES = ("stack: own dropout", "in a file")
ONE_FORM = {"batch_size": 5, "epochs": 1}  # of batches, which is compiled once


def main() -> None:
    """Run some items with arrays that are committed to the second device."""
    jax = importlib.import_module("jax")
    first, second = jax.devices("cpu")
    device = bp.Device("jax:cpu:1", "a test", jax.numpy, second)
    for name in NAMES:
        item = replace(ITEMS[name], settings={**ITEMS[name].settings, **ONE_FORM})
        found, _ = results(item, lambda x: jax.device_put(on_host(x), second), device)
        for what, x in found.items():
            if x.devices() != {second} or not x.committed:
                print(f"{name}: {what} lies on {x.devices()}")
    left = [x for x in jax.live_arrays() if first in x.devices()]
    print(f"{len(left)} arrays on the first device, done")


if __name__ == "__main__":
    main()
