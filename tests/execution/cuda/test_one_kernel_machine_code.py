"""The kernel as machine code: what NVRTC's log says of its registers, and of its shared memory.

NVRTC assembles for an architecture without a GPU, by the packages nvidia-cuda-nvrtc and
nvidia-cuda-runtime, which CuPy loads.
"""

import re

import pytest
from needs import needs, some_of
from one_kernel_on_host import plan_for

import backprop_xp as bp
from backprop_xp.execution.cuda.one_kernel.source import NAME, source_of

REGISTERS = 2**16  # of a multiprocessor
SHARED = {75: 64, 80: 163, 90: 227}  # KiB of a block
MOST_SPILLED = 64  # bytes, by compilers of other versions; none by NVRTC 13.5
SPILLED = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")

NETS = {
    "issue": (bp.Network([64, 32, 10], "tanh", "softmax", "cross_entropy"), 32),
    "deep": (bp.Network([16, 24, 24, 12, 3], "gelu", "softmax", "cross_entropy"), 50),
    "binary": (bp.Network([6, 2, 1], "sigmoid", "sigmoid", "binary_cross_entropy"), 64),
}
OPTIMIZERS = {"SGD": bp.SGD(0.1), "momentum": bp.SGD(0.1, 0.9), "Adam": bp.Adam(0.1)}
CASES = [
    f"{net} {optimizer} {dtype} sm_{architecture}"
    for net in NETS
    for optimizer in OPTIMIZERS
    for dtype in ("float32", "float64")
    for architecture in SHARED
]


def assembled(source, architecture):
    """Return the machine code of a source and NVRTC's log."""
    needs("nvidia")
    nvrtc = needs("cupy").cuda.nvrtc
    program = nvrtc.createProgram(source, "one_kernel.cu", (), ())
    options = "-std=c++17", f"-arch=sm_{architecture}", "--ptxas-options=-v"
    try:
        nvrtc.compileProgram(program, options)
    except nvrtc.NVRTCError:
        raise AssertionError(nvrtc.getProgramLog(program)) from None
    return nvrtc.getCUBIN(program), nvrtc.getProgramLog(program)


@pytest.mark.parametrize("case", some_of(CASES, 27))
def test_no_register_is_spilled_and_the_blocks_fit(case):
    net, optimizer, dtype, architecture = case.split()
    net, m = NETS[net]
    made = plan_for(net, OPTIMIZERS[optimizer], m, dtype, gathers=True)
    source = source_of(made, {})
    code, log = assembled(source, int(architecture[3:]))
    assert NAME.encode() in code
    if "Compiling entry function" not in log:
        pytest.skip("this NVRTC does not say what it assembles")
    ((stored, loaded),) = SPILLED.findall(log)
    assert int(stored) + int(loaded) <= (0 if case.startswith("issue") else MOST_SPILLED)
    (registers,) = map(int, re.findall(r"Used (\d+) registers", log))
    assert made.blocks * made.threads * -(-registers // 8) * 8 <= REGISTERS
    assert " smem" not in log  # no shared memory beside the bytes of the launch, the plan's
    if case.startswith("issue SGD float32"):
        assert made.blocks == 4


@pytest.mark.parametrize("architecture", SHARED)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_step_of_the_issue_fits_in_single_precision(optimizer, architecture):
    made = plan_for(*NETS["issue"][:1], OPTIMIZERS[optimizer], NETS["issue"][1])
    assert made.shared_bytes <= SHARED[architecture] * 1024
