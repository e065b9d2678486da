"""The cost of a training step on paper: flop, bytes, launches, all-reduce, memory.

In all functions n_in and n_out are the inputs and the units of a layer, m the cases in a batch, K
the networks in a stack, P the parameters of one network, G the GPUs. `sizes` are the layers of a
`Network` with ReLU units and softmax with cross-entropy, trained by plain SGD. Numbers are float32,
4 bytes. Costs are in flop, bytes and seconds, at the rates of data sheets.
"""

import math
import os
import timeit
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

FLOAT = 4  # bytes

Sizes = Sequence[float]  # units of the layers; a width that is solved for need not be whole


@dataclass(frozen=True)
class Machine:
    """A processor.

    Attributes
    ----------
    name : str
    peak, bandwidth, memory : float
        flop/s of matrix products, bytes/s of its memory, bytes of its memory.
    launch : float
        Seconds in which the host launches one array operation.
    waits : bool
        Whether the host waits for each operation (a CPU): launches and work add up. Else they
        overlap, and the longer of the two counts.
    """

    name: str
    peak: float
    bandwidth: float
    memory: float
    launch: float
    waits: bool = False

    @property
    def balance(self) -> float:
        """The flop/byte at which arithmetic takes as long as memory, peak / bandwidth."""
        return self.peak / self.bandwidth


class Link(NamedTuple):
    """A link: its name, bytes/s one way, and seconds until a message arrives."""

    name: str
    rate: float
    hop: float = 0.0


# CuPy: 11 µs of CPU time for an elementwise operation, github.com/cupy/cupy/pull/3298 (2020)
# PyTorch, CUDA graph: assumptions; a bare launch is said to take 4 to 6 µs, a node of a graph less
LAUNCH = {"CuPy": 11e-6, "PyTorch": 6e-6, "CUDA graph": 1.5e-6}
# NVIDIA's data sheets of H100 SXM and H200 SXM; FP32, without TF32
H200 = Machine("H200", 67e12, 4.8e12, 141e9, LAUNCH["CuPy"])
H100 = Machine("H100", 67e12, 3.35e12, 80e9, LAUNCH["CuPy"])
# TF32: the data sheet's 989 Tflop/s are for sparse matrices, dense ones have half
H200_TF32 = replace(H200, name="H200, TF32", peak=989e12 / 2)
# from `measured`: a core of an AMD EPYC, NumPy 2.4, one BLAS thread
CORE = Machine("one core", 79e9, 30e9, 25e9, 0.94e-6, waits=True)

GRAPH = replace(H200, launch=LAUNCH["CUDA graph"])

# rates: data sheets, one way. Hops: `hwLat` of a ring in NVIDIA/nccl, src/graph/tuning.cc, for the
# protocol LL128 on NVLink and on InfiniBand behind it, for Simple elsewhere
NVLINK = Link("NVLink 4", 450e9, 1.9e-6)  # 900 GB/s both ways, through NVSwitch
NETWORK = Link("InfiniBand NDR", 400e9 / 8, 4.0e-6)
PCIE = Link("PCIe 5 x16", 64e9, 5.7e-6)  # 128 GB/s both ways
ETHERNET = Link("100 GbE", 100e9 / 8, 9.6e-6)
# from `limits_ranks.measured`: 2 ranks of MPICH 5.0 on the AMD EPYC of `CORE`, in shared memory
RANKS = Link("two ranks, measured", 9.7e9, 1.9e-6)
DISK = Link("NVMe disk", 7e9)  # assumption: one disk on PCIe 4 x4
NODE = 8  # GPUs that NVLink joins, DGX and HGX H200
PROCESSORS, TILE = 132, 128  # of H100 and H200 SXM; rows and columns of a product's tile, assumed

CASES = (
    ((784, 30, 10), 10),
    ((784, 100, 10), 32),
    ((784, 256, 256, 10), 128),
    ((784, 1024, 1024, 10), 512),
)


