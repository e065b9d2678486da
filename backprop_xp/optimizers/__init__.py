"""Optimisers: how a step uses the gradient, on the whole flat vector θ at once.

An optimiser is a frozen description with three methods: ``settings(step)`` returns its numbers at
that step by name; ``init(theta)`` returns its state, a tuple of arrays like θ; and
``update(theta, state, dE_dtheta, **settings)`` returns the next θ and state. It consumes θ and the
state, for fresh memory would cost more than the arithmetic. The gradient is lent to it.

.. code-block:: text

    sgd                gradient descent with momentum: the page to read first
    adam, adaptive     Adam, AdamW, NAdam; RMSprop, Adagrad
    rprop, lbfgs       optimisers of the full batch
    protocol           what training asks of an optimiser
    hyperparameters    the numbers of an optimiser by name, in range at every step
    cache_pieces       sweeps over θ in pieces that stay in the cache

It imports `schedules`, `arrays` and `errors` alone.
"""

from backprop_xp.optimizers.adam import Adam, AdamW, NAdam
from backprop_xp.optimizers.adaptive import Adagrad, RMSprop
from backprop_xp.optimizers.lbfgs import LBFGS, Derivative
from backprop_xp.optimizers.protocol import Optimizer, State
from backprop_xp.optimizers.rprop import Rprop
from backprop_xp.optimizers.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "Rprop",
    "State",
]

OPTIMIZERS = (SGD, RMSprop, Adagrad, Adam, AdamW, NAdam, Rprop, Derivative)
"""The optimisers that take steps: this library's own, which never look at a number."""
