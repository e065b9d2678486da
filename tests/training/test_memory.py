"""Memory after training: no object of a run waits for Python's collector of cycles."""

import gc
from functools import partial

import pytest
from needs import every, needs, some_of
from training_cases import CLASSES, LABELS, TARGETS, WEIGHTS, X_VAL, Y_VAL, X, Y

import backprop_xp as bp

LEARNS = partial(bp.train, CLASSES, X, LABELS, epochs=2, batch_size=4)
RUNS = {
    "one network": LEARNS,
    "stack": partial(LEARNS, stack=3),
    "case weights": partial(LEARNS, case_weights=WEIGHTS),
    "dropout": partial(LEARNS, dropout=0.5, stack=2, dropout_per_network=True),
    "validation": partial(LEARNS, validation=(X, LABELS), callbacks=[bp.EarlyStopping()]),
    "schedules": partial(
        LEARNS, optimizer=bp.Adam(bp.schedules.ReduceOnPlateau(0.1, metric="cost"))
    ),
    "L-BFGS": partial(LEARNS, batch_size=None, optimizer=bp.LBFGS()),
    "targets": lambda: bp.train(TARGETS, X, Y, epochs=2, validation=(X_VAL, Y_VAL)),
    "evaluate": lambda: bp.evaluate(CLASSES, CLASSES.init(seed=0), X, LABELS),
    "predict": lambda: bp.predict(CLASSES, CLASSES.init(seed=0), X),
    "trace": lambda: bp.trace(CLASSES, CLASSES.init(seed=0), X, LABELS),
    "classifier": lambda: bp.MLPClassifier(max_iter=2).fit(X, LABELS).predict(X),
}


def found_by_the_collector(run):
    """Return the names of the package's classes in cycles that a call leaves behind."""
    run()  # imports, caches
    gc.freeze()  # the collector looks at new objects alone: the others are many
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        run()
        gc.collect()
        types = [type(one) for one in gc.garbage]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        gc.unfreeze()
    return sorted(one.__name__ for one in types if one.__module__.startswith("backprop_xp"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", some_of(RUNS, 3))
def test_a_call_leaves_no_cycles(name):
    assert found_by_the_collector(RUNS[name]) == []


@every  # numba compiles for seconds
@pytest.mark.parametrize("name", ["one network", "stack", "dropout"])
def test_a_compiled_run_leaves_no_cycles(name):
    needs("numba")
    run = partial(RUNS[name], device=bp.select_device("cpu", compiled=True))
    assert found_by_the_collector(run) == []


def test_a_cycle_is_found():
    def run():
        network = bp.Network([1, 1])
        object.__setattr__(network, "itself", network)

    assert "Network" in found_by_the_collector(run)
