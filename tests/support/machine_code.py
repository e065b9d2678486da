"""Kernels compiled to machine code without a GPU."""

import importlib

from needs import needs

ARCHITECTURES = (75, 80, 90)


def compiled_by_nvrtc(source):
    """Compile a source for real GPUs, or skip without CuPy and the packages of CUDA."""
    needs("cupy")
    needs("nvidia")  # of the packages nvidia-cuda-nvrtc and nvidia-cuda-runtime
    compiler = importlib.import_module("cupy.cuda.compiler")
    for architecture in ARCHITECTURES:
        program = compiler._NVRTCProgram(source)
        code, _ = program.compile(("-std=c++17", f"-arch=sm_{architecture}"))
        assert code
