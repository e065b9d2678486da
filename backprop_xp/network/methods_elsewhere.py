"""Methods and attributes of networks in other libraries, with the advice for each.

People come from Keras, PyTorch, skorch and scikit-learn, whose networks hold their parameters.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["ELSEWHERE", "PREDICT"]

PREDICT: Final = "Call bp.predict(net, theta, X), or net.forward(theta, X)"
_BESIDE = "Parameters are an array beside the network: theta = net.init()"
_DEVICE = "Pass device= to net.init or to bp.train"
_EVALUATE = "Call bp.evaluate(net, theta, X, Y)"
_LOAD = "Call net, theta = bp.load(path)"
_SAVE = "Call bp.save(path, net, theta)"
_SIZES = "Sizes are given at once: bp.Network([4, 16, 3])"
_UNPACK = "Call net.unpack(theta), whose layers have W and b"
ELSEWHERE: Final[Mapping[str, str]] = {
    "add": _SIZES,
    "add_module": _SIZES,
    "backward": "Call net.gradient(theta, X, Y)",
    "coefs_": _UNPACK,
    "compile": "Call bp.train(net, X, Y, optimizer=...); the loss is bp.Network(..., loss=...)",
    "count_params": "Use net.parameter_count",
    "cuda": _DEVICE,
    "eval": "Dropout acts in bp.train alone; call bp.predict(net, theta, X)",
    "evaluate": _EVALUATE,
    "fit": "Call bp.train(net, X, Y)",
    "get_params": _BESIDE,
    "get_weights": _UNPACK,
    "grad": "Call net.gradient(theta, X, Y)",
    "history": "Use the history of the run: bp.train(net, X, Y).history",
    "initialize": _BESIDE,
    "input_shape": "Use net.sizes[0]",
    "load": _LOAD,
    "load_params": _LOAD,
    "load_state_dict": _LOAD,
    "load_weights": _LOAD,
    "loss_fn": "Use net.loss",
    "metrics": 'Use the history of the run: run.history["accuracy"]',
    "modules": "Use net.sizes, net.activations and net.unpack(theta)",
    "named_parameters": _UNPACK,
    "num_parameters": "Use net.parameter_count",
    "optimizer": "Pass it to bp.train(optimizer=...)",
    "output_shape": "Use net.sizes[-1]",
    "parameters": _BESIDE,
    "partial_fit": "Call bp.train(net, X, Y, theta=run.theta)",
    "predict": PREDICT,
    "predict_classes": "Call bp.predict(net, theta, X).argmax(axis=-1)",
    "predict_on_batch": PREDICT,
    "predict_proba": PREDICT,
    "save": _SAVE,
    "save_params": _SAVE,
    "save_weights": _SAVE,
    "score": _EVALUATE,
    "set_weights": "Call theta = net.pack(layers), the inverse of net.unpack(theta)",
    "state_dict": _BESIDE,
    "test_on_batch": _EVALUATE,
    "to": _DEVICE,
    "train": "Call bp.train(net, X, Y)",
    "train_on_batch": "Call net.gradient(theta, X, Y), or bp.train with epochs=1",
    "trainable_variables": _BESIDE,
    "trainable_weights": _BESIDE,
    "weights": _UNPACK,
    "zero_grad": "Gradients are returned, not kept: E, dE_dtheta = net.gradient(theta, X, Y)",
}
