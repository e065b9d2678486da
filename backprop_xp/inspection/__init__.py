"""Inspection: every number of a pass, derivatives checked by differences, curves.

.. code-block:: text

    trace              z, a, δ and the gradients of each layer, with their equations
    written_equations  the equations of a trace with their numbers, line by line
    rendering          a trace as text, as LaTeX and as a page
    gradient_check     gradients beside central differences
    learning_curve     cost and accuracy by epoch, as a picture

It has no names of its own, for `trace` would hide its module.
"""
