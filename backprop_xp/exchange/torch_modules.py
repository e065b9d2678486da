"""`to_torch` and `from_torch`: networks as sequences of PyTorch's layers, and back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import array_api_compat
import numpy as np

from backprop_xp import losses
from backprop_xp.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    find_activation,
)
from backprop_xp.arrays.advice import checks_keywords, needs_extra
from backprop_xp.arrays.backend import dtype_name, to_host
from backprop_xp.errors import DTypeError, OptionError, ShapeError
from backprop_xp.exchange.served import check_single, parts
from backprop_xp.files.model import Model
from backprop_xp.losses import Loss
from backprop_xp.network.network import Network

__all__ = ["from_torch", "to_torch"]

_LINEAR_FROM = 40.0  # e^(−40) is below the rounding of float64, where PyTorch's 20 is not
_FLOATS = ("float32", "float64", "float16")


@checks_keywords
def to_torch(model: Any, theta: Any = None) -> Any:
    """Return a network as ``torch.nn.Sequential`` of linear layers and activations.

    The weights share θ's memory where θ is a PyTorch tensor, or a NumPy array that can be written:
    training the sequence then changes θ, and the other way round. Otherwise they are a copy.

    Outputs agree with ``net.forward``. A layer with removed connections has PyTorch's pruning mask,
    ``torch.nn.utils.prune``, so that the connections stay removed in training. The loss is no part
    of a sequence: cross-entropy of softmax outputs is ``torch.nn.NLLLoss`` of their logarithm.

    Parameters
    ----------
    model : Network, Run, Model, MLPClassifier or MLPRegressor
        An estimator has an output for each unit of its network: one for two classes.
    theta : array (P,), optional
        The parameters, where the model is a network; of any library, tensors stay on their device.

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    MissingExtraError
        PyTorch is not installed.
    OptionError
        PyTorch has no module of an activation: exp, or a user's own. Or the model has steps of
        preprocessing, which are no layers.
    ShapeError
        θ is a stack, or does not fit the network.
    DTypeError
        θ is no array of floats, or the model is of another kind or not fitted.

    See Also
    --------
    from_torch : the inverse.

    Examples
    --------
    >>> import backprop_xp as bp
    >>> net = bp.Network([4, 3, 2], hidden="relu")
    >>> theta = net.init(seed=0)
    >>> module = bp.exchange.to_torch(net, theta)  # doctest: +SKIP
    >>> [type(layer).__name__ for layer in module]  # doctest: +SKIP
    ['Linear', 'ReLU', 'Linear', 'Softmax']
    >>> theta[0] = 7.0  # the first weight
    >>> float(module[0].weight.detach()[0, 0])  # doctest: +SKIP
    7.0
    """
    where = "to_torch"
    net, own, meaning = parts(model, theta, where)
    if meaning is not None and meaning.preprocessing is not None:
        came, expected = "a model with preprocessing", "a network alone"
        advice = "Pass the last step of the pipeline, and prepare X before"
        raise OptionError(f"{where}(model)", came, expected, advice)
    check_single(net, own, where)
    torch = _torch(where)
    tensor = _as_tensor(torch, own)
    modules = []
    described = zip(net.unpack(tensor), net.activations, net.connections, strict=True)
    for number, ((W, b), activation, mask) in enumerate(described, start=1):
        linear = torch.nn.Linear(W.shape[1], W.shape[0], device="meta")
        linear.weight, linear.bias = torch.nn.Parameter(W), torch.nn.Parameter(b[:, 0])
        if mask is not None:
            known = torch.tensor(np.asarray(mask), dtype=W.dtype, device=W.device)
            torch.nn.utils.prune.custom_from_mask(linear, "weight", known)
        modules.append(linear)
        modules += _modules(torch, activation, last=number == len(net.activations))
    return torch.nn.Sequential(*modules)


@checks_keywords
def from_torch(
    module: Any, *, output: str | Activation | None = None, loss: str | Loss | None = None
) -> Model[Any]:
    """Return the network and the parameters of a ``torch.nn.Sequential``.

    Linear layers, activations and pruning masks are taken, in sequences within the sequence too.
    A linear layer without biases has biases of 0. Two linear layers in a row have an identity
    between them. ``Dropout`` and ``Identity`` are left out, and ``Flatten`` before the first linear
    layer.

    Parameters
    ----------
    module : torch.nn.Sequential
        θ shares its memory where `to_torch` made it; otherwise θ is a copy.
    output : str or Activation, optional
        The output activation of a sequence that ends in a linear layer. Default: "identity". A
        sequence that ``torch.nn.CrossEntropyLoss`` trained has "softmax".
    loss : str or Loss, optional
        Default: "cross_entropy" for softmax outputs, "binary_cross_entropy" for sigmoid outputs,
        "squared_error" for others.

    Returns
    -------
    Model
        Unpacks as ``net, theta``. θ is a tensor (P,) in the dtype and on the device of the weights,
        without derivatives.

    Raises
    ------
    MissingExtraError
        PyTorch is not installed.
    DTypeError
        The module is no sequence, or its weights are no floats of one dtype.
    OptionError
        A module has no equal here; the message names it.
    ShapeError
        The layers do not fit one another.

    See Also
    --------
    to_torch : the inverse.

    Examples
    --------
    >>> import torch, backprop_xp as bp  # doctest: +SKIP
    >>> module = torch.nn.Sequential(  # doctest: +SKIP
    ...     torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)
    ... )
    >>> net, theta = bp.exchange.from_torch(module, output="softmax")  # doctest: +SKIP
    >>> net.sizes, net.loss.name, tuple(theta.shape)  # doctest: +SKIP
    ((4, 3, 2), 'cross_entropy', (23,))
    """
    where = "from_torch"
    torch = _torch(where)
    if not isinstance(module, torch.nn.Sequential):
        came, advice = type(module).__name__, "Pass the layers in one torch.nn.Sequential"
        raise DTypeError(f"{where}(module)", came, "a torch.nn.Sequential", advice)
    layers, activations = _layers(torch, module, where)
    sizes = [layers[0].in_features, *(layer.out_features for layer in layers)]
    for below, above in pairwise(layers):
        if below.out_features != above.in_features:
            came = f"{below.out_features} outputs before {above.in_features} inputs"
            advice = "Let in_features be the out_features of the layer before"
            raise ShapeError(f"{where}(module)", came, "the same number", advice)
    *hidden, last = activations
    if output is not None:
        if last is not None:
            came = f"output={output!r} beside the last activation {last.name!r}"
            advice = "Leave output= out"
            raise OptionError(f"{where}(output)", came, "a linear layer at the end", advice)
        last = find_activation(output, f"{where}(output)")
    last = last or Identity()
    named = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}
    chosen = loss if loss is not None else named.get(last.name, "squared_error")
    masks = [getattr(layer, "weight_mask", None) for layer in layers]
    connections = [None if mask is None else to_host(mask) for mask in masks]
    between = [one or Identity() for one in hidden]
    net = Network(sizes, between, last, losses.find_loss(chosen, f"{where}(loss)"), connections)
    return Model(net, _theta(torch, layers, where))


def _torch(where: str) -> Any:
    with needs_extra("torch", f"{where}()", "no PyTorch", "the package torch"):
        torch = import_module("torch")
    import_module("torch.nn.utils.prune")
    return torch


def _as_tensor(torch: Any, theta: Any) -> Any:
    """Return θ as a tensor without derivatives, on θ's memory where that can be."""
    if array_api_compat.is_torch_array(theta):
        return theta.detach().clone() if theta.is_inference() else theta.detach()
    host = to_host(theta)
    own = array_api_compat.is_numpy_array(theta) and host.flags.writeable
    usable = own and host.flags.c_contiguous and host.dtype.isnative
    return torch.from_numpy(host if usable else np.array(host, order="C"))


