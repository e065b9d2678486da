"""How few errors a plain multi-layer perceptron makes on MNIST, in minutes on a CPU.

The networks use the methods of today, but no distorted images and no convolutions: rectified linear
units, dropout of hidden units and inputs, smoothed labels, Adam with a rate that falls along a
cosine, and the mean output of a stack of networks. They learn the digits as they are, and again
with the slant taken out, as in 1998. Beside them stand classic results, each reproduced by its
network with the settings in the table.

Settings are chosen on 10,000 of the training images. Networks with the chosen settings then learn
from all 60,000 images from new starts, and see the test images once, at the end.

Run it with ``python examples/mnist_mlp.py --mnist FOLDER``, with ``--quick`` for few epochs.

References
----------
LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86 (1998). Simard, Steinkraus, Platt, "Best practices for convolutional
neural networks applied to visual document analysis", ICDAR (2003). Hinton, Srivastava, Krizhevsky,
Sutskever, Salakhutdinov, "Improving neural networks by preventing co-adaptation of feature
detectors", arXiv:1207.0580 (2012). Lakshminarayanan, Pritzel, Blundell, "Simple and scalable
predictive uncertainty estimation using deep ensembles", NeurIPS (2017). The softmax regression is
from the deep learning tutorials of the LISA lab, Montréal; 500-300 is Hinton's, as listed on
LeCun's page of MNIST.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from reporting import Report, Table, joined, number, script

import backprop_xp as bp
from backprop_xp.datasets import Dataset

FEWER_ERRORS_THAN = 1.2  # % of the test images, the aim of the ensemble
SEEDS = range(1, 5)  # of the ensemble; settings are chosen with seed 0
SHOWN = 96  # wrong digits in the picture


def error_percent(outputs: Any, labels: Any) -> Any:
    """Return the percentage of cases whose largest output is not the output of their label."""
    return 100 * np.mean(outputs.argmax(axis=-1) != labels, axis=-1)


def upright(cases: Dataset) -> Dataset:
    """Return the cases with upright digits: the rows of a digit are shifted to remove its slant.

    The slant of the ink is cov(column, row) / var(row). Pixels are interpolated along their row.
    """
    return Dataset(np.concatenate([_upright(X) for X in np.array_split(cases.X, 12)]), cases.Y)


def _upright(X: Any) -> Any:
    images, n = X.reshape(-1, 28, 28), np.arange(28)
    ink = images.sum(axis=(1, 2))[:, None]
    rows = n - images.sum(axis=2) @ n[:, None] / ink  # from the centre of the ink, (m, 28)
    columns = n - images.sum(axis=1) @ n[:, None] / ink
    covariance = np.einsum("mrc,mr,mc->m", images, rows, columns)
    slant = covariance / np.einsum("mrc,mr->m", images, rows**2)
    source = n + (slant[:, None] * rows)[..., None]  # the column that a pixel comes from
    left = np.floor(source).astype(int)
    part = (source - left).astype(X.dtype)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2)))
    ink_left, ink_right = (
        np.take_along_axis(padded, np.clip(left + k, 0, 30), axis=2) for k in (1, 2)
    )
    return ((1 - part) * ink_left + part * ink_right).reshape(X.shape)


# -------------------------------------------------------------------------------------------------
# the classics


@dataclass(frozen=True)
class Classic:
    """A network with a published test error, and the settings that train it here.

    Attributes
    ----------
    source : str
    published : float
        The test error in percent.
    net : Network
    start : str or Initializer
    optimizer : {"SGD", "momentum", "Adam"}
        "momentum" is SGD with a momentum of 0.9.
    rate : float
        The first learning rate.
    batch, epochs : int
    l2 : float
        The factor of ½ Σ W² in the cost.
    falls : bool
        Whether the rate falls to 0 along a cosine.
    upright : bool
        Whether the digits are made upright.
    """

    source: str
    published: float
    net: bp.Network
    start: Any
    optimizer: str
    rate: float
    batch: int
    epochs: int
    l2: float = 0.0
    falls: bool = True
    upright: bool = False

    @property
    def settings(self) -> str:
        """The settings in a few words."""
        hidden = f"{self.net.hidden[0].name}, " if self.net.hidden else ""
        units = f"{hidden}{self.net.output.name}, {self.net.loss.name}"
        rate = f"{self.rate:g}{', cosine' if self.falls else ''}"
        penalty = f", l2 {np.format_float_positional(self.l2)}" if self.l2 else ""
        steps = f"batch {self.batch}, {self.epochs} epochs"
        digits = "; upright digits" if self.upright else ""
        return f"{units.replace('_', ' ')}; {self.optimizer} {rate}; {steps}{penalty}{digits}"


def squared_error_network(*hidden: int) -> bp.Network:
    """Return a network of 1998: tanh hidden units, sigmoid outputs, squared error."""
    return bp.Network([784, *hidden, 10], hidden="tanh", output="sigmoid", loss="squared_error")


IN_WHOLE_BATCHES = 9600  # test images in whole batches of 600
ZEROS = bp.initializers.Uniform(0)
CLASSICS = (
    Classic("LISA", 7.49, bp.Network([784, 10]), ZEROS, "SGD", 0.13, 600, 75, falls=False),
    Classic("LeCun 1998", 4.7, squared_error_network(300), "lecun", "momentum", 0.2, 100, 15),
    Classic(
        "LeCun 1998",
        1.6,
        squared_error_network(300),
        "lecun",
        "momentum",
        0.2,
        100,
        15,
        upright=True,
    ),
    Classic("LeCun 1998", 3.05, squared_error_network(300, 100), "lecun", "momentum", 0.2, 100, 15),
    Classic("LeCun 1998", 2.95, squared_error_network(500, 150), "lecun", "momentum", 0.2, 100, 15),
    Classic("Simard 2003", 1.6, bp.Network([784, 800, 10], "relu"), "he", "Adam", 1e-3, 125, 10),
    Classic(
        "Hinton", 1.53, bp.Network([784, 500, 300, 10], "relu"), "he", "Adam", 1e-3, 125, 10, 1e-5
    ),
)


def train_and_test(classic: Classic, train: Dataset, test: Dataset) -> Any:
    """Train a classic network, and tell for each test image whether its class is wrong."""
    if classic.upright:
        train, test = upright(train), upright(test)
    steps = classic.epochs * -(-len(train.X) // classic.batch)
    rate = bp.schedules.Cosine(classic.rate, steps) if classic.falls else classic.rate
    optimizer = (
        bp.Adam(rate)
        if classic.optimizer == "Adam"
        else bp.SGD(rate, momentum=0.9 if classic.optimizer == "momentum" else 0.0)
    )
    run = bp.train(
        classic.net,
        *train,
        classic.net.init(seed=0, initializer=classic.start),
        optimizer=optimizer,
        epochs=classic.epochs,
        batch_size=classic.batch,
        l2=classic.l2,
    )
    return bp.predict(classic.net, run.theta, test.X).argmax(axis=-1) != test.Y


def classics_table(classics: Sequence[Classic], wrong: Sequence[Any], images: int) -> Table:
    """Return the published test errors beside the test errors here."""
    head = ["network", "source", "published %", "here %", "settings here"]
    cells = [
        [
            joined(one.net.sizes),
            one.source,
            number(one.published),
            f"{100 * np.mean(of_test):.2f}",
            one.settings,
        ]
        for one, of_test in zip(classics, wrong, strict=True)
    ]
    return Table(f"Classics: test errors, one start each, {images:,} training images", head, cells)


# -------------------------------------------------------------------------------------------------
# the candidates, one stack


class Candidate(NamedTuple):
    """Regularisation of a network, and its published errors on 10,000 test images."""

    dropout: float
    input_dropout: float
    label_smoothing: float
    published: int | None

    @property
    def title(self) -> str:
        """The regularisation in a few words."""
        if not any(self[:3]):
            return "none"
        hidden, inputs, smoothed = (f"{100 * share:g} %" for share in self[:3])
        parts = [f"{hidden} of hidden units"]
        parts += [f"{inputs} of inputs"] if self.input_dropout else []
        parts += [f"labels smoothed by {smoothed}"] if self.label_smoothing else []
        return ", ".join(parts)


CANDIDATES = (
    Candidate(0.0, 0.0, 0.0, 160),
    Candidate(0.5, 0.0, 0.0, 130),
    Candidate(0.5, 0.2, 0.0, 110),
    Candidate(0.1, 0.1, 0.1, None),
)


class Plan(NamedTuple):
    """The network of the candidates, and the settings of Adam that train it."""

    net: bp.Network
    epochs: int
    batch: int = 125
    rate: float = 1e-3


NETWORK = bp.Network([784, 800, 800, 10], hidden="relu")
CHOICE, FINAL = Plan(NETWORK, epochs=6), Plan(NETWORK, epochs=12)


def learn(
    plan: Plan, candidates: Sequence[Candidate], cases: Dataset, seed: int, **others: Any
) -> bp.Run:
    """Return the run that trains a network for each candidate, all in one stack."""
    steps = plan.epochs * -(-len(cases.X) // plan.batch)
    dropout, input_dropout, label_smoothing = np.array([one[:3] for one in candidates]).T
    return bp.train(
        plan.net,
        *cases,
        plan.net.init(seed=seed, initializer="he", stack=len(candidates)),
        optimizer=bp.Adam(bp.schedules.Cosine(plan.rate, steps)),
        epochs=plan.epochs,
        batch_size=plan.batch,
        dropout=dropout,
        input_dropout=input_dropout,
        label_smoothing=label_smoothing,
        seed=seed,
        **others,
    )


class Selection(NamedTuple):
    """The run of the candidates, their validation errors, and the number of the chosen one."""

    run: bp.Run
    validation: Any  # errors in percent, (epochs, candidates)
    chosen: int


def select(plan: Plan, cases: Dataset, held_out: Dataset) -> Selection:
    """Return the trained candidates; the candidate with the fewest validation errors is chosen."""
    run = learn(plan, CANDIDATES, cases, seed=0, validation=held_out)
    validation = 100 - 100 * np.array(run.history["validation_accuracy"])
    return Selection(run, validation, int(np.argmin(validation[-1])))


def candidates_table(selection: Selection, test: Dataset, images: int) -> Table:
    """Return the errors of each candidate on the validation images and on the test images."""
    outputs = bp.predict(selection.run.network, selection.run.theta, test.X)
    errors = error_percent(outputs, test.Y)
    head = ["dropout", "validation errors %", "published: test errors %", "here %"]
    cells = [
        [
            one.title + (" (chosen)" if k == selection.chosen else ""),
            f"{selection.validation[-1, k]:.2f}",
            "–" if one.published is None else f"{one.published / 100:.2f}",
            f"{errors[k]:.2f}",
        ]
        for k, one in enumerate(CANDIDATES)
    ]
    name = joined(selection.run.network.sizes)
    return Table(f"Dropout, {name}, {images:,} training images", head, cells)


def selection_figure(selection: Selection) -> Any:
    """Return a picture of the candidates' errors by epoch, in validation and in training."""
    from drawing import BLUE, GREEN, GREY, ORANGE, panels
    from matplotlib.ticker import LogLocator

    figure, ((held_out, training),) = panels(2, width=8.4, height=4.0)
    wrong = 100 - 100 * np.array(selection.run.history["accuracy"])
    epochs = np.arange(1, len(wrong) + 1)
    colours = (GREY, BLUE, GREEN, ORANGE)
    for k, (one, colour) in enumerate(zip(CANDIDATES, colours, strict=True)):
        for panel, errors in ((held_out, selection.validation), (training, wrong)):
            panel.plot(epochs, errors[:, k], color=colour, linewidth=1.8, label=one.title)
    held_out.set_title("images held out", fontsize=10)
    training.set_title("training images, with units left out", fontsize=10)
    for panel in (held_out, training):
        panel.set(xlabel="epoch", ylabel="errors (% of images)")
        panel.xaxis.get_major_locator().set_params(integer=True)
    training.set_yscale("log")
    training.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    training.yaxis.set_major_formatter("{x:g}")
    training.yaxis.set_minor_formatter("")
    handles, titles = held_out.get_legend_handles_labels()
    figure.legend(handles, titles, loc="outside lower center", ncols=2, frameon=False)
    return figure


