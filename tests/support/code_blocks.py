"""Python blocks of a Markdown page, each run and compared with the output that stands below it."""

import contextlib
import io
import os
import re
from pathlib import Path
from unittest.mock import patch

import pytest

ROOT = next(at for at in Path(__file__).parents if (at / "pyproject.toml").is_file())
GUIDE = ROOT / "examples" / "guide"

_PAIR = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
_EXTRAS = {  # a text in a block, and the module without which the block cannot run
    "digits": "sklearn",
    "sklearn": "sklearn",
    "array_api_strict": "array_api_strict",
    "csr": "scipy",
    "LBFGS": "scipy",
    "onnxruntime": "onnxruntime",
    "import torch": "torch",
    "compiled=True": "numba",
    ".plot()": "matplotlib",
    "bp.plots": "matplotlib",
    ".to_frame()": "pandas",
}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the Python blocks of a page in their order, each with its output, "" for none."""
    return _PAIR.findall(page.read_text("utf-8"))


def check_every_block_has_its_output(page: Path) -> None:
    """Fail where a Python block that prints stands without the output below it."""
    found = blocks(page)
    assert len(found) == page.read_text("utf-8").count("```python")
    for code, output in found:
        assert output or "print(" not in code, code


def run(code: str, page: Path) -> str:
    """Return what a block prints; skip where an extra that it needs is not installed."""
    for text, module in _EXTRAS.items():
        if text in code:
            pytest.importorskip(module, reason=f"{module} is not installed")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), patch.dict(os.environ):
        exec(compile(code, str(page), "exec"), {"__name__": "page"})  # noqa: S102
    return printed.getvalue()
