"""The pictures of `bp.plots` as one page, with the code of each beside it.

``python -m examples gallery`` writes examples/gallery.html, or gallery.html in the folder that
``--folder`` names. The page needs no other file. The code of a picture is the body of its function
here.
"""

import base64
import inspect
import textwrap
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import backprop_xp as bp
from backprop_xp.files.atomic_write import write_atomically

__all__ = ["PICTURES", "code_of", "page", "write"]


def learning_curve() -> Any:
    """Learning curve: training, validation and the best epoch."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 24, 10])
    run = bp.train(
        net, X[:1200], Y[:1200], validation=(X[1200:], Y[1200:]), optimizer=bp.Adam(0.01), epochs=30
    )
    return bp.plots.learning_curve(run)


def learning_curves_of_a_stack() -> Any:
    """Learning curves of 40 starts: the band is the middle half, the thick line the median."""
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy")
    run = bp.train(net, X, Y, stack=40, optimizer=bp.SGD(0.5), epochs=200)
    return bp.plots.learning_curve(run)


def hinton() -> Any:
    """Hinton diagram: the weights of six inputs to two units that have learned mirror symmetry."""
    X, Y = bp.datasets.symmetry()
    net = bp.Network([6, 2, 1], output="sigmoid", loss="squared_error")
    sgd = bp.SGD(6.4, momentum=0.9)
    run = bp.train(net, X, Y, stack=20, optimizer=sgd, epochs=2000, batch_size=None)
    W = net.unpack(run.best("cost").theta)[0].W
    return bp.plots.hinton(W, numbers=True)


def weight_images() -> Any:
    """Weights of the first layer as images: what each unit of a digit network looks for."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 24, 10])
    run = bp.train(net, X, Y, optimizer=bp.Adam(0.01), l2=1e-3, epochs=20)
    return bp.plots.weight_images(net.unpack(run.theta)[0].W, (8, 8), columns=6)


def error_by_layer() -> Any:
    """Vanishing error: ‖δ‖ by layer in a deep network of sigmoid units."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 30, 30, 30, 10], hidden="sigmoid")
    record = bp.callbacks.LayerRecord(X[:200], Y[:200])
    bp.train(net, X, Y, optimizer=bp.SGD(0.1), epochs=20, callbacks=[record])
    return bp.plots.layer_norms(record)


def gradient_by_layer() -> Any:
    """Gradients that reach every layer: ‖∂E/∂W‖ in the same network of relu units."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 30, 30, 30, 10], hidden="relu")
    record = bp.callbacks.LayerRecord(X[:200], Y[:200])
    bp.train(net, X, Y, optimizer=bp.SGD(0.1), epochs=20, callbacks=[record])
    return bp.plots.layer_norms(record, quantity="dE_dW")


def activation_histogram() -> Any:
    """Histogram of activations: units of tanh move to ±1, where they are saturated."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 30, 10], hidden="tanh")
    record = bp.callbacks.LayerRecord(X[:200], Y[:200])
    bp.train(net, X, Y, optimizer=bp.Adam(0.02), epochs=40, callbacks=[record])
    return bp.plots.activation_histogram(record, layer=1)


def confusion_matrix() -> Any:
    """Confusion matrix: which digits are taken for which."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 24, 10])
    run = bp.train(net, X[:1200], Y[:1200], optimizer=bp.Adam(0.01), epochs=15)
    return bp.plots.confusion_matrix(Y[1200:], bp.predict(net, run.theta, X[1200:]))


