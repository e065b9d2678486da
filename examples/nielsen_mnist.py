"""The accuracies of Nielsen's book on MNIST, over-fitting, and two reasons for slow learning.

Does the library reach the accuracies that "Neural Networks and Deep Learning" prints for networks
of sigmoid units, trained by plain gradient descent in mini-batches of ten? Each network of the book
is trained from several starts at once, as a stack. The split of MNIST is the book's: 50,000 images
for training, 10,000 for validation, 10,000 for the test.

Two smaller experiments of the book show where learning is slow. A single neuron with the quadratic
cost hardly learns while its output is badly wrong, since its error δ has the factor σ′(z). With the
cross-entropy δ has no such factor. And in a deep network of sigmoid units ‖δ‖ falls from layer to
layer on its way back, so that the first layers learn least.

Run it with ``python examples/nielsen_mnist.py --mnist FOLDER``, with ``--quick`` for few epochs.

References
----------
Nielsen, "Neural Networks and Deep Learning" (2015), chapters 1, 3 and 5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from reporting import Report, Table, joined, number, script

import backprop_xp as bp
from backprop_xp.datasets import Dataset

TRAINING = 50_000  # images; the rest is for validation
FEW_IMAGES = 1000  # the first training images, for over-fitting and for ‖δ‖
SEEDS = 3
BATCH = 10
WITHIN = 0.5  # points of accuracy between here and the book
QUADRATIC, CROSS_ENTROPY = "squared_error", "binary_cross_entropy"
NAMES = {QUADRATIC: "quadratic", CROSS_ENTROPY: "cross-entropy"}
LARGE, DEFAULT = "nielsen_large", "nielsen"  # weights N(0, 1) and N(0, 1/n_in); biases N(0, 1)


@dataclass(frozen=True)
class Row:
    """A network that the book trains, and the accuracy that it prints.

    Attributes
    ----------
    sizes : tuple of int
    loss, weights : str
        Names of the loss and of the initializer.
    epochs : int
    rate : float
        The learning rate η, for the mean over a mini-batch.
    decay : float
        λ of the penalty λ/(2n) Σ W² for n training images.
    published : float
        The accuracy of the best epoch in percent; in chapter 1, of the best of three runs.
    measured_on : {"test", "validation"}
        The images for the accuracy.
    images : int
        The number n of training images, the first of MNIST.
    """

    sizes: tuple[int, ...]
    loss: str
    weights: str
    epochs: int
    rate: float
    decay: float
    published: float
    measured_on: str = "test"
    images: int = TRAINING

    @property
    def best_of_runs(self) -> bool:
        """Whether the book prints the best of three runs, as it does in chapter 1."""
        return self.loss == QUADRATIC

    @property
    def title(self) -> str:
        """The network, its cost and its weights in a few words."""
        weights = "large" if self.weights == LARGE else "default"
        few = f", {self.images:,} images" if self.images < TRAINING else ""
        return f"{joined(self.sizes)}, {NAMES[self.loss]}, {weights}{few}"


ROWS = (
    Row((784, 30, 10), QUADRATIC, LARGE, 30, 3.0, 0.0, 95.42),
    Row((784, 100, 10), QUADRATIC, LARGE, 30, 3.0, 0.0, 96.59),
    Row((784, 30, 10), CROSS_ENTROPY, LARGE, 30, 0.5, 0.0, 95.49),
    Row((784, 100, 10), CROSS_ENTROPY, LARGE, 30, 0.5, 0.0, 96.82),
    Row((784, 30, 10), CROSS_ENTROPY, LARGE, 30, 0.5, 5.0, 96.49),
    Row((784, 100, 10), CROSS_ENTROPY, LARGE, 30, 0.5, 5.0, 97.92, "validation"),
    Row((784, 100, 10), CROSS_ENTROPY, DEFAULT, 60, 0.1, 5.0, 98.04, "validation"),
    Row((784, 30, 10), CROSS_ENTROPY, LARGE, 400, 0.5, 0.0, 82.27, images=FEW_IMAGES),
    Row((784, 30, 10), CROSS_ENTROPY, LARGE, 400, 0.5, 0.1, 87.1, images=FEW_IMAGES),
)


# -------------------------------------------------------------------------------------------------
# accuracies on MNIST


def split(mnist: Path | None) -> dict[str, Dataset]:
    """Return the book's split of MNIST: 50,000, 10,000 and 10,000 images."""
    train, test = bp.datasets.mnist(mnist)
    first, last = slice(TRAINING), slice(TRAINING, None)
    return {
        "training": Dataset(train.X[first], train.Y[first]),
        "validation": Dataset(train.X[last], train.Y[last]),
        "test": test,
    }


