"""The command `train`: trains a network on data, writes a model file and pictures."""

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backprop_xp.arrays.backend import from_host, to_host
from backprop_xp.arrays.devices import Device, select_device
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.early_stopping import EarlyStopping
from backprop_xp.callbacks.layer_record import LayerRecord
from backprop_xp.cli.evaluation import scores
from backprop_xp.cli.network_choice import Task, task_for
from backprop_xp.cli.pictures import Trained, check_pictures, figure_of, record_for
from backprop_xp.cli.table_words import counted
from backprop_xp.cli.train_options import EPOCHS, EPOCHS_SMALL, TrainOptions
from backprop_xp.cli.training_data import TrainingData, is_file, training_data
from backprop_xp.datasets.mixed.source import is_table
from backprop_xp.distributed.mpi import MPI
from backprop_xp.errors import DataError, DTypeError, OptionError
from backprop_xp.files.model import Model
from backprop_xp.files.model_file import save
from backprop_xp.inspection import learning_curve
from backprop_xp.training.run import Run
from backprop_xp.training.train import train

__all__ = ["train_job"]

Say = Callable[[str], None]


def train_job(options: TrainOptions, say: Say) -> None:
    """Train a network on data and write a model file and pictures.

    Options, files, device, data and pictures are checked before training.

    Parameters
    ----------
    options : TrainOptions
    say : callable
        Shows a line to the user.

    Raises
    ------
    BackpropError, OSError
    """
    options.check()
    is_file(options.data)  # refuses an unknown name before files are named after it
    no_pictures = options.check_files()
    pictures = () if no_pictures else options.pictures
    ranks = MPI() if options.mpi else None
    if ranks is not None:
        say = _of_ranks(ranks, say)
    device = select_device(options.device if ranks is None else ranks.place(options.device))
    _check_dtype(options.dtype, device)
    data = _data(options)
    task = task_for(data, options.hidden_sizes, options.activation, options.loss)
    check_pictures(pictures, task)
    record = record_for(pictures, task)
    _say_task(task, device, options.dtype, say)
    if no_pictures:
        say(f"picture   left out: {no_pictures}")
    start = time.perf_counter()
    run = _train(task, device, options, _callbacks(options, task, record), ranks)
    epochs = counted(len(run.history["cost"]), "epoch")
    say(f"training  {epochs} in {time.perf_counter() - start:.1f} s")
    theta = task.theta_for_file(to_host(run.theta))
    _say_scores(task, theta, device, str(run.theta.dtype).endswith(theta.dtype.name), say)
    if ranks is not None:
        say(f"digest    {np.linalg.norm(to_host(run.theta)):.10g}, the norm of theta")
        if not ranks.writes:
            return
    if options.is_onnx:
        from backprop_xp.exchange import onnx_file  # which most calls do without

        onnx_file.to_onnx(Model(task.net, theta, task.meaning), path=options.model)
    else:
        save(options.model, task.net, theta, data.notes.texts(), task.meaning)
    say(f"written   {options.model}")
    trained = Trained(task, run, theta, record)
    for picture in pictures:
        learning_curve.save_figure(figure_of(picture.name, trained), picture.path)
        say(f"written   {picture.path}")


def _data(options: TrainOptions) -> TrainingData:
    """Return the data; an error about a text or a gap names the ensemble, which takes it."""
    split = options.held_out, options.seed
    try:
        return training_data(options.data, options.target, *split, options.header)
    except DataError as error:
        where, came, expected, advice = error.parts
        if expected != "a finite number" or not is_table(options.data):
            raise
        which = "--single" if options.single else "the options of one network"
        instead = f"Leave {which} out, as the ensemble takes texts, dates and gaps; or "
        raise DataError(where, came, expected, instead + advice[0].lower() + advice[1:]) from None


def _check_dtype(dtype: str, device: Device) -> None:
    """Refuse a dtype that the device does not have."""
    try:
        from_host(np.zeros(1), device.xp, device.handle, dtype)
    except DTypeError as error:
        came, advice = f"{dtype} on {device.name}", "For float64 on JAX set JAX_ENABLE_X64=1"
        raise OptionError("--dtype", came, error.parts[2], advice) from error


