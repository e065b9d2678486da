"""Kernels whose threads work together in blocks (`kernel.BLOCKWISE`), as loops for g++."""

import ctypes
import hashlib
import re
import shutil
import subprocess
import threading
from functools import cache

import numpy as np
from fused_on_host import CompiledLibrary, NumpyLibrary

HEAD = """
#include <cstddef>
#define __global__
#define __device__
#define __shared__ static
static struct { long long x; } blockIdx, gridDim, blockDim;
static const int* order;
#define TOGETHER(...) { \\
  for (int at = 0; at < blockDim.x; ++at) { const int thread = order[at]; __VA_ARGS__ } }
"""
RUN = """
extern "C" void on_host(long long blocks, long long threads, const int* in_order,
                        const long long* blocks_in_order, void** given, const long long* longs) {
  gridDim.x = blocks; blockDim.x = threads; order = in_order;
  for (long long block = 0; block < blocks; ++block) {
    blockIdx.x = blocks_in_order[block];
    %s(%s);
  }
}
"""
ORDERS = {"forwards": np.arange, "backwards": lambda n: np.arange(n)[::-1]} | {
    "shuffled": lambda n: np.random.default_rng(n).permutation(n)
}


class HostLibrary(CompiledLibrary):
    """A `replay.Library` whose kernels are compiled by g++, with threads in a given order.

    Without `bodies`, elementwise kernels are the calls of NumPy that their tape holds.
    """

    def __init__(self, folder, order="shuffled", *, bodies=True):
        super().__init__(folder)
        self._bodies = bodies
        self.order, self.sources, self.captures = ORDERS[order], set(), 0

    def kernel(self, kernel):
        if not self._bodies or any(place.dtype == "float16" for place in kernel.places):
            return NumpyLibrary.kernel(self, kernel)  # C++ of the host has none
        return super().kernel(kernel)

    def address(self, x):
        return x.ctypes.data

    def capture(self, work):
        self.captures += 1
        return super().capture(work)

    def from_source(self, source, name, threads, shared_bytes):
        assert shared_bytes == 0
        self.sources.add(source)
        given = re.search(rf"{name}\((.*?)\)", source, re.DOTALL)[1].split(",")
        kinds = [one.rsplit(maxsplit=1)[0] for one in given]
        arguments = [
            f"({kind})given[{n}]" if "*" in kind else f"longs[{n}]" for n, kind in enumerate(kinds)
        ]
        text = HEAD + source + RUN % (name, ", ".join(arguments))
        function = _built(text, self._folder)

        def run(blocks, arguments):
            assert 0 < blocks < 2**31
            assert len(arguments) == len(kinds)
            arrays = [x if isinstance(x, np.ndarray) else None for x in arguments]
            pointers = [None if x is None else x.ctypes.data for x in arrays]
            longs = [0 if isinstance(x, np.ndarray) else int(x) for x in arguments]
            orders = [self.order(threads).astype(np.int32), self.order(blocks).astype(np.int64)]
            function(
                ctypes.c_longlong(blocks),
                ctypes.c_longlong(threads),
                *(ctypes.c_void_p(one.ctypes.data) for one in orders),
                (ctypes.c_void_p * len(pointers))(*pointers),
                (ctypes.c_longlong * len(longs))(*longs),
            )

        return self.deferring(run)


@cache
def _built(text, folder):
    path = folder / f"{hashlib.sha1(text.encode()).hexdigest()}.so"  # noqa: S324  a name
    if not path.exists():
        source = path.with_suffix(f".{threading.get_ident()}.cpp")
        source.write_text(text)
        options = ["-O1", "-ffp-contract=off", "-shared", "-fPIC", "-w"]
        made = path.with_suffix(f".{threading.get_ident()}")  # another thread may read the path
        subprocess.run([shutil.which("g++"), *options, source, "-o", made], check=True)
        made.replace(path)
    return ctypes.CDLL(str(path)).on_host
