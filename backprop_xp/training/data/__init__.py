"""Cases, their weights, and the batches of an epoch.

.. code-block:: text

    cases             a data set on its device, or in a file
    loading           X, Y and case weights, checked and moved to the device
    class_weights     the weight of each class, multiplied into the case weights
    batches           the batches of an epoch in shuffled order, block by block
    blocks            some batches of one size, gathered from the cases
    shares            the batches of a rank, where several processes train one network
    networks          the rows of some networks of a stack
    file_order        the shuffled order of cases in a file

Read `cases` first, then `loading`, then `batches`.
"""
