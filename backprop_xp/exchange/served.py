"""Models as they are exported: a network on the host, and the meaning of its rows and outputs."""

import os
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import Sigmoid
from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.arrays.requirements import check_real
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.exchange.from_pipeline import Fitted, fitted_model
from backprop_xp.files.meaning import Meaning
from backprop_xp.files.model import Model
from backprop_xp.network.columns import check_theta
from backprop_xp.network.network import Network
from backprop_xp.network.network_argument import check_network
from backprop_xp.network.parameters import Layer
from backprop_xp.training.run import Run

__all__ = ["Served", "check_single", "parts", "served", "served_members"]

_ORDER = "the network, then theta"


class Served(NamedTuple):
    """A model as it is exported.

    Attributes
    ----------
    net : Network
    theta : array (P,) or (K, P)
        On the host. K networks are an ensemble, whose outputs are averaged.
    meaning : Meaning
    weights : array (K,) or None
        The weights of the networks of an ensemble, where they are not equal.
    """

    net: Network
    theta: HostArray
    meaning: Meaning
    weights: HostArray | None = None

    @property
    def several_labels(self) -> bool:
        """Whether a case may have several labels at once."""
        return self.meaning.classes is not None and not self.meaning.flat

    @property
    def two_classes(self) -> bool:
        """Whether one output stands for two classes."""
        known = self.meaning.classes is not None and self.meaning.flat
        return known and self.net.sizes[-1] == 1

    def layers(self) -> tuple[Layer[HostArray], ...]:
        """Return W (..., n_out, n_in), 0 for each removed connection, and b (..., n_out, 1)."""
        return self.net.layers(self.theta, self.net.existing(self.theta))


def served(model: Any, theta: Any, classes: Any, where: str) -> Served:
    """Return a model in the form in which it is exported.

    Parameters
    ----------
    model : estimator, pipeline, Model, Run, Network, or pair of a network and theta
    theta : array (..., P), optional
        The parameters, where the model is a network.
    classes : array (n_classes,), optional
        The classes of a network's outputs; an estimator knows its own.
    where : str
        The function, for error messages.

    Raises
    ------
    DTypeError, ShapeError
        The model is of another kind, is not fitted, or theta does not fit the network.
    OptionError
        The classes do not fit the outputs, or a step of a pipeline cannot be expressed.
    """
    net, own, meaning = parts(model, theta, where)
    return _checked(net, own, meaning, classes, where)


def served_members(model: Any, where: str) -> list[Served]:
    """Return the architectures of an ensemble, with weights; an empty list for another model.

    Raises
    ------
    DTypeError
        The estimator is not fitted.
    OptionError
        The classes are of a type that cannot be exported.
    """
    from backprop_xp.exchange.saving import ensemble_of

    found = ensemble_of(model)
    if found is None:
        return []
    each = []
    for one in found.members:
        known = _checked(one.network, one.theta, found.meaning, None, where)
        theta = known.theta.reshape(-1, one.network.parameter_count)
        weights = one.weights.astype(theta.dtype)
        each.append(known._replace(theta=theta, weights=weights))
    return each


def parts(model: Any, theta: Any, where: str) -> tuple[Any, Any, Meaning | None]:
    """Return the network of a model, its parameters where they are, and its meaning if known.

    Parameters
    ----------
    model, theta
        As `served` takes them.
    where : str
        The function, for error messages.

    Raises
    ------
    DTypeError
        The model is of another kind, or is not fitted.
    OptionError
        A step of a pipeline cannot be expressed.
    """
    if theta is not None:
        return model, theta, None
    if isinstance(model, Network):
        advice = f"Pass {_ORDER}"
        raise DTypeError(f"{where}(theta)", "a network alone", "its parameters, too", advice)
    if hasattr(type(model), "fit"):
        return _of_estimator(model, where)
    if isinstance(model, Model | Run):
        return model.network, model.theta, getattr(model, "meaning", None)
    if isinstance(model, tuple | list) and len(model) == 2:
        return model[0], model[1], None
    expected = "a fitted estimator or pipeline, a model, a Run, or a network and its theta"
    named = isinstance(model, str | os.PathLike)
    advice = "Load the file first: bp.load(path)" if named else "Pass one of them"
    raise DTypeError(f"{where}(model)", type(model).__name__, expected, advice)


