"""The best epoch of each network of a stack, by its loss on held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backprop_xp.arrays.backend import HostArray, to_host
from backprop_xp.callbacks.progress import Progress
from backprop_xp.estimators.encoded_rows import EncodedRows
from backprop_xp.estimators.ensemble_networks import Architecture
from backprop_xp.estimators.ensemble_selection import losses
from backprop_xp.network.prediction import predict

__all__ = ["BestEpochs", "HeldOut"]


@dataclass(frozen=True)
class HeldOut:
    """Rows of a fold, which the networks of the fold do not train on.

    Attributes
    ----------
    X : EncodedRows
        m rows.
    y : array (m,) of int, or (m, n_out)
    w : array (m,)
    """

    X: EncodedRows
    y: HostArray
    w: HostArray


class BestEpochs:
    """A callback that keeps θ and the outputs on held-out rows of each network's best epoch.

    Parameters
    ----------
    architecture : Architecture
    held : sequence of HeldOut
        One for each fold.
    each : int
        C, the number of networks of a fold. Networks follow one another fold by fold, K in all.
    patience : int
        The epochs in a row without a lower loss of any network, after which training ends.
    dtype : str
        Of the inputs on held-out rows.
    classes : bool
        Whether targets are labels.

    Attributes
    ----------
    alive : array of int
        The indices of the networks that are in training.
    theta : array (K, P)
        On the host, of each network's best epoch.
    scores : array (K,)
        The lowest loss; infinite before the first epoch.
    epochs : array (K,) of int
        The epoch of the lowest loss.
    outputs : list of array
        For each fold the outputs (C, m, n) of its networks.
    """

    built_in: ClassVar[bool] = True

    def __init__(
        self,
        architecture: Architecture,
        held: Sequence[HeldOut],
        each: int,
        patience: int,
        dtype: str,
        *,
        classes: bool,
    ) -> None:
        gain, columns = architecture.gain, architecture.columns
        net = architecture.in_training
        self._inputs = [one.X.inputs(gain, dtype, columns) for one in held]
        self._held, self._each = held, each
        self._patience, self._classes = patience, classes
        count = len(held) * each
        self.alive = np.arange(count)
        self.theta = np.zeros((count, net.parameter_count))
        self.scores = np.full(count, np.inf)
        self.epochs = np.zeros(count, dtype=np.int64)
        self.outputs = [np.zeros((each, len(one.X), net.sizes[-1])) for one in held]

    def on_epoch_end(self, progress: Progress) -> None:
        """Score the networks; keep θ and outputs of those with a lower loss."""
        theta = progress.theta
        self.theta = self.theta.astype(to_host(theta[:1, :1]).dtype, copy=False)
        better = np.zeros(len(self.alive), dtype=bool)
        for fold in range(len(self._held)):
            at = np.flatnonzero(self.alive // self._each == fold)
            if len(at):
                part = theta[int(at[0]) : int(at[-1]) + 1, ...]
                a_out = to_host(predict(progress.network, part, self._inputs[fold]))
                better[at] = self._gained(fold, self.alive[at], a_out.astype(np.float64))
        if better.any():
            self.epochs[self.alive[better]] = progress.epoch
            self.theta[self.alive[better]] = to_host(theta)[better]
        if progress.epoch - self.epochs[self.alive].max() >= self._patience:
            progress.stop(f"no network has had a lower loss for {self._patience} epochs")

    def _gained(self, fold: int, networks: HostArray, outputs: HostArray) -> HostArray:
        """Keep scores and outputs of networks with a lower loss; return which these are."""
        one = self._held[fold]
        scores = losses(outputs, one.y, one.w, classes=self._classes)
        gained: HostArray = scores < self.scores[networks]
        self.scores[networks] = np.where(gained, scores, self.scores[networks])
        self.outputs[fold][networks[gained] - fold * self._each] = outputs[gained]
        return gained
