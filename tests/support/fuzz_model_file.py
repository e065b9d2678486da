"""Damaged model files without end, steered by what they reach in this library's code.

    python tests/support/fuzz_model_file.py -max_total_time=300

takes libFuzzer's options. It needs atheris, which is no part of any extra.
"""

import random
import sys
import tempfile
from pathlib import Path


def main(arguments):
    try:
        import atheris
    except ImportError:
        print("skipped: atheris is not installed; python -m pip install atheris")
        return
    with atheris.instrument_imports(include=["backprop_xp"]):
        import backprop_xp  # noqa: F401
    from mutations import mutated, originals, outcome

    def custom(content, max_size, seed):
        rng = random.Random(seed)  # noqa: S311  it hides nothing
        if rng.random() < 0.3:
            return atheris.Mutate(content, max_size)
        return mutated(content, rng)[:max_size]

    with tempfile.TemporaryDirectory() as folder:
        corpus, path = Path(folder, "corpus"), Path(folder, "model.safetensors")
        corpus.mkdir()
        for number, content in enumerate(originals()):
            (corpus / str(number)).write_bytes(content)
        given = [sys.argv[0], *arguments, "-max_len=8192", str(corpus)]
        atheris.Setup(given, lambda content: outcome(path, content), custom_mutator=custom)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
