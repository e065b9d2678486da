"""PyTorch as a peer, with autograd: eager, compiled, as a CUDA graph, and by vmap."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import cross_entropy, linear

from benchmarks.job import Job
from benchmarks.meters import meter_for
from benchmarks.peers import LeftOut, Peer

MODULES = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}
FUNCTIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid}


def train(job: Job) -> Peer:
    """Return the peer that trains with modules and an optimiser, eagerly."""
    return _train(job, lambda step: step)


def train_compiled(job: Job) -> Peer:
    """Return the peer that trains with the same step, compiled."""
    return _train(job, lambda step: torch.compile(step, dynamic=False))


def _train(job: Job, wrap: Callable[[Any], Any]) -> Peer:
    X, Y = _data(job)
    trained = Trained(job)

    @wrap
    def step(rows: Any) -> Any:
        return trained.step(X[rows], Y[rows])

    def run(epochs: int) -> Any:
        trained.restart()
        costs = []
        for epoch in range(epochs):
            total = torch.zeros((), device=X.device)
            for rows in _order(job, epoch).split(job.batch_size):
                total += step(rows)
            costs.append(total / job.batches)
        return costs[0]

    return Peer(run, meter_for("torch", job.cuda_index))


def train_graph(job: Job) -> Peer:
    """Return the peer whose step is a CUDA graph, captured once and replayed for every batch."""
    if job.cuda_index is None:
        raise LeftOut("CUDA graphs need a CUDA device")
    X, Y = _data(job)
    trained = Trained(job, capturable=True)
    trained.held = (X, Y)  # a graph holds addresses, which keep no array alive
    rows = torch.arange(job.batch_size, device=X.device)
    total = torch.zeros((), device=X.device)

    def step() -> None:
        total.add_(trained.step(X[rows], Y[rows]))

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # a capture needs some steps before it, on another stream
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    trained.optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step()

    def run(epochs: int) -> Any:
        trained.restart()
        costs = []
        for epoch in range(epochs):
            total.zero_()
            for batch in _order(job, epoch).split(job.batch_size):
                rows.copy_(batch)
                graph.replay()
            costs.append(total / job.batches)
        return costs[0]

    return Peer(run, meter_for("torch", job.cuda_index))


class Trained:
    """A model with its optimiser, which can restart."""

    def __init__(self, job: Job, *, capturable: bool = False) -> None:
        place = _place(job)
        self._start = [torch.from_numpy(x).to(place) for layer in job.layers() for x in layer]
        modules: list[Any] = []
        for n_in, n_out in pairwise(job.sizes):
            modules += [torch.nn.Linear(n_in, n_out), MODULES[job.hidden]()]
        self.model = torch.nn.Sequential(*modules[:-1]).to(place)
        parameters = self.model.parameters()
        self.optimizer: Any = (
            torch.optim.SGD(parameters, lr=job.learning_rate)
            if job.optimizer == "sgd"
            else torch.optim.Adam(parameters, lr=job.learning_rate, capturable=capturable)
        )
        self._cost = torch.nn.CrossEntropyLoss()
        self.held: Any = None
        self.restart()

    def restart(self) -> None:
        """Reset the parameters and the state of the optimiser, in the same memory."""
        with torch.no_grad():
            for parameter, start in zip(self.model.parameters(), self._start, strict=True):
                parameter.copy_(start)
            for state in self.optimizer.state.values():
                for number in state.values():
                    if number is not None:
                        number.zero_()

    def step(self, X: Any, Y: Any) -> Any:
        """Make one update and return the cost before it."""
        self.optimizer.zero_grad(set_to_none=True)
        cost = self._cost(self.model(X), Y)
        cost.backward()
        self.optimizer.step()
        return cost.detach()


def train_vmapped(job: Job) -> Peer:
    """Return the peer that trains a stack by ``torch.func.vmap`` of the gradient."""
    X, Y = _data(job)
    start = [torch.from_numpy(x).to(X.device) for layer in job.layers() for x in layer]

    def cost(parameters: list[Any], X: Any, Y: Any) -> Any:
        return cross_entropy(_forward(job, parameters, X), Y)

    gradients = torch.func.vmap(torch.func.grad_and_value(cost), in_dims=(0, None, None))

    def run(epochs: int) -> Any:
        parameters, costs = [x.clone() for x in start], []
        for epoch in range(epochs):
            total = torch.zeros(job.stack, device=X.device)
            for rows in _order(job, epoch).split(job.batch_size):
                slopes, E = gradients(parameters, X[rows], Y[rows])
                for parameter, slope in zip(parameters, slopes, strict=True):
                    parameter.sub_(slope, alpha=job.learning_rate)
                total += E
            costs.append(total / job.batches)
        return costs[0]

    return Peer(run, meter_for("torch", job.cuda_index))


def predict(job: Job) -> Peer:
    """Return the peer that predicts probabilities, without recording a graph."""
    X, _ = _data(job)
    model = Trained(job).model

    def run(passes: int) -> Any:
        with torch.no_grad():
            for _ in range(passes):
                outputs = torch.softmax(model(X), dim=-1)
        return outputs

    return Peer(run, meter_for("torch", job.cuda_index))


def _forward(job: Job, parameters: list[Any], X: Any) -> Any:
    """Return z of the output layer, (m, n_out)."""
    a = X
    for layer in range(0, len(parameters), 2):
        a = linear(a if layer == 0 else FUNCTIONS[job.hidden](a), *parameters[layer : layer + 2])
    return a


def _place(job: Job) -> Any:
    torch.set_num_threads(job.threads)
    if job.cuda_index is None:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise LeftOut("this PyTorch finds no CUDA device")
    return torch.device("cuda", job.cuda_index)


def _data(job: Job) -> tuple[Any, Any]:
    X, Y = job.data()
    place = _place(job)
    return torch.from_numpy(X).to(place), torch.from_numpy(Y).long().to(place)


def _order(job: Job, epoch: int) -> Any:
    return torch.from_numpy(job.order(epoch)).to(_place(job))
