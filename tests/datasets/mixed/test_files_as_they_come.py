"""Files as they come: each is read rightly, or refused with the line, the column and the option."""

import json

import pytest
from files_that_are_read import READ
from files_that_are_refused import REFUSED

from backprop_xp.datasets import read_like, read_mixed
from backprop_xp.errors import BackpropError


@pytest.fixture
def save(tmp_path):
    def write(text, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def first_row(table):
    """Return the features of the first row, None for a gap."""
    return [None if value != value else value for value in table.rows()[0].tolist()]


@pytest.mark.parametrize("name", READ)
def test_read(save, name):
    text, options, columns, first, target = READ[name]
    path = save(text)
    table = read_mixed(path, **options)
    found = table.summary().split("\n")
    assert (found[0], found[2]) == (columns, target)
    assert first_row(table) == first
    decided = json.loads(json.dumps(table.decided))
    again = read_like(path, decided, with_target=True)
    assert again.summary() == table.summary()
    assert first_row(again) == first
    assert (again.Y == table.Y).all()
    assert read_like(path, decided).Y is None


@pytest.mark.parametrize("name", REFUSED)
def test_refused(save, name):
    text, options, words = REFUSED[name]
    path = save(text)
    with pytest.raises(BackpropError) as caught:
        read_mixed(path, **options)
    for word in words:
        assert word in str(caught.value)


def test_there_are_forty_and_more():
    assert len(READ) + len(REFUSED) >= 40
