"""The command `explain`: backpropagation step by step on a network, as a page or as text."""

import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backprop_xp import datasets
from backprop_xp.arrays.random_streams import generator
from backprop_xp.cli.destinations import check_destination, check_page
from backprop_xp.cli.model_notes import notes_in
from backprop_xp.cli.network_choice import task_for
from backprop_xp.cli.predict_data import given_cases
from backprop_xp.cli.training_data import is_file, training_data
from backprop_xp.errors import DataError, ModelFileError, OptionError
from backprop_xp.files.atomic_write import write_atomically
from backprop_xp.files.model_file import load
from backprop_xp.initializers import Uniform
from backprop_xp.inspection.ascii_spelling import can_show
from backprop_xp.inspection.page.document import as_page
from backprop_xp.inspection.page.functions import Unwritable
from backprop_xp.inspection.page.lessons import LEARNING_RATE, kept_cases
from backprop_xp.inspection.page.stories import Story, four_layers
from backprop_xp.inspection.trace import Trace, trace
from backprop_xp.network.data_values import check_finite
from backprop_xp.network.network import Network
from backprop_xp.optimizers.sgd import SGD

__all__ = ["ExplainOptions", "explain_job"]


@dataclass(frozen=True)
class ExplainOptions:
    """The options of the command line; ``backprop-xp explain --help`` describes them."""

    model: str | None = None
    network: str | None = None
    data: str | None = None
    case: int | None = None
    text: bool = False
    out: str | None = None
    open: bool = False

    @property
    def page(self) -> Path | None:
        """The file of the page; None for no page."""
        if self.text and self.out is None and not self.open:
            return None
        return Path("explain.html" if self.out is None else self.out)

    @property
    def sizes(self) -> list[int] | None:
        """The sizes of the layers, the inputs first; None where no network is given."""
        if self.network is None:
            return None
        try:
            sizes = [int(part) for part in self.network.split(",")]
        except ValueError:
            sizes = []
        if len(sizes) < 2 or min(sizes) < 1:
            expected = "two sizes or more, >= 1, with commas between"
            raise OptionError("--network", repr(self.network), expected, "Such as 2,3,1")
        return sizes


class _Cases(NamedTuple):
    """A network, its parameters, and rows of inputs and targets."""

    net: Network
    theta: NDArray[Any]
    X: NDArray[Any]
    Y: NDArray[Any]


def explain_job(options: ExplainOptions, say: Callable[[str], None]) -> None:
    """Write a page that steps through backpropagation, or print every equation as text.

    Parameters
    ----------
    options : ExplainOptions
    say : callable
        Shows a line to the user.

    Raises
    ------
    BackpropError, OSError
    """
    sizes, page = options.sizes, options.page
    if options.model is not None and sizes is not None:
        came = f"--network {options.network} beside the model {options.model}"
        raise OptionError("--network", came, "a model or a network", "Leave one of them out")
    if options.data is not None:
        is_file(options.data)  # refuses an unknown name before any work
    if page is not None:
        check_page("--out", page)
        sources = [name for name in (options.data, options.model) if name is not None]
        check_destination("--out", page, sources)
    case, story, alone = _story(options, sizes)
    if options.text:
        text = alone.to_text()
        say((text if can_show(text, sys.stdout) else alone.to_text(ascii=True)).rstrip("\n"))
    if page is not None:
        try:
            html = as_page(story, case=case)
        except Unwritable:
            html = alone.to_html(interactive=True)  # a still page, which says why
        write_atomically(page, html.encode("ascii"))
        say(f"written   {page}")
        if options.open:
            webbrowser.open(page.resolve().as_uri())


def _story(
    options: ExplainOptions, sizes: list[int] | None
) -> tuple[int | None, Story, Trace[Any]]:
    """Return the place of the case that is shown, the story, and the trace of the case alone."""
    if options.model is None and sizes is None and options.data is None:
        story = four_layers()
        _check_case(options.case, 1)
        return None, story, story.traced
    net, theta, X, Y = _given(options, sizes)
    _check_case(options.case, len(X))
    kept = kept_cases(len(X), X.shape[1] + net.sizes[-1], options.case)
    sgd = SGD(LEARNING_RATE)
    shown = 0 if options.case is None else options.case
    alone = trace(net, theta, X[shown], Y[shown], optimizer=sgd)
    together = trace(net, theta, X[kept], Y[kept], optimizer=sgd)
    title = "-".join(map(str, net.sizes)) + (f" on {options.data}" if options.data else "")
    text = "" if len(kept) == len(X) else f"The page holds {len(kept)} of {len(X):,} cases."
    return None if options.case is None else kept.index(shown), Story(title, text, together), alone


def _check_case(case: int | None, m: int) -> None:
    if case is not None and not 0 <= case < m:
        expected = f"an index from 0 to {m - 1}"
        raise OptionError("--case", str(case), expected, "Cases are counted from 0")


def _given(options: ExplainOptions, sizes: list[int] | None) -> _Cases:
    if options.model is not None:
        return _of_model(options.model, options.data)
    if options.data is None:
        return _without_data(sizes or [])
    data = training_data(options.data, None, 0.0, 0)
    X = data.train.X
    if sizes is not None and (sizes[0], sizes[-1]) != (X.shape[1], data.n_out):
        came = f"{sizes[0]} inputs and {sizes[-1]} outputs"
        expected = f"{X.shape[1]} and {data.n_out}, as {options.data} has"
        raise OptionError("--network", came, expected, "Change the first and the last size")
    task = task_for(data, [3] if sizes is None else sizes[1:-1], "sigmoid")
    return _Cases(task.net, _initial(task.net), *task.standardised(data.train))


def _without_data(sizes: list[int]) -> _Cases:
    """Return sigmoid layers with squared error, and a case of random numbers."""
    net = Network(sizes, output="sigmoid", loss="squared_error")
    random = generator(0, "order")
    X, Y = random.uniform(-1, 1, (1, sizes[0])), random.uniform(0, 1, (1, sizes[-1]))
    return _Cases(net, _initial(net), X, Y)


def _initial(net: Network) -> NDArray[Any]:
    theta: NDArray[Any] = net.init(seed=0, initializer=Uniform(1.0), dtype="float64")
    return theta


def _of_model(path: str, data: str | None) -> _Cases:
    """Return a trained network with the cases of its data, or of other data."""
    model = load(path)
    net, theta = model
    if theta.ndim != 1:
        came = f"a stack of networks {tuple(theta.shape[:-1])}"
        advice = "Save one of its networks, theta[0]"
        raise ModelFileError(path, came, "a single network", advice)
    notes = notes_in(path, model).for_outputs(net)
    if data is None and notes.data in datasets.NAMES:
        data = notes.data
    if data is None:
        raise OptionError("--data", "no data", "cases for the model", "Pass its table by --data")
    X, Y, why_not = given_cases(data, notes, model)
    if Y is None:
        came = why_not or "no target"
        raise DataError(data, came, "the target of each case", "Pass data with the target")
    if model.preprocessing is None:
        check_finite(X, data, theta.dtype.name)
    wide = np.asarray(theta, np.float64)
    return _Cases(net, wide, np.asarray(model.inputs(X), np.float64), Y)