def learn(row: Row, sets: Mapping[str, Dataset], seeds: int = SEEDS) -> bp.Run:
    """Return the run of a row's network from several starts, validated after each epoch."""
    X, Y = (part[: row.images] for part in sets["training"])
    net = bp.Network(row.sizes, hidden="sigmoid", output="sigmoid", loss=row.loss)
    return bp.train(
        net,
        X,
        Y,
        net.init(seed=0, initializer=row.weights, stack=seeds),
        optimizer=bp.SGD(row.rate),
        epochs=row.epochs,
        batch_size=BATCH,
        l2=row.decay / len(X),
        validation=sets[row.measured_on],
    )


class Accuracy(NamedTuple):
    """Accuracies in percent, one for each start."""

    best_epoch: Any
    last_epoch: Any


def accuracy(run: bp.Run) -> Accuracy:
    """Return the accuracies of a run's networks on the validation images."""
    by_epoch = 100 * np.array(run.history["validation_accuracy"])
    return Accuracy(by_epoch.max(axis=0), by_epoch[-1])


def difference(row: Row, found: Accuracy) -> float:
    """Return the accuracy of the best epoch minus the book's, in points.

    It is the best start's where the book prints the best of three runs, else the mean over starts.
    """
    over_starts = np.max if row.best_of_runs else np.mean
    return float(over_starts(found.best_epoch) - row.published)


def accuracy_table(rows: Sequence[Row], found: Sequence[Accuracy]) -> Table:
    """Return the published accuracies beside those found here."""
    head = ["network, cost, weights", "epochs", "η", "λ", "measured on", "published %"]
    head += ["here: best start %", "mean of starts %", "last epoch %", "difference"]
    cells = [
        [
            row.title,
            str(row.epochs),
            number(row.rate),
            number(row.decay),
            row.measured_on,
            f"{row.published:.2f}",
            f"{one.best_epoch.max():.2f}",
            spread(one.best_epoch),
            spread(one.last_epoch),
            f"{difference(row, one):+.2f}" + (" (best)" if row.best_of_runs else ""),
        ]
        for row, one in zip(rows, found, strict=True)
    ]
    return Table("Accuracy: the best epoch of each start, and the last", head, cells)


def spread(values: Any, decimals: int = 2) -> str:
    """Return the mean ± the standard deviation over the starts."""
    return f"{np.mean(values):.{decimals}f} ± {np.std(values, ddof=1):.{decimals}f}"


def judgement(rows: Sequence[Row], found: Sequence[Accuracy]) -> str:
    """Return in sentences how many rows are near enough to the book, and which are not."""
    far = [
        f"{row.title}, λ = {row.decay:g} ({difference(row, one):+.2f})"
        for row, one in zip(rows, found, strict=True)
        if not abs(difference(row, one)) <= WITHIN
    ]
    text = (
        f"{len(rows) - len(far)} of {len(rows)} rows are within {WITHIN} points of the book. Rows "
        f"are compared by the best epoch: of the best start where the book prints the best of "
        f"three runs, else the mean over the starts"
    )
    return f"{text}. Not within: {'; '.join(far)}." if far else f"{text}."


def stuck_outputs(run: bp.Run, cases: Dataset) -> Any:
    """Return the number of outputs of each network that stay below ½ for all cases."""
    outputs = bp.predict(run.network, run.theta, cases.X)
    return np.count_nonzero(outputs.max(axis=-2) < 0.5, axis=-1)


def saturation_note(rows: Sequence[Row], runs: Sequence[bp.Run], test: Dataset) -> str:
    """Return in sentences how many starts have an output that has not learnt, for each cost."""
    counts = {}
    for loss, name in NAMES.items():
        of_loss = [run for row, run in zip(rows, runs, strict=True) if row.loss == loss]
        stuck = np.concatenate([stuck_outputs(run, test) for run in of_loss])
        counts[name] = f"{np.count_nonzero(stuck)} of {stuck.size} with the {name} cost"
    return (
        f"Starts with an output that stays below ½ for all test images: "
        f"{' and '.join(counts.values())}. With the quadratic cost the error δ of such an output "
        f"has the factor σ′(z), which is near 0. Its digit is not learnt, which costs some 10 "
        f"points. So starts with large weights and the quadratic cost differ widely, and the book "
        f"prints the best of three."
    )