# -------------------------------------------------------------------------------------------------
# the ensemble


class Outcome(NamedTuple):
    """Test errors of the networks of a stack, alone and together.

    Attributes
    ----------
    alone : array (networks,)
        The error of each network in percent.
    together : float
        The error of the mean output in percent.
    mean : array (m, 10)
        The mean output of the networks.
    """

    alone: Any
    together: float
    mean: Any


def ensemble(plan: Plan, candidate: Candidate, cases: Dataset, seeds: Sequence[int]) -> Any:
    """Return θ of one network for each seed, as a stack (seeds, P).

    Each network is trained alone. In one stack all networks would share the order of the cases and
    the dropped units, and their errors would be more alike.
    """
    runs = [learn(plan, [candidate], cases, seed) for seed in seeds]
    return np.concatenate([run.theta for run in runs])


def tested(net: bp.Network, theta: Any, test: Dataset) -> Outcome:
    """Return the test errors of the networks of a stack, alone and together."""
    alone = error_percent(bp.predict(net, theta, test.X), test.Y)
    mean = bp.ensemble(net, theta, test.X).mean
    return Outcome(alone, float(error_percent(mean, test.Y)), mean)


def ensemble_table(plain: Outcome, upright_ones: Outcome, images: int) -> Table:
    """Return the errors of the networks, alone and together, for both kinds of digits."""
    both = plain, upright_ones
    spreads = (f"{np.mean(one.alone):.2f} ± {np.std(one.alone, ddof=1):.2f}" for one in both)
    extremes = (f"{np.min(one.alone):.2f} to {np.max(one.alone):.2f}" for one in both)
    rows = [
        ["one network, mean ± s.d.", *spreads],
        ["one network, least to most", *extremes],
        [f"mean output of {len(plain.alone)} networks", *(f"{one.together:.2f}" for one in both)],
    ]
    head = ["test errors %", "digits as they are", "upright digits"]
    return Table(f"The chosen settings, {images:,} training images", head, rows)


