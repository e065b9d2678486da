"""A recorded step on NumPy as one function that numba compiles and that runs a block of batches.

.. code-block:: text

    program          a recorded step as the text of a function, and a table of its sizes: read first
    lowering         recorded operations in few forms
    small_products   products of a stack of small matrices in fewer calls
    memory           memory that operations share where none needs it at the same time
    kernel_text      a kernel of elementwise operations as nested loops
    call_text        calls of BLAS and of NumPy's loops
    stages           the axes and the order of these loops
    table            sizes, strides and addresses as integers
    folding          gradient descent as a product that is subtracted from the weights
    loops            NumPy's own inner loops by their addresses
    blas             NumPy's BLAS by the address of a product that adds
    intrinsics       functions that numba lacks
    cache            compiled functions for later processes
    replayer         the compiled function in place of the recorded step

Kernels are those of `cuda.fusion`, so that no formula is written twice. Products are calls of the
loop of NumPy's `matmul`, and so of NumPy's BLAS; `exp`, `tanh` and their like are calls of NumPy's
loops too. So the numbers are those of the recorded step to the bit, but for two things that are
equal to rounding: the weights of plain gradient descent, where BLAS adds to them, and a sum over
the units of a single case, which NumPy adds in another order. Predictions lie in memory case by
case, so that their products are equal to rounding too.

This room is loaded where compiled training is asked for, and needs numba then.
"""
