"""Files: models and training in safetensors files, which are read as a stranger's.

.. code-block:: text

    model_file         `save` and `load`: a network and θ
    training_state     all that a run needs to go on
    safetensors_file   arrays and texts in one file; whatever is wrong with it is one error
    atomic_write       a file that is there whole or not at all
    old_paths          modules by their old names, for pickles

It imports `network`, the pages below it, and `arrays`.
"""
