"""Advice of errors: names here for the names of other libraries, and the command that installs.

People come from Keras, PyTorch and scikit-learn, whose names they type first.
"""

import difflib
import functools
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast, overload

from backprop_xp.errors import CallError, MissingExtraError, MissingMethodError

__all__ = [
    "checks_keywords",
    "install_command",
    "metric_advice",
    "missing_attribute",
    "missing_name",
    "name_here",
    "nearest_name",
    "needs_extra",
    "place_of_keyword",
]

F = TypeVar("F", bound=Callable[..., Any])
_COMPARED: Final = 100  # characters of a name that is compared with known names

_ELSEWHERE = {
    # activations
    "exp": "exponential",
    "gelu": "gelu_new gelu_tanh",
    "identity": "linear none",
    "leaky_relu": "lrelu",
    "relu": "rectifier rectified_linear",
    "sigmoid": "logistic expit",
    "silu": "swish",
    "softmax": "log_softmax logsoftmax",
    # losses
    "absolute_error": "mae mean_absolute_error l1 l1_loss l1loss",
    "binary_cross_entropy": "bce bceloss bcewithlogits bcewithlogitsloss",
    "cross_entropy": "categorical_crossentropy sparse_categorical_crossentropy crossentropyloss "
    "nll nll_loss nllloss log_loss",
    "huber": "smooth_l1 smooth_l1_loss smoothl1loss huberloss",
    "poisson": "poisson_nll poisson_nll_loss poissonnllloss",
    "squared_error": "mse mse_loss mseloss mean_squared_error l2 l2_loss quadratic",
    # initializers
    "glorot": "glorot_uniform xavier xavier_uniform",
    "glorot_normal": "xavier_normal",
    "he": "he_normal kaiming kaiming_normal",
    "he_uniform": "kaiming_uniform",
    "lecun": "lecun_normal",
    # entries of the history
    "accuracy": "acc train_acc train_accuracy",
    "cost": "loss train_loss training_loss",
    "validation_accuracy": "val_acc val_accuracy valid_acc validation_acc",
    "validation_cost": "val_loss valid_loss validation_loss",
    # keywords of train
    "batch_size": "batch iterator_train__batch_size minibatch_size mini_batch_size",
    "case_weights": "sample_weight sample_weights",
    "class_weights": "class_weight criterion__weight",
    "clip_norm": "clipnorm max_grad_norm gradient_clip_norm",
    "clip_value": "clipvalue",
    "dropout": "dropout_rate drop_rate",
    "epochs": "max_iter max_epochs n_epochs nb_epoch num_epochs",
    "l2": "alpha optimizer__weight_decay weight_decay",
    "optimizer": "optimiser opt solver",
    "progress": "progress_bar verbose",
    "seed": "random_seed random_state rng",
    "theta": "params parameters weights",
    "validation": "eval_set val_data valid_data validation_data",
    "X": "x inputs",
    "Y": "y labels targets",
    # keywords of networks
    "connections": "mask masks",
    "hidden": "activation activations hidden_activation",
    "initializer": "init initialiser kernel_initializer",
    "loss": "cost criterion loss_fn loss_function",
    "output": "out_activation output_activation",
    "sizes": "hidden_layer_sizes layer_sizes layers units",
    # keywords of optimisers
    "beta1": "beta_1 betas",
    "beta2": "beta_2",
    "decay": "alpha decay_rate gamma rho",
    "epsilon": "eps",
    "ftol": "tolerance_change",
    "gtol": "tol tolerance_grad",
    "history_size": "maxcor",
    "learning_rate": "eta learning_rate_init lr",
    "max_iterations": "max_iter maxiter",
    "momentum_decay": "schedule_decay",
    "nesterov": "nesterovs_momentum use_nesterov",
    # keywords of the estimators
    "eval_set": "val_data valid_data validation validation_data",
    "alpha": "l2 weight_decay",
    "hidden_layer_sizes": "hidden layer_sizes layers sizes units",
    "learning_rate_init": "eta eta0 learning_rate lr",
    "max_iter": "epochs max_epochs n_epochs nb_epoch num_epochs",
    "n_iter_no_change": "patience",
    "nesterovs_momentum": "nesterov use_nesterov",
    "random_state": "random_seed rng seed",
    "solver": "opt optimiser optimizer",
    # keywords of callbacks and of ReduceOnPlateau
    "factor": "decay_rate gamma",
    "folder": "dirname dirpath filepath log_dir logdir",
    "keep": "max_to_keep save_top_k",
    "metric": "monitor",
    "min_delta": "threshold tol",
    "minimum": "min_lr",
    "patience": "n_iter_no_change",
    "restore_best": "load_best restore_best_weights",
    # keywords of schedules, and `every` of callbacks
    "boundaries": "milestones",
    "every": "decay_steps every_n_epochs period save_freq step_size",
    "final": "end_lr eta_min min_lr",
    "initial": "base_lr initial_learning_rate initial_lr learning_rate lr",
    "peak": "max_lr",
    "rise": "pct_start",
    "start": "start_factor",
    "steps": "decay_steps t_max total_iters total_steps warmup_steps",
    "value": "factor learning_rate lr",
    # keywords of activations and losses
    "negative_slope": "alpha slope",
    "threshold": "beta delta",
    # keywords of other functions
    "device": "map_location",
    "h": "delta eps epsilon step",
    "net": "model network",
    "own": "custom_objects",
    "path": "f file filename filepath",
    "sample_weight": "case_weights sample_weights weights",
    "tolerance": "atol rtol tol",
    "x": "inputs x",
    "y": "labels target targets y",
}
"""The name here, and the names elsewhere. A name elsewhere may stand at several names here."""

