"""The options of the command `train` for an ensemble on a table, and their checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from backprop_xp.arrays.scalars import check_count
from backprop_xp.cli.destinations import check_destination, check_page
from backprop_xp.cli.training_data import is_file
from backprop_xp.datasets.mixed.source import is_table
from backprop_xp.datasets.text_files import PACKED_SUFFIXES
from backprop_xp.errors import OptionError
from backprop_xp.files.formats import check_format

__all__ = ["ONE_NETWORK", "NamedColumns", "TableOptions", "chooses_ensemble", "chooses_table"]

ONE_NETWORK: Final = (
    *("single", "hidden", "activation", "loss", "optimizer", "learning_rate", "momentum"),
    *("l2", "dropout", "patience", "checkpoint", "resume", "plot", "mpi"),
)
"""The options that only one network has: any of them chooses it."""


class NamedColumns(Protocol):
    """The columns that texts name."""

    def one(self, text: str) -> str | int:
        """Return the column that a text names."""
        ...

    def listed(self, text: str) -> tuple[str | int, ...]:
        """Return the columns that a text lists, with commas between."""
        ...


@dataclass(frozen=True)
class TableOptions:
    """The options of the command line; ``backprop-xp train --help`` describes them."""

    data: str
    target: str | None = None
    header: bool | None = None
    categories: str = ""
    numbers: str = ""
    ignore: str = ""
    id: str = ""
    missing: str | None = None
    dates: str | None = None
    decimal: str | None = None
    task: str | None = None
    networks: int = 16
    class_weights: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    device: str = "auto"
    dtype: str = "float32"
    held_out: float | None = None
    group: str | None = None
    order: str | None = None
    out: str | None = None
    report: str | None = None
    json: str | None = None
    progress: bool = False

    def check(self) -> None:
        """Refuse options that cannot be used with any table.

        Raises
        ------
        OptionError, MissingFileError
        """
        check_count(self.networks, "--networks", least=1)
        check_count(self.seed, "--seed", least=0)
        for name, value in (("--epochs", self.epochs), ("--batch-size", self.batch_size)):
            check_count(1 if value is None else value, name, least=1)
        if self.class_weights not in (None, "balanced"):
            raise OptionError(
                "--class-weights", repr(self.class_weights), "balanced", "Leave it out"
            )
        if self.dtype not in ("float32", "float64"):
            advice = "Leave it out, or train one network with --single"
            raise OptionError("--dtype", repr(self.dtype), "float32 or float64", advice)
        if self.held_out is not None and not 0 <= self.held_out < 1:
            advice = "Such as 0.2 for a fifth; 0 holds nothing out"
            raise OptionError("--held-out", f"{self.held_out:g}", "0 or a share below 1", advice)
        if self.group is not None and self.order is not None:
            came = f"--group {self.group} and --order {self.order}"
            raise OptionError("--order", came, "one of both", "Leave one out")
        if self.held_out == 0 and (self.report or self.json or self.group or self.order):
            named = next(
                f"--{name}" for name in ("report", "json", "group", "order") if getattr(self, name)
            )
            came, expected = f"{named} with --held-out 0", "rows that are held out"
            raise OptionError(named, came, expected, "Leave one of both out")
        self._check_files()

    def _check_files(self) -> None:
        check_format(self.model, "--out", ".onnx" if self.is_onnx else ".safetensors")
        written: list[str | Path] = [self.data]
        for option, path in (
            ("--out", self.model),
            ("--report", None if self.report is None else Path(self.report)),
            ("--json", None if self.json is None else Path(self.json)),
        ):
            if path is not None:
                check_destination(option, path, written)
                written.append(path)
        if self.report is not None:
            check_page("--report", Path(self.report))
        if self.is_onnx:
            from backprop_xp.exchange import onnx_file  # which most calls do without

            onnx_file.onnx_package("--out")

    @property
    def model(self) -> Path:
        """The file of the model."""
        return Path(f"{_stem(self.data)}.safetensors" if self.out is None else self.out)

    @property
    def is_onnx(self) -> bool:
        """Whether the file of the model is an ONNX file."""
        return self.model.suffix.lower() == ".onnx"

    def reading(self, columns: NamedColumns) -> dict[str, Any]:
        """Return the keywords of `datasets.read_mixed`, for the columns that texts name."""
        group = () if self.group is None else (columns.one(self.group),)
        return {
            "target": None if self.target is None else columns.one(self.target),
            "categories": columns.listed(self.categories),
            "numbers": columns.listed(self.numbers),
            "ignore": columns.listed(self.ignore),
            "ids": (*columns.listed(self.id), *group),
            "missing": None if self.missing is None else _signs(self.missing),
            "dates": self.dates,
            "decimal": self.decimal,
            "task": self.task,
            "header": self.header,
        }


def chooses_ensemble(given: Mapping[str, Any]) -> bool:
    """Tell whether DATA has the name of a table, and no option is that of one network.

    Examples
    --------
    >>> chooses_ensemble({"data": "rents.csv"}), chooses_ensemble({"data": "rents.csv", "l2": 0.1})
    (True, False)
    """
    return is_table(given["data"] or "") and not any(one in given for one in ONE_NETWORK)


def chooses_table(given: Mapping[str, Any]) -> bool:
    """Tell whether given options train an ensemble on a table, or else one network.

    Raises
    ------
    OptionError
        DATA is no data set and no file, or options of both are given.

    Examples
    --------
    >>> chooses_table({"data": "digits"}), chooses_table({"data": "rents.csv", "networks": 4})
    (False, True)
    """
    name = given["data"]
    if chooses_ensemble(given):
        return True
    of_one = [f"--{one.replace('_', '-')}" for one in ONE_NETWORK if one in given]
    is_file(name)  # refuses an unknown name, before options are
    of_tables = [
        f"--{one.replace('_', '-')}"
        for one in given
        if one in TableOptions.__annotations__ and one not in _SHARED
    ]
    if of_tables:
        why = of_one[0] if of_one else f"DATA {name!r}"
        came = f"{of_tables[0]}, which goes with the ensemble of a table, and {why}"
        advice = f"Leave {of_tables[0]} out" + (f", or {why}" if of_one else "")
        raise OptionError(of_tables[0], came, "options of one network", advice)
    return False


_SHARED: Final = (
    *("data", "target", "header", "class_weights", "epochs", "batch_size", "seed", "device"),
    *("dtype", "held_out", "out", "progress"),
)


def _stem(data: str) -> str:
    """Return a file's name without its suffixes, such as ``table`` of ``table.csv.gz``.

    Examples
    --------
    >>> _stem("folder/table.csv.gz"), _stem("prices.2024.csv")
    ('table', 'prices.2024')
    """
    path = Path(data)
    packed = path.suffix.lower() in PACKED_SUFFIXES
    return path.with_suffix("").stem if packed else path.stem


def _signs(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []
