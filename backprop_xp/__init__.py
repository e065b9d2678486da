"""Multi-layer perceptrons trained by the explicit equations of backpropagation.

Written once against the Array API standard, for NumPy, CuPy, PyTorch and JAX arrays.

>>> import backprop_xp as bp
>>> X, Y = bp.datasets.xor()
>>> net = bp.Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
>>> E, dE_dtheta = net.gradient(net.init(seed=0), X, Y)
>>> dE_dtheta.shape
(13,)
"""

from backprop_xp import activations, datasets, equations, initializers, losses, schedules
from backprop_xp.checkpoint import Model, load, save
from backprop_xp.device_selection import Device, DeviceStatus, devices, select_device
from backprop_xp.errors import (
    BackpropError,
    DataError,
    DeviceError,
    DivergenceError,
    DTypeError,
    MissingExtraError,
    MissingFileError,
    ModelFileError,
    OptionError,
    ShapeError,
)
from backprop_xp.gradcheck import GradientCheck, check_gradient
from backprop_xp.network import Network
from backprop_xp.optimizers import SGD
from backprop_xp.parameters import Layer
from backprop_xp.training import Run, train

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "BackpropError",
    "DTypeError",
    "DataError",
    "Device",
    "DeviceError",
    "DeviceStatus",
    "DivergenceError",
    "GradientCheck",
    "Layer",
    "MissingExtraError",
    "MissingFileError",
    "Model",
    "ModelFileError",
    "Network",
    "OptionError",
    "Run",
    "ShapeError",
    "activations",
    "check_gradient",
    "datasets",
    "devices",
    "equations",
    "initializers",
    "load",
    "losses",
    "save",
    "schedules",
    "select_device",
    "train",
]