_TAKEN_BY = {
    "batch_size": "bp.train(batch_size=...)",
    "beta1": "bp.train(optimizer=bp.Adam(beta1=...))",
    "connections": "bp.Network(..., connections=...)",
    "dtype": "net.init(dtype=...) or bp.train(dtype=...)",
    "device": "net.init(device=...) or bp.train(device=...)",
    "callbacks": "bp.train(callbacks=[...])",
    "case_weights": "bp.train(case_weights=...), or to fit as sample_weight",
    "class_weights": "bp.train(class_weights=...)",
    "dropout": "bp.train(dropout=...)",
    "epochs": "bp.train(epochs=...), or to an estimator as max_iter",
    "hidden": "bp.Network(sizes, hidden=...)",
    "initializer": "net.init(initializer=...)",
    "l2": "bp.train(l2=...), or to bp.AdamW as weight_decay",
    "learning_rate": "bp.train(optimizer=bp.SGD(learning_rate=...))",
    "loss": "bp.Network(..., loss=...)",
    "momentum": "bp.train(optimizer=bp.SGD(0.1, momentum=...))",
    "validation": "bp.train(validation=(X_val, Y_val))",
    "nesterov": "bp.train(optimizer=bp.SGD(0.1, momentum=0.9, nesterov=True))",
    "optimizer": "bp.train(optimizer=...)",
    "output": "bp.Network(..., output=...)",
    "progress": "bp.train(progress=...)",
    "patience": "bp.train(callbacks=[bp.EarlyStopping(patience=...)])",
    "seed": "net.init(seed=...) or bp.train(seed=...)",
    "sizes": "bp.Network([4, 3, 2])",
}
"""Where a keyword belongs that came to another function."""

