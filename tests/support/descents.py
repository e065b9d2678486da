"""Steps of an optimiser on given gradients, and beside PyTorch's on the same problem."""

import numpy as np
from training_steps import numbers_of


def steps(xp, optimizer, theta, gradients, dtype=None):
    """Return θ after each step, as NumPy arrays."""
    theta = xp.array(theta, dtype) * 1  # memory of its own: an update consumes it
    settings, state, found = numbers_of(optimizer, theta), optimizer.init(theta), []
    for gradient in gradients:
        numbers = settings.next().optimizer
        theta, state = optimizer.update(theta, state, xp.array(gradient, dtype) * 1, **numbers)
        found.append(xp.host(theta).copy())
    return found


def problem(seed=0):
    """Return the matrix, the start and the noise of a smooth problem, g = A θ + ½ sin θ − noise."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((6, 6))
    start, *noise = rng.standard_normal((201, 6))
    return A @ A.T / 6 + np.eye(6), start, noise


def gradient_at(theta, A, noise):
    return A @ theta + 0.5 * np.sin(theta) - noise


def beside_pytorch(optimizer, make_peer, *, noisy=True, rates=None, count=200):
    """Yield θ after each of some steps in float64, and PyTorch's.

    Parameters
    ----------
    optimizer : Optimizer
    make_peer : callable
        Makes PyTorch's optimiser of a list of parameters.
    noisy : bool
        Whether the gradient has other noise at each step, or that of the first.
    rates : list of float, optional
        PyTorch's rate at each step, where it changes.
    count : int
        Steps, in which the noise comes again every 200.
    """
    import torch

    A, start, noise = problem()
    peer = torch.nn.Parameter(torch.tensor(start))
    torch_optimizer = make_peer([peer])
    theta, state = start.copy(), optimizer.init(start)
    for step in range(count):
        of_step = noise[step % len(noise) if noisy else 0]
        if rates is not None:
            torch_optimizer.param_groups[0]["lr"] = rates[step]
        g = gradient_at(theta, A, of_step)
        theta, state = optimizer.update(theta, state, g, **optimizer.settings(step))
        peer.grad = torch.tensor(gradient_at(peer.detach().numpy(), A, of_step))
        torch_optimizer.step()
        yield theta.copy(), peer.detach().numpy().copy()
