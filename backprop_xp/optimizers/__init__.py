"""Optimisers: rules by which a step changes θ, the whole flat vector at once.

An optimiser is a frozen description with three methods. ``settings(step)`` returns its
hyperparameters at that step by name. ``init(theta)`` returns its state, a tuple of arrays like θ.
``update(theta, state, dE_dtheta, **settings)`` returns the next θ and state. It consumes θ and the
state, since new memory would cost more than the arithmetic. The gradient is lent: `update` may
overwrite it, and the next gradient will.

.. code-block:: text

    sgd                gradient descent with momentum: the page to read first
    adam, adaptive     Adam, AdamW, NAdam; RMSprop, Adagrad
    rprop, lbfgs       optimisers of the full batch
    protocol           the methods that training calls
    catalogue          the built-in optimisers by name
    hyperparameters    the base class: numbers with a range each, constant or scheduled
    cache_pieces       sweeps over θ in pieces that stay in the cache

This room imports `schedules`, `arrays` and `errors` alone.
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