def _modules(torch: Any, activation: Activation, *, last: bool) -> list[Any]:
    """Return the module of an activation; none for the identity."""
    nn, kind = torch.nn, type(activation)
    if kind is Identity:
        return []
    parts: dict[Any, Any] = {
        Sigmoid: nn.Sigmoid,
        Tanh: nn.Tanh,
        ReLU: nn.ReLU,
        LeakyReLU: lambda: nn.LeakyReLU(getattr(activation, "negative_slope", 0.01)),
        ELU: lambda: nn.ELU(getattr(activation, "alpha", 1.0)),
        GELU: lambda: nn.GELU(approximate="tanh"),
        SiLU: nn.SiLU,
        Softplus: lambda: nn.Softplus(threshold=_LINEAR_FROM),
        Softmax: lambda: nn.Softmax(dim=-1),
    }
    if kind not in parts:
        expected = f"one of {', '.join(one for one in ACTIVATIONS if one != 'exp')}"
        advice = "Export another description of the network, or use to_onnx"
        if activation.name == "exp" and last:
            advice = (
                "Pass dataclasses.replace(net, output=Identity()): its outputs are the logarithms, "
                "as torch.nn.PoissonNLLLoss(log_input=True) takes them"
            )
        came = f"the activation {activation.name!r}, which PyTorch has no module of"
        raise OptionError("to_torch(model)", came, expected, advice)
    return [parts[kind]()]


