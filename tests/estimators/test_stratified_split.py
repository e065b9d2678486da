"""Classes have their shares on both sides of a split, also beside classes of a single row."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.model_selection import StratifiedShuffleSplit

from backprop_xp.cli.table_split import rows_of_split
from backprop_xp.estimators.ensemble_folds import splits_of
from backprop_xp.estimators.stratified_split import stratified


class Table(SimpleNamespace):
    """The part of a table of classes that a split needs."""

    def __len__(self):
        return len(self.Y)


def of_command(labels, share, seed=0):
    rows = rows_of_split(Table(Y=labels, task="classes"), share, seed)
    return rows.train, rows.held_out


def split_of(labels, seed=0, groups=None, classes=True, **given):
    given = SimpleNamespace(**{"small_table": 0, "folds": 5, "validation_fraction": 0.2, **given})
    targets = SimpleNamespace(Y=labels, classes=np.unique(labels) if classes else None)
    random = np.random.RandomState(seed)
    return splits_of(given, targets, np.ones(len(labels)), groups, None, random)


def of_ensemble(labels, share, seed=0):
    split = split_of(labels, seed, validation_fraction=share)
    return split.rows, split.held[0]


def labels_of(*counts):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.mark.parametrize("split", [of_command, of_ensemble])
@pytest.mark.parametrize("singles", [0, 1, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_classes_have_their_shares_beside_classes_of_a_single_row(split, singles, seed):
    labels = labels_of(160, 40, 10, *[1] * singles)
    train, held_out = split(labels, 0.2, seed)
    assert sorted([*train, *held_out]) == list(range(len(labels)))
    counts = np.bincount(labels[held_out], minlength=3 + singles).tolist()
    most = len(held_out) - 42  # a rounding
    assert 0 <= most <= 1
    np.testing.assert_allclose(counts[:3], [32, 8, 2], atol=1)
    assert counts[3:] == [0] * singles


@pytest.mark.parametrize("split", [of_command, of_ensemble])
def test_a_single_class_of_several_rows_beside_single_rows(split):
    train, held_out = split(labels_of(30, 1, 1), 0.25)
    assert len(held_out) == 8
    assert len(train) == 24


def test_the_split_is_that_of_scikit_learn_where_each_class_has_two_rows():
    labels = labels_of(50, 20, 2)
    for seed in range(3):
        kind = StratifiedShuffleSplit(n_splits=1, test_size=15, random_state=seed)
        expected = next(kind.split(labels, labels))
        for found, rows in zip(stratified(labels, 15, seed), expected, strict=True):
            np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize("counts", [(1, 1, 1), (2, 2, 2, 2), (9,)])
def test_too_few_rows_are_split_by_chance(counts):
    labels = labels_of(*counts)
    count = 3 if len(counts) > 1 else 0
    assert stratified(labels, count, 0) is None


@pytest.mark.parametrize("counts", [(30, 20, 2), (30, 12, 1, 3), (100, 100, 4), (7, 5, 5)])
@pytest.mark.parametrize("seed", [0, 1])
def test_folds_have_the_shares_of_all_classes_beside_rare_ones(counts, seed, recwarn):
    labels = labels_of(*counts)
    split = split_of(labels, seed, small_table=1000)
    assert sorted(np.concatenate(split.held)) == list(range(len(labels)))
    for out in split.held:
        found = np.bincount(labels[out], minlength=len(counts))
        np.testing.assert_allclose(found, np.array(counts) / 5, atol=0.999)
    assert not recwarn.list


def test_folds_of_rare_classes_alone_are_by_chance():
    labels = labels_of(2, 2, 2)
    split = split_of(labels, small_table=1000)
    assert sorted(np.concatenate(split.held)) == list(range(len(labels)))


@pytest.mark.parametrize("classes", [True, False])
def test_folds_hold_out_groups_as_a_whole(classes):
    labels, groups = labels_of(20, 20), np.arange(40) % 7
    split = split_of(labels, groups=groups, classes=classes, small_table=41)
    of_folds = [set(groups[out].tolist()) for out in split.held]
    assert sum(map(len, of_folds)) == 7
    assert set.union(*of_folds) == set(range(7))


@pytest.mark.parametrize("classes", [True, False])
def test_rows_are_held_out_once_from_the_stated_size_on_and_rounded_up(classes):
    labels = labels_of(16, 15)
    small, large = (split_of(labels, classes=classes, small_table=m) for m in (32, 31))
    assert (len(small.held), small.by_folds) == (5, True)
    assert ([len(out) for out in large.held], large.by_folds) == ([7], False)
