"""Execution: a step of training made fast, whatever the step is.

A step is a function of arrays. Here it is run batch after batch: as it is, recorded once and run
again, as kernels of a GPU, or as one compiled loop.

.. code-block:: text

    steps              which way a library takes
    plain_loop         one step after another, as they are
    jax_scan           a block of batches under lax.scan
    tape               a step on NumPy, recorded as the operations that it consists of
    numpy_replay       the recorded operations again, on memory that lasts
    numpy_calls        the fastest call of NumPy for an operation
    torch_replay       the same on PyTorch's CPU tensors
    jax_layers         W and b of each layer apart, for XLA
    cuda/              kernels, cuBLAS and graphs on NVIDIA GPUs

It imports `arrays` and `errors` alone, and nothing here knows what a network is.
"""
