"""Training: `train.train`, from its arguments to the `Run` that it returns.

The path of `train`:

1. `options.Options` and its `Regularisation` check the options. `resume.claimed_folders` keeps
   other runs out of the folders of checkpoints.
2. `task.prepared` checks the data and θ, and moves them to the device: the `Task`.
3. `failures.Guarded` surrounds the rest, so that an error holds the last good θ.
4. `train.driver_of` returns a driver: a `Loop`, or for L-BFGS a `Minimisation`. Both are a
   `driver.Driver`. Its constructor makes a `trainer.Trainer` and takes over the state of a
   checkpoint. `Driver.run` trains and calls the callbacks. `Driver.result` returns a `Run`.
5. `Loop` cuts each epoch into blocks of batches, and hands each block to `Trainer.block`.
6. `Trainer.block` calls the step once for each batch. The room `execution` may have made the step
   faster: recorded and replayed, compiled, or fused into CUDA kernels.
7. The step (`step.update.step_of`) makes one update of θ.

`Minimisation` takes another way after 4: SciPy asks for the cost and the gradient of all cases, and
the step computes both.

The modules, in the order in which one reads them:

.. code-block:: text

    train              `train`: the path from the arguments to the run
    options            the options of `train`, with defaults and ranges
    task               the data and θ, checked and moved to the device
    driver             the part of training that Loop and Minimisation share
    loop               epochs of updates, one update for each batch
    lbfgs              minimisation by SciPy, one iteration in place of an epoch
    resume             the start of a run from a checkpoint
    trainer            training on a block of batches, by groups of networks in a large stack
    evaluation         cost and accuracy of other data than the training's, for the user
    scoring            cost and accuracy on the device
    epoch_record       the scores of an epoch, read on the host once at its end
    progress           the state of training, as callbacks see it
    run                the result of `train`: θ and the history
    failures           errors that hold the last good θ
    interrupts         Ctrl-C
    fingerprint        arguments as texts, which a resumed run must share
    fingerprint_of_before  the same, as the texts of an older version
    step/              one update of θ: gradient, penalties, clipping, optimiser, max-norm
    data/              cases, their weights, and batches

The room imports `callbacks` and the rooms below it (`files`, `network`, `optimizers`, `execution`,
`arrays`, …). It exports no names: the function `train` would hide its module.
"""
