"""The history as a data frame: a row for each epoch and network, a column for each name."""

import re
import sys

import numpy as np
import pytest

from backprop_xp.arrays.advice import install_command
from backprop_xp.errors import MissingExtraError, ShapeError
from backprop_xp.inspection.history_frame import history_frame


@pytest.fixture
def _pandas():
    pytest.importorskip("pandas", reason="pandas is not installed")


pandas = pytest.mark.usefixtures("_pandas")


@pandas
def test_a_single_network_has_a_row_for_each_epoch():
    frame = history_frame({"cost": [0.7, 0.3], "accuracy": [0.5, 1.0]})
    assert list(frame.columns) == ["epoch", "cost", "accuracy"]
    assert frame["epoch"].tolist() == [1, 2]
    assert frame["accuracy"].tolist() == [0.5, 1.0]
    assert frame["cost"].dtype == np.float64


@pandas
@pytest.mark.parametrize("stack", [(4,), (1,), (2, 3)])
def test_a_stack_has_a_row_for_each_epoch_and_network(stack):
    entries = list(np.random.default_rng(0).normal(size=(5, *stack)))
    frame = history_frame({"cost": entries, "shared": [1, 2, 3, 4, 5]}, stack)
    index = ["network"] if len(stack) == 1 else ["network_0", "network_1"]
    assert list(frame.columns) == ["epoch", *index, "cost", "shared"]
    assert len(frame) == 5 * np.prod(stack)
    for row in frame.to_dict("records"):
        place = tuple(row[name] for name in index)
        assert row["cost"] == entries[row["epoch"] - 1][place]
        assert row["shared"] == row["epoch"]


@pandas
@pytest.mark.parametrize("stack", [(), (2,)])
def test_no_epochs_give_no_rows(stack):
    assert len(history_frame({}, stack)) == 0
    frame = history_frame({"cost": []}, stack)
    assert (len(frame), frame.columns[-1]) == (0, "cost")


@pandas
def test_a_shorter_list_ends_in_missing_values():
    frame = history_frame({"cost": [3.0, 2.0, 1.0], "norm": [7], "note": ["good", "bad"]})
    assert frame["norm"].tolist()[0] == 7
    assert frame["norm"].isna().tolist() == [False, True, True]
    assert frame["note"].isna().tolist() == [False, False, True]
    assert frame["note"].tolist()[:2] == ["good", "bad"]


@pandas
@pytest.mark.parametrize(("stack", "entry"), [((), np.ones(3)), ((2,), np.ones(3))])
def test_an_entry_that_is_no_number_of_a_network_is_refused(stack, entry):
    with pytest.raises(ShapeError, match=r"'norms'.*\(3,\)"):
        history_frame({"cost": [1.0], "norms": [entry]}, stack)


@pandas
def test_a_name_of_an_index_column_is_not_taken_by_the_history():
    assert history_frame({"epoch": [7, 8]})["epoch"].tolist() == [1, 2]


def test_without_pandas_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("pandas"))):
        history_frame({"cost": [1.0]})