# -------------------------------------------------------------------------------------------------
# over-fitting


def overfitting_figure(runs: Mapping[float, bp.Run]) -> Any:
    """Return a picture of cost and accuracy by epoch, for each λ; means over the starts."""
    from drawing import BLUE, ORANGE, panels

    figure, ((costs, accuracies),) = panels(2, height=3.8)
    for (decay, run), line in zip(runs.items(), ("-", "--"), strict=True):
        for part, colour in (("", BLUE), ("validation_", ORANGE)):
            label = f"{'test' if part else 'training'}, λ = {decay:g}"
            for panel, name, scale in ((costs, "cost", 1), (accuracies, "accuracy", 100)):
                values = scale * np.mean(run.history[part + name], axis=-1)
                epochs = np.arange(1, len(values) + 1)
                panel.plot(epochs, values, line, color=colour, linewidth=1.5, label=label)
    costs.set(xlabel="epoch", ylabel="cost E (mean over the images)", yscale="log")
    accuracies.set(xlabel="epoch", ylabel="accuracy (% of images)")
    accuracies.legend(loc="center right", frameon=False)
    return figure


def overfitting_note(run: bp.Run) -> str:
    """Return in sentences how training without a penalty changes both costs."""
    test_cost = np.mean(run.history["validation_cost"], axis=-1)
    right, lowest = 100 * np.mean(run.history["accuracy"][-1]), int(np.argmin(test_cost))
    return (
        f"Over-fitting on {FEW_IMAGES:,} images: without a penalty the test cost is lowest after "
        f"epoch {lowest + 1}, at {test_cost[lowest]:.2f}. After the last epoch it is "
        f"{test_cost[-1]:.2f}; there the training cost is {np.mean(run.history['cost'][-1]):.4f}, "
        f"and {right:.1f} % of the training images are right. (The training cost in the picture "
        f"includes the penalty.)"
    )


# -------------------------------------------------------------------------------------------------
# a single neuron


class Neuron(NamedTuple):
    """An experiment of the book with one neuron, x = 1 and y = 0, from two starts (w, b)."""

    loss: str
    rate: float
    published: tuple[float | None, float | None]  # outputs after the last epoch


STARTS = ((0.6, 0.9), (2.0, 2.0))
NEURON_EPOCHS = 300
NEURONS = (
    Neuron(QUADRATIC, 0.15, (0.09, 0.20)),
    Neuron(CROSS_ENTROPY, 0.005, (None, None)),
    Neuron(CROSS_ENTROPY, 0.15, (None, None)),
)


class Outputs:
    """A callback that keeps the networks' outputs for x after 0, 1, … epochs."""

    def __init__(self, net: bp.Network, x: Any) -> None:
        self.net, self.x = net, x
        self.by_epoch: list[Any] = []

    def on_train_start(self, progress: Any) -> None:
        """Keep the outputs of the start."""
        self.on_epoch_end(progress)

    def on_epoch_end(self, progress: Any) -> None:
        """Keep the outputs after an epoch."""
        self.by_epoch.append(self.net.forward(progress.theta, self.x)[..., 0, 0])


def neuron_outputs(neuron: Neuron, epochs: int = NEURON_EPOCHS) -> tuple[Any, Any]:
    """Return the outputs after 0, 1, … epochs, (epochs + 1, starts), and ∂E/∂w at the start."""
    x, y = np.array([[1.0]]), np.array([[0.0]])
    net = bp.Network([1, 1], output="sigmoid", loss=neuron.loss)
    theta = np.array(STARTS)
    outputs = Outputs(net, x)
    sgd = bp.SGD(neuron.rate)
    bp.train(net, x, y, theta, optimizer=sgd, epochs=epochs, batch_size=None, callbacks=[outputs])
    _, dE_dtheta = net.gradient(theta, x, y)
    return np.array(outputs.by_epoch), net.unpack(dE_dtheta)[0].W[..., 0, 0]


def same_outputs(found: Sequence[tuple[Any, Any]]) -> bool:
    """Tell whether the last outputs equal the published ones to two decimals, where printed."""
    pairs = [
        (book, here)
        for neuron, (outputs, _) in zip(NEURONS, found, strict=True)
        for book, here in zip(neuron.published, outputs[-1], strict=True)
        if book is not None
    ]
    return all(f"{book:.2f}" == f"{here:.2f}" for book, here in pairs)


