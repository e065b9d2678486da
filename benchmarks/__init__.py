"""Benchmarks: ``python -m benchmarks train`` and its sisters time the library beside its peers.

============  =====================================================================
``train``     an epoch of training
``stack``     many small networks at once
``predict``   a forward pass
``scale``     time and memory by width, depth, batch, cases and stack
``import``    how long ``import backprop_xp`` takes
``disk``      training on a file that is larger than memory
============  =====================================================================

Peers run in processes of their own, in turn, on the same data in the same order.
"""
