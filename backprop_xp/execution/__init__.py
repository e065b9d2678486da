"""Execution: fast ways to run a step of training, batch after batch.

A step is any function of arrays; nothing in this room knows what a network is. A step is called as
it is, recorded once and replayed, fused into kernels of a GPU, or compiled into one loop.

.. code-block:: text

    steps              the choice of a way by the array library: the page to read first
    plain_loop         calls of the step, one after another
    jax_scan           a block of batches as one compiled lax.scan
    jax_layers         W and b of each layer as arrays of their own, for XLA
    expressions        computations as data; an activation's own formula
    tape               the operations of a step, noted while it runs on NumPy
    unread             arrays whose numbers are never read: a recording that computes nothing
    recordings         one recorded step for each form of batch
    memories           the places of recorded arrays: pieces of memory, and views of them
    repeats            a recorded step without repeated operations
    placement          a recorded step in less memory
    numpy_replay       the recorded operations again, on memory that lasts
    numpy_calls        the fastest call of NumPy for an operation
    numpy_stacks       products of many small matrices by fewer calls
    torch_replay       the recorded operations on PyTorch's CPU tensors
    cuda/              kernels, cuBLAS and graphs on NVIDIA GPUs
    compiled/          a recorded step as one function that numba compiles, on NumPy

This room imports `arrays` and `errors` alone.
"""
