"""`PiecewiseLinearEncoder`: a column for each quantile bin of a number."""

from backprop_xp.arrays.advice import checks_keywords
from backprop_xp.arrays.scalars import check_count
from backprop_xp.estimators.table_transformer import TableTransformer
from backprop_xp.preprocessing.piecewise_linear import PiecewiseLinearEncoding
from backprop_xp.preprocessing.table import Table

__all__ = ["PiecewiseLinearEncoder"]


@checks_keywords
class PiecewiseLinearEncoder(TableTransformer):
    """Piecewise-linear encoding of numbers by quantile bins, as a transformer of scikit-learn.

    For each bin from b to c of a column there is a column of the share of the bin below x,
    (x − b) / (c − b), from 0 to 1. Equal quantiles are one edge, so a column may have fewer bins. A
    column of one value has one bin.

    `fit` leaves NaN out; `transform` returns NaN in all bins of a gap. An infinity is refused.

    Parameters
    ----------
    bins : int
        The number of bins of a column, ≥ 1.

    Attributes
    ----------
    step_ : PiecewiseLinearEncoding
        The fitted step; ``step_.edges`` are the edges of each column.
    n_features_in_ : int
    feature_names_in_ : array (n,) of str

    Raises
    ------
    MissingExtraError
        scikit-learn is not installed.
    ParameterError
        `fit`: `bins` is out of range.

    References
    ----------
    Gorishniy, Rubachev, Babenko, "On embeddings for numerical features in tabular deep learning",
    NeurIPS (2022), arXiv 2203.05556, section 3.2.

    Examples
    --------
    >>> encoder = PiecewiseLinearEncoder(2).fit([[0.0], [10.0], [30.0]])
    >>> encoder.transform([[5.0], [20.0], [99.0]])
    array([[0.5, 0. ],
           [1. , 0.5],
           [1. , 1. ]])
    >>> encoder.get_feature_names_out(["size"]).tolist()
    ['size_bin0', 'size_bin1']
    """

    def __init__(self, bins: int = 32) -> None:
        self.bins = bins

    def _fitted(self, table: Table) -> PiecewiseLinearEncoding:
        check_count(self.bins, "bins", least=1)
        return PiecewiseLinearEncoding.of_quantiles(table.numbers(), self.bins)

    def _names_out(self, names: list[str]) -> list[str]:
        pairs = zip(names, self.step_.edges, strict=True)  # type: ignore[attr-defined]
        return [f"{name}_bin{place}" for name, edges in pairs for place in range(len(edges) - 1)]
