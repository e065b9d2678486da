"""Several devices by a list, and all of a kind."""

import pytest
from broken_libraries import absent

import backprop_xp as bp
from backprop_xp.arrays.several_devices import select_devices


def names(given):
    return [device.name for device in select_devices(given)]


def test_one_device_is_a_list_of_one():
    cpu = bp.select_device("cpu")
    for given in ("cpu", cpu, ["cpu"], (cpu,)):
        assert select_devices(given) == (cpu,)


def test_all_devices_of_a_kind(gpu, monkeypatch):
    gpu(count=3)
    assert names("cuda:*") == ["cuda:0", "cuda:1", "cuda:2"]
    assert names(["cuda:2", "cuda:0"]) == ["cuda:2", "cuda:0"]
    jax = pytest.importorskip("jax", reason="jax is not installed")
    monkeypatch.setattr(jax, "devices", lambda kind: [kind, kind])
    assert names("jax:cpu:*") == ["jax:cpu", "jax:cpu:1"]
    assert names("cpu:*") == ["cpu"]


@pytest.mark.parametrize("given", [[], ["cpu", "cpu"], ["cpu", "cpu:*"]])
def test_each_device_comes_once(given):
    with pytest.raises(bp.DeviceError, match="each once, all of one library"):
        select_devices(given)


def test_the_devices_are_of_one_library(gpu):
    gpu(count=1)
    with pytest.raises(bp.DeviceError, match="all of one library"):
        select_devices(["cpu", "cuda:0"])


def test_a_device_that_cannot_be_used(no_module):
    no_module(cupy=absent("cupy"))
    with pytest.raises(bp.DeviceError, match="CuPy is not installed"):
        select_devices("cuda:*")
