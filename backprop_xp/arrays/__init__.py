"""Arrays: libraries, devices, and rows of any source.

Everything that differs between NumPy, CuPy, PyTorch and JAX is here. Read `backend` first: every
other module of the package asks it for the namespace of an array.

.. code-block:: text

    backend           the namespace, the device and the dtype of an array; to and from the host
    devices           devices by name, and which of them this machine offers
    cupy_diagnosis    why CuPy cannot be used, and what to do
    tf32              the precision of matrix products on NVIDIA GPUs
    memory_errors     out of memory, as one error
    native            functions of a step, straight from each library
    requirements      which arrays can be used at all
    scalars, shapes   whole numbers and dtypes that come in; shapes that an equation takes
    rows, memmaps     what holds the cases: an array, a file, a sparse matrix; read by rows
    cuda_streaming    blocks of rows on their way to a CUDA device
    random_streams    NumPy's generators, one stream for each purpose

It imports nothing of the package but `errors`.
"""
