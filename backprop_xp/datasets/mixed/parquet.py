"""Parquet files as data frames, by pandas or by Polars."""

from pathlib import Path
from typing import Any, Final

from backprop_xp.errors import DataError, MissingExtraError, first_line

__all__ = ["PARQUET", "read_parquet"]

PARQUET: Final = (".parquet", ".pq")
"""The ends of the names of Parquet files."""

_MARK: Final = b"PAR1"  # at both ends of a file


def read_parquet(file: Path) -> Any:
    """Return the frame in an existing Parquet file.

    Raises
    ------
    MissingExtraError
        Neither Polars nor pandas with pyarrow is there.
    DataError
        It is no Parquet file, or it is damaged.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(4)
        stream.seek(-min(4, size), 2)
        end = stream.read(4)
    if start != _MARK or end != _MARK or size < 12:
        raise _damaged(file, "other bytes than those of Parquet")
    try:
        import polars as pl
    except ImportError:
        return _by_pandas(file)
    try:
        return pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(file, first_line(error)) from error


def _by_pandas(file: Path) -> Any:
    try:
        import pandas as pd  # type: ignore[import-untyped]  # it has no types

        return pd.read_parquet(file)
    except ImportError as error:
        expected = "the package polars, or pandas and pyarrow"
        advice = "Run: python -m pip install polars; or save the table as CSV"
        raise MissingExtraError(file.name, "no reader of Parquet", expected, advice) from error
    except (ValueError, OSError) as error:
        raise _damaged(file, first_line(error)) from error


def _damaged(file: Path, came: str) -> DataError:
    return DataError(file.name, came, "a Parquet file", "Check that it was saved whole")
