"""Networks at random, and ways to run models that were exported."""

import importlib.util
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from needs import needs

import backprop_xp as bp
from backprop_xp.activations import ACTIVATIONS, ELU, LeakyReLU
from backprop_xp.losses import LOSSES

BOUNDED = [name for name in ACTIVATIONS if name != "exp"]


def random_network(seed: int) -> tuple[bp.Network, np.ndarray, np.ndarray]:
    """Return a network, its θ (or a stack's) and inputs, all of them drawn from a seed."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, rng.integers(2, 6)).tolist()
    own = [LeakyReLU(-0.3), ELU(1.7)]
    hidden = [rng.choice([*BOUNDED, *own]) for _ in sizes[1:-1]]
    masks = [
        rng.integers(0, 2, (n_out, n_in)) if rng.random() < 0.3 else None
        for n_in, n_out in pairwise(sizes)
    ]
    output, loss = str(rng.choice(list(ACTIVATIONS))), str(rng.choice(list(LOSSES)))
    net = bp.Network(sizes, hidden, output, loss, masks)
    stack = [(), (), (), (3,), (2, 2)][rng.integers(5)]
    dtype = str(rng.choice(["float32", "float64"]))
    theta = net.init(seed, stack=stack, dtype="float64") + 0.1 * rng.standard_normal(
        net.parameter_count
    )
    X = rng.standard_normal((rng.integers(1, 12), sizes[0]))
    return net, theta.astype(dtype), X.astype(dtype)


def mean_outputs(net: bp.Network, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return the outputs, averaged over the networks of a stack."""
    outputs = net.forward(theta, X)
    return outputs.reshape(-1, *outputs.shape[-2:]).mean(axis=0)


def onnx_results(model: Any, X: Any) -> dict[str, np.ndarray]:
    """Return what ONNX Runtime computes of X: a matrix, or columns by name."""
    runtime = needs("onnxruntime")
    content = model if isinstance(model, str) else model.SerializeToString()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    kinds = {one.name: one.type for one in session.get_inputs()}
    dtypes = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(string)": object}
    columns = X if isinstance(X, dict) else {"X": X}
    given = {name: np.asarray(x).astype(dtypes[kinds[name]]) for name, x in columns.items()}
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def module_at(path: Path) -> ModuleType:
    """Return the Python module that is written in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Cube:
    """A user's own activation, which bends."""

    name = "cube"

    def __call__(self, z):
        return z * z * z / (1 + z**2) + np.where(z > 1, np.abs(z), z)

    def da_dz(self, z, a):
        raise NotImplementedError


class Centred:
    """A user's own activation, in which each a depends on all z of a case."""

    name = "lambda"  # no name for a function

    def __call__(self, z):
        return z - z.mean(axis=-2, keepdims=True)

    def vjp(self, dE_da, a):
        raise NotImplementedError


class Deciding:
    """A user's own activation that no file can hold."""

    name = "deciding"

    def __call__(self, z):
        return z if (z > 0).all() else -z

    def da_dz(self, z, a):
        raise NotImplementedError
