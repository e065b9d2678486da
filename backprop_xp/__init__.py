"""Multi-layer perceptrons trained by the explicit equations of backpropagation.

The equations are written once, against the Array API standard, for NumPy, CuPy, PyTorch and JAX
arrays. Read `equations`, `activations` and `losses` first, then the rooms `network` and `training`.

>>> import backprop_xp as bp
>>> X, Y = bp.datasets.xor()
>>> net = bp.Network([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
>>> E, dE_dtheta = net.gradient(net.init(seed=0), X, Y)
>>> dE_dtheta.shape
(13,)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from backprop_xp import (
    activations,
    callbacks,
    distributed,
    equations,
    initializers,
    losses,
    schedules,
)
from backprop_xp.activations import Activation
from backprop_xp.arrays.advice import missing_name
from backprop_xp.arrays.backend import Array
from backprop_xp.arrays.devices import Device, DeviceStatus, devices, select_device
from backprop_xp.callbacks.callback import Callback
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.early_stopping import EarlyStopping
from backprop_xp.callbacks.logs import CSVLog, TensorBoardLog
from backprop_xp.callbacks.progress import Progress
from backprop_xp.errors import (
    BackpropError,
    CallError,
    CheckpointWarning,
    DataError,
    DeviceError,
    DivergenceError,
    DTypeError,
    MissingEntryError,
    MissingExtraError,
    MissingFileError,
    MissingMethodError,
    ModelFileError,
    OptionError,
    OutOfMemoryError,
    ParameterError,
    ShapeError,
    StackIndexError,
)
from backprop_xp.files import old_paths
from backprop_xp.initializers import Initializer
from backprop_xp.losses import Loss
from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer
from backprop_xp.network.prediction import Ensemble, ensemble, predict
from backprop_xp.optimizers.adam import Adam, AdamW, NAdam
from backprop_xp.optimizers.adaptive import Adagrad, RMSprop
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.rprop import Rprop
from backprop_xp.optimizers.sgd import SGD
from backprop_xp.training.evaluation import Evaluation, evaluate
from backprop_xp.training.run import Run
from backprop_xp.training.train import train

if TYPE_CHECKING:
    from backprop_xp import datasets, exchange
    from backprop_xp.estimators.classifier import MLPClassifier
    from backprop_xp.estimators.ensemble_classifier import MLPEnsembleClassifier
    from backprop_xp.estimators.ensemble_regressor import MLPEnsembleRegressor
    from backprop_xp.estimators.regressor import MLPRegressor
    from backprop_xp.estimators.search import StackedSearchCV
    from backprop_xp.exchange.saving import save
    from backprop_xp.files.model import Model
    from backprop_xp.files.model_file import load
    from backprop_xp.inspection import plots
    from backprop_xp.inspection.gradient_check import GradientCheck, check_gradient
    from backprop_xp.inspection.trace import Trace, trace
    from backprop_xp.inspection.written_equations import TracedLayer
    from backprop_xp.network.ordinal_classes import ordinal_probabilities, ordinal_targets

__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "Array",
    "BackpropError",
    "CSVLog",
    "CallError",
    "Callback",
    "Checkpoint",
    "CheckpointWarning",
    "DTypeError",
    "DataError",
    "Device",
    "DeviceError",
    "DeviceStatus",
    "DivergenceError",
    "EarlyStopping",
    "Ensemble",
    "Evaluation",
    "GradientCheck",
    "Initializer",
    "Layer",
    "Loss",
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "MissingEntryError",
    "MissingExtraError",
    "MissingFileError",
    "MissingMethodError",
    "Model",
    "ModelFileError",
    "NAdam",
    "Network",
    "Optimizer",
    "OptionError",
    "OutOfMemoryError",
    "ParameterError",
    "Progress",
    "RMSprop",
    "Rprop",
    "Run",
    "ShapeError",
    "StackIndexError",
    "StackedSearchCV",
    "TensorBoardLog",
    "Trace",
    "TracedLayer",
    "activations",
    "callbacks",
    "check_gradient",
    "datasets",
    "devices",
    "distributed",
    "ensemble",
    "equations",
    "evaluate",
    "exchange",
    "initializers",
    "load",
    "losses",
    "ordinal_probabilities",
    "ordinal_targets",
    "plots",
    "predict",
    "save",
    "schedules",
    "select_device",
    "trace",
    "train",
]

old_paths.register()

_ON_FIRST_USE = {
    "GradientCheck": "inspection.gradient_check",
    "MLPClassifier": "estimators",
    "MLPEnsembleClassifier": "estimators",
    "MLPEnsembleRegressor": "estimators",
    "MLPRegressor": "estimators",
    "Model": "files.model",
    "StackedSearchCV": "estimators",
    "Trace": "inspection.trace",
    "TracedLayer": "inspection.written_equations",
    "check_gradient": "inspection.gradient_check",
    "datasets": "datasets",
    "exchange": "exchange",
    "load": "files.model_file",
    "ordinal_probabilities": "network.ordinal_classes",
    "ordinal_targets": "network.ordinal_classes",
    "plots": "inspection.plots",
    "save": "exchange.saving",
    "trace": "inspection.trace",
}
_MODULES = ("datasets", "exchange", "plots")  # the others are names in a module


def __getattr__(name: str) -> Any:
    """Return a public name whose module is imported on first use.

    Its import takes time, and ``import backprop_xp`` shall be quick.
    """
    if name not in _ON_FIRST_USE:
        raise missing_name(__name__, name)
    module = import_module(f"{__name__}.{_ON_FIRST_USE[name]}")
    return module if name in _MODULES else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
