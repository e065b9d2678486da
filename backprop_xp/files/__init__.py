"""Files: models and checkpoints in safetensors files, which are safe to read from strangers.

.. code-block:: text

    model_file         `save` and `load`: a network, θ and their meaning
    model              `Model`, which `load` returns: it predicts in the user's terms
    ensemble_model     `EnsembleModel`: networks of several architectures, and their weights
    ensemble_file      an ensemble in a model file
    input_rows         the network's inputs for rows as the user has them
    meaning            columns, preprocessing and classes, as JSON and arrays
    model_contents     the part of a file that describes a network
    training_state     `Snapshot`: all that a run needs to be resumed
    memory             memories of callbacks, and steps, as JSON with their arrays apart
    safetensors_file   arrays and texts in one file, whose faults are all `ModelFileError`
    formats            suffixes of other formats, under which no model is written
    atomic_write       a file that is written completely or not at all
    locks              a folder that one run at a time writes to
    old_paths          old names of modules, for pickles

Read `model_file` first, then `model_contents` and `safetensors_file`; for checkpoints,
`training_state`. The room imports `network`, the pages below it, `preprocessing` and `arrays`.
"""