def neuron_table(found: Sequence[tuple[Any, Any]]) -> Table:
    """Return first output, first slope and last output of each neuron and start."""
    head = ["cost", "η", "start (w, b)", "first output", "first ∂E/∂w"]
    head += ["last output: published", "here"]
    cells = [
        [
            NAMES[neuron.loss],
            number(neuron.rate),
            f"({w:g}, {b:g})",
            f"{outputs[0, start]:.2f}",
            f"{slopes[start]:.3f}",
            "–" if neuron.published[start] is None else f"{neuron.published[start]:.2f}",
            f"{outputs[-1, start]:.3f}",
        ]
        for neuron, (outputs, slopes) in zip(NEURONS, found, strict=True)
        for start, (w, b) in enumerate(STARTS)
    ]
    return Table(f"A single neuron, x = 1, y = 0, {NEURON_EPOCHS} epochs", head, cells)


def neuron_figure(found: Sequence[tuple[Any, Any]]) -> Any:
    """Return a picture of the outputs by epoch."""
    from drawing import BLUE, ORANGE, panels

    figure, (row,) = panels(len(NEURONS), height=3.2, sharey=True)
    for panel, neuron, (outputs, _) in zip(row, NEURONS, found, strict=True):
        for start, colour in enumerate((BLUE, ORANGE)):
            label = "start w = {:g}, b = {:g}".format(*STARTS[start])
            panel.plot(outputs[:, start], color=colour, linewidth=1.8, label=label)
        panel.set_title(f"{NAMES[neuron.loss]}, η = {neuron.rate:g}", fontsize=10)
        panel.set(xlabel="epoch", ylim=(0, 1))
    row[0].set_ylabel("output a (target 0)")
    row[-1].legend(loc="upper right", frameon=False)
    return figure


# -------------------------------------------------------------------------------------------------
# ‖δ‖ from layer to layer

DEEP = {  # the norms that the book prints for the hidden layers of one start
    (784, 30, 30, 10): (0.07, 0.31),
    (784, 30, 30, 30, 10): (0.012, 0.060, 0.283),
    (784, 30, 30, 30, 30, 10): (0.003, 0.017, 0.070, 0.285),
}
DEEP_STARTS = 100


def error_norms(sizes: Sequence[int], X: Any, Y: Any, starts: int = DEEP_STARTS) -> Any:
    """Return ‖δ‖ of each hidden layer before training, (layers, starts).

    δ is the mean of the images' errors, which is ∂E/∂b of the layer.
    """
    net = bp.Network(sizes, hidden="sigmoid", output="sigmoid", loss=CROSS_ENTROPY)
    _, dE_dtheta = net.gradient(net.init(seed=0, initializer=DEFAULT, stack=starts), X, Y)
    hidden = net.unpack(dE_dtheta)[:-1]
    return np.array([np.linalg.norm(layer.b[..., 0], axis=-1) for layer in hidden])


def norms_table(found: Mapping[tuple[int, ...], Any]) -> Table:
    """Return the norms layer by layer, and the ratio of each to the norm of the layer below."""
    head = ["network, hidden layer", "published ‖δ‖", "here: mean ± s.d.", "least to most"]
    head += ["ratio to the layer below (median)"]
    cells = []
    for sizes, norms in found.items():
        for layer, (published, of_starts) in enumerate(zip(DEEP[sizes], norms, strict=True)):
            growth = number(float(np.median(of_starts / norms[layer - 1])), 2) if layer else "–"
            extremes = f"{number(of_starts.min(), 2)} to {number(of_starts.max(), 2)}"
            name = f"{joined(sizes)}, {layer + 1}"
            cells.append([name, number(published), spread(of_starts, 4), extremes, growth])
    starts = len(next(iter(found.values()))[0])
    return Table(f"‖δ‖ before training, {starts} starts", head, cells)