_SHUFFLED = "Each epoch has another order of the cases, which follows from the seed"
_SCHEDULED = "Pass a schedule as the learning rate, such as bp.SGD(bp.schedules.Step(0.1, ...))"
_THREADS = "The variable OMP_NUM_THREADS, joblib and threadpoolctl set the number of threads"
_ROWS_IN_CHUNKS = "Leave it out: validation takes its rows in chunks that fit into the memory"
_DONE_OTHERWISE = {
    "append": "A resumed run writes the rows before its checkpoint too",
    "early_stopping": "Pass callbacks=[bp.EarlyStopping()]",
    "initial_epoch": "Pass resume= with a checkpoint, or theta=run.theta",
    "iterator_train__shuffle": _SHUFFLED,
    "iterator_valid__batch_size": _ROWS_IN_CHUNKS,
    "lower_is_better": "An accuracy improves by growing, any other metric by falling",
    "lr_scheduler": _SCHEDULED,
    "metrics": "The history has the cost and, for class labels, the accuracy",
    "mode": "An accuracy improves by growing, any other metric by falling",
    "n_jobs": _THREADS,
    "num_workers": _THREADS,
    "save_best_only": "Pass metric=: the best epoch is in best.safetensors beside the newest files",
    "save_weights_only": "A checkpoint has the state of training; bp.save writes a model alone",
    "scheduler": _SCHEDULED,
    "shuffle": _SHUFFLED,
    "steps_per_epoch": "An epoch is all cases; batch_size sets the number of its steps",
    "train_split": "Split the cases yourself, and pass validation=(X_val, Y_val)",
    "validation_batch_size": _ROWS_IN_CHUNKS,
    "validation_fraction": "Split the cases yourself, and pass validation=(X_val, Y_val)",
    "validation_split": "Split the cases yourself, and pass validation=(X_val, Y_val)",
    "warm_start": "Pass theta=run.theta of an earlier run",
}

_NETWORK = 'Use bp.Network([4, 16, 3], hidden="relu", output="softmax")'
_CLASSIFIER = 'Use bp.MLPClassifier([16], device="cuda")'
_REGRESSOR = 'Use bp.MLPRegressor([16], device="cuda")'
_NAMES = {
    "BatchNorm1d": "There is no batch normalisation; standardise X",
    "BatchNormalization": "There is no batch normalisation; standardise X",
    "CSVLogger": "Use bp.CSVLog(path)",
    "CosineAnnealingLR": "Use bp.schedules.Cosine",
    "DataLoader": "Pass X, Y and batch_size to bp.train",
    "Dense": _NETWORK,
    "Dropout": "Pass dropout= to bp.train",
    "EpochScoring": "Pass validation=(X_val, Y_val) to bp.train",
    "ExponentialLR": "Use bp.schedules.Exponential",
    "GradientNormClipping": "Pass clip_norm= to bp.train",
    "Input": _NETWORK,
    "KerasClassifier": _CLASSIFIER,
    "KerasRegressor": _REGRESSOR,
    "LRScheduler": _SCHEDULED,
    "LambdaCallback": "Pass any object with a method on_epoch_end(progress) as a callback",
    "LearningRateScheduler": _SCHEDULED,
    "Linear": _NETWORK,
    "ModelCheckpoint": 'Use bp.Checkpoint(folder, metric="validation_cost")',
    "NeuralNet": _NETWORK,
    "NeuralNetClassifier": _CLASSIFIER,
    "NeuralNetRegressor": _REGRESSOR,
    "OneCycleLR": "Use bp.schedules.OneCycle",
    "ReduceLROnPlateau": "Pass bp.SGD(bp.schedules.ReduceOnPlateau(0.1)) as the optimizer",
    "Sequential": _NETWORK,
    "StepLR": "Use bp.schedules.Step",
    "TensorBoard": "Use bp.TensorBoardLog(folder)",
    "TerminateOnNaN": "Training raises bp.DivergenceError, which holds the last good theta",
    "GridSearchCV": "Use bp.StackedSearchCV, or scikit-learn's, for the estimators",
    "RandomizedSearchCV": "Use bp.StackedSearchCV(..., n_iter=20), or scikit-learn's",
    "compile": "Pass loss= to bp.Network, and optimizer= to bp.train",
    "fit": "Call bp.train(net, X, Y)",
    "from_sklearn": "Call bp.exchange.from_sklearn(estimator)",
    "from_torch": "Call bp.exchange.from_torch(module)",
    "load_model": "Call bp.load(path)",
    "optim": 'Pass optimizer=bp.Adam(), or "adam", to bp.train',
    "save_model": "Call bp.save(path, net, theta)",
    "score": "Call bp.evaluate(net, theta, X, Y)",
    "summary": "Call net.summary()",
    "to_numpy_source": "Call bp.exchange.to_numpy_source(path, model)",
    "to_onnx": "Call bp.exchange.to_onnx(model, path)",
    "to_sklearn": "Call bp.exchange.to_sklearn(model)",
    "to_torch": "Call bp.exchange.to_torch(net, theta)",
}
"""Names of other libraries' modules, with the advice for each."""


