"""Preprocessing: the steps that make a network's inputs from the columns of a table.

.. code-block:: text

    table              the columns that a step takes and returns
    step               what a step is, and its description as numbers and names
    scaling            mean 0 and variance 1; a range
    normal_quantile    the inverse of the normal distribution function
    quantiles          quantiles to a uniform or a normal distribution
    smooth_clip        a smooth bound on numbers
    piecewise_linear   a column for each bin of a number
    missing            the signs of a missing value
    imputation         a value in place of a missing one
    as_text            categories as texts
    one_hot            a column for each category
    composition        steps in turn, and side by side
    inputs             the columns that a step looks at, and those that hold texts
    unknown_levels     the columns with levels that training has not seen
    catalogue          every step by its name, and a step from its description

Read them in this order. A step is a frozen dataclass of numbers and names, which were fitted on the
training rows elsewhere. It is applied by NumPy on the host, in float64. The room imports `arrays`
and `errors`.
"""