class Part(NamedTuple):
    """Array operations on every element of a kind: launches, and bytes and flop per element."""

    equation: str
    elements: str
    launches: int
    bytes: int
    flops: int


# bytes: 4 for each array read or written, 1 for an array of bool; no cache, nothing fused
PARTS = (
    Part("rows of the batch gathered", "input and target", 0, 8, 0),  # one launch for many batches
    Part("z += b", "unit", 1, 4 + 4, 1),
    Part("a = max(z, 0)", "hidden unit", 1, 4 + 4, 1),
    Part("δ = ∂E/∂a ⊙ [z > 0]", "hidden unit", 3, (4 + 1) + (1 + 4) + 12, 2),
    Part("a = softmax z", "output", 5, 4 + 8 + 8 + 4 + 8, 5),  # max, −, exp, Σ, /
    Part("δ = w (a − y)", "output", 2, 12 + 8, 2),
    Part("∂E/∂b = Σ δ", "unit", 1, 4, 1),
)
OPTIMISERS = (
    Part("SGD", "parameter", 2, 8 + 12, 2),
    Part("SGD with momentum", "parameter", 4, 8 + 8 + 12 + 12, 4),
    Part("Adam", "parameter", 10 + 12, 6 * 8 + 4 * 12, 10),  # 12 of the launches are on one number
)


def parameter_count(sizes: Sizes) -> float:
    """Return P = Σ n_out (n_in + 1) over the layers."""
    return sum(n_out * (n_in + 1) for n_in, n_out in pairwise(sizes))


def product_flops(n_in: float, n_out: float, m: float) -> float:
    """Return the flop of one product of a layer, 2 n_in n_out m; a layer has three of the same."""
    return 2 * n_in * n_out * m


def product_bytes(n_in: float, n_out: float, m: float) -> float:
    """Return the bytes of a product, 4 (n_in n_out + n_in m + n_out m): two reads, one write."""
    return FLOAT * (n_in * n_out + n_in * m + n_out * m)


def intensity(n_in: float, n_out: float, m: float) -> float:
    """Return the flop/byte of a product, ½ / (1/m + 1/n_in + 1/n_out)."""
    return 0.5 / (1 / m + 1 / n_in + 1 / n_out)


def products(sizes: Sizes) -> Iterator[tuple[float, float]]:
    """Yield (n_in, n_out) of each product of a step: three for a layer, two for the first."""
    for layer, shape in enumerate(pairwise(sizes)):
        yield from (shape,) * (2 if layer == 0 else 3)


def step_flops(sizes: Sizes, m: float) -> float:
    """Return the flop of a step's products, 2 m (3 Σ n_in n_out − n_0 n_1)."""
    return sum(product_flops(*shape, m) for shape in products(sizes))


def launches(sizes: Sizes) -> int:
    """Return the number of array operations of a step with L layers, 9 L + 4."""
    layers = len(sizes) - 1
    count = {"unit": layers, "hidden unit": layers - 1}
    parts = sum(part.launches * count.get(part.elements, 1) for part in PARTS)
    return 3 * layers - 1 + parts + OPTIMISERS[0].launches


def other_bytes(sizes: Sizes, m: float) -> float:
    """Return the bytes of all operations but the products: `PARTS` and SGD."""
    hidden, out = sum(sizes[1:-1]), sizes[-1]
    count = {"input and target": sizes[0] + out, "unit": hidden + out, "hidden unit": hidden}
    parts = m * sum(part.bytes * count.get(part.elements, out) for part in PARTS)
    return parts + OPTIMISERS[0].bytes * parameter_count(sizes)


def shares(machine: Machine, sizes: Sizes, m: float, K: float = 1) -> dict[str, float]:
    """Return the seconds of a step by bound: "launches", "arithmetic", "memory".

    Launches take ``launches · launch``, for any K. A product takes max(flop / peak, bytes /
    bandwidth), and counts for the longer of the two. All else takes bytes / bandwidth.
    """
    found = {"launches": launches(sizes) * machine.launch, "arithmetic": 0.0}
    found["memory"] = K * other_bytes(sizes, m) / machine.bandwidth
    for shape in products(sizes):
        flop = product_flops(*shape, m) / machine.peak
        traffic = product_bytes(*shape, m) / machine.bandwidth
        found["arithmetic" if flop > traffic else "memory"] += K * max(flop, traffic)
    return found