def _of_ranks(ranks: MPI, say: Say) -> Say:
    """Show all ranks, and return the function that shows a line in rank 0 alone."""
    processes = ", ".join(map(str, ranks.gathered(os.getpid())))
    if not ranks.writes:
        return lambda _: None
    say(f"ranks     {ranks.size} of MPI, processes {processes}")
    return say


def _train(
    task: Task,
    device: Device,
    options: TrainOptions,
    callbacks: Sequence[Any],
    ranks: MPI | None,
) -> Run:
    held_out = task.data.held_out
    return train(
        task.net,
        *task.standardised(task.data.train),
        optimizer=options.optimizer_to_use,
        epochs=options.epochs or (EPOCHS_SMALL if task.data.small else EPOCHS),
        batch_size=options.batch_size_to_use,
        l2=options.l2,
        dropout=options.dropout,
        class_weights=options.class_weights,
        validation=None if held_out is None else task.standardised(held_out),
        seed=options.seed,
        device=device,
        dtype=options.dtype,
        callbacks=callbacks,
        resume=next((one for one in callbacks if options.resume and _writes(one)), None),
        progress=options.progress,
        reduce=ranks,
    )


def _callbacks(options: TrainOptions, task: Task, record: LayerRecord | None) -> list[Any]:
    callbacks: list[Any] = [] if record is None else [record]
    if options.patience is not None:
        if task.data.held_out is None:
            came, expected = f"{options.patience} without held-out cases", "cases held out"
            raise OptionError("--patience", came, expected, "Such as --held-out 0.2")
        callbacks.append(EarlyStopping("validation_cost", patience=options.patience))
    if options.checkpoint is not None:
        callbacks.append(Checkpoint(options.checkpoint))
    if options.class_weights is not None and task.data.notes.class_names is None:
        came, expected = "a target of numbers", "classes"
        raise OptionError("--class-weights", came, expected, "Leave it out")
    return callbacks


def _writes(callback: Any) -> bool:
    return isinstance(callback, Checkpoint)


def _say_task(task: Task, device: Device, dtype: str, say: Say) -> None:
    """Show the data, the device and the network before training."""
    data, net = task.data, task.net
    m, n_in = data.train.X.shape
    held_out = 0 if data.held_out is None else len(data.held_out.X)
    cases, numbers = counted(m + held_out, "case"), counted(n_in, "number")
    kind = "classes" if data.notes.class_names else "target" + "s" * (data.n_out > 1)
    say(f"data      {data.notes.data}: {cases} of {numbers}, {data.n_out} {kind}")
    say(f"          {m:,} to train on, {held_out:,} held out")
    if task.inputs:
        scaled = "inputs and targets" if task.targets else "inputs"
        say(f"          {scaled} standardised for training; predict takes the file's numbers")
    say(f"device    {device}")
    hidden = f"{net.hidden[0].name}, " if net.hidden else ""
    say(f"network   {'-'.join(map(str, net.sizes))}, {hidden}{net.output.name}, {net.loss.name}")
    say(f"          {net.parameter_count:,} parameters, {dtype}")


def _say_scores(
    task: Task, theta: NDArray[Any], device: Device, same_dtype: bool, say: Say
) -> None:
    """Show the scores of the network in the file, computed on the device of training."""
    if same_dtype:
        placed = from_host(theta, device.xp, device.handle, theta.dtype.name)
    else:
        placed = np.asarray(theta)
        reason = "a narrower dtype is too coarse for the file's targets"
        say(f"          the model is kept in float64: {reason}")
    unit = f" ({task.net.loss.name} in the file's units)" if task.targets else ""
    X, Y = task.data.train
    on_training = scores(task.net, placed, task.inputs_of(X), Y)
    if not math.isfinite(on_training.cost):
        came = f"a cost of {on_training.cost} after training"
        raise DataError("train", came, "a finite cost", "Try a smaller --learning-rate")
    say(f"result    training: {on_training}{unit}")
    if task.data.held_out is not None:
        X, Y = task.data.held_out
        say(f"          held out: {scores(task.net, placed, task.inputs_of(X), Y)}{unit}")
