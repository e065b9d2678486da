"""Weights of classes: scikit-learn's numbers, and training with them as weights of cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surface import BINARY, CLASSES, LABELS, STACKED, TARGETS, WEIGHTS, InFile, M, X, Y

import backprop_xp as bp
from backprop_xp.errors import DataError, OptionError
from backprop_xp.training.data.class_weights import weights_by_class


def test_balanced_weights_by_hand():
    # 6 cases of which 3, 1 and 2 are of the classes: 6 / (3 · 3), 6 / (3 · 1), 6 / (3 · 2)
    labels = np.array([0, 0, 0, 1, 2, 2])
    expected = [2 / 3, 2 / 3, 2 / 3, 2, 1, 1]
    np.testing.assert_allclose(weights_by_class("balanced", labels, 3, None), expected, rtol=1e-15)
    # of weights 1, 1, 2 | 4 | 0, 4 in all 12: 12 / (3 · 4) = 1 each
    w = np.array([1.0, 1, 2, 4, 0, 4])
    np.testing.assert_allclose(weights_by_class("balanced", labels, 3, w), w, rtol=1e-15)


def test_a_mapping_by_hand():
    labels = np.array([[0, 1, 2], [2, 2, 1]])
    found = weights_by_class({0: 4, np.int64(2): 0.5}, labels, 3, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(found, [[4, 2, 1.5], [0.5, 1, 3]])
    found = weights_by_class({True: 3}, np.array([True, False]), 2, None)
    np.testing.assert_array_equal(found, [3, 1])


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=20),
    weighted=st.booleans(),
    seed=st.integers(0, 100),
)
def test_they_are_those_of_scikit_learn(labels, weighted, seed):
    # the same few operations in float64: some roundings of 1e-16
    utils = pytest.importorskip("sklearn.utils.class_weight", reason="scikit-learn is missing")
    labels, rng = np.array(labels), np.random.default_rng(seed)
    w, present = rng.uniform(0.1, 2, len(labels)), np.unique(labels)
    found = weights_by_class("balanced", labels, 5, w if weighted else None)
    counted = {"sample_weight": w} if weighted else {}
    of_class = utils.compute_class_weight("balanced", classes=present, y=labels, **counted)
    expected = of_class[np.searchsorted(present, labels)] * (w if weighted else 1)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    if not weighted:
        of_cases = utils.compute_sample_weight("balanced", labels)
        np.testing.assert_allclose(found, of_cases, rtol=1e-13)
    chosen = {int(name): float(rng.uniform(0.1, 3)) for name in present[::2]}
    expected = utils.compute_sample_weight({**dict.fromkeys(range(5), 1), **chosen}, labels)
    np.testing.assert_allclose(weights_by_class(chosen, labels, 5, None), expected, rtol=1e-13)


def test_balanced_classes_have_the_same_weight_in_all():
    labels = np.array([0] * 7 + [1] * 2 + [3])
    found = weights_by_class("balanced", labels, 5, np.arange(1.0, 11))
    totals = np.bincount(labels, weights=found)
    np.testing.assert_allclose(totals[[0, 1, 3]], 55 / 3, rtol=1e-14)


def test_a_class_whose_cases_weigh_nothing_stays_without_weight():
    found = weights_by_class("balanced", np.array([0, 0, 1]), 2, np.array([1.0, 1, 0]))
    np.testing.assert_array_equal(found, [0.5, 0.5, 0])


# ---------------------------------------------------------------------------------------------
# training


def train(net=CLASSES, targets=LABELS, x=X, **settings):
    return bp.train(net, x, targets, **{"epochs": 3, "batch_size": 4, "seed": 5, **settings})


def close(run, other):
    # weights are relative, so that another common factor of them rounds otherwise: 1e-16 a step
    np.testing.assert_allclose(run.theta, other.theta, rtol=1e-11, atol=1e-13)
    assert run.history.keys() == other.history.keys()
    for name, of in run.history.items():
        np.testing.assert_allclose(of, other.history[name], rtol=1e-12)


@pytest.mark.parametrize("class_weights", ["balanced", {0: 2.0, 1: 0.0}, {2: 7}])
@pytest.mark.parametrize("own", [None, WEIGHTS, STACKED["WEIGHTS"]], ids=["none", "one", "each"])
@pytest.mark.parametrize("labels", [LABELS, STACKED["LABELS"]], ids=["shared", "own labels"])
def test_they_multiply_the_weights_of_the_cases(class_weights, own, labels):
    stack = 3 if labels.ndim > 1 or np.ndim(own) > 1 else ()
    lead = (3,) if stack else ()
    weights = np.ones(M) if own is None else own
    of_each = [
        weights_by_class(class_weights, *pair[:1], 3, pair[1])
        for pair in zip(
            np.broadcast_to(labels, (*lead, M)).reshape(-1, M),
            np.broadcast_to(weights, (*lead, M)).reshape(-1, M),
            strict=True,
        )
    ]
    expected = np.reshape(of_each, (*lead, M))
    found = train(CLASSES, labels, stack=stack, case_weights=own, class_weights=class_weights)
    close(found, train(CLASSES, labels, stack=stack, case_weights=expected))


def test_none_is_no_weights_to_the_bit():
    np.testing.assert_array_equal(train(class_weights=None).theta, train().theta)


@pytest.mark.parametrize("labels", [LABELS % 2, (LABELS % 2).astype(bool)])
def test_classes_of_a_single_output_unit(labels):
    found = train(BINARY, labels, class_weights={1: 3.0})
    close(found, train(BINARY, labels, case_weights=np.where(LABELS % 2, 3.0, 1.0)))


def test_validation_is_not_weighted():
    settings = {"validation": (X, LABELS), "optimizer": bp.SGD(0.0)}
    found, plain = train(class_weights="balanced", **settings), train(**settings)
    assert found.history["validation_cost"] == plain.history["validation_cost"]
    assert found.history["cost"] != plain.history["cost"]


def test_labels_in_a_file_and_in_arrays_of_every_library(xp):
    expected = train(x=X.astype("float32"), class_weights="balanced")
    in_files = train(
        x=InFile(X.astype("float32")), targets=InFile(LABELS), class_weights="balanced"
    )
    np.testing.assert_array_equal(in_files.theta, expected.theta)
    data = xp.array(X, "float32"), xp.array(LABELS)
    run = bp.train(CLASSES, *data, epochs=3, batch_size=4, seed=5, class_weights="balanced")
    # another exp, and sums in other orders: some dozen roundings of 6e-8
    np.testing.assert_allclose(xp.host(run.theta), expected.theta, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("class_weights", "came", "expected"),
    [
        ("balance", "'balance'", "None, 'balanced', or a mapping"),
        ([1, 2, 3], r"\[1, 2, 3\]", "None, 'balanced', or a mapping"),
        ({3: 1.0}, "the class 3", "classes from 0 to 2"),
        ({0: True}, "the weight True for the class 0", "finite numbers >= 0"),
        ({-1: 1.0}, "the class -1", "classes from 0 to 2"),
        ({"cat": 1.0}, "the class 'cat'", "classes from 0 to 2"),
        ({0.0: 1.0}, "the class 0.0", "classes from 0 to 2"),
        ({0: -1.0}, "the weight -1.0 for the class 0", "finite numbers >= 0"),
        ({0: np.nan}, "the weight nan for the class 0", "finite numbers >= 0"),
        ({0: np.inf}, "the weight inf for the class 0", "finite numbers >= 0"),
        ({0: "much"}, "the weight 'much' for the class 0", "finite numbers >= 0"),
        ({0: 0, 1: 0, 2: 0}, "{0: 0, 1: 0, 2: 0}", "at least one case with a weight above 0"),
    ],
    ids=str,
)
def test_weights_that_are_refused(class_weights, came, expected):
    with pytest.raises(OptionError, match=f"{came}; expected {expected}") as caught:
        train(class_weights=class_weights)
    assert caught.value.parts[0] == "train(class_weights)"


@pytest.mark.parametrize("targets", [Y, np.eye(2)[LABELS % 2]], ids=["numbers", "one-hot"])
def test_targets_that_are_no_classes_have_no_weights(targets):
    with pytest.raises(OptionError) as caught:
        train(TARGETS, targets, class_weights="balanced")
    where, _, expected, advice = caught.value.parts
    assert (where, expected) == ("train(class_weights)", "class labels (m,) of integers")
    assert advice == "Pass case_weights instead"


def test_labels_out_of_range_are_refused_as_ever():
    with pytest.raises(DataError, match=r"train\(Y\): got label 3"):
        train(targets=np.where(LABELS == 2, 3, LABELS), class_weights="balanced")
