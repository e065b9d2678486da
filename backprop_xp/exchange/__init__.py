"""Exchange: models for other libraries, and models from them.

.. code-block:: text

    saving          `save`: a network, an estimator or a pipeline to a model file
    from_pipeline   scikit-learn's fitted transformers as steps of `preprocessing`

The room imports `estimators` and the rooms below it. Each module imports the other library when a
function is called.
"""
