"""Fifty regularised steps beside PyTorch's automatic derivatives."""

import numpy as np
import pytest
from needs import needs

import backprop_xp as bp

STEPS = 50
_rng = np.random.default_rng(5)
MANY_X, MANY_LABELS = _rng.standard_normal((24, 4)), _rng.integers(0, 3, 24)
DEEP = bp.Network([4, 6, 5, 3], "tanh", "softmax", "cross_entropy")
ONE_UNIT = bp.Network([4, 6, 1], "tanh", "sigmoid", "binary_cross_entropy")


def smoothed_loss(torch, z, labels, smoothing):
    if z.shape[1] > 1:
        return torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(z, torch.tensor(labels))
    y = torch.tensor(labels[:, None] * (1 - smoothing) + smoothing / 2)
    return torch.nn.BCEWithLogitsLoss()(z, y)


def on_pytorch(net, theta, labels, *, by_library=False, **chosen):
    """Train by PyTorch's derivatives, optimiser and clipping; return θ and the costs.

    `by_library` takes ``clip_grad_norm_`` too, which adds 1e-6 to the norm.
    """
    torch = needs("torch")
    X = torch.tensor(MANY_X)
    parts = [torch.tensor(part, requires_grad=True) for of in net.unpack(theta) for part in of]
    weights = parts[::2]
    decayed = parts if chosen.get("decay_biases") else weights
    optimizer, costs = torch.optim.SGD(parts, lr=0.2, momentum=0.9), []
    p = chosen.get("input_dropout", 0.0)
    for epoch in range(STEPS):
        key = np.random.SeedSequence(9, spawn_key=(4, epoch))  # the fifth of a seed's streams
        noise = np.random.default_rng(key).random((4, len(X)), dtype="float32")
        a = X * torch.tensor((noise >= p) / (1 - p)).T
        for number, (W, b) in enumerate(zip(weights, parts[1::2], strict=True)):
            a = torch.nn.functional.linear(torch.tanh(a) if number else a, W, b[:, 0])
        cost = smoothed_loss(torch, a, labels, chosen.get("label_smoothing", 0.0))
        cost = cost + chosen.get("l1", 0.0) * sum(x.abs().sum() for x in decayed)
        cost = cost + 0.5 * chosen.get("l2", 0.0) * sum((x**2).sum() for x in decayed)
        optimizer.zero_grad()
        cost.backward()
        costs.append(cost.item())
        if "clip_value" in chosen:
            torch.nn.utils.clip_grad_value_(parts, chosen["clip_value"])
        if "clip_norm" in chosen and by_library:
            torch.nn.utils.clip_grad_norm_(parts, chosen["clip_norm"])
        elif "clip_norm" in chosen:
            norm = torch.linalg.vector_norm(torch.cat([x.grad.reshape(-1) for x in parts]))
            for x in parts:
                x.grad *= min(1.0, chosen["clip_norm"] / float(norm))
        optimizer.step()
        with torch.no_grad():
            for x in decayed:
                x.mul_(1 - chosen.get("shrinkage", 0.0))
            for W in weights if "max_norm" in chosen else ():
                norms = torch.linalg.vector_norm(W, dim=1, keepdim=True)
                W.mul_(torch.clamp(chosen["max_norm"] / norms, max=1))
    return np.concatenate([x.detach().numpy().reshape(-1) for x in parts]), costs


DECAY = {"l1": 1e-3, "l2": 1e-2, "shrinkage": 1e-3, "decay_biases": True}
ALL = {**DECAY, "input_dropout": 0.2, "label_smoothing": 0.1}
ALL |= {"clip_value": 0.1, "clip_norm": 0.2, "max_norm": 1.0}


@pytest.mark.parametrize("net", [DEEP, ONE_UNIT], ids=["classes", "one unit"])
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"l1": 0.02},
        {"l1": 0.02, "l2": 0.1, "decay_biases": True},
        {"shrinkage": 0.02},
        {"input_dropout": 0.4},
        {"label_smoothing": 0.3},
        {"clip_value": 0.05},
        {"clip_norm": 0.1},
        {"max_norm": 0.6},
        ALL,
    ],
    ids=lambda x: "-".join(x) or "plain",
)
def test_fifty_steps_are_those_of_pytorch(net, chosen):
    # sums in other orders: some hundred roundings of 1e-16 a step, and 50 steps that let no error
    # grow a thousandfold
    theta, labels = net.init(seed=3, dtype="float64"), MANY_LABELS % max(net.sizes[-1], 2)
    expected, costs = on_pytorch(net, theta, labels, **chosen)
    settings = {"epochs": STEPS, "batch_size": None, "seed": 9, **chosen}
    run = bp.train(net, MANY_X, labels, theta, optimizer=bp.SGD(0.2, 0.9), **settings)
    np.testing.assert_allclose(run.theta, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(run.history["cost"], costs, rtol=1e-10)
    plain = bp.train(
        net, MANY_X, labels, theta, optimizer=bp.SGD(0.2, 0.9), epochs=STEPS, batch_size=None
    )
    assert not chosen or np.abs(run.theta - plain.theta).max() > 1e-3  # and it does something


def test_clipping_by_norm_is_pytorchs_but_for_what_it_adds_to_the_norm():
    # c / (‖g‖ + 1e-6) in place of c / ‖g‖, with ‖g‖ > c = 0.1: 1e-5 of each update, of which 50
    # with momentum add up to less than ten times 50 · 0.2 · 0.1 · 1e-5
    theta = DEEP.init(seed=3, dtype="float64")
    found, _ = on_pytorch(DEEP, theta, MANY_LABELS, by_library=True, clip_norm=0.1)
    settings = {"epochs": STEPS, "batch_size": None, "clip_norm": 0.1}
    run = bp.train(DEEP, MANY_X, MANY_LABELS, theta, optimizer=bp.SGD(0.2, 0.9), **settings)
    np.testing.assert_allclose(run.theta, found, rtol=0, atol=1e-4)
    assert np.abs(run.theta - theta).max() > 0.1
