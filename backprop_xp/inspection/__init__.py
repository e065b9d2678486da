"""Inspection: every number of a pass, gradients checked by differences, learning curves.

.. code-block:: text

    trace              z, a, δ and the gradients of each layer, with their equations
    written_equations  the equations of a trace with their numbers, step by step
    rendering          a trace as text, as LaTeX and as an HTML page
    page/              an interactive page: every number anew where one is changed
    formulas           the formulas of activations and losses
    not_finite         the first quantity of a trace that is NaN or ∞
    trace_check        each number of a trace beside a central difference
    ascii_spelling     the symbols of the notation in ASCII
    gradient_check     gradients beside central differences
    learning_curve     cost and accuracy by epoch, as a figure and its file
    plots/             curves, weights, layers, classes, regions, surfaces: on axes of matplotlib
    run_table          a run as a small table in HTML
    history_frame      the history of training as a data frame

Read them in this order. The room imports `files` and the rooms below it. It exports no names:
the function `trace` would hide the module `trace`.
"""
