"""The tables of LIMITS.md; ``python -m benchmarks.limits`` writes them into the page.

The prose of the page is kept. The table below each mark ``<!-- name -->`` is computed here, from
`limits_cost`, `limits_crossings` and `limits_fabrics`. ``--measure`` measures a core of this
machine and prints it as a `Machine`. ``--measure-ranks`` measures the all-reduce of two ranks of
MPI and prints it as a `Link`.
"""

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import limits_cost as cost
from benchmarks import limits_crossings as crossings
from benchmarks import limits_fabrics as fabrics
from benchmarks import limits_ranks as ranks
from benchmarks.limits_cost import CASES, CORE, FLOAT, GRAPH, H100, H200, H200_TF32, LAUNCH
from benchmarks.limits_text import Rows, number, title

PAGE = Path(__file__).with_name("LIMITS.md")
SHAPES = (
    (784, 30, 10),
    (30, 10, 10),
    (784, 100, 32),
    (784, 256, 128),
    (256, 256, 128),
    (1024, 1024, 512),
)
MANY = 10_000  # networks
SMALL, LARGE = 60_000, 10**9  # cases
GPUS = (1, 8, 64, 1024)


def machines() -> Rows:
    """Yield the rates of the machines."""
    yield "machine", "peak", "memory bandwidth", "balance, flop/byte", "memory", "a launch"
    for one in (CORE, H100, H200, H200_TF32):
        rates = number(one.peak, "flop/s", 3), number(one.bandwidth, "B/s", 3), number(one.balance)
        yield one.name, *rates, number(one.memory, "B", 3), number(one.launch, "s")


def links() -> Rows:
    """Yield the rates of the links."""
    yield "link", "between", "one way", "a hop"
    of_gpus = f"up to {cost.NODE} GPUs"
    joined = (cost.NVLINK, of_gpus), (cost.PCIE, f"host and GPU, {of_gpus}")
    more = (cost.NETWORK, "more GPUs"), (cost.ETHERNET, "more GPUs")
    others = (cost.DISK, "disk and host"), (cost.RANKS, "two ranks of MPI on one machine")
    for one, between in (*joined, *more, *others):
        hop = number(one.hop, "s") if one.hop else "not counted"
        yield one.name, between, number(one.rate, "B/s", 3), hop


def intensities() -> Rows:
    """Yield the intensity of products, and the batch from which arithmetic bounds them."""
    on = (CORE, H100, H200, H200_TF32)
    yield (
        "n_in → n_out",
        "m",
        "flop",
        "flop/byte",
        "flop/byte, m ∞",
        *(f"m, {one.name}" for one in on),
    )
    for n_in, n_out, m in SHAPES:
        flop, most = cost.product_flops(n_in, n_out, m), cost.intensity(n_in, n_out, math.inf)
        have = number(flop), number(cost.intensity(n_in, n_out, m)), number(most)
        past = (number(crossings.batch_at_balance(one, n_in, n_out)) for one in on)
        yield f"{n_in:,} → {n_out:,}", str(m), *have, *past


def parts() -> Rows:
    """Yield the costs of all array operations but the products."""
    yield "equation", "per", "launches", "bytes", "flop", "flop/byte"
    for part in (*cost.PARTS, *cost.OPTIMISERS):
        counts = (str(n) for n in (part.launches, part.bytes, part.flops))
        yield part.equation, part.elements, *counts, number(part.flops / part.bytes)


def launch_costs() -> Rows:
    """Yield the seconds of a step's launches, and of the device's work."""
    yield "network", "P", "launches", "NumPy", *LAUNCH, "H200 at work", "core at work"
    for sizes, m in CASES:
        n = cost.launches(sizes)
        host = (number(n * one, "s") for one in (CORE.launch, *LAUNCH.values()))
        at_work = (number(cost.device_seconds(one, sizes, m), "s") for one in (H200, CORE))
        yield title(sizes, m), f"{cost.parameter_count(sizes):,}", str(n), *host, *at_work


