"""The command `backprop-xp`: devices, train, predict.

.. code-block:: text

    main               the command: what it is asked, and its exit status
    arguments          the command line
    messages           lines on the terminal: results and errors
    train              data in, a network trained, a model file and a picture out
    train_options      what the command line says of it, checked before any work
    training_data      the data, and what is held out of them
    network_choice     the network that fits the data
    standardisation    inputs and targets of mean 0 and variance 1, and the way back
    predict            a model and data in, a table of outputs out
    predict_data       the cases, found as in training
    evaluation         how good outputs are
    model_notes        what a model file says of its data
    destinations       files to write, checked before any work
"""
