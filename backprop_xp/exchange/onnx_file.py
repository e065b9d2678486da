"""`to_onnx`: a model as an ONNX file, for ONNX Runtime and other engines."""

import os
from importlib import import_module
from typing import Any

import numpy as np

from backprop_xp.arrays.advice import checks_keywords, needs_extra
from backprop_xp.arrays.backend import dtype_name
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.exchange.onnx_code import Value, written
from backprop_xp.exchange.onnx_graph import Graph
from backprop_xp.exchange.preparation import prepared
from backprop_xp.exchange.program import Program, program_of
from backprop_xp.exchange.served import Served, served, served_members
from backprop_xp.execution.expressions import Symbol
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.formats import check_format

__all__ = ["IR_VERSION", "OPSET", "onnx_package", "to_onnx"]

OPSET = 20  # of 2023: ONNX Runtime reads it from 1.17 on
IR_VERSION = 9  # the form of files of that opset
_MOST_BYTES = 2**31 - 1  # of a protobuf file


@checks_keywords
def to_onnx(
    model: Any,
    theta: Any = None,
    path: str | os.PathLike[str] | None = None,
    *,
    classes: Any = None,
    dtype: Any = None,
) -> Any:
    """Return a model as an ONNX model, and write it to a file where a path is given.

    The names are those of scikit-learn's converter, skl2onnx without "zipmap". The input is ``X``
    (m, n_in), for any number m of cases. A model of classes has the outputs ``label`` (m,) and
    ``probabilities`` (m, n_classes). Where a case may have several labels, ``label`` is
    (m, n_labels). Any other model has the output ``variable`` (m, n_out). Where some inputs of a
    pipeline are texts, each input is a column (m, 1) of its own, by the name of the column.

    The file is of opset 20, and onnx's checker has passed it. Operators of ONNX stand for
    activations where there is one; other activations, a user's own among them, are written as their
    formulas. Removed connections are weights of 0.

    Parameters
    ----------
    model : estimator, pipeline, Network, Run, ensemble, or pair of a network and theta
        An `MLPClassifier` or `MLPRegressor` of this library or of scikit-learn, fitted, or a
        pipeline that ends in one. Its other steps may be StandardScaler, MinMaxScaler,
        SimpleImputer, OneHotEncoder, QuantileTransformer, ColumnTransformer, Pipeline and the
        transformers of `estimators`. They compute in float64 whatever the dtype. A category that
        OneHotEncoder would refuse is refused by the engine.
    theta : array (..., P), optional
        The parameters, where the model is a network. A stack is an ensemble: the mean of its
        networks' outputs or probabilities.
    path : path, optional
        A name in .onnx. It may come second, where the model is no network. An earlier file there is
        replaced.
    classes : array (n_classes,), optional
        The classes of a network's outputs, integers or texts in the order of the outputs.
    dtype : {"float32", "float64"}, optional
        Default: theta's; float32 for float16.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    MissingExtraError
        onnx is not installed.
    OptionError
        A step of the pipeline or an activation cannot be written, the message names it; the classes
        or the dtype do not fit; the file would have 2 GB or more; or the path ends in another
        format's suffix.
    DTypeError, ShapeError
        The model is of another kind or is not fitted, or theta does not fit.
    OSError
        The file cannot be written.

    References
    ----------
    ONNX operators, https://onnx.ai/onnx/operators/.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> made = bp.exchange.to_onnx(net, net.init(seed=0), classes=["no", "yes"])
    >>> [node.op_type for node in made.graph.node][:3]
    ['Gemm', 'Tanh', 'Gemm']
    >>> [output.name for output in made.graph.output]
    ['label', 'probabilities']
    """
    where = "to_onnx"
    if theta is not None and isinstance(model, str | os.PathLike):
        came, advice = type(model).__name__, "Pass the model first, then the path"
        raise DTypeError(f"{where}(model)", came, "a model", advice)
    if path is None and isinstance(theta, str | os.PathLike):
        theta, path = None, theta
    if path is not None:
        check_format(path, f"{where}(path)", ".onnx")
    onnx = onnx_package(f"{where}()")
    members = served_members(model, where) if theta is None else []
    known, *others = members or [served(model, theta, classes, where)]
    made = _model(onnx, known, others, _dtype(known, dtype, where), where)
    onnx.checker.check_model(made, full_check=True)
    if path is not None:
        write_atomically(path, made.SerializeToString())
    return made


