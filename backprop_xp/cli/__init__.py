"""The command `backprop-xp`: devices, train, predict, explain.

.. code-block:: text

    main               the command and its exit status
    arguments          the parser of the command line, and the texts of --help
    messages           lines on the terminal: results and errors
    train              the command train: a model file and pictures from data
    train_options      the options of train, checked before the data are read
    training_data      the cases to train on and the cases held out
    picture_choice     the pictures of --plot by name
    pictures           whether they fit the data, and their figures
    network_choice     the network for the data
    standardisation    columns of mean 0 and variance 1, for training
    predict            the command predict: a table of outputs from a model and data
    predict_data       the cases to predict
    evaluation         cost, accuracy and R² of outputs
    explain            the command explain: backpropagation step by step, as a page or as text
    model_notes        the names of features and classes in a model file
    destinations       files to write, checked before any work

Read `main` first, then `train` or `predict`. The room may import all others.
"""
