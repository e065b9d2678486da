"""One update of θ: gradient, penalties, clipping, optimiser, shrinkage, max-norm.

.. code-block:: text

    update            the step, a function of arrays: the page to read first
    gradient          ∂E/∂θ of a batch, in memory that is used again at each step
    regularization    penalties, clipping, shrinkage, max-norm, smoothed targets
    dropout           units and inputs dropped at random
    numbers           the numbers of each step, such as the learning rate, on the device
    compiled          the step over a block of batches, compiled or replayed
    scored            steps with the scores of their batches
    summed            steps in two parts, with a sum over several processes in between
    stack_groups      groups of networks, where a stack is large
    stack_members     the networks of a stack that are in training; some may leave
"""
