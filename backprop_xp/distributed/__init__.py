"""Several processes that train one network together.

The gradient of a batch is the sum of the gradients of its shards: each process computes the gradient
of its share, one sum over all processes follows, and each of them updates its own θ by it.

.. code-block:: text

    ranks        `Ranks`: the processes, this one among them, and the share of each
"""
