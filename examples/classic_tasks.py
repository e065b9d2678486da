"""The classic tasks of backpropagation: exclusive or, parity, and the 8-3-8 encoder.

How many of a thousand starts solve each task, and in how many sweeps? The chapter that made
backpropagation known reports single runs. Here the starts of a task are one stack. They are trained
by the chapter's rule, one update per sweep through all cases, until every output is on the right
side of 0.5.

Exclusive or with one hidden unit needs connections that skip the hidden layer, and a `Network` has
none. Extra hidden units replace them: one for each input, which hands the input on unchanged by a
connection of weight 1 that is not trained. Without them one hidden unit cannot solve the task.

Run it with ``python examples/classic_tasks.py``, or with ``--quick`` for fewer starts.

References
----------
Rumelhart, Hinton, Williams, "Learning internal representations by error propagation", in Rumelhart,
McClelland (editors), "Parallel Distributed Processing", volume 1, chapter 8 (1986), pages 330 to
337.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from reporting import Report, Table, number, percent, script
from starts import Outcome, follow, in_sweeps, quantile

import backprop_xp as bp
from backprop_xp.initializers import Uniform

SIGMA = bp.activations.Sigmoid()
ALPHA = 0.9
CLEAR = 0.2  # a hidden unit of the encoder is off below 0.2, on above 1 − 0.2, else in between


@dataclass(frozen=True)
class Task:
    """A network, its cases, and the settings that train it.

    Attributes
    ----------
    name, group : str
        The name in the tables; tasks of one group share a panel.
    net : Network
    data : (X, Y)
    epsilon : float
        The learning rate ε, for a cost that is the sum over the cases; the momentum α is 0.9.
    limit : float
        Initial weights and biases are uniform in ±limit.
    sweeps, starts : int
        The sweeps after which a start is given up, and the number of starts.
    published : str
        The result in the chapter.
    further : int
        A start that is right is trained for so many sweeps more.
    carries : bool
        Whether hidden units hand on the inputs (`with_direct_links`).
    """

    name: str
    group: str
    net: bp.Network
    data: Any
    epsilon: float
    limit: float
    sweeps: int
    starts: int = 1000
    published: str = "–"
    further: int = 0
    carries: bool = False


# ---------------------------------------------------------------------------------------------
# connections that skip the hidden layer


class FirstAlone:
    """An activation: a = σ(z) for the first unit of a layer, a = z for all others."""

    name = "first_alone"

    def __call__(self, z: Any) -> Any:
        """Return a (..., n, m)."""
        return np.concatenate([SIGMA(z[..., :1, :]), z[..., 1:, :]], axis=-2)

    def da_dz(self, z: Any, a: Any) -> Any:
        """Return ∂a/∂z: σ′(z) of the first unit, 1 of the others."""
        of_first = SIGMA.da_dz(z[..., :1, :], a[..., :1, :])
        return np.concatenate([of_first, np.ones_like(z[..., 1:, :])], axis=-2)


def with_direct_links() -> bp.Network:
    """Return the 2-1-1 network with direct links: hidden units 1 and 2 hand on the inputs."""
    own_input = [[1, 1], [1, 0], [0, 1]]
    return bp.Network([2, 3, 1], FirstAlone(), "sigmoid", "squared_error", [own_input, None])


def carry_inputs(net: bp.Network, theta: Any) -> Any:
    """Return θ with weight 1 and bias 0 for the units that hand on inputs."""
    hidden, output = net.unpack(theta)
    W, b = hidden.W.copy(), hidden.b.copy()
    W[..., 1:, :], b[..., 1:, :] = np.eye(2), 0
    return net.pack([(W, b), output])


def is_trained(net: bp.Network) -> Any:
    """Return 0 for the parameters that `carry_inputs` sets, 1 for all others, (P,)."""
    hidden, output = net.unpack(np.ones(net.parameter_count, dtype="float32"))
    of_first = np.array([[1], [0], [0]], dtype="float32")
    return net.pack([(hidden.W * of_first, hidden.b * of_first), output])


# ---------------------------------------------------------------------------------------------
# the tasks


def perceptron(*sizes: int, hidden: str = "sigmoid") -> bp.Network:
    """Return a network with sigmoid outputs and E = ½ Σ (a − y)²."""
    return bp.Network(sizes, hidden, "sigmoid", "squared_error")


def signed(data: Any) -> Any:
    """Return the cases with inputs −1 and 1 in place of 0 and 1."""
    return 2 * data.X - 1, data.Y


def xor_tasks() -> list[Task]:
    """Return exclusive or with two hidden units, and with one."""
    task = Task("XOR, 2-2-1", "XOR", perceptron(2, 2, 1), bp.datasets.xor(), 0.5, 0.3, 10_000)
    direct = with_direct_links()
    slow = replace(task, epsilon=0.25, published="245 sweeps on average")
    return [
        replace(task, published="all but 2 of hundreds of starts"),
        slow,
        replace(slow, limit=1.0),
        replace(task, name="XOR, 2-1-1, direct", net=direct, carries=True, published="558 sweeps"),
        replace(task, name="XOR, 2-1-1", net=perceptron(2, 1, 1), sweeps=3000),
    ]


def encoder_task() -> Task:
    """Return the encoder of eight patterns through three units."""
    data = bp.datasets.encoder(8)
    return Task("Encoder, 8-3-8", "encoder", perceptron(8, 3, 8), data, 0.1, 0.5, 5000, further=500)


def starts_of(n: int) -> int:
    """Return the number of starts for parity of n bits, whose sweeps have 2ⁿ cases."""
    return 1000 if n <= 4 else 200 if n <= 6 else 100


def parity_task(n: int) -> Task:
    """Return parity with as many hidden units as bits; the chapter has 4 bits and ε = 0.5."""
    name, data, epsilon = f"Parity {n}, {n}-{n}-1", bp.datasets.parity(n), 0.5 if n <= 4 else 0.1
    task = Task(name, "parity", perceptron(n, n, 1), data, epsilon, 1.0, 4000, starts_of(n))
    return replace(task, published="2,825 sweeps") if n == 4 else task


def wide_parity_task(n: int) -> Task:
    """Return parity made easier to learn: inputs of −1 and 1, and twice as many tanh units."""
    net, data = perceptron(n, 2 * n, 1, hidden="tanh"), signed(bp.datasets.parity(n))
    name = f"Parity {n}, {n}-{2 * n}-1"
    return Task(name, "wide parity", net, data, 0.02, 1.0, 3000, starts_of(n))


def what_helps(n: int = 6, starts: int = 100) -> list[Task]:
    """Return parity of n bits, changed step by step from the chapter's settings to working ones."""
    first, last = parity_task(n), wide_parity_task(n)
    small = replace(first, epsilon=last.epsilon)
    tanh = replace(small, data=last.data, net=perceptron(n, n, 1, hidden="tanh"))
    chosen = {
        f"{n} sigmoid units, inputs 0 and 1": first,
        "the same, a smaller ε": small,
        "and inputs −1 and 1": replace(small, data=last.data),
        "and tanh units": tanh,
        f"and {2 * n} of them": last,
        f"{2 * n} sigmoid units, inputs 0 and 1": replace(first, net=perceptron(n, 2 * n, 1)),
    }
    return [replace(task, name=name, starts=starts, published="–") for name, task in chosen.items()]