def onnx_package(where: str) -> Any:
    """Return the package onnx.

    Raises
    ------
    MissingExtraError
        It is not installed.

    Examples
    --------
    >>> onnx_package("to_onnx()").__name__
    'onnx'
    """
    with needs_extra("onnx", where, "no onnx", "the package onnx"):
        return import_module("onnx")


def _dtype(model: Served, dtype: Any, where: str) -> str:
    """Return the dtype of the graph."""
    own = model.theta.dtype.name
    name = dtype_name(dtype) if dtype is not None else "float64" if own == "float64" else "float32"
    if name not in ("float32", "float64"):
        expected = "float32 or float64"
        raise OptionError(f"{where}(dtype)", repr(dtype), expected, "Leave it out for theta's")
    numbers = model.theta.size * np.dtype(name).itemsize
    if numbers > _MOST_BYTES * 0.99:
        came, expected = f"a model of {numbers:,} bytes", f"at most {_MOST_BYTES:,}, ONNX's limit"
        raise OptionError(f"{where}(model)", came, expected, 'Pass dtype="float32", or bp.save it')
    return name


def _model(onnx: Any, model: Served, others: list[Served], dtype: str, where: str) -> Any:
    inputs, x = prepared(model, where)
    program = program_of(model, inputs, x, others)
    outputs = _outputs(model, program)
    own = () if inputs[0].options["column"] is None else model.meaning.feature_names
    taken = [name for name in (*(x.name for x in inputs), *own) if name in outputs or not name]
    if taken:
        came, expected = f"the column {taken[0]!r}", f"other names than {', '.join(outputs)}"
        expected = expected if taken[0] else "a name for each column"
        other = ", or use to_numpy_source" if model.weights is None else ""
        advice = f"Rename the column before training{other}"
        raise OptionError(f"{where}(model)", came, expected, advice)
    graph = Graph([*(x.name for x in inputs), *outputs])
    value_info = onnx.helper.make_tensor_value_info
    infos, values = [], {}
    wide = "float64" if model.meaning.preprocessing else dtype  # the steps compute in float64
    for x in inputs:
        text = x.options["kind"] == "text"
        kind = graph.element_type(object if text else dtype)
        infos.append(value_info(x.name, kind, ["batch", x.options["width"]]))
        known = x.name if text or wide == dtype else graph.cast(x.name, wide)
        values[x.name] = Value(known, wide)
    names = written(graph, [symbol for symbol, _, _ in outputs.values()], values, dtype, where)
    results = []
    for name, value, (_, kind, width) in zip(outputs, names, outputs.values(), strict=True):
        graph.output(value, name)
        element = graph.element_type(dtype if kind is None else kind)
        shape = ["batch"] if width is None else ["batch", width]
        results.append(value_info(name, element, shape))
    title = f"backprop_xp network {'-'.join(map(str, model.net.sizes))}"
    made = onnx.helper.make_graph(graph.nodes, title, infos, results, graph.initializers)
    return onnx.helper.make_model(
        made,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="backprop_xp",
    )


def _outputs(model: Served, program: Program) -> dict[str, tuple[Symbol, Any, int | None]]:
    """Return the symbol, the dtype (None: the graph's) and the width of each output."""
    if program.predictions is None or program.probabilities is None:
        return {"variable": (program.outputs, None, model.net.sizes[-1])}
    p, label, classes = program.probabilities, program.predictions, model.meaning.classes
    if model.several_labels or classes is None:
        width = model.net.sizes[-1]
        return {"label": (label, "int64", width), "probabilities": (p, None, width)}
    known = classes.astype(object if classes.dtype.kind in "US" else np.int64)
    if classes.dtype.kind == "f" and not np.array_equal(known, classes):
        known = classes.astype(np.float64)
    symbol = Symbol("constant", name="classes", values=known)
    named = Symbol("class_of", label.inputs[0], symbol)
    return {"label": (named, known.dtype, None), "probabilities": (p, None, len(classes))}
