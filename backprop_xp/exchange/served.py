"""Models as they are exported: a network, its parameters, its classes, and the steps before it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from backprop_xp.activations import Sigmoid
from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.arrays.requirements import check_real
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.network.columns import check_theta
from backprop_xp.network.network import Network, check_network
from backprop_xp.network.parameters import Layer
from backprop_xp.training.run import Run

__all__ = ["Served", "check_single", "served"]

_ORDER = "the network, then theta"


class Served(NamedTuple):
    """A model as it is exported.

    Attributes
    ----------
    net : Network
    theta : array (P,) or (K, P)
        On the host. K networks are an ensemble, whose outputs are averaged.
    classes : array (n_classes,) or None
        The classes in the order of the probabilities; None where outputs are numbers.
    labels : bool
        Whether a case may have several labels at once.
    steps : sequence of transformers
        Fitted transformers of scikit-learn that the inputs pass through first.
    features : sequence of str or None
        The names of the inputs, as the first step was fitted with them.
    n_inputs : int
        The number of inputs, before the first step.
    flat : bool
        Whether predictions are one number for each case, (m,), as a regressor's are.
    """

    net: Network
    theta: HostArray
    classes: HostArray | None = None
    labels: bool = False
    steps: Sequence[Any] = ()
    features: Sequence[str] | None = None
    n_inputs: int = 0
    flat: bool = False

    @property
    def two_classes(self) -> bool:
        """Whether one output stands for two classes."""
        return self.classes is not None and not self.labels and self.net.sizes[-1] == 1

    def layers(self) -> tuple[Layer[HostArray], ...]:
        """Return W (..., n_out, n_in), 0 for each removed connection, and b (..., n_out, 1)."""
        layers: Any = self.net.layers(self.theta, self.net.existing(self.theta))
        return tuple(layers)


def served(model: Any, theta: Any, classes: Any, where: str) -> Served:
    """Return a model in the form in which it is exported.

    Parameters
    ----------
    model : estimator, pipeline, Network, Run, or pair of a network and theta
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
        The classes do not fit the outputs.
    """
    if theta is not None:
        check_network(model, where, _ORDER)
        return _of_network(model, theta, classes, where)
    if isinstance(model, Run):
        return _of_network(model.network, model.theta, classes, where)
    if isinstance(model, tuple | list) and len(model) == 2:
        check_network(model[0], where, _ORDER)
        return _of_network(model[0], model[1], classes, where)
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        return _of_pipeline(model, classes, where)
    if hasattr(type(model), "fit"):
        return _of_estimator(model, classes, where)
    if isinstance(model, Network):
        advice = f"Pass {_ORDER}"
        raise DTypeError(f"{where}(theta)", "a network alone", "its parameters, too", advice)
    expected = "a fitted estimator or pipeline, a Run, or a network and its theta"
    raise DTypeError(f"{where}(model)", type(model).__name__, expected, "Pass one of them")


def _of_network(net: Network, theta: Any, classes: Any, where: str) -> Served:
    check_theta(theta, net.parameter_count, where)
    check_real(theta, f"{where}(theta)")
    host = np.ascontiguousarray(to_host(theta))
    flat = host.reshape(-1, net.parameter_count) if host.ndim > 1 else host
    if len(flat) == 1 and flat.ndim > 1:
        flat = flat[0]
    known = None if classes is None else _checked_classes(classes, net, where)
    return Served(net, flat, known, n_inputs=net.sizes[0])


def _checked_classes(classes: Any, net: Network, where: str) -> HostArray:
    known = np.asarray(classes)
    if known.dtype.kind == "O":
        known = np.array([str(each) for each in known]) if known.ndim == 1 else known
    n_out = net.sizes[-1]
    two = n_out == 1 and isinstance(net.output, Sigmoid)
    expected = 2 if two else n_out
    if known.ndim != 1 or len(known) != expected or known.dtype.kind not in "OUSiub":
        came = f"shape {known.shape}, dtype {known.dtype}"
        wanted = f"{expected} integers or texts for {n_out} output{'s' * (n_out != 1)}"
        advice = "Pass them in the order of the outputs"
        raise OptionError(f"{where}(classes)", came, wanted, advice)
    if n_out == 1 and not two:
        came = f"classes for one output of {net.output.name!r}"
        raise OptionError(f"{where}(classes)", came, "a sigmoid output", "Leave them out")
    return known


def _of_estimator(estimator: Any, classes: Any, where: str) -> Served:
    if type(estimator).__module__.startswith("sklearn.neural_network"):
        from backprop_xp.exchange.scikit_learn import from_sklearn

        estimator = from_sklearn(estimator)
    net, theta = getattr(estimator, "network_", None), getattr(estimator, "theta_", None)
    if not isinstance(net, Network) or theta is None:
        came = f"{type(estimator).__name__}, which holds no network"
        expected = "a fitted MLPClassifier or MLPRegressor"
        raise DTypeError(f"{where}(model)", came, expected, "Call its fit(X, y) first")
    if classes is not None:
        came, advice = "classes beside an estimator", "Leave them out: the estimator knows its own"
        raise OptionError(f"{where}(classes)", came, "none", advice)
    own = getattr(estimator, "classes_", None)
    labels = own is not None and net.sizes[-1] > 1 and isinstance(net.output, Sigmoid)
    made = _of_network(net, theta, None if labels else own, where)
    names = getattr(estimator, "feature_names_in_", None)
    features = None if names is None else [str(name) for name in names]
    known = np.asarray(own) if labels else made.classes
    flat = known is None and net.sizes[-1] == 1
    return made._replace(classes=known, labels=labels, features=features, flat=flat)


def _of_pipeline(pipeline: Any, classes: Any, where: str) -> Served:
    steps = [step for _, step in pipeline.steps]
    made = _of_estimator(steps[-1], classes, where)
    before = [step for step in steps[:-1] if step is not None and step != "passthrough"]
    first = steps[0] if before else steps[-1]
    names = getattr(first, "feature_names_in_", None)
    n_inputs = getattr(pipeline, "n_features_in_", made.n_inputs)
    features = None if names is None else [str(name) for name in names]
    return made._replace(steps=before, features=features, n_inputs=int(n_inputs))


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
