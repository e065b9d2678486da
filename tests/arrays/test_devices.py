"""Devices by name, by "auto" and by the environment, and the list of all."""

import copy
import importlib
import pickle

import array_api_compat.numpy
import pytest
from broken_libraries import absent

from backprop_xp.arrays import devices as module
from backprop_xp.arrays.advice import install_command
from backprop_xp.arrays.devices import (
    ENVIRONMENT_VARIABLE,
    Device,
    DeviceStatus,
    devices,
    select_device,
)
from backprop_xp.errors import DeviceError

NOTHING = {name: absent(name) for name in ("cupy", "torch", "jax")}

# ---------------------------------------------------------------------------------------------
# names


def test_cpu_is_numpy():
    device = select_device("cpu")
    assert (device.name, device.handle, device.why) == ("cpu", "cpu", "asked for by name")
    assert device.xp is array_api_compat.numpy
    assert str(device) == "cpu (asked for by name)"


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_cpu_of_the_other_libraries(library):
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    device = select_device(f"{library}:cpu")
    assert device.name == f"{library}:cpu"
    x = device.xp.zeros((2,), device=device.handle)
    assert isinstance(x, module.Tensor if library == "torch" else module.Array)


def test_a_copy_of_a_device_is_that_device():
    cpu = select_device("cpu")
    for again in (copy.deepcopy(cpu), pickle.loads(pickle.dumps(cpu))):  # noqa: S301  its own
        assert (again, again.xp, again.handle) == (cpu, cpu.xp, cpu.handle)


def test_a_device_is_returned_as_it_is():
    device = select_device("cpu")
    assert select_device(device) is device
    assert select_device("cpu") == device
    assert Device("cpu", "another reason", None, None) == device  # the name is what counts
    assert hash(select_device("cpu")) == hash(device)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("cdua", "Did you mean 'cuda'?"),
        ("CUDA", "Did you mean 'cuda'?"),
        ("torch:gpu", None),
        ("jaxcpu", "Did you mean 'jax:cpu'?"),
        ("cpu:0", "Did you mean 'cpu'?"),
        ("torch:cpu:1", "Did you mean 'torch:cpu'?"),
        ("cuda:", None),
        ("cuda:-1", "Did you mean 'cuda:1'?"),
        ("cuda:1.0", "Did you mean 'cuda:1'?"),
        ("cuda ", "Did you mean 'cuda'?"),
        ("cuda\n", "Did you mean 'cuda'?"),
        ("tpu", "Did you mean 'cpu'?"),
        ("", "Use one of the known names"),
        ("mps", "Use one of the known names"),
        (3, "Use one of the known names"),
        (b"cpu", None),
        (["cpu"], None),
    ],
)
def test_unknown_names(name, advice):
    with pytest.raises(DeviceError, match=r"expected one of auto, cpu, cuda, cuda:1, torch:cpu"):
        select_device(name)
    with pytest.raises(DeviceError) as caught:
        select_device(name)
    where, came, _, said = caught.value.parts
    assert (where, came) == ("device", repr(name))
    assert advice in (None, said)


# ---------------------------------------------------------------------------------------------
# "auto" and the environment


@pytest.mark.parametrize("name", [None, "auto"])
def test_auto_without_a_gpu_is_the_cpu_and_says_why(name, no_module):
    no_module(cupy=absent("cupy"))
    device = select_device(name)
    assert (device.name, device.why) == ("cpu", "no usable CUDA device: CuPy is not installed")


def test_auto_with_a_gpu_takes_it(gpu):
    gpu()
    device = select_device()
    assert (device.name, device.why) == ("cuda:0", "a usable CUDA device was found")
    assert device.handle.index == 0


@pytest.mark.parametrize("name", [None, "auto"])
def test_the_variable_is_what_auto_means(monkeypatch, name):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, " cpu ")
    device = select_device(name)
    assert (device.name, device.why) == ("cpu", "named by BACKPROP_XP_DEVICE")


def test_a_name_wins_over_the_variable(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "cuda")
    assert select_device("cpu").why == "asked for by name"


@pytest.mark.parametrize("text", ["", "  ", "auto"])
def test_an_empty_variable_is_none(monkeypatch, no_module, text):
    no_module(cupy=absent("cupy"))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, text)
    assert select_device().why.startswith("no usable CUDA device")


def test_a_variable_that_names_an_unusable_device_is_an_error(monkeypatch, no_module):
    # not the CPU in silence: who sets it wants that device
    no_module(cupy=absent("cupy"))
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "cuda")
    with pytest.raises(DeviceError, match=r"BACKPROP_XP_DEVICE.*CuPy is not installed"):
        select_device()


def test_a_variable_with_an_unknown_name_is_an_error(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "gpuu")
    with pytest.raises(DeviceError, match=r"BACKPROP_XP_DEVICE.*'gpuu'.*expected one of auto"):
        select_device()


# ---------------------------------------------------------------------------------------------
# CuPy, by the errors that it raises


def test_a_gpu_that_works(gpu):
    gpu()
    device = select_device("cuda:1")
    assert (device.name, device.handle.index) == ("cuda:1", 1)
    assert device.xp is importlib.import_module("array_api_compat.cupy")


