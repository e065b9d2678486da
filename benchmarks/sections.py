"""A sentence for each section of results: what its numbers show."""

from typing import Final

__all__ = ["SHOWS", "sentence"]

_RATIO: Final = "× is the time over that of backprop_xp: above 1 is slower"
SHOWS: Final = {
    "train": f"Each peer trains the same network on the same batches for an epoch; {_RATIO}.",
    "fit": "scikit-learn's estimator beside the estimator of the same name here; their costs agree "
    f"epoch by epoch; {_RATIO}.",
    "search": "scikit-learn's search beside a search whose candidates train as a stack, with the "
    f"same scores; {_RATIO}.",
    "stack": "Many small networks of the same sizes train at once; the peers do the same work by "
    f"vmap, in a loop, or one by one; {_RATIO}.",
    "predict": f"One forward pass over many cases; {_RATIO}.",
    "tables": "Scores on rows that no method has seen, each method at one fixed setting; less is "
    "better.",
    "scale": "How time and memory grow with width, depth, batch, cases and stack, beside the bare "
    "products.",
    "threads": "The number of threads that the library chooses, beside all threads and one thread; "
    "1.05 is 5 % behind the better of the two.",
    "machines": "Several threads or processes that train together, beside as many independent "
    "processes on the same work; 1 is no loss.",
    "import": "The first line of a program, beside the imports of other packages.",
    "disk": "Training on a file, with far less memory than the file is large, beside training in "
    "memory.",
    "gpu": "Tests of a GPU, and its benchmarks beside their peers, as many as fitted into the "
    f"budget; {_RATIO}.",
}


def sentence(key: str) -> str:
    """Return the sentence of a section by its key, such as "train sgd cpu".

    Examples
    --------
    >>> sentence("disk cpu")
    'Training on a file, with far less memory than the file is large, beside training in memory.'
    """
    return SHOWS[key.partition(" ")[0]]