def device_seconds(machine: Machine, sizes: Sizes, m: float, K: float = 1) -> float:
    """Return the seconds of a step's arithmetic and memory, proportional to K."""
    found = shares(machine, sizes, m, K)
    return found["arithmetic"] + found["memory"]


def step_seconds(machine: Machine, sizes: Sizes, m: float, K: float = 1) -> float:
    """Return the seconds of a step: max(launches, device), or their sum on a CPU."""
    host, device = launches(sizes) * machine.launch, device_seconds(machine, sizes, m, K)
    return host + device if machine.waits else max(host, device)


def step_memory(sizes: Sizes, m: float, K: float = 1, state: int = 0) -> float:
    """Return the bytes of θ, gradient, state, z, a and δ, 4 K [(2 + state) P + 3 m Σ n]."""
    return FLOAT * K * ((2 + state) * parameter_count(sizes) + 3 * m * sum(sizes[1:]))


def ring_bytes(P: float, G: float) -> float:
    """Return the bytes that each of G GPUs sends to sum P numbers in a ring, 2 (G − 1)/G · 4 P."""
    return 2 * (G - 1) / G * FLOAT * P


def ring_seconds(link: Link, P: float, G: float) -> float:
    """Return the seconds of a ring, 2 (G − 1) (4 P / (G rate) + hop): P / G numbers a message."""
    return ring_bytes(P, G) / link.rate + 2 * (G - 1) * link.hop


def tree_seconds(link: Link, P: float, G: float) -> float:
    """Return the seconds of a streaming binary tree, 2 · 4 P / rate + 2 ⌈log₂ G⌉ hop."""
    return 2 * FLOAT * P / link.rate + 2 * math.ceil(math.log2(G)) * link.hop if G > 1 else 0.0


def all_reduce_seconds(P: float, G: int, network: Link = NETWORK) -> float:
    """Return min(ring, tree) seconds, over the slowest link of G GPUs."""
    return min(way(link_of(G, network), P, G) for way in (ring_seconds, tree_seconds))


def link_of(G: int, network: Link = NETWORK) -> Link:
    """Return the slowest link in a ring of G GPUs; `network` joins machines of 8 GPUs."""
    return NVLINK if G <= NODE else network


def epoch_seconds(machine: Machine, sizes: Sizes, m: int, cases: float, G: int = 1) -> float:
    """Return the seconds of an epoch, ⌈cases / (m G)⌉ (step + all-reduce): they do not overlap."""
    step = step_seconds(machine, sizes, m) + all_reduce_seconds(parameter_count(sizes), G)
    return math.ceil(cases / (m * G)) * step


def measured() -> Machine:
    """Return a core of this machine; NumPy must not have been imported before.

    The peak is from the product of two 1024 × 1024 matrices, the bandwidth from x + y into x, 64
    MiB each. The launch is the mean over some operations of a step on 2 × 2 matrices. The fastest
    of several runs counts.
    """
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    import numpy as np

    def seconds(statement: str, n: int, number: int) -> float:
        x = np.ones((n, n), np.float32)
        names = {"np": np, "x": x, "y": x.copy(), "zero": np.zeros_like(x)}
        return min(timeit.repeat(statement, globals=names, number=number, repeat=5)) / number

    tiny = ("x @ y", "x + y", "x * y", "np.maximum(x, zero)", "np.exp(x)", "x > zero", "x.sum(-1)")
    return Machine(
        "one core",
        product_flops(1024, 1024, 1024) / seconds("x @ y", 1024, 1),
        3 * FLOAT * 4096**2 / seconds("np.add(x, y, x)", 4096, 1),
        float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        sum(seconds(statement, 2, 10_000) for statement in tiny) / len(tiny),
        waits=True,
    )
