"""Weights of validation cases: each network of a stack is scored on cases of its own."""

import numpy as np
import pytest
from training_cases import (
    BINARY,
    BITS,
    CLASSES,
    CLOSE,
    LABELS,
    LABELS_VAL,
    TARGETS,
    WITHOUT_JAX,
    X_VAL,
    Y_VAL,
    M,
    X,
    Y,
)

import backprop_xp as bp
from backprop_xp.training import scoring

FOLDS = np.arange(M) % 3
OUT = (np.arange(3)[:, None] == FOLDS).astype("float64")  # row c of fold k is held out of network k
OPTIONS = {"epochs": 3, "batch_size": 4, "seed": 2}
CASES = {
    "numbers": (TARGETS, Y, Y_VAL),
    "classes": (CLASSES, LABELS, LABELS_VAL),
    "two classes": (BINARY, BITS, 1 - BITS),
}
NAMES = ("validation_cost", "validation_accuracy")


@WITHOUT_JAX
@pytest.mark.parametrize("name", CASES)
def test_each_network_is_scored_on_its_own_cases(xp, name):
    net, labels, labels_val = CASES[name]
    dtype = xp.float_dtypes[-1]
    run = bp.train(
        net,
        xp.array(X),
        xp.array(labels),
        stack=3,
        case_weights=xp.array(1 - OUT),
        validation=(xp.array(X_VAL), xp.array(labels_val), xp.array(OUT)),
        dtype=dtype,
        **OPTIONS,
    )
    theta = net.init(2, dtype=dtype, stack=3).astype("float64")
    for k in range(3):
        mine = k == FOLDS
        alone = bp.train(
            net,
            X,
            labels,
            theta[k],
            case_weights=1 - OUT[k],
            validation=(X_VAL[mine], labels_val[mine]),
            **OPTIONS,
        )
        for entry in NAMES:
            assert (entry in run.history) == (entry in alone.history)
            if entry in run.history:
                found = [of[k] for of in run.history[entry]]
                np.testing.assert_allclose(found, alone.history[entry], **CLOSE[dtype])


def test_shared_weights_are_a_weighted_mean(monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK_ROWS", 3)  # in several passes
    w = np.arange(M) + 0.5
    run = bp.train(TARGETS, X, Y, validation=(X_VAL, Y_VAL, w), **OPTIONS)
    each = 0.5 * ((TARGETS.forward(run.theta, X_VAL) - Y_VAL) ** 2).sum(axis=1)
    expected = (w * each).sum() / w.sum()
    assert run.history["validation_cost"][-1] == pytest.approx(expected, rel=1e-12)


def test_equal_weights_change_nothing():
    ones = bp.train(CLASSES, X, LABELS, validation=(X_VAL, LABELS_VAL, np.full(M, 7.0)), **OPTIONS)
    none = bp.train(CLASSES, X, LABELS, validation=(X_VAL, LABELS_VAL), **OPTIONS)
    for entry in NAMES:
        np.testing.assert_allclose(ones.history[entry], none.history[entry], rtol=1e-14)


def test_early_stopping_keeps_the_best_epoch_of_each_network_out_of_fold():
    options = {"epochs": 30, "batch_size": 4, "optimizer": bp.SGD(0.5)}
    stop = bp.EarlyStopping(patience=30)
    run = bp.train(
        TARGETS,
        X,
        Y,
        stack=3,
        case_weights=1 - OUT,
        validation=(X, Y, OUT),
        callbacks=[stop],
        **options,
    )
    costs = np.array(run.history["validation_cost"])
    np.testing.assert_array_equal(run.epoch, costs.argmin(axis=0) + 1)
    for k in range(3):
        mine = k == FOLDS
        each = 0.5 * ((TARGETS.forward(run.theta[k], X[mine]) - Y[mine]) ** 2).sum(axis=1)
        assert costs[:, k].min() == pytest.approx(each.mean(), rel=1e-6)


def test_groups_of_networks_have_their_own_weights(monkeypatch):
    from backprop_xp.training import trainer

    kept = trainer.groups_of
    options = {"stack": 3, "validation": (X_VAL, Y_VAL, OUT), **OPTIONS}
    whole = bp.train(TARGETS, X, Y, **options)
    monkeypatch.setattr(
        trainer, "groups_of", lambda *_, **__: [slice(0, 2), slice(2, 3)] if kept else []
    )
    parted = bp.train(TARGETS, X, Y, **options)
    np.testing.assert_allclose(
        parted.history["validation_cost"], whole.history["validation_cost"], rtol=1e-12
    )


def test_a_run_resumes_with_its_weights_alone(tmp_path):
    options = {"batch_size": 4, "stack": 3, "resume": tmp_path}
    saved = [bp.Checkpoint(tmp_path)]
    weighted = {"validation": (X_VAL, Y_VAL, OUT)}
    bp.train(TARGETS, X, Y, epochs=2, batch_size=4, stack=3, callbacks=saved, **weighted)
    assert bp.train(TARGETS, X, Y, epochs=3, **options, **weighted).theta.shape[0] == 3
    with pytest.raises(bp.OptionError, match=r"validation\(weights\)="):
        bp.train(TARGETS, X, Y, epochs=3, **options, validation=(X_VAL, Y_VAL))