def calibration_curve() -> Any:
    """Calibration curve: of the predictions with probability 0.8, 80 % should be right."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 64, 10], hidden="relu")
    run = bp.train(net, X[:300], Y[:300], optimizer=bp.Adam(0.01), epochs=40)
    return bp.plots.calibration_curve(Y[300:], bp.predict(net, run.theta, X[300:]))


def decision_regions() -> Any:
    """Decision regions: three spirals, told apart by two hidden layers."""
    rng = np.random.default_rng(0)
    radius, arm = rng.uniform(0.3, 3, 300), rng.integers(0, 3, 300)
    angle = 2.2 * radius + 2 * np.pi * arm / 3
    X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    net = bp.Network([2, 24, 24, 3], hidden="tanh")
    run = bp.train(net, X, arm, optimizer=bp.Adam(0.02), batch_size=30, epochs=60)
    return bp.plots.decision_regions(net, run.theta, X, arm)


def decision_regions_of_one_unit() -> Any:
    """Decision regions of a single sigmoid unit: exclusive or, with the line of ½."""
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    run = bp.train(net, X, Y, optimizer=bp.Adam(0.05), epochs=200)
    return bp.plots.decision_regions(net, run.theta, X, Y)


def cost_surface() -> Any:
    """Cost surface around the end of training, along two filter-normalised random directions."""
    X, Y = bp.datasets.digits()
    net = bp.Network([64, 24, 10], hidden="tanh")
    run = bp.train(net, X[:500], Y[:500], optimizer=bp.Adam(0.01), epochs=10)
    return bp.plots.cost_surface(net, run.theta, X[:500], Y[:500], span=2)


def cost_surface_along_training() -> Any:
    """Cost surface along training: from the start to the end, and along the last gradient."""
    X, Y = bp.datasets.xor()
    net = bp.Network([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
    start = net.init(seed=0, dtype="float64")
    run = bp.train(net, X, Y, theta=start, optimizer=bp.Adam(0.05), epochs=100)
    _, gradient = net.gradient(start, X, Y)
    directions = [start - run.theta, gradient / np.linalg.norm(gradient)]
    return bp.plots.cost_surface(net, run.theta, X, Y, directions=directions, span=1.5)


def score_scatter() -> Any:
    """Scores over hyperparameters: 60 networks of a stack, each with its own."""
    X, Y = bp.datasets.digits()
    rng = np.random.default_rng(0)
    rates, momenta = 10 ** rng.uniform(-3, 1, (60, 1)), rng.uniform(0, 0.95, (60, 1))
    net = bp.Network([64, 16, 10])
    run = bp.train(
        net,
        X[:1000],
        Y[:1000],
        validation=(X[1000:], Y[1000:]),
        stack=60,
        optimizer=bp.SGD(rates, momentum=momenta),
        epochs=10,
    )
    scores = run.history["validation_accuracy"][-1]
    return bp.plots.score_scatter(
        rates,
        scores,
        name="learning rate",
        score="validation accuracy (share of cases)",
        colours=momenta,
        colours_name="momentum",
    )


PICTURES: tuple[Callable[[], Any], ...] = (
    *(learning_curve, learning_curves_of_a_stack, hinton, weight_images),
    *(error_by_layer, gradient_by_layer, activation_histogram),
    *(confusion_matrix, calibration_curve),
    *(decision_regions, decision_regions_of_one_unit),
    *(cost_surface, cost_surface_along_training, score_scatter),
)

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pictures of backprop_xp</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
section { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: flex-start;
  border-top: 1px solid #8888; margin: 2rem 0; }
h2 { width: 100%; font-size: 1.1rem; }
img { width: min(100%, 30rem); background: white; }
pre { flex: 1 1 22rem; white-space: pre-wrap; font-size: .85rem; margin: 0; padding: .7rem;
  background: #8881; }
</style>
</head>
<body>
<h1>Pictures of backprop_xp</h1>
<p>Each picture is made by the code beside it. The first two lines of each are
<code>import numpy as np</code> and <code>import backprop_xp as bp</code>.</p>
"""


def code_of(picture: Callable[[], Any]) -> str:
    """Return the body of a picture's function as a script; its last line names the axes `ax`.

    Examples
    --------
    >>> print(code_of(decision_regions_of_one_unit).splitlines()[-1])
    ax = bp.plots.decision_regions(net, run.theta, X, Y)
    """
    _, _, body = inspect.getsource(picture).partition(f'"""{picture.__doc__}"""\n')
    return textwrap.dedent(body).replace("\nreturn ", "\nax = ").rstrip()


def page(pictures: Sequence[Callable[[], Any]] = PICTURES) -> str:
    """Return the page of some pictures, in ASCII and complete in one file.

    Raises
    ------
    MissingExtraError
        matplotlib or scikit-learn, whose digits some pictures take, is not installed.
    """
    parts = [_HEAD]
    for picture in pictures:
        title = escape(picture.__doc__ or "")
        png = base64.b64encode(picture()._repr_png_()).decode()
        drawn = f'<img alt="{title}" src="data:image/png;base64,{png}">'
        code = f"<pre><code>{escape(code_of(picture))}</code></pre>"
        parts.append(f"<section>\n<h2>{title}</h2>\n{drawn}\n{code}\n</section>\n")
    text = "".join([*parts, "</body>\n</html>\n"])
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def write(folder: Path) -> Path:
    """Write gallery.html to a folder, and return its path.

    Raises
    ------
    MissingExtraError
        As `page`.
    OSError
        The file cannot be written.
    """
    path = folder / "gallery.html"
    write_atomically(path, page().encode("ascii"))
    return path
