"""The computing surface: whatever the library computes, as data for every kind of array.

It is enumerated from the library itself: a new activation, loss, optimiser, schedule or canonical
pair is a part of it as soon as the library has it. Where one cannot be made without arguments,
`test_surface.py` fails and names it: write how to make it into `EXAMPLES`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any
from unittest.mock import patch

import numpy as np

import backprop_xp as bp
from backprop_xp import optimizers, schedules
from backprop_xp.activations import ACTIVATIONS
from backprop_xp.arrays.backend import dtype_name
from backprop_xp.losses import LOSSES
from backprop_xp.network import chunks
from backprop_xp.network.block_network import BlockNetwork, in_blocks
from backprop_xp.network.output_layer import CANONICAL_PAIRS
from backprop_xp.training import scoring
from backprop_xp.training.step import stack_groups

M = 10  # cases: batches of 4, 4 and 2
MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
CLASSES = bp.Network([3, 4, 3], "tanh", "softmax", "cross_entropy")
TARGETS = bp.Network([3, 4, 2], "tanh", "identity", "squared_error", [MASK, None])
BINARY = bp.Network([3, 4, 1], "sigmoid", "sigmoid", "binary_cross_entropy")
BLOCKS = [[1, 0, 0], [0, 1, 1], [0, 1, 1]]
IN_BLOCKS = in_blocks(bp.Network([3, 3, 4, 3], "tanh", connections=[BLOCKS, None, None])).network

_rng = np.random.default_rng(1)
X = _rng.standard_normal((M, 3))
LABELS = _rng.integers(0, 3, M)
Y = _rng.standard_normal((M, 2))
WEIGHTS = _rng.uniform(0, 2, M)
WEIGHTS[:6] = 0  # some batches have no weight
STACKED = {
    "X": _rng.standard_normal((3, M, 3)),
    "LABELS": _rng.integers(0, 3, (3, M)),
    "Y": _rng.standard_normal((3, M, 2)),
    "WEIGHTS": np.stack([WEIGHTS, WEIGHTS[::-1], np.ones(M)]),
}
SHARES = _rng.uniform(0.1, 0.9, (M, 2))  # targets that every loss takes
SHARES /= SHARES.sum(axis=1, keepdims=True)

RATES, MOMENTA, L2 = (np.array(x)[:, None] for x in ([0.1, 0.2, 0.05], [0, 0.5, 0.9], [0, 0.1, 1]))
ADAM = bp.Adam(RATES / 10, MOMENTA, MOMENTA[::-1], RATES)
DROPOUT = np.array([[0.5], [0.0], [0.2]])
PENALTIES = {"l1": L2[::-1] / 10, "l2": L2, "shrinkage": L2[::-1] / 2, "decay_biases": True}
CLIPPING = {"clip_value": RATES[::-1] / 10, "clip_norm": RATES}
BOUNDS = {**CLIPPING, "max_norm": RATES * 5}
SMOOTHING = np.array([[0.1], [0.0], [0.3]])
DROPPED = {"dropout": 0.5, "input_dropout": 0.3}
REGULARISED = {"l1": 0.01, "l2": 0.1, "shrinkage": 0.01, "label_smoothing": 0.2, **DROPPED}
REGULARISED |= {"clip_value": 0.1, "clip_norm": 0.2, "max_norm": 0.9}

# ---------------------------------------------------------------------------------------------
# what the library has, by name

NUMBER = 0.1  # within the range of every number of an optimiser, unless `NUMBERS` says otherwise
NUMBERS: dict[str, float] = {  # by the name of the optimiser's field
    "increase": 4.0,
    "smallest_step": 1e-3,
    "largest_step": 0.2,
}
EXAMPLES: dict[str, Callable[[], Any]] = {
    "Constant": lambda: schedules.Constant(NUMBER),
    "Cosine": lambda: schedules.Cosine(NUMBER, 5, NUMBER / 2),
    "Exponential": lambda: schedules.Exponential(NUMBER, 0.9),
    "InverseTime": lambda: schedules.InverseTime(NUMBER, 0.1),
    "OneCycle": lambda: schedules.OneCycle(NUMBER, 6),
    "Piecewise": lambda: schedules.Piecewise([1, 4], [NUMBER, NUMBER / 2, NUMBER]),
    "Product": lambda: schedules.Product(schedules.InverseTime(NUMBER, 0.5), 0.5),
    "ReduceOnPlateau": lambda: schedules.ReduceOnPlateau(NUMBER, patience=0, min_delta=1.0),
    "Sequential": lambda: schedules.Sequential([2], [NUMBER, schedules.Step(NUMBER, 2)]),
    "Step": lambda: schedules.Step(NUMBER, 2, 0.5),
    "WarmUp": lambda: schedules.WarmUp(3, NUMBER),
}


def make(name: str, kind: Callable[..., Any]) -> Any:
    """Return one of a kind, from `EXAMPLES` or without arguments."""
    try:
        return EXAMPLES.get(name, kind)()
    except Exception as error:
        advice = f"{name} cannot be made without arguments: write how into surface.EXAMPLES"
        raise AssertionError(advice) from error


def optimizer_kinds() -> dict[str, type]:
    """Return the optimisers of the library: the classes that it exports, but the protocol.

    And but what takes no steps by itself: L-BFGS is minimised on the host (`test_lbfgs`).
    """
    kinds = {name: getattr(optimizers, name) for name in optimizers.__all__}
    return {
        name: kind
        for name, kind in kinds.items()
        if isinstance(kind, type)
        and hasattr(kind, "update")
        and not getattr(kind, "_is_protocol", False)
    }


def schedule_kinds() -> dict[str, type]:
    """Return the classes of schedules: those whose objects are called with a step."""
    kinds = {name: getattr(schedules, name) for name in schedules.__all__}
    return {
        name: kind
        for name, kind in kinds.items()
        if isinstance(kind, type) and any("__call__" in vars(base) for base in kind.__mro__)
    }


def variants(name: str, kind: type) -> Iterator[tuple[str, Any]]:
    """Yield an optimiser as it comes, with all its numbers, scheduled, one a network, and switched.

    Its numbers are the fields that hold a float, its switches those that hold a bool.
    """
    plain = make(name, kind)
    yield name, plain
    given = {one.name: getattr(plain, one.name) for one in fields(plain)}
    numbers = {each: NUMBERS.get(each, NUMBER) for each in given if type(given[each]) is float}
    switches = {each: not given[each] for each in given if type(given[each]) is bool}
    forms: dict[str, Callable[[float], Any]] = {
        "numbers": lambda x: x,
        "scheduled": lambda x: schedules.Piecewise([2], [x, x / 2]),
        "own numbers": lambda x: x * np.array([1, 2, 0.5]),  # of a stack of 3
    }
    for form, of in forms.items():
        for switched in ({}, *({each: value} for each, value in switches.items())):
            chosen = {each: of(number) for each, number in numbers.items()}
            where = "".join(f", {each}={value}" for each, value in switched.items())
            try:
                yield f"{name}, {form}{where}", kind(**{**given, **chosen, **switched})
            except Exception as error:
                advice = f"{name} refuses {chosen}: write others into surface.NUMBERS"
                raise AssertionError(advice) from error


# ---------------------------------------------------------------------------------------------
# items


@dataclass(frozen=True)
class Item:
    """A network with data and settings of `bp.train`, whose results are compared."""

    net: bp.Network
    X: Any = field(repr=False)
    Y: Any = field(repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)
    covers: frozenset[str] = frozenset()  # names of the library's registries
    in_file: bool = False
    small: bool = False  # with sizes of groups and chunks that this data exceeds

    @property
    def stack(self) -> tuple[int, ...]:
        given = self.settings.get("stack", ())
        return (given,) if isinstance(given, int) else tuple(given)

    @property
    def labelled(self) -> bool:
        return np.issubdtype(np.asarray(self.Y).dtype, np.integer)

    def limits(self) -> ExitStack:
        """Return the context in which small data is too large for one group, chunk or piece."""
        stack = ExitStack()
        for module, name, limit in SMALL if self.small else ():
            stack.enter_context(patch.object(module, name, limit))
        return stack


SMALL = (
    (stack_groups, "CPU_BYTES", 1),
    (stack_groups, "DEVICE_BYTES", 1),
    (chunks, "CPU_BYTES", 1),
    (chunks, "DEVICE_BYTES", 1),
    (chunks, "LEAST_CASES", 4),
    (scoring, "CHUNK_ROWS", 4),
)

# what a stack of 3 networks shares, and what each has of its own
STACKS: dict[str, tuple[bp.Network, Any, Any, dict[str, Any]]] = {
    "shared": (CLASSES, X, LABELS, {}),
    "shared, full batch": (CLASSES, X, LABELS, {"batch_size": None}),
    "own X": (CLASSES, STACKED["X"], LABELS, {}),
    "own Y": (CLASSES, X, STACKED["LABELS"], {}),
    "own X and Y": (TARGETS, STACKED["X"], STACKED["Y"], {"l2": 0.1}),
    "shared weights": (CLASSES, X, LABELS, {"case_weights": WEIGHTS}),
    "own weights": (TARGETS, X, Y, {"case_weights": STACKED["WEIGHTS"], "l2": 0.1}),
    "all of their own": (
        CLASSES,
        STACKED["X"],
        STACKED["LABELS"],
        {"case_weights": STACKED["WEIGHTS"], "optimizer": bp.SGD(RATES, MOMENTA), "l2": L2},
    ),
    "nesterov": (TARGETS, X, Y, {"optimizer": bp.SGD(RATES, MOMENTA, nesterov=True), "l2": L2}),
    "adam": (TARGETS, STACKED["X"], Y, {"optimizer": ADAM}),
    "adam, own weights": (
        CLASSES,
        X,
        LABELS,
        {"optimizer": ADAM, "case_weights": STACKED["WEIGHTS"]},
    ),
    "dropout": (CLASSES, X, STACKED["LABELS"], {"dropout": 0.5}),
    "own dropout": (TARGETS, X, Y, {"dropout": DROPOUT, "optimizer": ADAM, "l2": L2}),
    "own dropout and weights": (
        TARGETS,
        X,
        STACKED["Y"],
        {"dropout": DROPOUT, "case_weights": STACKED["WEIGHTS"]},
    ),
    "own penalties": (TARGETS, X, STACKED["Y"], PENALTIES),
    "own bounds": (TARGETS, X, STACKED["Y"], {**BOUNDS, "optimizer": bp.SGD(0.1, 0.9)}),
    "own dropout of inputs": (
        TARGETS,
        STACKED["X"],
        Y,
        {"input_dropout": DROPOUT[::-1], "dropout": DROPOUT},
    ),
    "own smoothing": (CLASSES, X, LABELS, {"label_smoothing": SMOOTHING}),
    "own smoothing and labels": (CLASSES, X, STACKED["LABELS"], {"label_smoothing": SMOOTHING}),
    "class weights": (CLASSES, X, STACKED["LABELS"], {"class_weights": "balanced"}),
    "all of regularisation": (
        CLASSES,
        X,
        STACKED["LABELS"],
        {
            **PENALTIES,
            **BOUNDS,
            "optimizer": ADAM,
            "label_smoothing": SMOOTHING,
            "input_dropout": DROPOUT,
            "case_weights": STACKED["WEIGHTS"],
            "class_weights": {0: 2.0, 2: 0.5},
        },
    ),
}

_ALL = {"optimizer": ADAM, "case_weights": STACKED["WEIGHTS"], "dropout": DROPOUT, "l2": L2}
FEATURES: dict[str, Item] = {
    "one network": Item(CLASSES, X, LABELS),
    "one network, weights": Item(CLASSES, X, LABELS, {"case_weights": WEIGHTS, "l2": 0.1}),
    "one network, dropout": Item(TARGETS, X, Y, {"dropout": 0.5, "l2": 0.1}),
    "scheduled bounds": Item(
        CLASSES,
        X,
        LABELS,
        dict.fromkeys(BOUNDS, schedules.Piecewise([2], [NUMBER, NUMBER / 2])),
    ),
    "one network, l1": Item(TARGETS, X, Y, {"l1": 0.1}),
    "one network, penalties": Item(
        TARGETS, X, Y, {"l1": 0.1, "l2": 0.1, "shrinkage": 0.1, "decay_biases": True}
    ),
    "one network, shrinkage": Item(TARGETS, X, Y, {"shrinkage": 0.1}),
    "one network, clipped by value": Item(TARGETS, X, Y, {"clip_value": 0.01}),
    "one network, clipped by norm": Item(TARGETS, X, Y, {"clip_norm": 0.1, "l2": 0.1}),
    "one network, max-norm": Item(TARGETS, X, Y, {"max_norm": 0.5}),
    "one network, dropout of inputs": Item(CLASSES, X, LABELS, {"input_dropout": 0.5}),
    "one network, smoothing": Item(CLASSES, X, LABELS, {"label_smoothing": 0.2}),
    "one network, class weights": Item(
        CLASSES, X, LABELS, {"class_weights": "balanced", "case_weights": WEIGHTS}
    ),
    "binary classes, smoothing": Item(
        BINARY, X, LABELS % 2, {"label_smoothing": 0.2, "class_weights": {1: 3}}
    ),
    "one network, full batch": Item(TARGETS, X, Y, {"batch_size": None}),
    "binary classes": Item(BINARY, X, LABELS % 2, {"l2": 0.1}),
    "binary targets": Item(BINARY, X, SHARES[:, :1], {"l2": 0.1}),
    "in blocks": Item(IN_BLOCKS, X, LABELS, {"dropout": 0.5, "l2": 0.1}),
    "in blocks, stack": Item(IN_BLOCKS, X, LABELS, {"stack": 3, "optimizer": bp.AdamW(0.01)}),
    "two axes": Item(CLASSES, X, LABELS, {"stack": (2, 3), "dropout": 0.5}),
    "in a file": Item(CLASSES, X, LABELS, {"dropout": 0.5}, in_file=True),
    "in a file, weights": Item(
        TARGETS, X, Y, {"stack": 3, "case_weights": STACKED["WEIGHTS"]}, in_file=True
    ),
    "in groups and chunks": Item(
        CLASSES, STACKED["X"], STACKED["LABELS"], {"stack": 3, **_ALL}, small=True
    ),
    "in groups and chunks, regularised": Item(
        CLASSES,
        STACKED["X"],
        STACKED["LABELS"],
        {"stack": 3, **STACKS["all of regularisation"][3]},
        small=True,
    ),
    "one network, rates by layer": Item(
        TARGETS, X, Y, {"layer_rates": (0.5, 2.0), "optimizer": bp.Adam(0.01)}
    ),
    "stack: rates by layer": Item(
        TARGETS,
        X,
        STACKED["Y"],
        {"stack": 3, "layer_rates": (2.0, 0.5), "optimizer": ADAM, "l2": L2},
    ),
    "stack: noise of each network": Item(
        CLASSES,
        STACKED["X"],
        LABELS,
        {"stack": 3, "dropout": DROPOUT, "input_dropout": 0.3, "dropout_per_network": True},
    ),
    "in groups and chunks, noise of each network": Item(
        CLASSES,
        X,
        LABELS,
        {
            "stack": 3,
            "dropout": DROPOUT,
            "input_dropout": 0.3,
            "dropout_per_network": True,
            "layer_rates": (2.0, 0.5),
        },
        small=True,
    ),
    "in groups and chunks, one network": Item(TARGETS, X, Y, small=True),
    **{
        f"stack: {name}": Item(net, X, Y, {"stack": 3, **settings})
        for name, (net, X, Y, settings) in STACKS.items()
    },
}


def _items() -> Iterator[tuple[str, Item]]:
    momentum = {"optimizer": bp.SGD(NUMBER, momentum=0.9)}
    for name in ACTIVATIONS:
        hidden = bp.Network([3, 4, 2], name, "softmax", "cross_entropy", [MASK, None])
        above = bp.Network([3, 4, 2], "tanh", name, "squared_error")
        yield f"hidden {name}", Item(hidden, X, LABELS % 2, momentum, frozenset([name]))
        yield f"output {name}", Item(above, X, SHARES, momentum, frozenset([name]))
    for name in LOSSES:
        for output in ("sigmoid", "softmax"):  # from 0 to 1, so that every loss takes them
            net = bp.Network([3, 4, 2], "tanh", output, name)
            yield f"{name} of {output}", Item(net, X, SHARES, momentum, frozenset([name]))
    for pair in CANONICAL_PAIRS:
        net, name = bp.Network([3, 4, 2], "tanh", pair.activation, pair.loss), type(pair).__name__
        covers = frozenset([name])
        yield name, Item(net, X, SHARES, {"stack": 3, **momentum}, covers)
        yield f"{name}, classes", Item(net, X, LABELS % 2, momentum, covers)
    for kind_name, kind in optimizer_kinds().items():
        with suppress(AssertionError):  # what cannot be made is named by `test_surface`
            for name, optimizer in variants(kind_name, kind):
                chosen = {"optimizer": optimizer, "l2": 0.1, "stack": 3}
                chosen |= {"batch_size": None} if hasattr(kind, "full_batch") else {}
                yield name, Item(CLASSES, X, LABELS, chosen, frozenset([kind_name]))
    for name, kind in schedule_kinds().items():
        with suppress(AssertionError):
            each = make(name, kind)
            of_step = ("l2", "dropout", "l1", "shrinkage", "input_dropout", "label_smoothing")
            chosen = {"optimizer": bp.SGD(each, each), **dict.fromkeys(of_step, each)}
            yield f"schedule {name}", Item(CLASSES, X, LABELS, chosen, frozenset([name]))
    yield from FEATURES.items()


ITEMS: dict[str, Item] = dict(_items())

# ---------------------------------------------------------------------------------------------
# results


OF_A_LAYER = ("z", "a", "delta", "dE_dW", "dE_db")


class InFile:
    """An array that is read by rows, as a data set of h5py is."""

    def __init__(self, x: np.ndarray) -> None:
        self._x, self.shape, self.dtype = x, x.shape, x.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._x[rows]


def results(
    item: Item,
    put: Callable[[np.ndarray], Any],
    device: bp.Device | None = None,
    unread: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return what the library computes of an item: arrays by name, and the history of training.

    Parameters
    ----------
    item : Item
    put : callable
        Makes an array of the library in question from one of the host.
    device : Device, optional
        Where to train on files; the CPU unless given.
    unread : callable
        Returns the context in which the library may not read a value.
    """
    net, settings = item.net, {"epochs": 2, "batch_size": 4, "seed": 3, **item.settings}
    X, Y, weights = put(item.X), put(item.Y), settings.pop("case_weights", None)
    on_place = None if weights is None else put(weights)
    data = (X, Y)
    if item.in_file:
        data = (InFile(item.X.astype("float32")), InFile(np.asarray(item.Y)))
        settings = {"device": device or "cpu", "dtype": dtype_name(X.dtype), **settings}
    else:
        weights = on_place
    with item.limits():
        run = bp.train(net, *data, validation=data, case_weights=weights, **settings)
        theta = run.theta
        found = {"theta": theta}
        if item.stack:
            found["picked"] = run[(0,) * len(item.stack)].theta
            found["best"] = run.best("cost").theta
        if not isinstance(net, BlockNetwork):  # a trace shows matrices
            traced = bp.trace(net, theta, X, Y, on_place)
            found |= {"traced E": traced.E, "traced E_c": traced.E_c}
            found |= {f"traced {name}": getattr(traced.layers[0], name) for name in OF_A_LAYER}
        with unread():
            found["layers packed"] = net.pack(net.unpack(theta))
            found["outputs"] = net.forward(theta, X)
            found["cost"] = net.cost(theta, X, Y, on_place)
            found["E"], found["gradient"] = net.gradient(theta, X, Y, on_place)
            found["predictions"] = bp.predict(net, theta, data[0])
            if item.stack and X.ndim == 2:
                together = bp.ensemble(net, theta, data[0])
                found |= {"mean": together.mean, "spread": together.spread}
    return found, run.history


def on_numpy(item: Item, dtype: str) -> dict[str, Any]:
    """Return what the library computes of an item on NumPy in this dtype, the history too."""
    settings = {**item.settings, "dtype": dtype}
    found, history = results(
        replace(item, settings=settings),
        lambda x: x.astype(dtype) if x.dtype.kind == "f" else np.array(x),
    )
    return {**found, **{name: np.asarray(entries) for name, entries in history.items()}}
