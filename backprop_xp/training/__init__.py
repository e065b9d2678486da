"""Training: `train.train`, and what it is made of.

.. code-block:: text

    train              what comes in, where it begins, and the run that comes out
    task               everything that came in, checked and moved
    loop, lbfgs        epoch after epoch of steps; minimisation by SciPy
    trainer            a block of batches, by groups of networks where a stack is large
    step/              one update of θ: gradient, penalties, clipping, optimiser, bounds
    data/              cases, their weights, and batches
    scoring            cost and accuracy on the device
    epoch_record       what an epoch leaves on the device, read once at its end
    progress           where training stands, as callbacks see it
    run                what `train` returns
    failures           errors that hold the last good θ
    interrupts         Ctrl-C
    fingerprint        settings as texts, by which a resumed run is compared

It has no names of its own, for `train` would hide its module.
"""
