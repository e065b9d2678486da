"""Plots: the pictures that people expect, each on axes of matplotlib. Public as ``bp.plots``.

.. code-block:: text

    curves    `learning_curve`: an entry of the history by epoch
    weights   `hinton`, and `weight_images` of the first layer
    layers    `layer_norms` and `activation_histogram` over the epochs
    classes   `confusion_matrix`, `calibration_curve`
    regions   `decision_regions` of two inputs
    surface   `cost_surface` along two directions
    scatter   `score_scatter` of hyperparameters
    bands     the curves of a stack
    panel     axes without pyplot, colours, frames

Read `curves` first, then `panel`, which makes the axes. Each function takes axes as ``ax``, or
makes new axes without pyplot, and returns them. It draws on these axes alone, and needs no screen.
matplotlib, the extra "plot", is imported when a function is called.
"""

from backprop_xp.inspection.plots.classes import calibration_curve, confusion_matrix
from backprop_xp.inspection.plots.curves import learning_curve
from backprop_xp.inspection.plots.layers import activation_histogram, layer_norms
from backprop_xp.inspection.plots.regions import decision_regions
from backprop_xp.inspection.plots.scatter import score_scatter
from backprop_xp.inspection.plots.surface import cost_surface
from backprop_xp.inspection.plots.weights import hinton, weight_images

__all__ = [
    "activation_histogram",
    "calibration_curve",
    "confusion_matrix",
    "cost_surface",
    "decision_regions",
    "hinton",
    "layer_norms",
    "learning_curve",
    "score_scatter",
    "weight_images",
]
