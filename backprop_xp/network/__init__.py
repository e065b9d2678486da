"""The network: a frozen description and its parameters θ; their outputs, cost and gradient.

The modules, in the order to read them:

.. code-block:: text

    network            `Network`, a frozen description; init, forward, cost, gradient
    description        sizes, activations and the axes of a stack, checked
    methods_elsewhere  methods of networks in other libraries, with the advice for each
    network_argument   the argument `net` of functions, checked
    backpropagation    the equations layer after layer, forward and backward
    output_layer       an output activation with a loss, where the error begins
    parameters         θ as W and b of each layer, and back
    connections        masks, 0 for each removed connection
    block_layer        a layer whose units see a block of inputs each, without the zeros between
    block_network      a network that begins with such a layer, and its equal with a mask
    columns            arguments, checked and turned into the columns of the equations
    data_values        the values of data: finite, in range, labels that exist
    folding            scalings of inputs and of targets, folded into θ
    summary            the layers as a table
    prediction         outputs for data of any size, in memory or in files; ensembles
    decisions          from outputs to classes, labels or numbers, and to probabilities
    compiled_outputs   outputs on NumPy, compiled by numba
    chunks             chunks of cases, small enough for the cache
    ordinal_classes    targets and probabilities of ordered classes

It imports the pages `activations`, `losses`, `initializers`, `equations`, and `arrays`.
"""

from backprop_xp.network.network import Network
from backprop_xp.network.parameters import Layer
from backprop_xp.network.prediction import Ensemble, ensemble, predict

__all__ = ["Ensemble", "Layer", "Network", "ensemble", "predict"]
