"""A block of steps as one launch, in which a thread block trains one network of a stack.

.. code-block:: text

    forms          operations that are the same, in one form
    order          operations for the outputs alone, as early as they can be
    single         the step of one network, recorded from the arrays of a stack
    phases         a recorded operation as a loop that the threads share
    banks          rows of matrices apart, so that the threads of a warp read at once
    barriers       where a phase needs one
    plan           a tape as phases between barriers, and their places in shared memory
    source         a plan as the source of one CUDA kernel
    pieces         a block of steps as launches of at most 50 ms
    launch         the kernel in place of the recorded step

Read them in this order. θ, the optimiser's state and the activations stay in shared memory for the
whole launch. The phases are made from the kernels of `fusion`, so that no formula is written twice.
"""