def solve(task: Task) -> Outcome:
    """Return the outcome of training the starts of a task."""
    theta = task.net.init(seed=0, initializer=Uniform(task.limit), stack=task.starts)
    theta = carry_inputs(task.net, theta) if task.carries else theta
    return follow(
        task.net,
        task.data,
        theta,
        epsilon=task.epsilon,
        alpha=ALPHA,
        sweeps=task.sweeps,
        further=task.further,
        trained=is_trained(task.net) if task.carries else 1,
    )


# ---------------------------------------------------------------------------------------------
# the report

Results = Sequence[tuple[Task, Outcome]]


def table(title: str, results: Results) -> Table:
    """Return a table with a row for each task."""
    head = ["", "ε", "weights in ±", "starts", "given up after", "published", "solved here"]
    head += ["quickest", "a quarter", "half", "three quarters"]
    rows = []
    for task, outcome in results:
        quartiles = [quantile(outcome.needed, share) for share in (0, 0.25, 0.5, 0.75)]
        settings = [number(task.epsilon), number(task.limit), f"{task.starts:,}"]
        settings += [f"{task.sweeps:,}", task.published]
        sweeps = [in_sweeps(of, task.sweeps) for of in quartiles]
        rows.append([task.name, *settings, percent(outcome.solved.mean()), *sweeps])
    return Table(title, head, rows)


