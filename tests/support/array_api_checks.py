"""scikit-learn's own checks of the Array API on the estimators; prints the outcome of each as JSON.

Run it as a program with SCIPY_ARRAY_API=1: SciPy reads the variable when it is imported.
"""

import json
import sys
import warnings
from functools import partial
from unittest import SkipTest

from sklearn.utils import estimator_checks as of_sklearn

import backprop_xp as bp

DEVICES = {"numpy": [None], "torch": ["cpu"], "array_api_strict": ["CPU_DEVICE", "device1"]}
DTYPES = ("float32", "float64")
CHOSEN = {
    "adam": {},
    "early_stopping": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
}


def estimators():
    """Yield estimators by name."""
    for name, chosen in CHOSEN.items():
        for kind in (bp.MLPClassifier, bp.MLPRegressor):
            yield f"{kind.__name__} {name}", kind(hidden_layer_sizes=[8], max_iter=20, **chosen)


def checks(library):
    """Yield the checks for a library, in both dtypes, by name."""
    for device in DEVICES[library]:
        for dtype in DTYPES:
            for weighted in (False, True):
                given = {"device_name": device, "dtype_name": dtype}
                named = f"{device} {dtype} weighted={weighted}"
                for name in ("check_array_api_input", "check_array_api_input_and_values"):
                    check = getattr(of_sklearn, name)
                    chosen = {**given, "check_sample_weight": weighted}
                    yield f"{name} {named}", partial(check, array_namespace=library, **chosen)
    if library == "array_api_strict":
        same = of_sklearn.check_array_api_same_namespace
        yield "check_array_api_same_namespace", partial(same, array_namespace=library)
    if library == "torch":  # X and y of two libraries
        places = (("array_api_strict", "device1"), ("torch", "cpu"))
        y_at, X_at = (of_sklearn.NamespaceAndDevice(*place) for place in places)
        mixed = of_sklearn.check_array_api_mixed_inputs
        yield "mixed", partial(mixed, X_ns_and_device=X_at, other_ns_and_device=y_at)


def outcomes(library):
    """Return "passed", "skipped" or the error of each check."""
    found = {}
    for of, estimator in estimators():
        for name, check in checks(library):
            try:
                check(type(estimator).__name__, estimator)
                found[f"{of}: {name}"] = "passed"
            except SkipTest as skip:
                found[f"{of}: {name}"] = f"skipped: {skip}"
            except Exception as error:  # noqa: BLE001  it is told
                found[f"{of}: {name}"] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(outcomes(sys.argv[1])))