def norms_figure(found: Mapping[tuple[int, ...], Any]) -> Any:
    """Return a picture of the norms by layer: the starts, their median, and the book's."""
    from drawing import BLUE, GREY, ORANGE, panels

    figure, (row,) = panels(len(found), height=3.4, sharey=True)
    for panel, (sizes, norms) in zip(row, found.items(), strict=True):
        layers = np.arange(1, len(norms) + 1)
        of = f"of {norms.shape[1]} starts"
        ends = norms.min(axis=1), norms.max(axis=1)
        panel.fill_between(layers, *ends, color=GREY, alpha=0.2, label=f"least to most {of}")
        panel.plot(layers, np.median(norms, axis=1), "o-", color=BLUE, label=f"median {of}")
        panel.plot(layers, DEEP[sizes], "D--", color=ORANGE, label="published")
        panel.set_title(joined(sizes), fontsize=10)
        panel.set(xlabel="hidden layer", xticks=layers, yscale="log")
    row[0].set_ylabel("‖δ‖ before training")
    row[0].legend(loc="lower right", frameon=False)
    return figure


def slow_learning_notes(neurons: Sequence[tuple[Any, Any]], norms: Mapping[Any, Any]) -> list[str]:
    """Return in sentences the results of the two smaller experiments."""
    (_, quadratic), (_, entropy) = neurons[:2]
    pairs = [(DEEP[sizes], found) for sizes, found in norms.items()]
    inside = sum(
        int(of_starts.min() <= book <= of_starts.max())
        for published, found in pairs
        for book, of_starts in zip(published, found, strict=True)
    )
    growing = [np.all(np.diff(found, axis=0) > 0, axis=0) for _, found in pairs]
    outputs = (
        f"The outputs of the neuron agree with the book's, to its two decimals: "
        f"{'yes' if same_outputs(neurons) else 'NO'}. It prints none for the cross-entropy."
    )
    slopes = (
        f"From ({STARTS[1][0]:g}, {STARTS[1][1]:g}) the output is further from its target than "
        f"from the other start. There the slope of the quadratic cost is "
        f"{quadratic[0] / quadratic[1]:.1f} times smaller, the slope of the cross-entropy "
        f"{entropy[1] / entropy[0]:.1f} times larger."
    )
    layers = (
        f"{inside} of the {sum(map(len, DEEP.values()))} published norms are between the least and "
        f"the most of the starts here. ‖δ‖ grows from each hidden layer to the next in "
        f"{np.sum(growing)} of {np.size(growing)} starts."
    )
    return [outputs, slopes, layers]


# -------------------------------------------------------------------------------------------------


def report(*, quick: bool, mnist: Path | None) -> Report:
    """Return the report: every network of the book, trained and compared."""
    sets = split(mnist)
    rows = [replace(row, epochs=row.epochs // 15) for row in ROWS] if quick else list(ROWS)
    runs = [learn(row, sets) for row in rows]
    found = [accuracy(run) for run in runs]
    neurons = [neuron_outputs(neuron) for neuron in NEURONS]
    images = [part[:FEW_IMAGES] for part in sets["training"]]
    norms = {sizes: error_norms(sizes, *images) for sizes in DEEP}
    few = {row.decay: run for row, run in zip(rows, runs, strict=True) if row.images == FEW_IMAGES}
    about = (
        f"Nielsen, *Neural Networks and Deep Learning* (2015), chapters 1, 3 and 5. Sigmoid units, "
        f"also in the output; mini-batches of {BATCH}; η for the mean over the mini-batch; penalty "
        f"λ/(2n) Σ W². Weights N(0, 1) are “large”, N(0, 1/n_in) “default”; biases are N(0, 1). "
        f"The first 50,000 training images are for training, the last 10,000 for validation; "
        f"10,000 images for the test. Each row is {SEEDS} starts (seed 0) trained as one stack in "
        f"float32. Most of the book's accuracies are of the best epoch; with the quadratic cost "
        f"they are of the best of three runs as well. ‖δ‖ is for cross-entropy, default weights "
        f"and the first {FEW_IMAGES:,} images."
    )
    verdict = (
        "Quick version: with a 15th of the epochs the accuracies are not comparable to the book's."
        if quick
        else judgement(rows, found)
    )
    return Report(
        "nielsen",
        "Nielsen's networks on MNIST",
        about,
        [accuracy_table(rows, found), neuron_table(neurons), norms_table(norms)],
        [
            verdict,
            saturation_note(rows, runs, sets["test"]),
            overfitting_note(few[0.0]),
            *slow_learning_notes(neurons, norms),
        ],
        {
            "nielsen_overfitting.png": overfitting_figure(few),
            "nielsen_neuron.png": neuron_figure(neurons),
            "nielsen_deep_errors.png": norms_figure(norms),
        },
    )


if __name__ == "__main__":
    raise SystemExit(script(report, __doc__))
