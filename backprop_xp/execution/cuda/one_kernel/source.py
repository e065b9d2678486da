"""A plan as the source of one CUDA kernel.

Each segment is a function of the thread. The kernel calls one after another, with a barrier after
each. The macros `RUN`, `BARRIER` and `SHARED` can be replaced, so that a C++ compiler of the host
runs the same segments with the thread as a loop variable.
"""

import math

from backprop_xp.execution.cuda.kernel import C_TYPES
from backprop_xp.execution.cuda.one_kernel.phases import place_of, strides_of
from backprop_xp.execution.cuda.one_kernel.plan import Given, Plan
from backprop_xp.execution.cuda.one_kernel.single import Own
from backprop_xp.execution.memories import View

__all__ = ["NAME", "parameter", "source_of"]

NAME = "backprop_xp_one_kernel"
HEAD = """\
typedef long long whole;
#ifndef RUN
#define DEVICE __device__ __forceinline__
#define METHOD __device__ __forceinline__
#define SHARED(type, offset) ((type*)(shared + (offset)))
#define RUN(segment) segment(given, shared, network, step, (int)threadIdx.x)
#define BARRIER __syncthreads()
#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
#define BEGIN \\
  extern __shared__ __align__(16) char shared[]; \\
  const whole network = first_network + blockIdx.x;
#endif
"""


def parameter(one: Given) -> str:
    """Return the name of the parameter for an array."""
    return f"{one.of}{one.number}"


def source_of(plan: Plan, own: Own) -> str:
    """Return the source of the kernel `NAME`.

    Its parameters are the arrays of ``plan.given``, then as 64-bit integers the steps, the
    networks of the stack, the network of the first thread block, the rows of the source, and for
    each number the places from a step to the next.

    Parameters
    ----------
    plan : Plan
    own : Own
        Whether each array has an axis for the networks, by its tree and number.
    """
    return _Source(plan, own).text()


class _Source:
    def __init__(self, plan: Plan, own: Own) -> None:
        self.plan, self.own = plan, own
        self.outside = {one.view.memory: one for one in plan.given if one.of != "carry"}
        self.layouts: dict[tuple[tuple[int, ...], tuple[int, ...]], str] = {}

    def text(self) -> str:
        plan = self.plan
        segments = [
            self._function(f"segment_{number}", [p.lines(self.bind) for p in segment])
            for number, segment in enumerate(plan.segments)
        ]
        carried = [one for one in plan.given if one.of == "carry"]
        loads, stores = (
            [self._carried(one, line) for one in carried]
            for line in ("y[i] = x[i];", "x[i] = y[i];")
        )
        segments += [self._function("load_carry", loads), self._function("store_carry", stores)]
        runs = "\n".join(f"    RUN(segment_{n}); BARRIER;" for n in range(len(plan.segments)))
        names = [parameter(one) for one in plan.given]
        longs = ["steps", "networks", "first_network", "source_rows", *self._strides()]
        fields = [f"{self._pointer(one)}{parameter(one)}" for one in plan.given]
        fields += [f"whole {name}" for name in longs]
        struct = "struct Given {\n" + "".join(f"  {each};\n" for each in fields) + "};\n"
        kernel = (
            f"KERNEL {NAME}({', '.join(fields)}) {{\n  BEGIN\n"
            f"  const Given given = {{{', '.join([*names, *longs])}}};\n"
            "  whole step = 0;\n  RUN(load_carry); BARRIER;\n"
            "  for (; step < steps; ++step) {\n" + runs + "\n  }\n  RUN(store_carry);\n}\n"
        )
        head = f"#define THREADS {plan.threads}\n#define BLOCKS {plan.blocks}\n{HEAD}"
        return "\n".join([head, struct, *self.layouts.values(), *segments, kernel])

    def _strides(self) -> list[str]:
        return [f"by_{parameter(one)}" for one in self.plan.given if one.of == "number"]

    def _pointer(self, one: Given) -> str:
        const = "" if one.of in ("carry", "out") else "const "
        return f"{const}{C_TYPES[one.view.dtype.name]}* __restrict__ "

    def bind(self, view: View, name: str) -> str:
        """Return the declaration of an array in a segment."""
        kind, item = C_TYPES[view.dtype.name], view.dtype.itemsize
        if view.memory in self.outside:
            base = f"{self._base(self.outside[view.memory])} + {view.offset // item}"
        else:
            base = f"SHARED({kind}, {self.plan.offsets[view.memory] + view.offset})"
        steps = strides_of(view)
        after = 1
        in_order = True
        for size, step in zip(reversed(view.shape), reversed(steps), strict=True):
            in_order &= size == 1 or step == after
            after *= size
        if in_order:
            return f"const auto {name} = {base};"
        layout = self._layout(view.shape, steps)
        return f"const auto {name}_ = {base}; const {layout}<decltype({name}_)> {name}{{{name}_}};"

    def _layout(self, shape: tuple[int, ...], steps: tuple[int, ...]) -> str:
        """Return the name of the type that turns C-order indices into places."""
        key = shape, steps
        name = (
            f"Layout{list(self.layouts).index(key) if key in self.layouts else len(self.layouts)}"
        )
        place = place_of("i", shape, steps)
        method = f"METHOD auto operator[](int i) const -> decltype(p[0]) {{ return p[{place}]; }}"
        self.layouts[key] = f"template <class P> struct {name} {{\n  P p;\n  {method}\n}};\n"
        return name

    def _base(self, one: Given) -> str:
        name, size = f"given.{parameter(one)}", math.prod(one.view.shape)
        own = self.own.get((one.of, one.number), False)
        if one.of == "constant":
            return name
        if one.of == "source":
            return f"{name} + network * given.source_rows * {one.view.shape[-1]}" if own else name
        if one.of == "number":
            return f"{name} + step * given.by_{parameter(one)} + {'network' if own else 0}"
        network = "(step * given.networks + network)" if own or one.of == "out" else "step"
        return f"{name} + {network} * {size}"

    def _carried(self, one: Given, line: str) -> list[str]:
        size = math.prod(one.view.shape)
        loop = f"for (int i = thread; i < {size}; i += THREADS) {line}"
        return [
            f"const auto x = given.{parameter(one)} + network * {size};",
            self.bind(one.view, "y"),
            loop,
        ]

    def _function(self, name: str, phases: list[list[str]]) -> str:
        blocks = ["  {\n" + "".join(f"    {line}\n" for line in each) + "  }\n" for each in phases]
        given = "const Given& given, char* shared, whole network, whole step, int thread"
        return f"DEVICE void {name}({given}) {{\n{''.join(blocks)}}}\n"
