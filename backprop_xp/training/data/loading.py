"""X, Y and case weights of the user, checked and moved to the device of training."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import is_cupy_namespace

from backprop_xp.arrays.backend import (
    Array,
    HostArray,
    Namespace,
    is_floating,
    namespace,
    to_host,
)
from backprop_xp.arrays.cuda_streaming import HostRows, Mover, fits, moved_by, mover
from backprop_xp.arrays.memory_errors import memory_errors
from backprop_xp.arrays.requirements import same_place
from backprop_xp.arrays.rows import INTO_MEMORY, FileRows, Rows, in_memory, is_source, rows_of
from backprop_xp.errors import OptionError, OutOfMemoryError, ShapeError
from backprop_xp.execution.cuda.kept import forget, with_room
from backprop_xp.network import columns, data_values
from backprop_xp.network.columns import TargetKind
from backprop_xp.network.network import Network
from backprop_xp.training.data.cases import Cases, FileCases, Total, of_mean_one
from backprop_xp.training.data.class_weights import weights_by_class

__all__ = ["Place", "loaded", "weighted"]


_FROM_A_FILE = "Pass X as np.load(path, mmap_mode='r'), whose rows are read a block at a time"


@dataclass(frozen=True)
class Place:
    """Library, device, dtype and leading axes of training.

    Attributes
    ----------
    xp : module
        The namespace of the arrays.
    device : object
        A device of the library.
    dtype : str
        The dtype of θ and the computation.
    lead : tuple of int
        The stack's axes.
    follow : array or None
        X, where the user named no device: all other arrays must be on the device of X.
    """

    xp: Namespace
    device: Any
    dtype: str
    lead: tuple[int, ...]
    follow: Any = None

    def rows(self, x: Any, where: str) -> Rows:
        """Return the rows of an array or source; refuse an array on another device than X."""
        beside = self.follow is not None and not is_source(x)
        return rows_of(same_place(x, self.follow, where, "X") if beside else x, where)

    def array(self, x: Any, where: str) -> Any:
        """Return `x` as an array of real numbers; a source is read into memory."""
        return self.rows(in_memory(x, where), where).like

    def move(self, x: Any, dtype: str | None = None, by: Mover | None = None) -> Array:
        """Return `x` on this device, in `dtype`, by default the dtype of this place."""
        return moved_by(by, x, self.xp, self.device, dtype or self.dtype)

    def flat(self, x: Any, axes: int) -> Any:
        """Return x (*stack, ...) as (K, ...): one axis of networks, before the last `axes` axes.

        An x that the networks share keeps its shape.
        """
        lead, own = tuple(x.shape[: x.ndim - axes]), tuple(x.shape[x.ndim - axes :])
        if math.prod(lead) == 1:
            return x if not lead else namespace(x).reshape(x, own)
        if lead == self.lead and len(lead) == 1:
            return x
        xp = namespace(x)
        return xp.reshape(xp.broadcast_to(x, (*self.lead, *own)), (-1, *own))


def loaded(net: Network, rows: Rows, Y: Any, place: Place, where: str) -> Cases | FileCases:
    """Return the cases of X and Y: in memory on the device, or in their file.

    Parameters
    ----------
    net : Network
    rows : Rows
        The rows of X.
    Y : array, list or source
    place : Place
    where : str
        The function or the argument that errors name, such as "train".

    Raises
    ------
    BackpropError
        X or Y cannot be used.
    """
    x_where, y_where = f"{where}(X)", f"{where}(Y)"
    if not rows.in_file and rows.like.ndim == 2:
        rows = _streamed_if_large(rows, place)
    targets = place.rows(Y if rows.in_file else in_memory(Y, y_where), y_where)
    data_values.check_not_empty(rows.like, x_where)
    columns.check_shape_of_inputs(rows.like, place.lead, net.sizes[0], x_where)
    m = rows.like.shape[-2]
    if targets.like.ndim == 1 and is_floating(targets.like):  # a missing label makes labels floats
        data_values.check_finite(targets.like, y_where, place.dtype)
    kind = columns.kind_of_targets(targets.like, m, net.sizes[-1], place.lead, y_where)
    loader = _Loader(net, place, where, kind)
    if not isinstance(rows, FileRows):
        try:
            with memory_errors(x_where, "room for all cases", _FROM_A_FILE):
                return with_room(lambda: loader(rows.like, targets.like, None))
        except OutOfMemoryError:
            if not _streams(rows.like, place):
                raise
        rows = FileRows(HostRows(rows.like), rows.like)  # outside of `except`, which holds memory
    if not targets.in_file:
        loader.check_targets(targets.like)
    movers = mover(place.xp, place.device), mover(place.xp, place.device)
    loader = replace(loader, movers=movers, checks_targets=targets.in_file)
    if targets.like.ndim > 1 + (kind == "targets"):
        advice = f"Share the targets among the networks, or {INTO_MEMORY}"
        raise ShapeError(y_where, f"shape {tuple(targets.like.shape)}", f"({m}, ...)", advice)
    Y = targets.source if isinstance(targets, FileRows) else to_host(targets.like)
    return FileCases(rows.source, Y, loader.labelled, loader)


def _streamed_if_large(rows: Rows, place: Place) -> Rows:
    """Return the rows, as rows of a file where the array does not fit into device memory."""
    asked = rows.like, place.xp, place.device, place.dtype
    if fits(*asked) or (forget() and fits(*asked)):
        return rows
    return FileRows(HostRows(rows.like), rows.like)


def _streams(x: Any, place: Place) -> bool:
    """Tell whether rows of `x` can be streamed to the device where the whole does not fit."""
    return isinstance(x, np.ndarray) and x.ndim == 2 and is_cupy_namespace(place.xp)


@dataclass(frozen=True)
class _Loader:
    """Checks rows in memory and moves them to the device: the `load` of `FileCases`."""

    net: Network
    place: Place
    where: str
    kind: TargetKind
    movers: tuple[Mover | None, Mover | None] = (None, None)  # of X and Y
    checks_targets: bool = True

    @property
    def labelled(self) -> bool:
        """Whether Y holds class labels."""
        return self.net.are_classes(self.kind)

    def __call__(self, X: Any, Y: Any, weights: HostArray | None, numbers: Any = None) -> Cases:
        """Return the cases; `numbers` are their row numbers in a file, for errors."""
        place, labelled = self.place, self.labelled
        data_values.check_finite(X, f"{self.where}(X)", place.dtype, numbers)
        if self.checks_targets:
            self.check_targets(Y, numbers)
        of_inputs, of_targets = self.movers
        moved = place.move(Y, "int32" if labelled else None, of_targets)
        if not labelled and self.kind != "targets":
            moved = place.xp.expand_dims(moved, axis=-1)
        X, Y = place.flat(place.move(X, by=of_inputs), 2), place.flat(moved, 2 - labelled)
        return Cases(X, Y, self.net.sizes[-1], labelled, weights)

    def check_targets(self, Y: Any, numbers: Any = None) -> None:
        """Refuse labels that are not classes, and targets out of the range of the loss."""
        where, net = f"{self.where}(Y)", self.net
        if self.labelled:
            data_values.check_labels(Y, net.sizes[-1], where, numbers)
        else:
            limits = getattr(net.loss, "target_range", None)
            data_values.check_finite(Y, where, self.place.dtype, numbers)
            data_values.check_range(Y, limits, net.loss.name, where, numbers)


def weighted(
    cases: Cases | FileCases,
    case_weights: Any,
    class_weights: Any,
    net: Network,
    place: Place,
    where: str,
    name: str = "case_weights",
    total: Total | None = None,
) -> Cases | FileCases:
    """Return the cases with weights of mean 1, case weight × class weight.

    `where` is the function that errors name, such as "train", and `name` its argument. Where the
    cases are those of one rank, `total` adds numbers up over all ranks.

    Raises
    ------
    BackpropError
        The weights cannot be used, or there are no class labels for class weights.
    """
    weights = None
    if case_weights is not None:
        weights = _weights_of_cases(case_weights, cases.count, place, f"{where}({name})", total)
    if class_weights is not None:
        if not cases.labelled:
            expected, advice = "class labels (m,) of integers", "Pass case_weights instead"
            raise OptionError(f"{where}(class_weights)", "Y of targets", expected, advice)
        labels = to_host(in_memory(cases.Y, f"{where}(Y)"))
        data_values.check_labels(labels, net.sizes[-1], f"{where}(Y)")
        classes = max(net.sizes[-1], 2)
        given = weights_by_class(class_weights, labels, classes, weights, total)
        weights = of_mean_one(given, total)
    return cases if weights is None else replace(cases, weights=weights)


def _weights_of_cases(
    case_weights: Any, m: int, place: Place, where: str, total: Total | None
) -> HostArray:
    columns.check_weighs_cases(case_weights, where)
    weights = place.array(case_weights, where)
    columns.check_shape_of_weights(weights, place.lead, m, where)
    data_values.check_case_weights(weights, where, place.dtype, total)
    host = of_mean_one(np.array(to_host(weights), dtype=np.float64), total)
    flat: HostArray = place.flat(host, 1)
    return flat