def _of_estimator(model: Any, where: str) -> Fitted:
    """Return the network, θ and the meaning of an estimator or pipeline, of scikit-learn too."""
    last = model.steps[-1][1] if hasattr(model, "named_steps") else model
    if type(last).__module__.startswith("sklearn.neural_network"):
        from backprop_xp.exchange.scikit_learn import from_sklearn

        model = from_sklearn(model)
    try:
        return fitted_model(model)
    except (DTypeError, OptionError) as error:
        raise type(error)(f"{where}(model)", *error.parts[1:]) from error


def _checked(net: Any, theta: Any, meaning: Meaning | None, classes: Any, where: str) -> Served:
    check_network(net, where, _ORDER)
    check_theta(theta, net.parameter_count, where)
    check_real(theta, f"{where}(theta)")
    host = np.ascontiguousarray(to_host(theta))
    flat = host.reshape(-1, net.parameter_count) if host.ndim > 1 else host
    if classes is not None:
        if meaning is not None and meaning.classes is not None:
            came, advice = "classes beside a model of classes", "Leave them out"
            raise OptionError(f"{where}(classes)", came, "none: the model knows its own", advice)
        meaning = Meaning(_checked_classes(classes, net, where), flat=True)
    meaning = meaning or Meaning()
    if meaning.classes is not None and meaning.flat and len(meaning.classes) == 1:
        came, advice = "a model of a single class", "Train on cases of other classes, too"
        raise OptionError(f"{where}(model)", came, "two classes or more", advice)
    if meaning.classes is not None and meaning.classes.dtype.kind == "O":
        meaning = Meaning(
            _texts(meaning.classes, where),
            meaning.flat,
            meaning.feature_names,
            meaning.preprocessing,
        )
    return Served(net, flat[0] if host.ndim > 1 and len(flat) == 1 else flat, meaning)


def _checked_classes(classes: Any, net: Network, where: str) -> HostArray:
    known = np.asarray(classes)
    known = _texts(known, where) if known.dtype.kind == "O" else known
    n_out = net.sizes[-1]
    if n_out == 1 and not isinstance(net.output, Sigmoid):
        came = f"classes for one output of {net.output.name!r}"
        raise OptionError(f"{where}(classes)", came, "a sigmoid output", "Leave them out")
    expected = 2 if n_out == 1 else n_out
    if known.shape != (expected,) or known.dtype.kind not in "Uiubf":
        came = f"shape {known.shape}, dtype {known.dtype}"
        wanted = f"{expected} integers or texts for {n_out} output{'s' * (n_out != 1)}"
        advice = "Pass them in the order of the outputs"
        raise OptionError(f"{where}(classes)", came, wanted, advice)
    if len(np.unique(known)) < len(known):
        came, advice = f"{known.tolist()!r:.60}", "Give each output a class of its own"
        raise OptionError(f"{where}(classes)", came, "classes that differ", advice)
    return known


def _texts(classes: HostArray, where: str) -> HostArray:
    """Return classes of Python objects as an array of texts."""
    if not all(isinstance(one, str) for one in classes.reshape(-1).tolist()):
        came = f"classes {classes.tolist()!r:.60}"
        raise OptionError(f"{where}(model)", came, "texts alone, or numbers", "Train on texts")
    return classes.astype(str)


def check_single(net: Any, theta: Any, where: str) -> None:
    """Refuse a stack of networks, where one network is exported.

    Raises
    ------
    DTypeError
        `net` is no network, or θ no array of floats.
    ShapeError
        θ has leading axes, or another number of parameters.
    """
    check_network(net, where, _ORDER)
    check_theta(theta, net.parameter_count, where)
    check_real(theta, f"{where}(theta)")
    if len(theta.shape) > 1:
        came = f"a stack {tuple(theta.shape)}"
        advice = "Pass one of its networks, such as theta[0]"
        raise ShapeError(f"{where}(theta)", came, f"({net.parameter_count},)", advice)