def wrong_digits_figure(test: Dataset, mean: Any) -> Any:
    """Return a picture of the wrong digits, from the least mean output for the label upwards."""
    from matplotlib.figure import Figure

    found = mean.argmax(axis=-1)
    of_label = mean[np.arange(len(mean)), test.Y]
    wrong = np.flatnonzero(found != test.Y)
    shown = wrong[np.argsort(of_label[wrong], kind="stable")][:SHOWN]
    columns = 12
    rows = max(-(-len(shown) // columns), 1)
    figure = Figure(figsize=(9, 0.3 + 0.9 * rows), layout="constrained")
    for panel in figure.subplots(rows, columns, squeeze=False).flat:
        panel.axis("off")
    for panel, case in zip(figure.axes, shown, strict=False):
        panel.imshow(test.X[case].reshape(28, 28), cmap="gray_r")
        panel.set_title(f"{test.Y[case]} → {found[case]}", fontsize=9, pad=2)
    text = f"{len(shown)} of {len(wrong)} wrong digits: label → answer"
    figure.suptitle(text, fontsize=10)
    return figure


# -------------------------------------------------------------------------------------------------


def notes(
    wrong: Sequence[Any], selection: Selection, plain: Outcome, upright_ones: Outcome
) -> list[str]:
    """Return in sentences whether the ensembles reach their aim, and how to read the tables."""
    epochs, last = len(selection.validation), selection.run.history["accuracy"][-1]
    half = next(k for k, one in enumerate(CANDIDATES) if one.dropout and one.input_dropout)
    verdicts = [
        f"{'yes' if one.together < FEWER_ERRORS_THAN else 'NO'}, {one.together:.2f} %, from {name}"
        for name, one in (("upright digits", upright_ones), ("digits as they are", plain))
    ]
    share = plain.together / 100
    error = 100 * np.sqrt(share * (1 - share) / len(plain.mean))
    ensemble = (
        f"Below {FEWER_ERRORS_THAN} % errors without distorted images, by the mean output of "
        f"{len(plain.alone)} networks: {verdicts[0]}; {verdicts[1]}. The standard error from the "
        f"number of test images alone is {error:.2f} points. Another number of threads changes the "
        f"last bits of the sums, and so the networks. A result near the bound may fall on either "
        f"side of it."
    )
    softmax = (
        f"Softmax regression: the published 7.489583 % is 719 of {IN_WHOLE_BATCHES:,}. The "
        f"tutorial tests whole batches of 600, and so leaves out the last 400 test images. Without "
        f"them the error here is {100 * np.mean(wrong[0][:IN_WHOLE_BATCHES]):.2f} %. The last 400 "
        f"are harder than the others: {np.sum(wrong[0][IN_WHOLE_BATCHES:])} of them are wrong."
    )
    classics = (
        "The settings of the classics are plain ones: few rates were compared, on the validation "
        "images. No settings are published for the networks of 1998."
    )
    dropout = (
        f"The published networks with dropout learnt for thousands of epochs from 60,000 images, "
        f"with a bound on the norm of the weights into each unit. The candidates learn for "
        f"{epochs} epochs, without the validation images. This is too short for dropout of "
        f"{CANDIDATES[half].title}: in the last epoch {100 * (1 - last[half]):.1f} % of the "
        f"training images were wrong under dropout. Without dropout "
        f"{100 * (1 - last[0]):.2f} % were wrong."
    )
    return [ensemble, dropout, softmax, classics]


def report(*, quick: bool, mnist: Path | None) -> Report:
    """Return the report: classics, candidates and ensembles, trained and tested."""
    train, test = bp.datasets.mnist(mnist)
    classics, choice, final = CLASSICS, CHOICE, FINAL
    seeds = SEEDS[:3] if quick else SEEDS
    if quick:
        train = Dataset(train.X[::6], train.Y[::6])
        classics = [replace(one, epochs=-(-one.epochs // 5)) for one in CLASSICS]
        choice = final = Plan(bp.Network([784, 200, 200, 10], hidden="relu"), epochs=4)
    wrong = [train_and_test(one, train, test) for one in classics]
    part = len(train.X) * 5 // 6
    selection = select(
        choice, Dataset(train.X[:part], train.Y[:part]), Dataset(train.X[part:], train.Y[part:])
    )
    chosen = CANDIDATES[selection.chosen]
    plain, upright_ones = (
        tested(final.net, ensemble(final, chosen, X, seeds), T)
        for X, T in ((train, test), (upright(train), upright(test)))
    )
    about = (
        f"Plain networks and the 60,000 training images, pixels in 0 to 1. Dropout is chosen among "
        f"{len(CANDIDATES)} candidates by the errors on 10,000 validation images. The candidates "
        f"are one stack, and learn from the other 50,000 images in {choice.epochs} epochs (seed "
        f"0). An ensemble is {len(seeds)} networks {joined(final.net.sizes)} with the chosen "
        f"settings, which learn from all 60,000 in {final.epochs} epochs, each from a seed of its "
        f"own ({seeds[0]} to {seeds[-1]}); their outputs are averaged. One ensemble learns from "
        f"the digits as they are, the other from upright digits: rows shifted until the digit has "
        f"no slant. Rectified linear units, softmax, cross-entropy; He's initial weights; Adam "
        f"{final.rate:g}, which falls to 0 along a cosine; batches of {final.batch}. Each network "
        f"sees the test images once, after its last epoch. The last candidate was found by hand "
        f"among some twenty settings tried on the same validation images, so its validation error "
        f"is a little too good. Upright digits were added after the test errors of the digits as "
        f"they are had been seen."
    )
    if quick:
        about += " Quick version: a 6th of the images, smaller networks and few epochs."
    return Report(
        "mnist",
        "A plain multi-layer perceptron on MNIST",
        about,
        [
            classics_table(classics, wrong, len(train.X)),
            candidates_table(selection, test, part),
            ensemble_table(plain, upright_ones, len(train.X)),
        ],
        notes(wrong, selection, plain, upright_ones),
        {
            "mnist_errors.png": selection_figure(selection),
            "mnist_wrong_digits.png": wrong_digits_figure(test, upright_ones.mean),
        },
    )


if __name__ == "__main__":
    raise SystemExit(script(report, __doc__))
