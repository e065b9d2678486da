"""`save`: a network with its parameters, an estimator or a pipeline, to a model file."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, overload

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.backend import Array
from backprop_xp.errors import DTypeError, OptionError
from backprop_xp.files import model_file
from backprop_xp.files.ensemble_model import EnsembleModel
from backprop_xp.files.model import Model
from backprop_xp.network.network import Network
from backprop_xp.training.run import Run

__all__ = ["ensemble_of", "save"]


def ensemble_of(model: Any) -> EnsembleModel | None:
    """Return the ensemble of a fitted MLPEnsembleClassifier or MLPEnsembleRegressor, else None.

    A pipeline that ends in one is an ensemble with the steps before it.

    Raises
    ------
    DTypeError
        The estimator is not fitted.
    OptionError
        A step of the pipeline cannot be expressed in numbers and names.
    """
    if isinstance(model, EnsembleModel):
        return model
    steps = list(model.steps) if hasattr(model, "named_steps") else []
    last = steps.pop()[1] if steps else model
    kind = type(last)
    if not kind.__name__.startswith("MLPEnsemble") and not hasattr(kind, "members_"):
        return None
    found = getattr(last, "_model", None)
    if not isinstance(found, EnsembleModel):
        advice = "Call fit(X, y) first"
        raise DTypeError(
            "save(estimator)", f"{kind.__name__} that is not fitted", "a fitted one", advice
        )
    if not steps:
        return found
    from backprop_xp.exchange.from_pipeline import after_steps

    return replace(found, meaning=after_steps([one for _, one in steps], last, found.meaning))


@overload
def save(
    path: str | os.PathLike[str],
    net: Network,
    theta: Array,
    notes: Mapping[str, str] | None = None,
) -> None: ...
@overload
def save(
    path: str | os.PathLike[str],
    net: Any,
    theta: None = None,
    notes: Mapping[str, str] | None = None,
) -> None: ...
@checks_keywords
def save(
    path: str | os.PathLike[str],
    net: Any,
    theta: Any = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a network and its parameters, an estimator or a pipeline to a safetensors file.

    Of an estimator or a pipeline the file also holds the classes, the names of the columns, and the
    preprocessing, as numbers and names. `load` then returns a model that predicts as the pipeline
    does, by NumPy alone. The file holds no pickle and no code.

    Parameters
    ----------
    path : path
        A name in .safetensors, or without the suffix of another format. An earlier file there is
        replaced once the new one is complete and on the disk.
    net : Network, estimator, Pipeline, Run, Model or EnsembleModel
        A fitted estimator of this library, ensembles for tables among them, or a network of
        scikit-learn, or a pipeline that ends in one. Its
        steps before may be StandardScaler, MinMaxScaler, QuantileTransformer, SimpleImputer,
        OneHotEncoder, ColumnTransformer, "passthrough", the transformers of `estimators`, and
        pipelines of them. A Run is the result of `train`, a Model that of `load`. A user's own
        activation or loss is saved by its name; `load` must be given the object.
    theta : array (..., P)
        The parameters of a Network, from any library and device; saved in its own dtype. None where
        `net` has parameters of its own.
    notes : mapping of str to str, optional
        Texts to keep beside the model, at most 16 MiB. Their names must not begin with
        ``backprop_xp``. `files.model_file.read_notes` returns them.

    Raises
    ------
    ShapeError, DTypeError
        θ does not fit the network; or `net` is of another kind, or not fitted.
    OSError
        The file cannot be written. An earlier file at `path` is unchanged.
    OptionError
        A step of the pipeline cannot be expressed in numbers and names; the error names it. Or the
        name is one of another format, such as .onnx; an activation or loss has no name of its own;
        or the notes cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> import backprop_xp as bp
    >>> net = bp.Network([2, 3, 1])
    >>> theta = net.init(seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bp.save(f"{folder}/model.safetensors", net, theta, notes={"data": "exclusive or"})
    ...     model = bp.load(f"{folder}/model.safetensors")
    >>> model.network == net, bool((model.theta == theta).all())
    (True, True)

    A pipeline:

    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = np.array([[10.0], [20.0], [30.0], [40.0]]), ["low", "low", "high", "high"]
    >>> mlp = bp.MLPClassifier([4], solver="lbfgs", random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), mlp).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bp.save(f"{folder}/model.safetensors", pipeline)
    ...     model = bp.load(f"{folder}/model.safetensors")
    >>> model.classes.tolist(), model.predict([[12.0], [38.0]]).tolist()
    (['high', 'low'], ['low', 'high'])
    """
    fitted = hasattr(type(net), "fit") and not isinstance(net, Network)
    if fitted and theta is not None:
        came, advice = f"{type(net).__name__} and theta", "Leave theta out: it has its own"
        raise OptionError("save(theta)", came, "an estimator alone", advice)
    if not fitted and (theta is not None or not isinstance(net, Model | Run | EnsembleModel)):
        model_file.save(path, net, theta, notes)
        return
    ensemble = ensemble_of(net)
    if ensemble is not None:
        model_file.save_ensemble(path, ensemble, notes)
        return
    from backprop_xp.exchange.served import parts

    network, own, meaning = parts(net, None, "save")
    model_file.save(path, network, own, notes, meaning)
