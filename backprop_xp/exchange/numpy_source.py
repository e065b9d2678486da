"""`to_numpy_source`: a model as a Python module that needs NumPy alone."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import HostArray
from backprop_xp.errors import DTypeError
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


@checks_keywords
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
    if not isinstance(path, str | os.PathLike):
        came, advice = type(path).__name__, "Pass the path first, then the model"
        raise DTypeError(f"{where}(path)", came, "a name in .py", advice)
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
    writer = _Writer(model, program_of(model, inputs, x), where)
    served_by, constants = writer.functions_that_serve(), writer.constants()
    beside = sum(values.size for values in constants.values()) > MOST_NUMBERS
    imports = ["from pathlib import Path"] * beside
    if "normal_quantile" in writer.functions.texts:
        imports.append("from statistics import NormalDist")
    lines = [f'"""{_title(model)}', "", "Written by backprop_xp. It needs NumPy alone.", '"""', ""]
    lines += [*imports, ""] if imports else []
    lines += ["import numpy as np", "", *(_READ if beside else [])]
    for name, values in constants.items():
        of_file = beside and values.dtype.kind != "O"  # which a file without a pickle cannot hold
        lines.append(f"{name} = " + (f'_NUMBERS["{name}"]' if of_file else array_text(values)))
    head = "\n".join([*lines, ""])
    text = "\n\n".join([head, *writer.functions.texts.values(), *served_by])
    in_file = {name: x for name, x in constants.items() if beside and x.dtype.kind != "O"}
    return text, in_file


_READ = ['with np.load(Path(__file__).with_suffix(".npz")) as _file:', "    _NUMBERS = dict(_file)"]


def _title(model: Served) -> str:
    sizes = " x ".join(map(str, model.net.sizes))
    several = f"An ensemble of {len(model.theta)} networks" if model.theta.ndim > 1 else "A network"
    step, columns = model.meaning.preprocessing, model.meaning.columns(model.net)
    names = "" if step is None else ", ".join(each.kind for each in steps_in(step))
    after = f" after preprocessing ({names})" if names else ""
    return f"{several} of {sizes} units{after}: predict(X) takes rows (m, {columns})."


class _Writer:
    """The writer of the functions that serve a model.

    Attributes
    ----------
    functions : Functions
        The functions that are called.
    """

    def __init__(self, model: Served, program: Program, where: str) -> None:
        self._model, self._program, self._where = model, program, where
        self.functions = Functions()

    def constants(self) -> dict[str, HostArray]:
        """Return the arrays of the program by name."""
        program = self._program
        results = [x for x in (program.probabilities, program.predictions) if x is not None]
        order = in_order(results or [program.outputs])
        return {x.name: x.options["values"] for x in order if x.operation == "constant"}

    def functions_that_serve(self) -> list[str]:
        """Return the source of `predict`, and before it of `predict_proba` if there is one."""
        outputs, p, predictions = self._program[1:]
        if p is None or predictions is None:
            lines = self._body(outputs)
            if self._model.meaning.flat:
                last = lines[-1].replace("return", "a =", 1)
                lines = [*lines[:-1], last, "return a[:, 0]"]
            return [_function("predict", lines, _GUARD)]
        return [
            _function("predict_proba", self._body(p), _GUARD),
            _function("predict", ["p = predict_proba(X)", *self._decision(predictions)]),
        ]

    def _body(self, result: Symbol) -> list[str]:
        """Return the statements from the rows X to a result."""
        inputs, meaning, dtype = {}, self._model.meaning, self._model.theta.dtype.name
        if all(x.options["kind"] == "number" for x in self._program.inputs):
            # steps of preprocessing compute in float64, and the network in the dtype of theta
            direct = meaning.preprocessing is None and dtype != "float64"
            first = 'X = np.asarray(X, dtype="float64")' + f'.astype("{dtype}")' * direct
        else:
            first = "X = np.asarray(X, dtype=object)"
            for x in self._program.inputs:
                number = x.options["kind"] == "number"
                inputs[x.name] = f"X[:, [{x.options['column']}]]" + ".astype(float)" * number
        return [first, *body([result], self.functions, self._where, inputs)]

    def _decision(self, predictions: Symbol) -> list[str]:
        """Return the statements from probabilities to classes or labels."""
        p, named = Symbol("input", name="p"), predictions.operation == "class_of"
        place = predictions.inputs[0] if named else predictions
        decided = Symbol(place.operation, p)
        if named:
            decided = Symbol("class_of", decided, predictions.inputs[1])
        return body([decided], self.functions, self._where)


def _function(name: str, lines: list[str], *decorators: str) -> str:
    """Return the source of a function of X."""
    return "\n".join([*decorators, f"def {name}(X):", *(f"    {line}" for line in lines), ""])
