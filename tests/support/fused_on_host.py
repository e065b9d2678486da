"""Programs of `fusion` on NumPy's arrays: by the calls of NumPy, or by loops that g++ compiles."""

import ctypes
import hashlib
import shutil
import subprocess

import numpy as np

from backprop_xp.execution import steps
from backprop_xp.execution.cuda.kernel import Kernel
from backprop_xp.execution.cuda.replay import FusedReplayer
from backprop_xp.training.data import batches, blocks
from backprop_xp.training.step import compiled as compiled_step


def stored_by(kernel, load):
    """Return what a kernel stores, in the order of its `writes`, by the calls of NumPy.

    `load` returns the array of a place.
    """
    values = []
    for node in kernel.nodes:
        values.append(_value(node, [values[x] for x in node.inputs], load))
    return [values[number] for _, number in kernel.writes]


def _value(node, inputs, load):
    if node.name == "load":
        return np.array(load(node.value))
    if node.name == "number":
        return node.value
    if node.name == "convert":
        return np.broadcast_to(inputs[0], node.shape).astype(node.dtype)
    function = getattr(np, node.name)
    return function.reduce(inputs[0], -2, keepdims=True) if node.reduces else function(*inputs)


class Deferring:
    """Functions that are noted while a graph is captured, and run when it is launched."""

    noted = None

    def deferring(self, function):
        def run(*arrays):
            if self.noted is None:
                function(*arrays)
            else:
                self.noted.append((function, arrays))

        return run

    def capture(self, work):
        self.noted = noted = []
        try:
            result = work()
        finally:
            self.noted = None

        def launch():
            for function, arrays in noted:
                function(*arrays)

        return launch, result


class NumpyLibrary(Deferring):
    """A `replay.Library` whose kernels are the calls of NumPy that their tape holds."""

    def setting(self):
        return id(self)  # another library shares nothing

    def empty(self, shape, dtype):
        kind = np.dtype(dtype).kind
        return np.full(shape, np.nan if kind == "f" else 1, dtype)  # to be seen where it is read

    def constant(self, host):
        return np.array(host, order="C")

    def contiguous(self, x):
        return x if x.flags.c_contiguous else np.ascontiguousarray(x)

    def view(self, base, offset, view):
        memory = base.reshape(-1).view(np.uint8)
        return np.ndarray(view.shape, view.dtype, memory.data, offset, view.strides)

    def kernel(self, kernel):
        def run(*arrays):
            given = dict(zip(kernel.places, arrays, strict=True))
            results = stored_by(kernel, lambda place: given[place].reshape(place.shape))
            for (place, _), result in zip(kernel.writes, results, strict=True):
                given[place][...] = np.reshape(result, given[place].shape)

        return self.deferring(run)

    def call(self, instruction):
        return self.deferring(self._call(instruction))

    def copy(self, x):
        return np.array(x, order="C")

    def assign(self, target, x):
        np.copyto(target, x)

    def stack(self, arrays, target=None):
        return np.stack(arrays, out=target)

    def join(self, arrays):
        return np.concatenate(arrays)

    def _call(self, instruction):
        function, kind, named = instruction.function, instruction.kind, instruction.options
        if kind == "convert":
            return lambda x, target: np.copyto(target, x, "unsafe")
        if kind == "function":
            return lambda *x: np.copyto(x[-1], function(*x[:-1], **named))
        function = function.reduce if kind == "reduce" else function
        return lambda *x: function(*x[:-1], out=x[-1], **named)


C_TYPES = {"bool": "bool", "int32": "int", "float32": "float", "float64": "double"}
HEAD = "#include <cmath>\n#include <cstddef>\nusing namespace std;\n"


def loop_in_c(kernel, name):
    """Return a function in C++ that runs the kernel's body for each `i`."""
    arguments = [
        f"{const}{C_TYPES[np.dtype(place.dtype).name]} *{letter}{number}"
        for const, letter, each in (("const ", "x", kernel.reads), ("", "y", kernel.writes))
        for number, (place, _) in enumerate(each)
    ]
    head = f'extern "C" void {name}({", ".join(arguments)})'
    return f"{head} {{\nfor (ptrdiff_t i = 0; i < {kernel.size}; ++i) {{\n{kernel.body()}\n}}\n}}\n"


def compiled(sources, folder):
    """Return the library of some functions in C++, without fused multiplication and addition."""
    text = HEAD + "".join(sources)
    path = folder / f"{hashlib.sha1(text.encode()).hexdigest()}.so"  # noqa: S324  a name
    if not path.exists():
        source = path.with_suffix(".cpp")
        source.write_text(text)
        options = ["-O1", "-ffp-contract=off", "-shared", "-fPIC", "-w"]
        subprocess.run([shutil.which("g++"), *options, source, "-o", path], check=True)
    return ctypes.CDLL(str(path))


class CompiledLibrary(NumpyLibrary):
    """A `replay.Library` whose kernels are their bodies, compiled by g++.

    Kernels are compiled when the first of them runs.
    """

    def __init__(self, folder):
        self._folder = folder
        self.kernels = []

    def kernel(self, kernel):
        name = f"kernel{len(self.kernels)}"
        self.kernels.append(loop_in_c(kernel, name))

        def run(*arrays):
            function = getattr(compiled(self.kernels, self._folder), name)
            rows = [np.ascontiguousarray(x) for x in arrays]
            function(*(ctypes.c_void_p(x.ctypes.data) for x in rows))
            stored = len(kernel.reads)
            for x, row in zip(arrays[stored:], rows[stored:], strict=True):
                if row is not x:
                    x[...] = row.reshape(x.shape)

        return self.deferring(run)


def no_thread_reads_what_another_writes(entry):
    """Tell whether a kernel reads the memory that it writes by the same view alone."""
    if not isinstance(entry, Kernel):
        return True
    loads = [node.value for node in entry.nodes if node.name == "load"]
    return all(
        one == other
        for other, _ in entry.writes
        for one in (*loads, *(place for place, _ in entry.writes))
        if one.memory == other.memory
    )


def replayer(make_step, library):
    """Return a `FusedReplayer` that refuses to take a step by other means."""

    def otherwise(*_):
        raise AssertionError("the step is on no tape")

    return FusedReplayer(make_step, otherwise, library)


def take_pure_steps(monkeypatch, made):
    """Let `bp.train` on NumPy run its pure steps by `made(make_step)`."""
    plain = steps.over_batches

    def over_batches(make_step, xp, *, pure=False, **others):
        return made(make_step) if pure else plain(make_step, xp, **others)

    monkeypatch.setattr(compiled_step, "over_batches", over_batches)
    for module in (batches, blocks):
        monkeypatch.setattr(module, "gathers_rows", lambda _: False)