def _flat(torch: Any, module: Any) -> Iterator[Any]:
    """Yield the modules of a sequence, and of the sequences within it."""
    for one in module:
        if isinstance(one, torch.nn.Sequential):
            yield from _flat(torch, one)
        else:
            yield one


def _layers(
    torch: Any, module: Iterable[Any], where: str
) -> tuple[list[Any], list[Activation | None]]:
    """Return the linear layers, and the activation after each; None where there is none."""
    nn = torch.nn
    layers: list[Any] = []
    activations: list[Activation | None] = []
    for one in _flat(torch, module):
        if type(one) is nn.Linear:
            layers.append(one)
            activations.append(None)
        elif not _is_left_out(nn, one, first=not layers):
            found = _activation(torch, one, where)
            if not layers or activations[-1] is not None:
                before = "before the first linear layer" if not layers else "after an activation"
                advice = "Let each activation follow a linear layer"
                raise OptionError(f"{where}(module)", f"{one} {before}", "a linear layer", advice)
            activations[-1] = found
    if not layers:
        advice = "Pass at least one torch.nn.Linear"
        raise OptionError(f"{where}(module)", "no linear layer", "one or more", advice)
    return layers, activations


def _is_left_out(nn: Any, one: Any, *, first: bool) -> bool:
    """Tell whether a module changes no prediction."""
    flattens = isinstance(one, nn.Flatten) and first and one.start_dim == 1
    return flattens or isinstance(one, nn.Identity | nn.Dropout | nn.AlphaDropout)


def _activation(torch: Any, one: Any, where: str) -> Activation:
    """Return the activation of a module.

    Raises
    ------
    OptionError
        There is no equal here.
    """
    nn = torch.nn
    equals: dict[Any, Callable[[], Activation | None]] = {
        nn.Sigmoid: Sigmoid,
        nn.Tanh: Tanh,
        nn.ReLU: ReLU,
        nn.SiLU: SiLU,
        nn.LeakyReLU: lambda: LeakyReLU(one.negative_slope),
        nn.ELU: lambda: ELU(one.alpha),
        nn.GELU: lambda: GELU() if one.approximate == "tanh" else None,
        nn.Softplus: lambda: Softplus() if one.beta == 1 and one.threshold >= 20 else None,  # 2e-9
        nn.Softmax: lambda: Softmax() if one.dim in (None, 1, -1) else None,
    }
    advice = {
        nn.GELU: 'The GELU here is torch.nn.GELU(approximate="tanh"), which differs by up to 5e-4',
        nn.Softplus: "The softplus here has beta=1, and is linear nowhere",
        nn.Softmax: "Use dim=-1, over the units of a case",
        nn.LogSoftmax: 'Leave it out, and pass output="softmax": the logarithm is the loss\'s',
        nn.BatchNorm1d: "Fuse it into the linear layer before: torch.nn.utils.fusion",
    }
    found = equals.get(type(one), lambda: None)()
    if found is None:
        came, known = f"{one}, which has no equal here", f"Use one of {', '.join(ACTIVATIONS)}"
        expected = "linear layers and activations"
        raise OptionError(f"{where}(module)", came, expected, advice.get(type(one), known))
    return found


def _theta(torch: Any, layers: Sequence[Any], where: str) -> Any:
    """Return θ, on the memory of the weights where they lie in θ's order."""
    pieces = []
    for layer in layers:
        W = getattr(layer, "weight_orig", layer.weight).detach()
        b = W.new_zeros(W.shape[0]) if layer.bias is None else layer.bias.detach()
        pieces += [W, b]
    dtypes = {dtype_name(piece.dtype) for piece in pieces}
    if len(dtypes) > 1 or not dtypes <= set(_FLOATS):
        came, advice = f"weights of {', '.join(sorted(dtypes))}", "Call module.float() first"
        raise DTypeError(f"{where}(module)", came, "one dtype, float32 or float64", advice)
    first, start = pieces[0], pieces[0].storage_offset()
    for piece in pieces:
        same = piece.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        if not same or piece.storage_offset() != start or not piece.is_contiguous():
            return torch.cat([one.reshape(-1) for one in pieces])
        start += piece.numel()
    return first.as_strided((start - first.storage_offset(),), (1,))
