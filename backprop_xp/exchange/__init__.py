"""Exchange: models for other libraries, and models from them.

.. code-block:: text

    scikit_learn        `to_sklearn` and `from_sklearn`: its multi-layer perceptrons
    torch_modules       `to_torch` and `from_torch`: sequences of PyTorch's layers
    onnx_file           `to_onnx`: a file for ONNX Runtime and other engines
    numpy_source        `to_numpy_source`: a Python module that needs NumPy alone
    saving              `save`: a network, an estimator or a pipeline to a model file

    from_transformers   scikit-learn's fitted transformers as steps of `preprocessing`
    from_pipeline       its fitted estimators and pipelines as models
    served              a model as it is exported
    program             everything between the inputs of a network and predictions, as expressions
    columns_of_symbols  columns of numbers and texts, as expressions
    preparation         the steps of preprocessing, as expressions
    numpy_code          expressions as NumPy source
    onnx_code           expressions as nodes of ONNX
    onnx_graph          an ONNX graph that is being built
    unique_names        a name beside the names that are taken
    normal_quantile     the quantile function of the normal distribution, as an expression

Read the first five for use, the others in their order. The room imports `estimators` and the rooms
below it. Each module imports the other library when a function is called.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backprop_xp.exchange.numpy_source import to_numpy_source
    from backprop_xp.exchange.onnx_file import to_onnx
    from backprop_xp.exchange.scikit_learn import from_sklearn, to_sklearn
    from backprop_xp.exchange.torch_modules import from_torch, to_torch

__all__ = ["from_sklearn", "from_torch", "to_numpy_source", "to_onnx", "to_sklearn", "to_torch"]

_HOME = {
    "from_sklearn": "scikit_learn",
    "from_torch": "torch_modules",
    "to_numpy_source": "numpy_source",
    "to_onnx": "onnx_file",
    "to_sklearn": "scikit_learn",
    "to_torch": "torch_modules",
}


def __getattr__(name: str) -> Any:
    """Return a function, whose module is imported on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
