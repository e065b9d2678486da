"""Advice in errors: each first try of a newcomer gets the words that help on."""

import numpy as np
import pytest
from bad_input_cases import NET, X, Y, bfloat16, on_torch, train

import backprop_xp as bp
from backprop_xp import errors


def a_run():
    return train(epochs=1)


SCHEDULES = bp.schedules
# the attributes that people of Keras, PyTorch and skorch type first, and the names here
ON_A_NETWORK = {
    "add": "bp.Network([4, 16, 3])",
    "compile": "bp.train(net, X, Y, optimizer=...)",
    "count_params": "net.parameter_count",
    "eval": "bp.predict(net, theta, X)",
    "evaluate": "bp.evaluate(net, theta, X, Y)",
    "fit": "bp.train(net, X, Y)",
    "get_weights": "net.unpack(theta)",
    "history": "bp.train(net, X, Y).history",
    "initialize": "theta = net.init()",
    "grad": "net.gradient(theta, X, Y)",
    "load": "net, theta = bp.load(path)",
    "load_params": "net, theta = bp.load(path)",
    "load_state_dict": "net, theta = bp.load(path)",
    "load_weights": "net, theta = bp.load(path)",
    "optimizer": "bp.train(optimizer=...)",
    "partial_fit": "bp.train(net, X, Y, theta=run.theta)",
    "predict": "bp.predict(net, theta, X)",
    "predict_classes": "bp.predict(net, theta, X).argmax(axis=-1)",
    "predict_proba": "bp.predict(net, theta, X)",
    "save_params": "bp.save(path, net, theta)",
    "save_weights": "bp.save(path, net, theta)",
    "score": "bp.evaluate(net, theta, X, Y)",
    "set_weights": "net.pack(layers)",
    "state_dict": "theta = net.init()",
    "to": "device=",
    "train_on_batch": "net.gradient(theta, X, Y)",
    "trainable_weights": "theta = net.init()",
    "zero_grad": "net.gradient(theta, X, Y)",
}
ON_A_RUN = {
    "evaluate": "bp.evaluate(run.network, run.theta, X, Y)",
    "fit": "bp.train(run.network, X, Y, theta=run.theta)",
    "get_weights": "run.network.unpack(run.theta)",
    "loss": 'run.history["cost"]',
    "loss_curve_": 'run.history["cost"]',
    "losses": 'run.history["cost"]',
    "model": "run.network and run.theta",
    "plot_history": "run.plot()",
    "predict": "bp.predict(run.network, run.theta, X)",
    "predict_classes": "bp.predict(run.network, run.theta, X).argmax(axis=-1)",
    "save": "bp.save(path, run)",
    "to_csv": "run.to_frame().to_csv(path)",
    "to_dataframe": "run.to_frame()",
    "score": "bp.evaluate(run.network, run.theta, X, Y)",
    "summary": "run.network.summary()",
}
IN_A_MODULE = {
    "CSVLogger": "bp.CSVLog(path)",
    "Dense": "bp.Network([4, 16, 3]",
    "LearningRateScheduler": "bp.schedules.Step",
    "ModelCheckpoint": "bp.Checkpoint(folder",
    "NeuralNetClassifier": "bp.MLPClassifier",
    "NeuralNetRegressor": "bp.MLPRegressor",
    "ReduceLROnPlateau": "bp.schedules.ReduceOnPlateau",
    "TensorBoard": "bp.TensorBoardLog(folder)",
    "fit": "bp.train(net, X, Y)",
    "load_model": "bp.load(path)",
    "GridSearchCV": "bp.StackedSearchCV",
    "summary": "net.summary()",
    "to_onnx": "bp.exchange.to_onnx(model, path)",
}
IN_PLACE_OF_THETA = "Pass its theta, such as run.theta"
CLASSES = "class_weights= of bp.train"
NO_FLOAT = "float16, float32, float64, integers or booleans. Convert it to one of these"
ADVICE = {  # what people try first, and the advice that helps them on
    "optimizer class": (lambda _: train(optimizer=bp.Adam), "Pass bp.Adam()"),
    "solver class": (lambda _: estimator(solver=bp.Adam), "Pass bp.Adam()"),
    "solver name": (lambda _: estimator(solver="rms_prop"), "Did you mean 'rmsprop'?"),
    "estimator lr": (lambda _: estimator(lr=0.1), "Its name here is 'learning_rate_init'"),
    "estimator epochs": (lambda _: estimator(epochs=3), "Its name here is 'max_iter'"),
    "forward(run)": (lambda _: NET.forward(a_run(), X), IN_PLACE_OF_THETA),
    "cost(run)": (lambda _: NET.cost(a_run(), X, Y), IN_PLACE_OF_THETA),
    "gradient(run)": (lambda _: NET.gradient(a_run(), X, Y), IN_PLACE_OF_THETA),
    "unpack(run)": (lambda _: NET.unpack(a_run()), IN_PLACE_OF_THETA),
    "predict(run)": (lambda _: bp.predict(NET, a_run(), X), IN_PLACE_OF_THETA),
    "ensemble(run)": (lambda _: bp.ensemble(NET, a_run(), X), IN_PLACE_OF_THETA),
    "trace(run)": (lambda _: bp.trace(NET, a_run(), X, Y), IN_PLACE_OF_THETA),
    "check_gradient(run)": (lambda _: bp.check_gradient(NET, a_run(), X, Y), IN_PLACE_OF_THETA),
    "save(run)": (lambda folder: bp.save(folder / "m", NET, a_run()), IN_PLACE_OF_THETA),
    "train(run)": (lambda _: train(theta=a_run()), IN_PLACE_OF_THETA),
    "state alone": (lambda _: train(state=a_run().state), "Pass run.theta"),
    "resume a run": (lambda _: train(resume=a_run()), "theta=run.theta, state=run.state"),
    "fit(batch_size)": (lambda _: fit(batch_size=3), "MLPClassifier(batch_size=...)"),
    "fit(validation_data)": (lambda _: fit(validation_data=(X, Y)), "Its name here is 'eval_set'"),
    "estimator.predict": (lambda _: bp.MLPClassifier().predict(X, batch_size=3), "Leave it out"),
    "rows of Y": (lambda _: train(Y=np.arange(1797) % 2), "X has 6 rows and Y has 1797"),
    "rows of targets": (lambda _: train(Y=np.ones((9, 2))), "X has 6 rows and Y has 9"),
    "rows in gradient": (lambda _: NET.cost(NET.init(), X, Y[:5]), "X has 6 rows and Y has 5"),
    "rows of validation": (lambda _: train(validation=(X, Y[:2])), "X has 6 rows and Y has 2"),
    "columns of Y": (lambda _: train(Y=np.ones((6, 3))), "Y has 3 columns, and the network has 2"),
    "float labels": (lambda _: train(Y=Y.astype(float)), "Y.astype(int)"),
    "weights of classes": (lambda _: train(case_weights={0: 1}), CLASSES),
    "balanced": (lambda _: train(case_weights="balanced"), CLASSES),
    "weights in cost": (lambda _: NET.cost(NET.init(), X, Y, {0: 1}), CLASSES),
    "order of save": (lambda folder: bp.save(NET, NET.init(), folder), "bp.save(path, net, theta)"),
    "sample_weight": (lambda _: train(sample_weight=Y), "Its name here is 'case_weights'"),
    "class_weight": (lambda _: train(class_weight={0: 1}), "Its name here is 'class_weights'"),
    "lr": (lambda _: train(lr=0.1), "bp.train(optimizer=bp.SGD(learning_rate=...))"),
    "learning_rate": (lambda _: train(learning_rate=1), "optimizer=bp.SGD(learning_rate=...)"),
    "max_iter": (lambda _: train(max_iter=3), "Its name here is 'epochs'"),
    "weight_decay": (lambda _: train(weight_decay=0.1), "Its name here is 'l2'"),
    "validation_data": (lambda _: train(validation_data=(X, Y)), "Its name here is 'validation'"),
    "validation_split": (lambda _: train(validation_split=0.1), "validation=(X_val, Y_val)"),
    "random_state": (lambda _: train(random_state=0), "Its name here is 'seed'"),
    "verbose": (lambda _: train(verbose=1), "Its name here is 'progress'"),
    "loss of train": (lambda _: train(loss="mse"), "bp.Network(..., loss=...)"),
    "patience": (lambda _: train(patience=3), "bp.EarlyStopping(patience=...)"),
    "a slip": (lambda _: train(batchsizes=3), "Did you mean 'batch_size'?"),
    "Adam(lr)": (lambda _: bp.Adam(lr=0.1), "Its name here is 'learning_rate'"),
    "SGD(lr)": (lambda _: bp.SGD(lr=0.1), "Its name here is 'learning_rate'"),
    "SGD(weight_decay)": (lambda _: bp.SGD(weight_decay=0.1), "bp.train(l2=...)"),
    "Adam(eps)": (lambda _: bp.Adam(eps=0.1), "Its name here is 'epsilon'"),
    "RMSprop(rho)": (lambda _: bp.RMSprop(rho=0.1), "Its name here is 'decay'"),
    "LBFGS(max_iter)": (lambda _: bp.LBFGS(max_iter=3), "Its name here is 'max_iterations'"),
    "Network(activation)": (
        lambda _: bp.Network([3, 2], activation="relu"),
        "Its name here is 'hidden'",
    ),
    "Network(seed)": (lambda _: bp.Network([3, 2], seed=0), "net.init(seed=...)"),
    "Step(lr)": (lambda _: SCHEDULES.Step(lr=0.1), "Its name here is 'initial'"),
    "Step(step_size)": (lambda _: SCHEDULES.Step(0.1, step_size=9), "Its name here is 'every'"),
    "Cosine(T_max)": (lambda _: SCHEDULES.Cosine(0.1, T_max=9), "Its name here is 'steps'"),
    "Cosine(eta_min)": (lambda _: SCHEDULES.Cosine(0.1, 9, eta_min=0), "Its name here is 'final'"),
    "Exponential(gamma)": (
        lambda _: SCHEDULES.Exponential(0.1, gamma=0.9),
        "Its name here is 'factor'",
    ),
    "OneCycle(max_lr)": (lambda _: SCHEDULES.OneCycle(max_lr=0.1), "Its name here is 'peak'"),
    "Piecewise(milestones)": (
        lambda _: SCHEDULES.Piecewise(milestones=[3], values=[1, 2]),
        "Its name here is 'boundaries'",
    ),
    "LeakyReLU(alpha)": (
        lambda _: bp.activations.LeakyReLU(alpha=0.1),
        "Its name here is 'negative_slope'",
    ),
    "Huber(delta)": (lambda _: bp.losses.Huber(delta=0.1), "Its name here is 'threshold'"),
    "check_gradient(batch_size)": (
        lambda _: bp.check_gradient(NET, NET.init(), X, Y, batch_size=9),
        "bp.train(batch_size=...)",
    ),
    "predict(inputs)": (lambda _: bp.predict(NET, NET.init(), inputs=X), "Its name here is 'X'"),
    "save(model)": (lambda folder: bp.save(folder, model=NET), "Its name here is 'net'"),
    "load(map_location)": (
        lambda folder: bp.load(folder, map_location="cpu"),
        "Its name here is 'device'",
    ),
    "load(custom_objects)": (
        lambda folder: bp.load(folder, custom_objects={}),
        "Its name here is 'own'",
    ),
    "init(random_state)": (lambda _: NET.init(random_state=1), "Its name here is 'seed'"),
    "init(kernel_initializer)": (
        lambda _: NET.init(kernel_initializer="he"),
        "Its name here is 'initializer'",
    ),
    "cost(sample_weight)": (
        lambda _: NET.cost(NET.init(), X, Y, sample_weight=Y),
        "Its name here is 'case_weights'",
    ),
    "gradient(l2)": (lambda _: NET.gradient(NET.init(), X, Y, l2=0.1), "bp.train(l2=...)"),
    "check_gradient(eps)": (
        lambda _: bp.check_gradient(NET, NET.init(), X, Y, eps=1e-4),
        "Its name here is 'h'",
    ),
    "check_gradient(rtol)": (
        lambda _: bp.check_gradient(NET, NET.init(), X, Y, rtol=1e-4),
        "Its name here is 'tolerance'",
    ),
    "fit(case_weights)": (lambda _: fit(case_weights=Y), "Its name here is 'sample_weight'"),
    "fit(epochs)": (lambda _: fit(epochs=3), "MLPClassifier(max_iter=...)"),
    "fit(Y)": (lambda _: fit(Y=Y), "Its name here is 'y'"),
    "monitor": (lambda _: bp.EarlyStopping(monitor="cost"), "Its name here is 'metric'"),
    "val_loss": (
        lambda _: train(callbacks=[bp.EarlyStopping("val_loss")]),
        "Its name here is 'validation_cost'; train with validation=(X_val, Y_val)",
    ),
    "val_loss, validated": (
        lambda _: train(callbacks=[bp.EarlyStopping("val_loss")], validation=(X, Y)),
        "Its name here is 'validation_cost'",
    ),
    "metric loss": (lambda _: train(callbacks=[bp.EarlyStopping("loss")]), "here is 'cost'"),
    "best by val_loss": (
        lambda _: train(stack=2).best("val_loss"),
        "Its name here is 'validation_cost'; train with validation=(X_val, Y_val)",
    ),
    "plateau of acc": (
        lambda _: train(optimizer=bp.SGD(bp.schedules.ReduceOnPlateau(0.1, metric="acc"))),
        "Its name here is 'accuracy'",
    ),
    "mse": (lambda _: bp.Network([3, 2], loss="mse"), "Its name here is 'squared_error'"),
    "L1Loss": (lambda _: bp.Network([3, 2], loss="L1Loss"), "Its name here is 'absolute_error'"),
    "acc": (lambda _: bp.train(NET, X, np.eye(2)[Y], epochs=1).history["acc"], "class labels"),
    "weights of cases as class_weights": (
        lambda _: train(class_weights=np.ones(len(Y))),
        "case_weights",
    ),
    "layers in the place of theta": (
        lambda _: NET.forward(NET.unpack(NET.init()), X),
        "net.pack(layers)",
    ),
    "optimizer of a network": (lambda _: bp.Network([3, 2], optimizer="adam"), "bp.train(opt"),
    "callbacks of a network": (lambda _: bp.Network([3, 2], callbacks=[]), "bp.train(callbacks"),
    "scheduler": (lambda _: train(scheduler=None), "bp.schedules"),
    "lr_scheduler": (lambda _: train(lr_scheduler=None), "bp.schedules"),
    "n_jobs": (lambda _: train(n_jobs=2), "OMP_NUM_THREADS"),
    "num_workers": (lambda _: train(num_workers=2), "OMP_NUM_THREADS"),
    "sample_weight of an estimator": (lambda _: estimator(sample_weight=Y), "fit"),
    "list to gelu": (lambda _: bp.activations.GELU()([0.5]), "numpy.asarray"),
    "None to gelu": (lambda _: bp.activations.GELU()(None), "numpy.asarray"),
    "swish": (lambda _: bp.Network([3, 4, 2], "swish"), "Its name here is 'silu'"),
    "linear": (lambda _: bp.Network([3, 2], output="linear"), "Its name here is 'identity'"),
    "xavier": (lambda _: NET.init(initializer="xavier"), "Its name here is 'glorot'"),
    "rows of a batch": (
        lambda _: train(iterator_train__batch_size=3),
        "Its name here is 'batch_size'",
    ),
    "train_split": (lambda _: train(train_split=None), "validation=(X_val, Y_val)"),
    "steps_per_epoch": (lambda _: train(steps_per_epoch=9), "batch_size sets"),
    "initial_epoch": (lambda _: train(initial_epoch=9), "resume="),
    "predict(batch_size)": (lambda _: bp.predict(NET, NET.init(), X, batch_size=3), "Leave it out"),
    "predict(verbose)": (lambda _: bp.predict(NET, NET.init(), X, verbose=0), "progress=..."),
    "evaluate(batch_size)": (
        lambda _: bp.evaluate(NET, NET.init(), X, Y, batch_size=3),
        "Leave it out",
    ),
    "evaluate(sample_weight)": (
        lambda _: bp.evaluate(NET, NET.init(), X, Y, sample_weight=Y),
        "Its name here is 'case_weights'",
    ),
    "evaluate(run)": (lambda _: bp.evaluate(NET, a_run(), X, Y), IN_PLACE_OF_THETA),
    "EarlyStopping(mode)": (lambda _: bp.EarlyStopping(mode="min"), "improves by growing"),
    "EarlyStopping(load_best)": (
        lambda _: bp.EarlyStopping(load_best=True),
        "Its name here is 'restore_best'",
    ),
    "Checkpoint(save_best_only)": (
        lambda folder: bp.Checkpoint(folder, save_best_only=True),
        "Pass metric=",
    ),
    "Checkpoint(save_freq)": (lambda _: bp.Checkpoint("f", save_freq=1), "name here is 'every'"),
    "Checkpoint(dirname)": (lambda _: bp.Checkpoint(dirname="f"), "Its name here is 'folder'"),
    "CSVLog(filename)": (lambda _: bp.CSVLog(filename="f"), "Its name here is 'path'"),
    "TensorBoardLog(log_dir)": (
        lambda _: bp.TensorBoardLog(log_dir="f"),
        "Its name here is 'folder'",
    ),
    "history['val_loss']": (
        lambda _: a_run().history["val_loss"],
        "Its name here is 'validation_cost'; train with validation=(X_val, Y_val)",
    ),
    "history.history": (lambda _: a_run().history.history, 'run.history["cost"]'),
    **{
        f"net.{name}": (lambda _, name=name: getattr(NET, name), advice)
        for name, advice in ON_A_NETWORK.items()
    },
    **{
        f"run.{name}": (lambda _, name=name: getattr(a_run(), name), advice)
        for name, advice in ON_A_RUN.items()
    },
    **{
        f"{module.__name__}.{name}": (
            lambda _, module=module, name=name: getattr(module, name),
            advice,
        )
        for name, advice in IN_A_MODULE.items()
        for module in (bp, bp.callbacks, bp.schedules)
    },
    "net.parameters": (lambda _: NET.parameters(), "theta = net.init()"),
    "net(X)": (lambda _: NET(X), "Call bp.predict(net, theta, X), or net.forward(theta, X)"),
    **{
        f"{name} of a number": (lambda _, of=of: of()(0.5), "Convert it with numpy.asarray")
        for name, of in bp.activations.ACTIVATIONS.items()
        if name != "identity"
    },
    **{
        f"{name} of numbers": (lambda _, of=of: of()(0.5, 0.5), "Convert it with numpy.asarray")
        for name, of in bp.losses.LOSSES.items()
    },
    "an equation of numbers": (
        lambda _: bp.equations.error(1.0, 1.0),
        "Convert it with numpy.asarray",
    ),
    "bfloat16 X": (lambda _: train(bfloat16(X), on_torch(Y)), NO_FLOAT),
    "bfloat16 targets": (lambda _: train(on_torch(X), bfloat16(np.eye(2)[Y])), NO_FLOAT),
    "bfloat16 theta": (
        lambda _: train(on_torch(X), on_torch(Y), theta=bfloat16(NET.init())),
        NO_FLOAT,
    ),
    "bfloat16 in predict": (lambda _: bp.predict(NET, NET.init(), bfloat16(X)), NO_FLOAT),
    "bfloat16 theta in predict": (lambda _: bp.predict(NET, bfloat16(NET.init()), X), NO_FLOAT),
    "bfloat16 theta in save": (
        lambda folder: bp.save(folder / "m", NET, bfloat16(NET.init())),
        NO_FLOAT,
    ),
    "bfloat16 in an estimator": (lambda _: estimator(bfloat16(X)), NO_FLOAT),
}


def fit(**keywords):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    return bp.MLPClassifier().fit(X, **keywords)


def estimator(x=X, **options):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    return bp.MLPClassifier(max_iter=1, **options).fit(x, Y)


@pytest.mark.parametrize("tried", ADVICE)
def test_the_advice_helps_on(tried, tmp_path):
    call, advice = ADVICE[tried]
    with pytest.raises(errors.BackpropError) as caught:
        call(tmp_path)
    assert advice in str(caught.value)
    assert all(caught.value.parts)
    assert "Number the classes" not in str(caught.value)
    unknown = isinstance(caught.value, errors.CallError)
    assert isinstance(caught.value, TypeError) or not unknown
