"""`to_numpy_source`: a model as a Python module that needs NumPy alone."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from backprop_xp.arrays.backend import HostArray
from backprop_xp.exchange.expressions import Symbol, in_order
from backprop_xp.exchange.numpy_code import Functions, array_text, body
from backprop_xp.exchange.preparation import prepared
from backprop_xp.exchange.program import Program, program_of
from backprop_xp.exchange.served import Served, served
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.formats import check_format
from backprop_xp.preprocessing.composition import steps_in

__all__ = ["MOST_NUMBERS", "to_numpy_source"]

MOST_NUMBERS = 2000  # that are written into the module itself

_GUARD = '@np.errstate(over="ignore", under="ignore")  # exp(1000) is infinity, and 1/infinity is 0'


def to_numpy_source(
    path: str | os.PathLike[str], model: Any, theta: Any = None, *, classes: Any = None
) -> None:
    r"""Write a Python module that serves a model and needs NumPy alone.

    Its function ``predict(X)`` takes rows (m, n_in). It returns the classes (m,), the labels
    (m, n_labels), or the numbers of a regressor or of a network, (m, n_out). For classes and labels
    there is also ``predict_proba(X)``. A regressor of one number returns (m,), as its `predict`.

    Formulas of activations, a user's own among them, are taken from the activations themselves. The
    module computes as the model does: in float64 the numbers agree to 1e-12.

    Parameters
    ----------
    path : path
        A name in .py. Where the model has more than 2,000 numbers, they are in an .npz file of the
        same name beside it. Earlier files there are replaced.
    model : estimator, pipeline, Network, Run, or pair of a network and theta
        An `MLPClassifier` or `MLPRegressor` of this library or of scikit-learn, fitted, or a
        pipeline that ends in one; `to_onnx` lists the other steps that a pipeline may have.
    theta : array (..., P), optional
        The parameters, where the model is a network. The outputs of a stack are averaged.
    classes : array (n_classes,), optional
        The classes of a network's outputs, integers or texts in the order of the outputs.

    Raises
    ------
    OptionError
        The name ends in another format's suffix; a step of the pipeline or an activation cannot be
        written; or the classes do not fit.
    DTypeError, ShapeError
        The model is of another kind or is not fitted, or theta does not fit.
    OSError
        A file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile, backprop_xp as bp
    >>> net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> path = pathlib.Path(tempfile.mkdtemp(), "xor.py")
    >>> bp.exchange.to_numpy_source(path, net, net.init(seed=0))
    >>> print(*path.read_text().splitlines()[-4:], sep="\n")
    def predict(X):
        X = np.asarray(X, dtype="float64").astype("float32")
        a1 = tanh(X @ W1.T + b1)
        return sigmoid(a1 @ W2.T + b2)
    """
    where = "to_numpy_source"
    check_format(path, f"{where}(path)", ".py")
    target = Path(path)
    text, arrays = _module(served(model, theta, classes, where), where)
    if arrays:
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle
        write_atomically(target.with_suffix(".npz"), content.getvalue())
    write_atomically(target, text.encode())


def _module(model: Served, where: str) -> tuple[str, dict[str, HostArray]]:
    """Return the text of the module, and the arrays of the file beside it."""
    inputs, x = prepared(model, where)
    program = program_of(model, inputs, x)
    results = [y for y in (program.probabilities, program.predictions) if y is not None]
    order = in_order(results or [program.outputs])
    known: dict[str, HostArray] = {
        y.name: y.options["values"] for y in order if y.operation == "constant"
    }
    beside = sum(values.size for values in known.values()) > MOST_NUMBERS
    functions = Functions()
    served_by = "\n\n".join(_serving(model, program, functions, where))
    constants = [
        f"{name} = " + (f'_NUMBERS["{name}"]' if beside else array_text(values))
        for name, values in known.items()
    ]
    imports = ["from pathlib import Path"] * beside
    if "normal_quantile" in functions.texts:
        imports.append("from statistics import NormalDist")
    load = (
        'with np.load(Path(__file__).with_suffix(".npz")) as _file:\n    _NUMBERS = dict(_file)\n'
    )
    parts = [
        f'"""{_title(model)}\n\nWritten by backprop_xp. It needs NumPy alone.\n"""\n',
        "\n".join([*imports, ""]) if imports else "",
        "import numpy as np\n",
        load * beside + "\n".join(constants) + "\n",
    ]
    head = "\n".join(part for part in parts if part)
    text = "\n\n".join([head, *functions.texts.values(), served_by])
    return text, known if beside else {}


def _title(model: Served) -> str:
    sizes = " x ".join(map(str, model.net.sizes))
    several = f"An ensemble of {len(model.theta)} networks" if model.theta.ndim > 1 else "A network"
    step, columns = model.meaning.preprocessing, model.meaning.columns(model.net)
    names = "" if step is None else ", ".join(each.kind for each in steps_in(step))
    after = f" after preprocessing ({names})" if names else ""
    return f"{several} of {sizes} units{after}: predict(X) takes rows (m, {columns})."


def _serving(model: Served, program: Program, functions: Functions, where: str) -> list[str]:
    """Return the source of the functions `predict_proba` and `predict`."""
    if program.probabilities is None or program.predictions is None:
        return [
            _function(
                "predict", model, program, program.outputs, functions, where, model.meaning.flat
            )
        ]
    return [
        _function("predict_proba", model, program, program.probabilities, functions, where),
        _decision(program.predictions, functions, where),
    ]


def _function(
    name: str,
    model: Served,
    program: Program,
    result: Symbol,
    functions: Functions,
    where: str,
    flat: bool = False,
) -> str:
    texts = all(x.options["kind"] == "number" for x in program.inputs)
    dtype = model.theta.dtype.name
    inputs = {}
    if texts:
        narrowed = f'.astype("{dtype}")' * (
            dtype != "float64" and model.meaning.preprocessing is None
        )
        lines = [f'X = np.asarray(X, dtype="float64"){narrowed}']
    else:
        lines = ["X = np.asarray(X, dtype=object)"]
        for x in program.inputs:
            column, number = x.options["column"], x.options["kind"] == "number"
            inputs[x.name] = f"X[:, [{column}]]" + ".astype(float)" * number
    lines += body([result], functions, where, inputs)
    if flat:
        lines[-1] = f"{lines[-1].replace('return', 'a =', 1)}"
        lines.append("return a[:, 0]")
    return "\n".join([_GUARD, f"def {name}(X):", *(f"    {line}" for line in lines), ""])


def _decision(predictions: Symbol, functions: Functions, where: str) -> str:
    known = Symbol("input", name="p")
    place = predictions if predictions.operation != "class_of" else predictions.inputs[0]
    decided = Symbol(place.operation, known)
    if place is not predictions:
        decided = Symbol("class_of", decided, predictions.inputs[1])
    lines = body([decided], functions, where)
    return "\n".join(
        ["def predict(X):", "    p = predict_proba(X)", *(f"    {line}" for line in lines), ""]
    )