def test_the_real_cupy_of_this_machine():
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    if cupy.is_available():
        assert select_device("cuda").name == "cuda:0"
        return
    with pytest.raises(DeviceError, match=r"driver|no CUDA device|libcu"):
        select_device("cuda")


each_library = pytest.mark.parametrize(
    ("name", "module", "title"),
    [("cuda", "cupy", "CuPy"), ("torch:cpu", "torch", "PyTorch"), ("jax:cpu", "jax", "JAX")],
)
EXTRAS = {"cupy": "cuda13", "torch": "torch", "jax": "jax"}


@each_library
def test_a_library_that_is_not_installed(no_module, name, module, title):
    no_module(**{module: absent(module)})
    with pytest.raises(DeviceError) as caught:
        select_device(name)
    assert caught.value.parts[1] == f"{title} is not installed"
    assert install_command(EXTRAS[module]) in caught.value.parts[3]


@pytest.mark.parametrize(("name", "title"), [("torch:cpu", "PyTorch"), ("jax:cpu", "JAX")])
@pytest.mark.parametrize(
    ("error", "line"),
    [
        (absent("inner"), "No module named 'inner'"),
        (ImportError("\nlibstdc++ is too old\nand a page of advice"), "libstdc++ is too old"),
        (ImportError(""), "ImportError"),
        (OSError("libcudart.so.12: cannot open"), "libcudart.so.12: cannot open"),
    ],
)
def test_a_library_that_is_broken(no_module, name, title, error, line):
    module = name.partition(":")[0]
    no_module(**{module: error})
    with pytest.raises(DeviceError) as caught:
        select_device(name)
    assert caught.value.parts[1] == f"a broken installation of {title}: {line}"
    advice = f"Install it anew: {install_command(module)}"
    assert caught.value.parts[3] == advice


# ---------------------------------------------------------------------------------------------
# CUDA of PyTorch and JAX


@pytest.mark.parametrize("name", ["torch:cuda", "torch:cuda:1"])
def test_torch_without_cuda(monkeypatch, name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"PyTorch finds no usable CUDA device.*its CUDA build"):
        select_device(name)


def test_torch_with_two_cuda_devices(monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert select_device("torch:cuda").name == "torch:cuda:0"
    assert select_device("torch:cuda:1").handle == torch.device("cuda", 1)
    with pytest.raises(DeviceError, match=r"'torch:cuda:2': got no device 2, .* devices 0 and 1"):
        select_device("torch:cuda:2")


def test_jax_without_cuda(monkeypatch):
    jax = pytest.importorskip("jax", reason="jax is not installed")

    def none(kind):
        raise RuntimeError(f"Unknown backend {kind}\nand more lines")

    monkeypatch.setattr(jax, "devices", none)
    with pytest.raises(DeviceError) as caught:
        select_device("jax:cuda")
    assert caught.value.parts[1] == "JAX finds no device of this kind: Unknown backend cuda"


def test_jax_with_two_cuda_devices(monkeypatch):
    jax = pytest.importorskip("jax", reason="jax is not installed")
    monkeypatch.setattr(jax, "devices", lambda kind: [f"{kind}-first", f"{kind}-second"])
    assert select_device("jax:cuda:1").handle == "cuda-second"
    with pytest.raises(DeviceError, match=r"'jax:cuda:2': got no device 2, .* devices 0 and 1"):
        select_device("jax:cuda:2")


# ---------------------------------------------------------------------------------------------
# the list


def test_devices_where_nothing_is_installed(no_module):
    no_module(**NOTHING)
    found = devices()
    assert [one.name for one in found] == [
        "cpu",
        "cuda",
        "torch:cpu",
        "torch:cuda",
        "jax:cpu",
        "jax:cuda",
    ]
    assert [one.available for one in found] == [True] + [False] * 5
    assert str(found[0]) == "cpu          available"
    assert str(found[1]).startswith("cuda         not available: CuPy is not installed. Run python")


def test_devices_of_this_machine_can_be_selected():
    for one in devices():
        if one.available:
            assert one.why_not == ""
            assert select_device(one.name).name == one.name
        else:
            assert one.why_not
            with pytest.raises(DeviceError):
                select_device(one.name)


def test_devices_lists_every_gpu(gpu, monkeypatch):
    gpu(count=3)
    torch = pytest.importorskip("torch", reason="torch is not installed")
    jax = pytest.importorskip("jax", reason="jax is not installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(jax, "devices", lambda kind: [kind, kind])
    assert [one.name for one in devices()] == [
        "cpu",
        "cuda:0",
        "cuda:1",
        "cuda:2",
        "torch:cpu",
        "torch:cuda:0",
        "jax:cpu",
        "jax:cpu:1",
        "jax:cuda:0",
        "jax:cuda:1",
    ]


def test_a_status_is_a_line():
    assert str(DeviceStatus("cuda", available=False, why_not="no driver. Install one")) == (
        "cuda         not available: no driver. Install one"
    )


def test_every_name_of_the_documentation_is_understood(no_module):
    no_module(**NOTHING)
    for name in (
        "cuda",
        "cuda:1",
        "torch:cpu",
        "torch:cuda",
        "torch:cuda:1",
        "jax:cpu",
        "jax:cuda",
    ):
        assert name in module.__doc__
        with pytest.raises(DeviceError, match="is not installed"):
            select_device(name)
