"""The kernel of `one_kernel` by g++: its threads as a loop, forwards, backwards or shuffled.

A second build watches each word of shared memory: by whom and since which barrier it was read and
written. It counts the races, numbers that two threads touch between two barriers, one of them
writing, and the numbers beyond the bytes of the plan.
"""

import ctypes
import hashlib
import shutil
import subprocess

import numpy as np
from fused_on_host import C_TYPES, NumpyLibrary
from training_steps import numbers_of

from backprop_xp.execution.cuda.one_kernel import plan
from backprop_xp.execution.cuda.one_kernel.single import tidied
from backprop_xp.execution.recordings import record
from backprop_xp.training.step.scored import scored_steps
from backprop_xp.training.step.update import UpdateRule, step_of

PLAIN = "#define SHARED(type, offset) ((type*)(shared + (offset)))\n"
WATCHED = """
struct Word { long written, read; int writer, reader; };
static Word* words; static long now, races, bytes;
static void touched(long at, int size, int thread, bool writes) {
  if (at < 0 || at + size > bytes) { ++races; return; }
  Word& w = words[at];
  if (w.written == now && w.writer != thread) ++races;
  if (writes) {
    if (w.read == now && w.reader != thread) ++races;
    w.written = now; w.writer = thread;
  } else {
    w.reader = w.read == now && w.reader != thread ? -1 : thread;
    w.read = now;
  }
}
template <class T> struct Ref {
  T* p; long at; int thread;
  operator T() const { touched(at, sizeof(T), thread, false); return *p; }
  const Ref& operator=(T x) const { touched(at, sizeof(T), thread, true); *p = x; return *this; }
  const Ref& operator=(const Ref& x) const { return *this = (T)x; }
};
template <class T> struct Pointer {
  char* shared; long offset; int thread;
  Ref<T> operator[](long i) const {
    long at = offset + i * (long)sizeof(T);
    return {(T*)(shared + at), at, thread};
  }
};
#define SHARED(type, offset) (Pointer<type>{shared, (long)(offset), thread})
"""
HOST = """
#include <cmath>
#include <cstring>
#include <vector>
using namespace std;
#define __restrict__
#define DEVICE static inline
#define METHOD
static const int* order; static char* shared; static long long network; static long barriers;
%s
#define RUN(segment) \\
  for (int t = 0; t < THREADS; ++t) segment(given, shared, network, step, order[t])
#define BARRIER (%s)
#define KERNEL static void
#define BEGIN
"""
WATCH = """
  static std::vector<Word> all;
  bytes = %d; all.assign(bytes, Word{-1, -1, 0, 0});
  words = all.data(); now = 0; races = 0;
"""
END = """
extern "C" long on_host%(number)d(
    long blocks, void** arrays, long long* longs, const int* threads) {
  order = threads;
  std::vector<char> memory(%(bytes)d + 16);
  shared = memory.data();
  %(watch)s
  for (network = longs[2]; network < longs[2] + blocks; ++network) {
    memset(shared, 0xff, %(bytes)d);
    program%(number)d::backprop_xp_one_kernel(%(arguments)s);
    %(again)s
  }
  return %(races)s;
}
"""


def built(kernels, folder, *, watched=False):
    """Return a function for each kernel, of blocks, arrays, longs and threads in order.

    A kernel is its source, its arrays or others of their dtypes, how many numbers of a step there
    are, and its bytes of shared memory. The functions return the races.
    """
    text = HOST % ((WATCHED, "++now") if watched else (PLAIN, "void()"))
    for number, (source, arrays, numbers, shared_bytes) in enumerate(kernels):
        arguments = [f"({C_TYPES[one.dtype.name]}*)arrays[{n}]" for n, one in enumerate(arrays)]
        arguments += [f"longs[{n}]" for n in range(4 + numbers)]
        given = {
            "number": number,
            "bytes": shared_bytes,
            "arguments": ", ".join(arguments),
            "watch": WATCH % shared_bytes if watched else "",
            "again": "++now;" if watched else "",
            "races": "races" if watched else "0",
        }
        text += f"#undef THREADS\n#undef BLOCKS\nnamespace program{number} {{\n{source}}}\n"
        text += END % given
    path = folder / f"{hashlib.sha1(text.encode()).hexdigest()}.so"  # noqa: S324  a name
    if not path.exists():
        cpp = path.with_suffix(".cpp")
        cpp.write_text(text)
        options = ["-O1", "-std=c++17", "-ffp-contract=off", "-shared", "-fPIC", "-w"]
        subprocess.run([shutil.which("g++"), *options, cpp, "-o", path], check=True)
    library = ctypes.CDLL(str(path))
    return [_function(library, number) for number in range(len(kernels))]


def _function(library, number):
    function = getattr(library, f"on_host{number}")
    function.restype = ctypes.c_long

    def run(blocks, arrays, longs, threads):
        pointers = (ctypes.c_void_p * len(arrays))(*(x.ctypes.data for x in arrays))
        values = (ctypes.c_longlong * len(longs))(*longs)
        order = np.ascontiguousarray(threads, np.int32)
        return function(ctypes.c_long(blocks), pointers, values, ctypes.c_void_p(order.ctypes.data))

    return run


def orders(threads):
    """Return orders of threads, by name."""
    shuffled = np.random.default_rng(0).permutation(threads)
    return {
        "forwards": np.arange(threads),
        "backwards": np.arange(threads)[::-1],
        "shuffled": shuffled,
    }


class HostLibrary(NumpyLibrary):
    """A `OneKernelLibrary` whose launches are loops over networks and threads."""

    def __init__(self, folder, *, most_bytes=227 * 1024, order="shuffled", watched=True):
        self.folder, self.most_bytes = folder, most_bytes
        self.order, self.watched = order, watched
        self.launches, self.races = 0, 0

    def limits(self):
        return self.most_bytes, 4

    def from_source(self, source, name, threads, shared_bytes):
        assert f" {name}(" in source

        def run(blocks, arguments):
            arrays = [x for x in arguments if isinstance(x, np.ndarray)]
            longs = [int(x) for x in arguments if not isinstance(x, np.ndarray)]
            assert all(x.flags.c_contiguous for x in arrays)
            assert longs[2] + blocks <= longs[1]
            kernel = source, arrays, len(longs) - 4, shared_bytes
            (function,) = built([kernel], self.folder, watched=self.watched)
            self.races += function(blocks, arrays, longs, orders(threads)[self.order])
            self.launches += 1

        return run


def refused(*_):
    raise AssertionError("the step is not one kernel")


def plan_for(net, optimizer, m, dtype="float32", *, most_bytes=227 * 1024, gathers=False):
    """Return the plan of the scored step of a network on batches of m labelled cases."""
    rule, theta = UpdateRule(net, optimizer, labelled=True), net.init(seed=0, dtype=dtype)
    step = scored_steps(lambda like: step_of(rule, like), rule)(theta)
    X, y = np.full((m, net.sizes[0]), 0.5, dtype), np.full((net.sizes[-1], m), 0.5, dtype)
    batch = (X, y, np.array(1 / m, dtype), np.zeros(m, "int32"))
    given = (theta, optimizer.init(theta)), numbers_of(optimizer, theta).next(), batch
    return plan.plan_of(tidied(record(step, *given, runs_here=False)), most_bytes, gathers=gathers)
