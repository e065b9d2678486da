"""Files: models and checkpoints in safetensors files, which are safe to read from strangers.

.. code-block:: text

    model_file         `save` and `load`: a network and θ
    training_state     `Snapshot`: all that a run needs to be resumed
    safetensors_file   arrays and texts in one file, whose faults are all `ModelFileError`
    formats            suffixes of other formats, under which no model is written
    atomic_write       a file that is written completely or not at all
    old_paths          old names of modules, for pickles

It imports `network`, the pages below it, and `arrays`.
"""
