"""One update of θ: gradient, penalties, clipping, the optimiser's step, bounds on weights.

.. code-block:: text

    update            the step, a function of arrays: the page to read first
    regularization    penalties, clipping, shrinkage, max-norm, smoothed targets
    dropout           units left out
    numbers           the numbers of each step: learning rates and the like
    stack_groups      groups of networks, where a stack is large
"""