def name_here(name: object, known: Iterable[str]) -> str | None:
    """Return the one of the known names that means the same as another library's name.

    Examples
    --------
    >>> name_here("val_loss", ["cost", "validation_cost"])
    'validation_cost'
    """
    meant = str(name).lower()
    return next((here for here in known if meant in _ELSEWHERE.get(here, "").split()), None)


def place_of_keyword(name: str) -> str | None:
    """Return the advice for a keyword that another function takes, or that needs none.

    Examples
    --------
    >>> place_of_keyword("lr")
    'Pass it to bp.train(optimizer=bp.SGD(learning_rate=...))'
    """
    if name in _DONE_OTHERWISE:
        return _DONE_OTHERWISE[name]
    taken = name if name in _TAKEN_BY else name_here(name, _TAKEN_BY)
    return None if taken is None else f"Pass it to {_TAKEN_BY[taken]}"


def install_command(extra: str) -> str:
    """Return the command that installs an optional dependency of this package.

    For a checkout, which pip has installed as editable or not at all, it names the folder that
    pip runs in.

    Examples
    --------
    >>> install_command("plot").endswith("[plot]'")
    True
    """
    from importlib import metadata  # which takes 30 ms

    try:
        found = metadata.distribution("backprop-xp").read_text("direct_url.json")
        editable = bool(json.loads(found or "{}").get("dir_info", {}).get("editable"))
    except metadata.PackageNotFoundError:
        editable = True
    what = f"-e '.[{extra}]'" if editable else f"'backprop-xp[{extra}]'"
    return f"python -m pip install {what}"


@contextmanager
def needs_extra(
    extra: str, where: str, came: str, expected: str, or_else: str = ""
) -> Iterator[None]:
    """Raise a failed import of the ``with`` block as the error that names the install command.

    Parameters
    ----------
    extra : str
        The optional dependency of this package, such as ``"plot"``.
    where, came, expected : str
        As `BackpropError` takes them.
    or_else : str
        Another way out, after the command.

    Raises
    ------
    MissingExtraError
        The block raised an ImportError.

    Examples
    --------
    >>> with needs_extra("plot", "draw()", "no cairo", "cairo"):  # doctest: +ELLIPSIS
    ...     raise ImportError
    Traceback (most recent call last):
    backprop_xp.errors.MissingExtraError: ...Run: python -m pip install ...[plot]'.
    """
    try:
        yield
    except ImportError as error:
        advice = f"Run: {install_command(extra)}"
        advice += f". {or_else}" if or_else else ""
        raise MissingExtraError(where, came, expected, advice) from error


def nearest_name(name: object, known: Iterable[str]) -> str:
    """Return the advice for an unknown name: its name here, or a known name that is similar.

    Examples
    --------
    >>> nearest_name("sigmod", ["relu", "sigmoid"])
    "Did you mean 'sigmoid'?"
    >>> nearest_name("swish", ["relu", "silu"])
    "Its name here is 'silu'"
    >>> nearest_name("quux", ["relu", "sigmoid"])
    'Use one of the known names'
    """
    known = list(known)
    here = name_here(name, known)
    if here is not None:
        return f"Its name here is {here!r}"
    wanted = str(name).lower()[:_COMPARED]  # the time of a comparison is not linear in the length
    short = [one for one in known if len(one) <= _COMPARED]
    near = difflib.get_close_matches(wanted, short, n=1)
    return f"Did you mean {near[0]!r}?" if near else "Use one of the known names"


_RECORDED_BY = {
    "validation_cost": "rain with validation=(X_val, Y_val)",
    "validation_accuracy": "rain with validation=(X_val, Y_val)",
    "accuracy": "rain with class labels (m,) as Y",
}


