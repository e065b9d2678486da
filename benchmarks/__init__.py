"""Benchmarks: ``python -m benchmarks train`` and other commands time the library beside its peers.

============  =====================================================================
``train``     an epoch of training
``stack``     many small networks at once
``predict``   a forward pass
``scale``     time and memory by width, depth, batch, cases and stack
``machines``  training on more than one core
``threads``   training with the threads that the library chooses, with all and with one
``import``    how long ``import backprop_xp`` takes
``disk``      training on a file that is larger than memory
============  =====================================================================

Each peer runs in a process of its own. Peers are timed in turn, on the same data in the same order.
"""