def codes(theta: Any) -> Any:
    """Return the activations of the encoder's hidden units, (K, 8 patterns, 3 units)."""
    task = encoder_task()
    hidden, _ = task.net.unpack(theta)
    lower = perceptron(8, 3)
    return lower.forward(lower.pack([hidden]), task.data.X)


def are_binary(found: Any) -> Any:
    """Tell for each set of codes whether rounding gives all eight numbers of three bits, (K,)."""
    numbers = np.sort((found > 0.5) @ np.array([4, 2, 1]), axis=-1)
    return np.all(numbers == np.arange(8), axis=-1)


def have_between(found: Any) -> Any:
    """Tell for each set of codes whether a unit is neither on nor off for a pattern, (K,)."""
    return np.any((found > CLEAR) & (found < 1 - CLEAR), axis=(-2, -1))


def table_of_codes(found: Any, further: int) -> Table:
    """Return the share of each kind of code among the solved starts."""
    binary, between = are_binary(found), have_between(found)
    rows = [
        ["All eight codes differ when rounded to 0 and 1", percent(binary.mean())],
        [f"A unit between {CLEAR} and {1 - CLEAR:g} for some pattern", percent(between.mean())],
        [
            "Clear bits: the rounded codes differ, and no unit is in between",
            percent((binary & ~between).mean()),
        ],
    ]
    return Table(
        f"Encoder: the codes of the solved starts, {further:,} sweeps later",
        ["", "share of the starts"],
        rows,
    )


def picture_of_sweeps(results: Results) -> Any:
    """Return a picture of the share of solved starts by sweep, for each task."""
    from drawing import BLUE, GREEN, GREY, ORANGE, PINK, panels
    from matplotlib import colormaps

    bits = sum(task.group == "parity" for task, _ in results)
    shades = colormaps["viridis"](np.linspace(0, 0.92, bits))
    titles = {
        ("XOR", "encoder"): "XOR and the encoder",
        ("parity",): "parity, n sigmoid units",
        ("wide parity",): "parity, 2n tanh units",
    }
    figure, axes = panels(3, width=8.2, height=3.9, sharey=True)
    for panel, (groups, title) in zip(axes[0], titles.items(), strict=True):
        of_xor = "XOR" in groups
        of_panel = [pair for pair in results if pair[0].group in groups]
        colours = [BLUE, GREEN, "#56B4E9", ORANGE, GREY, PINK] if of_xor else shades
        for (task, outcome), colour in zip(of_panel, colours, strict=False):
            needed = np.sort(outcome.needed[outcome.solved])
            share = np.arange(len(needed) + 1) / task.starts
            x, y = [1, *needed, task.sweeps], [*share, share[-1]]
            settings = f"{task.name}, ε {task.epsilon:g}, from ±{task.limit:g}"
            label = settings if of_xor else task.name.partition(",")[0]
            y = 100 * np.array(y)
            panel.step(x, y, where="post", color=colour, linewidth=1.2, label=label)
        panel.set_xscale("log")
        panel.set_xlim(10, 10_000)
        panel.set_ylim(-2, 102)
        panel.set_xlabel("sweeps through all cases")
        panel.set_title(title, fontsize=10)
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
        panel.legend(**below, ncols=1 if of_xor else 2, edgecolor="none", fontsize=8)
    axes[0, 0].set_ylabel("starts that are right by then (%)")
    figure.get_layout_engine().set(wspace=0.04)
    return figure


def picture_of_codes(found: Any) -> Any:
    """Return a picture of the codes of two starts: clear bits, and values in between."""
    from drawing import panels

    between = have_between(found)
    kinds = {"units on or off": ~between & are_binary(found), "values between": between}
    kinds = {title: of for title, of in kinds.items() if of.any()}
    figure, axes = panels(len(kinds), width=3.9 * len(kinds) + 0.6, height=4.8)
    for panel, (title, of) in zip(axes[0], kinds.items(), strict=True):
        code = found[np.argmax(of)]
        image = panel.imshow(code, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), a in np.ndenumerate(code):
            colour = "white" if a > 0.6 else "black"
            panel.text(column, row, f"{a:.2f}", ha="center", va="center", color=colour)
        panel.set_xticks(range(3), [f"unit {unit}" for unit in (1, 2, 3)])
        panel.set_yticks(range(8), [f"pattern {pattern}" for pattern in range(1, 9)])
        panel.set_title(f"a start with {title}", fontsize=10)
        panel.grid(visible=False)
    figure.colorbar(image, ax=list(axes[0]), label="activation of the hidden unit")
    return figure


