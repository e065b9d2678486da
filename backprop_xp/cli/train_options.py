"""The options of the command `train`, and their checks before the data are read."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from backprop_xp.activations import find_activation
from backprop_xp.arrays.advice import nearest_name
from backprop_xp.arrays.scalars import check_count, float_name
from backprop_xp.cli.destinations import check_destination
from backprop_xp.cli.picture_choice import Picture, chosen_pictures
from backprop_xp.errors import MissingExtraError, OptionError
from backprop_xp.files.formats import check_format
from backprop_xp.inspection import learning_curve
from backprop_xp.losses import LOSSES
from backprop_xp.optimizers.catalogue import OPTIMIZERS
from backprop_xp.optimizers.lbfgs import LBFGS
from backprop_xp.optimizers.protocol import Optimizer
from backprop_xp.optimizers.rprop import Rprop

__all__ = ["EPOCHS", "EPOCHS_SMALL", "TrainOptions"]

EPOCHS: Final = 30
"""The default number of epochs."""
EPOCHS_SMALL: Final = 200
"""The default number of epochs for truth tables and other small data."""


@dataclass(frozen=True)
class TrainOptions:
    """The options of the command line; ``backprop-xp train --help`` describes them.

    None stands for a default that depends on the data. `mpi` is whether the command runs in each
    rank of MPI.
    """

    data: str
    target: str | None = None
    header: bool | None = None
    hidden: str = "64,64"
    activation: str = "relu"
    loss: str | None = None
    optimizer: str = "sgd"
    learning_rate: float | None = None
    momentum: float | None = None
    l2: float = 0.0
    dropout: float = 0.0
    patience: int | None = None
    class_weights: str | None = None
    epochs: int | None = None
    batch_size: int = 32
    seed: int = 0
    device: str = "auto"
    dtype: str = "float32"
    held_out: float | None = None
    out: str | None = None
    plot: str | None = None
    checkpoint: str | None = None
    resume: bool = False
    single: bool = False
    mpi: bool = False
    progress: bool = False

    def check(self) -> None:
        """Refuse options that cannot be used with any data.

        Raises
        ------
        OptionError, DTypeError
        """
        _ = self.hidden_sizes, self.optimizer_to_use  # these properties check their options
        if not 0 <= self.l2 < np.inf:
            raise OptionError("--l2", f"{self.l2:g}", "a number from 0", "Such as 0.0001")
        if not 0 <= self.dropout < 1:
            advice = "Such as 0.2"
            raise OptionError("--dropout", f"{self.dropout:g}", "0 or a share below 1", advice)
        check_count(1 if self.patience is None else self.patience, "--patience", least=1)
        if self.class_weights not in (None, "balanced"):
            came = repr(self.class_weights)
            raise OptionError("--class-weights", came, "balanced", "Leave it out")
        if self.resume and self.checkpoint is None:
            came, expected = "no --checkpoint", "--checkpoint DIR beside it"
            raise OptionError("--resume", came, expected, "Name the folder of the state")
        find_activation(self.activation, "--activation")
        check_count(1 if self.epochs is None else self.epochs, "--epochs", least=1)
        check_count(self.batch_size, "--batch-size", least=1)
        check_count(self.seed, "--seed", least=0)
        if self.loss is not None:
            _check_name("--loss", self.loss, LOSSES)
        if self.held_out is not None and not 0 <= self.held_out < 1:
            advice = "Such as 0.2 for a fifth; 0 holds nothing out"
            raise OptionError("--held-out", f"{self.held_out:g}", "0 or a share below 1", advice)

    @property
    def hidden_sizes(self) -> list[int]:
        """The sizes of the hidden layers."""
        try:
            sizes = [int(part) for part in self.hidden.split(",")] if self.hidden else []
        except ValueError:
            sizes = [0]
        if not all(size >= 1 for size in sizes):
            expected, advice = "sizes >= 1 with commas between", "Such as 64,64, or '' for none"
            raise OptionError("--hidden", repr(self.hidden), expected, advice)
        return sizes

    @property
    def optimizer_to_use(self) -> Optimizer | LBFGS:
        """The optimiser with its learning rate and momentum."""
        _check_name("--optimizer", self.optimizer, OPTIMIZERS)
        found: Any = OPTIMIZERS[self.optimizer]
        rate = self.learning_rate
        largest = float(np.finfo(float_name(self.dtype, "--dtype")).max)
        if rate is not None and not 0 < rate <= largest:
            expected = f"a number above 0 that {self.dtype} can hold"
            raise OptionError("--learning-rate", f"{rate:g}", expected, "Such as 0.01")
        if self.momentum is not None and not 0 <= self.momentum < 1:
            expected, advice = "0 or a share below 1", "Such as 0.9"
            raise OptionError("--momentum", f"{self.momentum:g}", expected, advice)
        given = {"learning_rate": rate, "momentum": self.momentum}
        for name, value in given.items():
            if value is not None and not hasattr(found, name):
                option = f"--{name.replace('_', '-')}"
                raise OptionError(
                    option,
                    f"{value:g} for {self.optimizer}",
                    "an optimizer that has it",
                    "Leave it out",
                )
        changed = {name: x for name, x in given.items() if x is not None}
        optimizer: Optimizer | LBFGS = replace(found, **changed)
        return optimizer

    @property
    def batch_size_to_use(self) -> int | None:
        """Cases in a batch; None where the optimiser takes all cases at once."""
        full = isinstance(OPTIMIZERS[self.optimizer], Rprop | LBFGS)
        return None if full else self.batch_size

    @property
    def model(self) -> Path:
        """The file of the model."""
        return Path(f"{Path(self.data).stem}.safetensors" if self.out is None else self.out)

    @property
    def is_onnx(self) -> bool:
        """Whether the file of the model is an ONNX file."""
        return self.model.suffix.lower() == ".onnx"

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures to draw, with their files."""
        return chosen_pictures(self.plot, self.model)

    def check_files(self) -> str:
        """Return the reason why pictures are left out, or "", after checking the files to write.

        Raises
        ------
        OptionError, MissingFileError
            A file cannot be written, must not be replaced, or has a name of another format.
        MissingExtraError
            ``--plot`` is given and matplotlib is not installed, or ``--out`` names an ONNX file and
            onnx is not installed.
        """
        check_format(self.model, "--out", ".onnx" if self.is_onnx else ".safetensors")
        if self.is_onnx:
            from backprop_xp.exchange import onnx_file  # which most calls do without

            onnx_file.onnx_package("--out")
        check_destination("--out", self.model, [self.data])
        pictures = self.pictures
        written: list[str | Path] = [self.data, self.model]
        for picture in pictures:
            check_destination("--plot", picture.path, written)
            written.append(picture.path)
        if not pictures:
            return ""
        try:
            learning_curve.check_plotting()
        except MissingExtraError as error:
            if self.plot is not None:
                raise
            return f"{error.parts[1]}. {error.parts[3]}"
        return ""


def _check_name(option: str, name: str, known: Collection[str]) -> None:
    """Refuse a name that is not known."""
    if name not in known:
        expected = f"one of {', '.join(known)}"
        raise OptionError(option, repr(name), expected, nearest_name(name, known))
