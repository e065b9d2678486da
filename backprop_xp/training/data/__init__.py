"""Cases as training uses them, and the batches of an epoch.

.. code-block:: text

    cases             a data set on its device, or in a file
    class_weights     how much a case counts for being of its class
    loading           what came in, checked and moved
    file_order        the order of cases in a file
    batches           the order of the cases in an epoch, a block of batches at a time
"""
