"""The command `backprop-xp`: devices, train, predict, evaluate, explain.

.. code-block:: text

    main               the command and its exit status
    arguments          the parser of the command line, and the texts of --help
    messages           lines on the terminal: results, errors and warnings
    train_arguments    the arguments of train, in groups
    table_train        the command train for a table: an ensemble, its scores and a report
    table_options      the options of it, and the choice between a table and one network
    table_columns      the table, with the columns that options name
    table_split        the rows held out: by chance, by group, or the last ones
    table_model        an ensemble with the decisions by which tables are read for it
    table_words        scores and importances as lines
    table_report       the page of --report
    table_predict      the predictions for a table, as a CSV file
    table_evaluate     the command evaluate: scores of a model on data with their target
    train              the command train for one network: a model file and pictures from data
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

Read `main` first, then `table_train`, `train` or `predict`. The room may import all others.
"""
