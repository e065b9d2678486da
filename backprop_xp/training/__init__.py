"""Training: `train.train`, from its arguments to the `Run` that it returns.

The path of `train`:

1. `options.Options` and its `Regularisation` check the options.
2. `resume.claimed_folders` keeps other runs out of the folders of checkpoints.
3. `task.prepared` reads the checkpoint to resume. It checks the data and θ, and moves them to the
   device: the `Task`.
4. `failures.Guarded` surrounds the rest. It knows θ from before the epoch, for an
   `OutOfMemoryError`.
5. `train.driver_of` makes a driver: a `Loop`, or for L-BFGS a `Minimisation`. Both are a
   `driver.Driver`, whose constructor makes the `UpdateRule` and a `trainer.Trainer`, and then
   restores the state of the checkpoint. `Trainer` gets its steps from `step.compiled`: the step of
   `step.update.step_of`, which the room `execution` makes fast.
6. `Driver.run` calls ``on_train_start`` of the callbacks, then `Loop.train`, then ``on_train_end``.
7. `Loop` begins an epoch with ``on_epoch_start``. `data.batches` cuts the epoch into blocks of
   batches, and `Loop` hands each block to `Trainer.block`. After each block ``on_batch_end``
   follows; where a callback has it, a block is one batch. A Ctrl-C ends training here.
8. `Trainer.block` runs the step for each batch of the block: one update of θ each. The scores stay
   on the device, in an `EpochRecord`.
9. `Loop` ends an epoch. It reads the scores, raises `DivergenceError` where one is not finite,
   scores the validation cases, and calls ``on_epoch_end``. There a `Checkpoint` writes its file.
10. `Driver.result` returns the `Run`.

`Minimisation` takes another way in place of 7 to 9. SciPy asks for the cost and the gradient of all
cases, and `Trainer.block` computes both. After each iteration ``on_epoch_end`` follows.

The modules, in the order in which one reads them:

.. code-block:: text

    train              `train`: the path from the arguments to the run
    options            the options of `train`, with defaults and ranges
    task               the data and θ, checked and moved to the device
    driver             the part of training that Loop and Minimisation share
    loop               epochs of updates, one update for each batch
    lbfgs              minimisation by SciPy, one iteration in place of an epoch
    resume             the start of a run from a checkpoint, where the arguments are the same
    trainer            training on a block of batches, by groups of networks in a large stack
    evaluation         cost and accuracy of other data than the training's, for the user
    scoring            cost and accuracy on the device
    epoch_record       the scores of an epoch, read on the host once at its end
    progress           the state of training, as callbacks see it
    run                the result of `train`: θ and the history
    optimizer_state    the state of an optimiser after a run, from which another run goes on
    failures           errors that hold the last good θ
    interrupts         Ctrl-C
    fingerprint        arguments as texts, which a resumed run must share
    fingerprint_of_before  the same, as the texts of an older version
    step/              one update of θ: gradient, penalties, clipping, optimiser, max-norm
    data/              cases, their weights, and batches

The room imports `callbacks` and the rooms below it (`files`, `network`, `optimizers`, `execution`,
`arrays`, …). It exports no names: the function `train` would hide its module.
"""
