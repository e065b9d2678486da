"""Callbacks: objects that training calls at fixed moments of a run.

A callback has some of the methods of `Callback`. Each is called with a `Progress`, the state of
training. A callback may keep copies of θ, add entries to the history, and stop the run.

.. code-block:: text

    callback           the methods that training calls
    progress           the state of training, as callbacks see it
    early_stopping     the end of a run that no longer improves, and its best θ
    metrics            entries of the history that a callback watches
    checkpoint         files from which ``train(resume=...)`` resumes a run
    checkpoint_files   the names of these files in a folder, and the newest
    memories           the state of a run with the memories of its callbacks
    restored           the file that a resumed run begins from, and its callbacks
    layer_record       norms of δ and ∂E/∂W, and histograms of activations, by epoch
    logs               the history in files
    progress_bar       where training stands, on the terminal or in a notebook
    standing, pace     the numbers that a line or a curve shows: epoch, scores, time left
    progress_line      a line on the terminal
    live_curve         a curve in a notebook

Read `callback` and `progress` first, then `early_stopping`, then `checkpoint`. The room imports
`files`, `network`, `display` and `arrays`.
"""

from typing import Any

from backprop_xp.arrays.advice import missing_name
from backprop_xp.callbacks.callback import Callback
from backprop_xp.callbacks.checkpoint import Checkpoint
from backprop_xp.callbacks.early_stopping import EarlyStopping
from backprop_xp.callbacks.layer_record import LayerRecord
from backprop_xp.callbacks.logs import CSVLog, TensorBoardLog

__all__ = ["CSVLog", "Callback", "Checkpoint", "EarlyStopping", "LayerRecord", "TensorBoardLog"]


def __getattr__(name: str) -> Any:
    """Refuse a name that is not here, with the name here for another library's."""
    raise missing_name(__name__, name)
