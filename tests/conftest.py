"""How the tests run, and the fixtures `xp`, every array library and device, and `memory_error`.

Folders are tested by several processes, files named one by one in a single one. What is skipped is
told once for each reason, with its count.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from libraries import NAMES, Library, open_library
from needs import needs

from backprop_xp.training.interrupts import Interrupts

collect_ignore = ["data", "support"]  # files that tests read, and modules that they import


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run files in this process: they are done before others have started.

    Where there are several, each computes with one thread: more would wait for one another.
    """
    named = [Path(argument.partition("::")[0]) for argument in config.args]
    if all(path.is_file() for path in named):
        return 0
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave a GPU to one process, whose memory is not shared well.

    The browser tests of a file share a process, since each process starts a browser.
    """
    for item in items:
        for alone, group in (("gpu", "gpu"), ("browser", f"browser {item.path.name}")):
            if item.get_closest_marker(alone):
                item.add_marker(pytest.mark.xdist_group(group))


def reason_of(skipped: str) -> str:
    """Return the reason of a skip, in the same words for every module and every library."""
    reason = skipped.removeprefix("Skipped: ")
    reason = re.sub(r"^could not import '(\w+)'.*", r"\1 is not installed", reason)
    return re.sub(r"^\S+ has (no )?float", r"the library has \1float", reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in a line for each reason how many tests are skipped."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = Counter(reason_of(report.longrepr[2]) for report in reports)
    if reasons:
        terminalreporter.section(f"{reasons.total()} skipped")
    for reason, count in sorted(reasons.items(), key=lambda each: -each[1]):
        terminalreporter.line(f"{count:6,} {reason}")


settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("ci")

# a shell has what it runs in the background ignore Ctrl-C, and tests send it
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.gpu] if name == "cupy" else []) for name in NAMES]
)
def xp(request: pytest.FixtureRequest) -> Iterator[Library]:
    """Every library in turn; what is not there is skipped with its reason."""
    library = open_library(request.param)
    if request.param == "strict-flags-off":
        with library.xp.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False):
            yield library
    else:
        yield library


@pytest.fixture
def xp64(xp: Library) -> Library:
    """The libraries and devices that have float64."""
    if not xp.float64:
        pytest.skip(f"{xp.name} has no float64")
    return xp


def numpy_error() -> tuple[Exception, str]:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, np.uint8)  # more than any address space holds
    return caught.value, "memory for 1.00 EiB"


def torch_cpu_error() -> tuple[Exception, str]:
    torch = needs("torch")
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    return caught.value, f"memory for {2**60} bytes"


def torch_cuda_error() -> tuple[Exception, str]:
    said = "CUDA out of memory. Tried to allocate 1.71 GiB. GPU 0 has a total capacity of 4.00 GiB"
    return needs("torch").OutOfMemoryError(said), "memory for 1.71 GiB"


def jax_error() -> tuple[Exception, str]:
    jax = needs("jax")
    on_host = jax.default_device(jax.devices("cpu")[0])  # a GPU's compiler fails before its memory
    with on_host, pytest.raises(RuntimeError) as caught:
        jax.numpy.zeros(2**60, dtype="uint8")
    return caught.value, f"memory for {2**60} bytes"


def cupy_error() -> tuple[Exception, str]:
    return needs("cupy").cuda.memory.OutOfMemoryError(4096, 10), "memory for 4,096 bytes"


def cuda_error() -> tuple[Exception, str]:
    return needs("cupy").cuda.runtime.CUDARuntimeError(2), "more memory"


MEMORY_ERRORS = (
    numpy_error,
    torch_cpu_error,
    torch_cuda_error,
    jax_error,
    cupy_error,
    cuda_error,
)


@pytest.fixture(params=MEMORY_ERRORS, ids=[make.__name__[:-6] for make in MEMORY_ERRORS])
def memory_error(request: pytest.FixtureRequest) -> tuple[Exception, str]:
    """A library's out-of-memory error, and what it says could not be had."""
    made: tuple[Exception, str] = request.param()
    return made


@pytest.fixture(autouse=True)
def no_press_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C of a test be the first one for long: two within two seconds end a loop."""
    monkeypatch.setattr(Interrupts, "_last_noted", -np.inf)
