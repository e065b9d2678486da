"""The network: a frozen description, its parameters θ beside it, and what the two compute.

.. code-block:: text

    network            `Network`, a frozen description; init, forward, cost, gradient
    backpropagation    the equations layer after layer, forward and backward
    output_layer       an output activation with a loss, where the error begins
    parameters         θ as W and b of each layer, and back
    connections        masks of removed connections
    columns            what comes in, as the columns that the equations take
    data_values        the values of data: finite, in range, labels that exist
    prediction         outputs for data of any size and place; ensembles
    chunks             how many cases go through the layers at once
    ordinal_classes    targets and probabilities of ordered classes

It imports the pages `activations`, `losses`, `initializers`, `equations`, and `arrays`.
"""

from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer
from backprop_xp.network.prediction import Ensemble, ensemble, predict

__all__ = ["Ensemble", "Layer", "Network", "ensemble", "predict"]
