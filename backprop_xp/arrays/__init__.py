"""Arrays: libraries, devices, and rows of any source.

This room holds all that differs between NumPy, CuPy, PyTorch and JAX. Read `backend` first: the
other modules of the package ask it for the namespace of an array.

.. code-block:: text

    backend           the namespace, the device and the dtype of an array; to and from the host
    moves             arrays from one library or device to another
    devices           devices by name, and the devices of this machine
    several_devices   devices of one library that share work
    cupy_diagnosis    why CuPy cannot be used, and what to do
    tf32              the precision of matrix products on NVIDIA GPUs
    memory_errors     one out-of-memory error for all libraries
    threads           threads of matrix products on a CPU
    native            functions of a training step, straight from each library
    requirements      checks of arrays: real, dense, unmasked, on one device
    advice            advice of errors: names here for names elsewhere, the command that installs
    names_elsewhere   names of other libraries, with the names here
    data_frames       data frames and series as NumPy arrays
    scalars           checks of options: whole numbers, names, dtypes
    shapes            checks of the shapes that an equation takes
    rows, memmaps     rows of an array, a file or a sparse matrix, read in blocks
    cuda_streaming    copies of blocks to a CUDA device while it computes
    device_memory     the bytes that CuPy's pool holds
    random_streams    NumPy's generators, one stream for each purpose

The room imports `errors` alone.
"""
