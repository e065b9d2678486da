"""Training: `train.train`, from its arguments to the `Run` that it returns.

The path of `train`:

1. `options.Options` and its `Regularisation` check what needs no data: numbers and their ranges,
   flags, `order`, `state` and the callbacks.
2. `callbacks.checkpoint.claimed_folders` keeps other runs, of any process, out of the folder of
   each `Checkpoint` among the callbacks.
3. `task.prepared` reads the checkpoint to resume. It checks the network, the device, the dtype, the
   stack, the data with their weights, the validation data, θ, and the options that depend on them.
   It moves data and θ to the device, and returns them as a `Task`.
4. `failures.Guarded` surrounds the rest: it sets threads and device, gives a lack of memory the
   last good θ, and copies the θ that a divergence has already.
5. `train.driver_of` makes a driver: a `Loop`, or for L-BFGS a `Minimisation`. A `Minimisation`
   first refuses options that do not fit L-BFGS, `resume` among them. Both are a `driver.Driver`,
   whose constructor checks schedules and metrics, and makes the `UpdateRule`. By `resume` it lets
   each `Checkpoint` look at its folder, and in a resumed run compares the arguments with the
   arguments in the file. It makes a `trainer.Trainer`. Then it restores the state of
   ``train(state=)``; or of the file θ, the optimiser's state, the history, and the memories of
   schedules and callbacks.
6. The `Trainer` gets two functions from `step.compiled`. One runs a whole block, for a group of
   networks where a stack is large. The step of `step.update.step_of` defines the update of each
   batch; the room `execution` calls it, or runs what it has recorded or compiled of it. The other
   function scores outputs.
7. `Driver.run` calls ``on_train_start`` of the callbacks, then `Loop.train`, then ``on_train_end``.
8. `Loop` begins an epoch with ``on_epoch_start``. `data.batches` cuts the cases into batches, and
   joins batches to blocks. `Loop` hands the blocks to `Trainer.blocks`, one by one; for a stack in
   groups several at once, so that threads seldom wait for each other. The scores go into an
   `EpochRecord` on the device. A callback with ``on_batch_end`` makes each block a single batch,
   and is called after it.
9. After a block `Loop` looks for Ctrl-C. It then leaves the epoch as it is, without an entry in the
   history, and goes on with ``on_train_end``.
10. `Loop` ends an epoch. It reads the scores on the host, and raises `DivergenceError` where a cost
    or θ is not finite. Then it scores the validation cases, whose cost may raise it too. Then it
    calls ``on_epoch_end``, where a `Checkpoint` writes its file if it is due.
    Where nothing asks for the numbers of an epoch, `Loop` reads the scores of several epochs
    together, and full batches of several epochs are one block (`looks`).
11. `Driver.result` returns the `Run`.

With ``reduce=`` several processes train as one. `data.shares` gives this rank its share of each
batch; `step.summed` computes the gradient of the share, has it summed, and updates θ.
`EpochRecord` and `Trainer.scores` sum the scores when the host reads them. After each epoch
`Driver.agree_on_stops` compares θ, and shares a stop by a callback or Ctrl-C. In ranks other than
the first, `Options` leaves out the callbacks that write.

`Minimisation` has no epochs of batches. SciPy asks for the cost and the gradient of all cases. A
`Trainer` computes both by the same step, whose optimiser, `Derivative`, returns ∂E/∂θ in the place
of θ. After each iteration `Minimisation` checks the cost, calls ``on_epoch_end``, and looks for
Ctrl-C. It takes no checkpoints.

The modules, in the order in which one reads them:

.. code-block:: text

    train              `train`: the path from the arguments to the run
    options            the options of `train`, with defaults and ranges
    task               the data and θ, checked and moved to the device
    driver             the part of training that Loop and Minimisation share
    loop               epochs of updates, one update for each batch
    looks              how many epochs are trained until the host reads their scores
    lbfgs              minimisation by SciPy, one iteration in place of an epoch
    resume             the start of a run from a checkpoint, where the arguments are the same
    trainer            training on blocks of batches, by groups of networks in a large stack
    workers            the functions and the device by which a thread trains its groups
    parallel           pieces of work in several threads, and their errors
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