def shortened(task: Task) -> Task:
    """Return the task of the quick version."""
    return replace(task, starts=min(task.starts, 40), sweeps=min(task.sweeps, 2000))


def report(*, quick: bool, mnist: Path | None) -> Report:  # noqa: ARG001  it needs no images
    """Return the report: how many starts solve each task, and how soon."""
    bits = range(2, 6) if quick else range(2, 9)
    parities = [make(n) for make in (parity_task, wide_parity_task) for n in bits]
    tasks, changes = [*xor_tasks(), encoder_task(), *parities], what_helps(4 if quick else 6)
    if quick:
        tasks, changes = ([shortened(task) for task in of] for of in (tasks, changes))
    results = [(task, solve(task)) for task in tasks]
    helped = [(task, solve(task)) for task in changes]
    of_group = {
        group: [pair for pair in results if pair[0].group == group]
        for group in ("XOR", "encoder", "parity", "wide parity")
    }
    ((encoder, encoded),) = of_group["encoder"]
    tables = [
        table("XOR and the encoder: sweeps", [*of_group["XOR"], (encoder, encoded)]),
        table("Parity, n sigmoid units, inputs 0 and 1: sweeps", of_group["parity"]),
        table("Parity, 2n tanh units, inputs −1 and 1: sweeps", of_group["wide parity"]),
        table(f"Parity of {changes[0].data[0].shape[1]} bits, change by change: sweeps", helped),
    ]
    pictures = {"classic_sweeps.png": picture_of_sweeps(results)}
    if encoded.solved.any():
        found = codes(encoded.later[encoded.solved])
        tables.append(table_of_codes(found, encoder.further))
        pictures["classic_codes.png"] = picture_of_codes(found)
    return Report(
        key="classic",
        title="XOR, parity and the encoder (Parallel Distributed Processing, 1986)",
        about=(
            "Volume 1, chapter 8. E = ½ Σ (a − y)² over all cases, one update per sweep, "
            f"α = {ALPHA}, uniform initial weights and biases, float32, seed 0. A start is solved "
            "after the first sweep with every output on the right side of 0.5. The last columns "
            "give the sweeps of the quickest start, and the sweeps after which a quarter, half and "
            "three quarters of all starts are solved. Published sweeps are of single runs with "
            "ε = 0.5. The one mean is of runs with ε = 0.25 to errors of 0.01. The chapter gives "
            "no other stopping rule, and no range of the initial weights."
        ),
        tables=tables,
        notes=notes(of_group),
        pictures=pictures,
    )


def notes(of_group: dict[str, Results]) -> list[str]:
    """Return in sentences which results fall short and why, and which are worth seeing."""
    lost = 1 - of_group["XOR"][0][1].solved.mean()
    narrow, wide = (outcome.solved.mean() for _, outcome in of_group["XOR"][1:3])
    middle = [in_sweeps(quantile(o.needed, 0.5), task.sweeps) for task, o in of_group["XOR"][1:3]]
    largest, outcome = of_group["parity"][-1]
    return [
        (
            f"XOR with two hidden units: at ε = 0.5, {percent(lost)} of the starts are given up. "
            "The chapter met a local minimum in two of hundreds of runs. The two shares cannot be "
            "compared without the chapter's initial weights and stopping rule. At ε = 0.25, "
            f"{percent(narrow)} are solved from ±0.3, in {middle[0]} sweeps by the median, and "
            f"{percent(wide)} from ±1, in {middle[1]}."
        ),
        (
            "XOR with one hidden unit and direct links is the network of the chapter's 558 sweeps. "
            "Without the direct links no weights solve it: the output is a function of one "
            "weighted sum of the inputs, and can only rise or only fall with it."
        ),
        (
            "Parity with as many hidden units as bits has solutions. From 3 bits on, the more "
            "bits, the fewer starts find one (from 5 bits on with ε = 0.1): "
            f"{percent(outcome.solved.mean())} for {largest.data[0].shape[1]} bits. Inputs "
            "of −1 and 1 and twice as many tanh units make parity easy to learn. The table of "
            "changes shows the effect of each."
        ),
        (
            "The chapter's encoder has values between 0 and 1 in its codes, too: three units need "
            "not act as bits."
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(script(report, __doc__))
