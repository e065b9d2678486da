"""Tables as they come: numbers, texts, dates, truth values and gaps, from files and data frames.

.. code-block:: text

    reading            `read_mixed`: each column as what it is
    like               `read_like`: another table, read the way a first one was
    table              `MixedTable`, the result
    summary            what was read, in words
    plan               everything that was decided, as plain JSON
    tabulating         the table of a plan
    targets            classes, numbers or labels
    kinds              the kind of each feature
    marks              a decimal point or a decimal comma
    roles              the target, the features and the ids
    first_row          the names of the columns, or a row
    profile            what the cells of a column can be
    values             cells as numbers and texts
    dates              dates as numbers
    offsets            the offsets from UTC of dates
    written_numbers    numbers as people write them
    options            the options of `read_mixed`, and the words that name them
    source             the columns of a file or a frame
    frame_cells        the cells of a frame as texts
    parquet            Parquet files as frames
    column             a column of texts

Read `reading` first. Every column is texts to begin with, those of a frame too, so that one rule
holds for files and frames.
"""

from backprop_xp.datasets.mixed.like import read_like
from backprop_xp.datasets.mixed.reading import read_mixed
from backprop_xp.datasets.mixed.table import MixedTable

__all__ = ["MixedTable", "read_like", "read_mixed"]
