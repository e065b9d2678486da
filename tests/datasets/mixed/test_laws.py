"""Laws of the reader, on tables that Hypothesis makes up."""

import csv
import io
import json
import string

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backprop_xp.datasets import read_like, read_mixed
from backprop_xp.errors import BackpropError

WORDS = st.text(string.ascii_letters + ' ,;|"\n.é', min_size=1, max_size=6).map(str.strip)
NUMBERS = ("1", "-2.5", "1,5", "1.234", "1,234", "1 234", "01", "1e9", "−3", "inf", "nan")
OTHERS = ("", "NA", "x", "yes", "true", "2024-05-31", "31.12.2024", "Jan 5, 2020", "%", "'")
CELLS = st.sampled_from((*NUMBERS, *OTHERS, "5%", "$1", "5 kg", "<1"))


def read_or_refused(path, **options):
    """Return the table, or None where it is refused with all parts of a message."""
    try:
        return read_mixed(path, **options)
    except BackpropError as error:
        if not all(error.parts):
            raise
        return None


@settings(deadline=None)  # files take as long as the disk does
@given(data=st.binary(max_size=60), target=st.sampled_from([None, (), 0]))
def test_any_bytes_give_a_table_or_one_clear_error(tmp_path_factory, data, target):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(data)
    read_or_refused(path, target=target)


@settings(deadline=None)
@given(
    columns=st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=4),
    sep=st.sampled_from(",;\t|"),
    header=st.booleans(),
    task=st.sampled_from([None, "classes", "numbers"]),
)
def test_a_table_that_is_read_is_read_the_same_by_its_decisions(
    tmp_path_factory, columns, sep, header, task
):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=sep)
    if header:
        writer.writerow([f"n{j}" for j in range(len(columns) + 1)])
    writer.writerows(zip("aaabbb", *columns, strict=True))
    path.write_text(stream.getvalue(), encoding="utf-8")
    table = read_or_refused(path, task=task, header=header)
    if table is None:
        return
    decided = json.loads(json.dumps(table.decided))
    again = read_like(path, decided, with_target=True)
    assert (again.names, again.kinds, again.class_names) == (
        table.names,
        table.kinds,
        table.class_names,
    )
    for one, other in zip(again.columns, table.columns, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.Y, table.Y)
    assert again.summary() == table.summary()
    assert len(read_like(path, decided)) == 6


@settings(deadline=None)
@given(
    numbers=st.lists(
        st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=8, unique=True
    ),
    words=st.lists(WORDS.filter(bool), min_size=2, max_size=2, unique=True),
)
def test_numbers_and_texts_come_back_as_they_were(tmp_path_factory, numbers, words):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["x", "c", "y"])
    texts = [words[i % 2] for i in range(len(numbers))]
    writer.writerows(zip(map(repr, numbers), texts, texts, strict=True))
    path.write_text(stream.getvalue(), encoding="utf-8", newline="")
    table = read_mixed(path, categories="c", task="classes", missing=())
    assert table.columns[0].tolist() == numbers
    assert table.columns[1].tolist() == texts
    assert [table.class_names[label] for label in table.Y] == texts