def widths() -> Rows:
    """Yield the width of three layers past which launches no longer dominate."""
    yield "m", "core, NumPy", *(f"H200, {name}" for name in LAUNCH)
    for m in (10, 32, 128, 512, 4096):
        on = (CORE, *(replace(H200, launch=launch) for launch in LAUNCH.values()))
        yield f"{m:,}", *(number(crossings.width_past_launches(one, m)) for one in on)


def transfers() -> Rows:
    """Yield the costs of moving the cases to the device."""
    times = "60,000 cases", "10⁹ cases"
    yield "from", "stored as", "cases/s", *times, "H200s for 10⁹ cases", "P that hides it"
    for link in (cost.PCIE, cost.DISK):
        for name, size in (("float32", FLOAT), ("bytes", 1)):
            bytes_of_case = size * CASES[0][0][0]
            rate, gpus = link.rate / bytes_of_case, math.ceil(LARGE * bytes_of_case / H200.memory)
            past = crossings.parameters_past_stream(H200, link, bytes_of_case)
            seconds = number(SMALL / rate, "s"), number(LARGE / rate, "s")
            yield link.name, name, number(rate), *seconds, str(gpus), number(past)


def memory() -> Rows:
    """Yield the memory of a step, and the number of networks that fit."""
    yield "network", "θ", "θ, gradient", "with Adam", "z, a, δ", "K in an H200", "10⁴ networks"
    for sizes, m in CASES:
        P, each = cost.parameter_count(sizes), cost.step_memory(sizes, m)
        sums = (number(FLOAT * n * P, "B") for n in (1, 2, 4))
        units = number(each - cost.step_memory(sizes, 0), "B")
        yield title(sizes, m), *sums, units, number(H200.memory // each), number(MANY * each, "B")


def all_reduces() -> Rows:
    """Yield the cost of an all-reduce, the batch hiding it, the GPUs past which it rules."""
    times, hides = (f"ring {G}" for G in GPUS[1:]), (f"m hiding {G}" for G in GPUS[1:])
    yield "network", "sent", *times, "tree 1024", *hides, "G, CuPy", "G, graph"
    for sizes, m in CASES:
        P = cost.parameter_count(sizes)
        rings = (cost.ring_seconds(cost.link_of(G), P, G) for G in GPUS[1:])
        tree = cost.tree_seconds(cost.NETWORK, P, GPUS[-1])
        hides = (number(crossings.batch_hiding(H200, sizes, G)) for G in GPUS[1:])
        steps = (cost.step_seconds(one, sizes, m) for one in (H200, GRAPH))
        past = (number(crossings.gpus_at_parity(cost.NETWORK, P, step)) for step in steps)
        sent = number(cost.ring_bytes(P, cost.NODE), "B")
        yield title(sizes, m), sent, *(number(t, "s") for t in (*rings, tree)), *hides, *past


def takeovers() -> Rows:
    """Yield the formula of each crossing, with an example."""
    (sizes, m), width = CASES[0], 256
    batch = number(crossings.batch_at_balance(H200, width, width))
    networks = number(crossings.stack_past_launches(H200, sizes, m))
    bytes_of_case, P = FLOAT * sizes[0], cost.parameter_count(sizes)
    past = number(crossings.parameters_past_stream(H200, cost.PCIE, bytes_of_case))
    hiding = number(4 / 3 * H200.peak / cost.NVLINK.rate)
    step = cost.step_seconds(H200, sizes, m)
    gpus = number(crossings.gpus_at_parity(cost.NETWORK, P, step))
    resident = number((H200.memory - cost.step_memory(sizes, m)) / bytes_of_case)
    yield "bound", "next bound", "crossing", "on H200"
    product = "1 / (1/(2 balance) − 1/n_in − 1/n_out)"
    yield "memory", "arithmetic", f"m = {product}", f"m {batch} for {width} → {width}"
    yield "launches", "the device", "(9 L + 4) launch = K · device seconds of one", f"K {networks}"
    yield "resident", "streamed", "4 n_in cases = memory − memory of a step", f"{resident} cases"
    yield "transfer", "arithmetic", "P = (2/3) n_in peak / rate", f"P {past}, PCIe"
    yield "all-reduce", "arithmetic", "m = (4/3) peak / rate", f"m {hiding}, NVLink"
    yield "step", "ring", "2 (G − 1) (4 P / (G rate) + hop) = step", f"G {gpus}, InfiniBand"


def stacks() -> Rows:
    """Yield the number of networks that fill a GPU, and the cost of 10⁴."""
    head = "10⁴: a step", "per network", "an epoch", "an epoch on the core"
    yield "network", "K, CuPy", "K, graph", "K, tiles", *head
    for sizes, m in CASES:
        past = [crossings.stack_past_launches(one, sizes, m) for one in (H200, GRAPH)]
        past.append(crossings.stack_with_tiles(sizes[1], m))
        step, steps = cost.step_seconds(H200, sizes, m, MANY), math.ceil(SMALL / m)
        alone = MANY * cost.epoch_seconds(CORE, sizes, m, SMALL)
        times = (number(t, "s") for t in (step, step / MANY, steps * step, alone))
        yield title(sizes, m), *(number(max(K, 1)) for K in past), *times


def epochs() -> Rows:
    """Yield the seconds of an epoch on a core and on a GPU, and its bounds."""
    on = (CORE, H200, GRAPH)
    heads = (
        f"{name}, {cases}" for cases in ("60,000", "10⁹") for name in ("core", "CuPy", "graph")
    )
    yield "network", *heads, "bounds"
    for sizes, m in CASES:
        times = (cost.epoch_seconds(one, sizes, m, cases) for cases in (SMALL, LARGE) for one in on)
        shares = (cost.shares(one, sizes, m) for one in on)
        bounds = (max(share, key=share.__getitem__) for share in shares)
        yield title(sizes, m), *(number(time, "s") for time in times), ", ".join(bounds)


def fleets() -> Rows:
    """Yield the seconds of an epoch over 10⁹ cases on many GPUs, and the share of all-reduce."""
    yield "network", *(f"{name}, {G:,}" for name in ("CuPy", "graph") for G in GPUS)
    for sizes, m in CASES:
        row = []
        for one in (H200, GRAPH):
            for G in GPUS:
                together = cost.all_reduce_seconds(cost.parameter_count(sizes), G)
                share = together / (together + cost.step_seconds(one, sizes, m))
                time = number(cost.epoch_seconds(one, sizes, m, LARGE, G), "s")
                row.append(f"{time} ({100 * share:.0f} %)")
        yield title(sizes, m), *row


TABLES: dict[str, Callable[[], Rows]] = {
    table.__name__: table
    for table in (
        *(machines, links, intensities, parts, launch_costs, widths, transfers, memory),
        *(all_reduces, takeovers, stacks, epochs, fleets),
        *fabrics.TABLES,
    )
}


def in_markdown(rows: Rows) -> str:
    """Return a table in Markdown; the first row is its head, columns of numbers align right."""
    head, *body = rows
    columns = zip(*body, strict=True)
    right = (all(x[0].isdigit() or x == "never" for x in column) for column in columns)
    rule = ("---:" if numbers else "---" for numbers in right)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, tuple(rule), *body))


def filled(page: str) -> str:
    """Return the page with every table computed; KeyError for a mark without a table."""

    def section(mark: re.Match[str]) -> str:
        return f"<!-- {mark[1]} -->\n{in_markdown(TABLES[mark[1]]())}\n"

    return re.sub(r"<!-- (\w+) -->\n(?:\|.*\n)*", section, page)


def main() -> None:
    """Write the tables into the page, or measure a core."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure a core of this machine")
    parser.add_argument("--measure-ranks", action="store_true", help="measure two ranks of MPI")
    given = parser.parse_args()
    if given.measure:
        print(cost.measured())
    elif given.measure_ranks:
        print(ranks.measured())
    else:
        PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
