"""A recorded step on NVIDIA GPUs: matrix products by cuBLAS, and one kernel between two products.

.. code-block:: text

    fusion         a tape as a program: runs of elementwise operations become kernels
    kernel         the body of a kernel, in C++
    replay         a program run on the arrays of a library
    cupy_arrays    CuPy's part of a program: views, kernels, products, captured launches
    cublas         matrix products that a CUDA graph may hold
    graphs         many steps as one launch
    step_graph     one step as a graph, launched for each batch, with a counter on the device
    case_sums      bias gradients as one kernel of sums
    kept           what a training leaves for the next one: recordings and graphs
    one_kernel/    a block of steps as one launch, a thread block for each network
    nvtx           named ranges for a profiler
    switches       environment variables that turn these ways on or off

Read `fusion` first, then `kernel` and `replay`, then `cupy_arrays`; `step_graph` and `one_kernel/`
last.
"""
