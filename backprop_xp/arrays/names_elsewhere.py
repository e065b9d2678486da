"""Names of Keras, PyTorch, skorch and scikit-learn, with the names here, or with advice."""

from collections.abc import Mapping
from typing import Final

__all__ = ["DONE_OTHERWISE", "ELSEWHERE", "NAMES", "TAKEN_BY"]

ELSEWHERE: Final[Mapping[str, str]] = {
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
"""The names elsewhere of each name here. A name elsewhere may stand at several names here."""

TAKEN_BY: Final[Mapping[str, str]] = {
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
"""The function that takes a keyword, for a keyword that came to another one."""

_SHUFFLED = "Each epoch has another order of the cases, which follows from the seed"
_SCHEDULED = "Pass a schedule as the learning rate, such as bp.SGD(bp.schedules.Step(0.1, ...))"
_THREADS = (
    "Pass jobs= to bp.train for the threads of a stack; the variable OMP_NUM_THREADS, joblib and "
    "threadpoolctl limit them, and set those of products"
)
_ROWS_IN_CHUNKS = "Leave it out: validation takes its rows in chunks that fit into the memory"
DONE_OTHERWISE: Final[Mapping[str, str]] = {
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
"""Keywords of other libraries that no function here needs, with the advice for each."""

_NETWORK = 'Use bp.Network([4, 16, 3], hidden="relu", output="softmax")'
_CLASSIFIER = 'Use bp.MLPClassifier([16], device="cuda")'
_REGRESSOR = 'Use bp.MLPRegressor([16], device="cuda")'
NAMES: Final[Mapping[str, str]] = {
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
"""Names in the modules of other libraries, with the advice for each."""
