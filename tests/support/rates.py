"""Values of a schedule, and the learning rates of PyTorch's schedulers."""

import pytest


def values(schedule, count):
    return [schedule(step) for step in range(count)]


def torch_rates(make, count, **chosen):
    """Return the rates, and the momenta, of PyTorch's scheduler at the steps from 0 on."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    parameter = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([parameter], lr=0.5, momentum=0.9)
    scheduler, rates, momenta = make(torch.optim.lr_scheduler)(sgd, **chosen), [], []
    for _ in range(count):
        rates.append(sgd.param_groups[0]["lr"])
        momenta.append(sgd.param_groups[0]["momentum"])
        sgd.step()
        scheduler.step()
    return rates, momenta