def metric_advice(name: object, recorded: Iterable[str]) -> str:
    """Return the advice for a metric that the history does not have.

    Examples
    --------
    >>> metric_advice("val_loss", ["cost"])
    "Its name here is 'validation_cost'; train with validation=(X_val, Y_val)"
    >>> metric_advice("validation_cost", ["cost"])
    'Train with validation=(X_val, Y_val)'
    >>> metric_advice("validation_accuracy", ["cost", "validation_cost"])
    'Train with class labels (m,) as Y'
    >>> metric_advice("loss", ["cost"])
    "Its name here is 'cost'"
    """
    recorded = list(recorded)
    absent = [x for x in _RECORDED_BY if x not in recorded]
    here = name if name in absent else name_here(name, absent)
    if here is None:
        return nearest_name(name, recorded)
    validated = here == "validation_accuracy" and "validation_cost" in recorded
    way = _RECORDED_BY["accuracy" if validated else here]
    return f"T{way}" if here == name else f"Its name here is {here!r}; t{way}"


@overload
def checks_keywords(function: F) -> F: ...
@overload
def checks_keywords(**advice: str) -> Callable[[F], F]: ...
def checks_keywords(function: Any = None, **advice: str) -> Any:
    """Decorate a function, or a class, so that unknown keywords raise an error with advice.

    Parameters
    ----------
    function : callable or class
    **advice : str
        The advice for keywords of other libraries' functions of this purpose.

    Examples
    --------
    >>> @checks_keywords
    ... def train(epochs):
    ...     return epochs
    >>> train(n_epochs=3)
    Traceback (most recent call last):
    backprop_xp.errors.CallError: train(n_epochs): got an unknown keyword; expected one of epochs.
        Its name here is 'epochs'.
    >>> @checks_keywords(batch_size="Leave it out")
    ... def predict(X):
    ...     return X
    >>> predict(batch_size=3)
    Traceback (most recent call last):
    backprop_xp.errors.CallError: predict(batch_size): got an unknown keyword; expected one of X.
        Leave it out.
    """
    if function is None:
        return lambda decorated: _checking(decorated, advice)
    return _checking(function, {})


def _checking(function: F, advice: Mapping[str, str]) -> F:
    if isinstance(function, type):
        kind: Any = function
        kind.__init__ = _with_known_keywords(kind.__init__, kind.__name__, advice)
        return function
    return _with_known_keywords(function, function.__name__, advice)


def _with_known_keywords(function: F, where: str, own_advice: Mapping[str, str]) -> F:
    @functools.wraps(function)
    def call(*values: Any, **keywords: Any) -> Any:
        try:
            return function(*values, **keywords)
        except TypeError:
            known = _keywords_of(function)
            unknown = next((name for name in keywords if name not in known), None)
            if unknown is None:
                raise
        expected, advice = f"one of {', '.join(known)}", nearest_name(unknown, known)
        if unknown in own_advice:
            advice = own_advice[unknown]
        elif name_here(unknown, known) is None:
            advice = place_of_keyword(unknown) or advice
        raise CallError(f"{where}({unknown})", "an unknown keyword", expected, advice)

    return cast(F, call)


def _keywords_of(function: Callable[..., Any]) -> list[str]:
    """Return the names by which arguments can be passed to a function or method."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def missing_attribute(owner: object, name: str, elsewhere: Mapping[str, str]) -> AttributeError:
    """Return the error for an attribute that an object does not have.

    Parameters
    ----------
    owner : object
    name : str
        The attribute.
    elsewhere : mapping of str to str
        Attributes that other libraries have, with the advice for each.
    """
    kind = type(owner).__name__
    if name not in elsewhere:
        return AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=owner)
    own = sorted({*dir(type(owner)), *vars(owner)})
    expected = f"one of {', '.join(one for one in own if not one.startswith('_'))}"
    return MissingMethodError(f"{kind}.{name}", "no such attribute", expected, elsewhere[name])


def missing_name(module: str, name: str) -> AttributeError:
    """Return the error for a name that a module of this package does not have.

    Examples
    --------
    >>> missing_name("backprop_xp", "CSVLogger").parts[3]
    'Use bp.CSVLog(path)'
    """
    if name not in _NAMES:
        return AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    return MissingMethodError(
        f"{module}.{name}", "no such name", f"a name in dir({module})", _NAMES[name]
    )
