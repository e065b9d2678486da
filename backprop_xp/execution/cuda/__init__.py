"""A recorded step on NVIDIA GPUs: products by cuBLAS, and one kernel between two of them.

.. code-block:: text

    fusion         the operations of a tape between two products, as one kernel each
    kernel         the body of a kernel, in C++
    replay         a recorded step on the arrays of a library
    cupy_arrays    CuPy as a recorded step needs it
    cublas         matrix products that a graph may hold
    graphs         many steps as one launch
    switches       environment variables that turn kernels and graphs off
"""
