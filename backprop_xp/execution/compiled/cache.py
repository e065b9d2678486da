"""Compiled functions, kept for later processes in the user's cache folder.

The text of a function is a module in that folder. Its name is a digest of the text, of the code
that it calls, and of the versions of Python, NumPy and numba. numba keeps the machine code beside
it, for this processor. Where the folder cannot be written, or its files cannot be read, the text is
compiled anew.
"""

import hashlib
import importlib.util
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

import numpy as np

__all__ = ["Block", "compiled_block", "folder"]

Block: TypeAlias = Callable[[Any, Any, int], None]  # block(table, which, count)

PACKAGE: Final = "backprop_xp"
_LOCK = threading.RLock()  # numba compiles in one thread at a time
_KNOWN: dict[str, Block] = {}


def folder() -> Path:
    """Return the folder of the cache, which need not exist.

    The variables NUMBA_CACHE_DIR and XDG_CACHE_HOME come first, then the place that the operating
    system has for caches.
    """
    for variable in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        if os.environ.get(variable, "").strip():
            return Path(os.environ[variable].strip()) / PACKAGE
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / PACKAGE / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / PACKAGE
    return Path.home() / ".cache" / PACKAGE


def compiled_block(text: str) -> Block:
    """Return the function ``block`` of a module, from the cache or compiled, which takes seconds.

    Parameters
    ----------
    text : str
        The module, in which ``CACHE`` stands for whether numba keeps the machine code.
    """
    with _LOCK:
        if text not in _KNOWN:
            key = _key(text)
            _KNOWN[text] = _kept(text, key) or _told(partial(_new, text, key))
        return _KNOWN[text]


def _key(text: str) -> str:
    import numba

    from backprop_xp.execution.compiled import intrinsics

    versions = f"{sys.version} {np.__version__} {numba.__version__} {platform.machine()}"
    called = Path(intrinsics.__file__).read_bytes()
    return hashlib.sha256(f"{versions}\n{text}".encode() + called).hexdigest()[:32]


def _kept(text: str, key: str, *, again: bool = False) -> Block | None:
    """Return the function by way of the cache; None where its folder cannot be used.

    Damaged machine code is removed, and made `again`.
    """
    try:
        place = folder()
        file = place / f"step_{key}.py"
        module = text.replace("cache=CACHE", "cache=True")
        if not file.is_file() or file.read_text("utf-8") != module:
            _write(file, module)
        known = any((place / "__pycache__").glob(f"{file.stem}.block-*.nbc")) or any(
            place.parent.glob(f"*/{file.stem}.block-*.nbc")
        )

        def load() -> Block:
            return _block_of(_module_of(file, key))

        return load() if known else _told(load)
    except Exception:  # noqa: BLE001  whatever is wrong with the files: the text is compiled anew
        sys.modules.pop(_name(key), None)
        removed = not again and _removed(f"step_{key}")
        return _kept(text, key, again=True) if removed else None


def _removed(stem: str) -> bool:
    """Remove the machine code of a module, and tell whether there was any."""
    with suppress(OSError, RuntimeError):  # no folder, or a folder that cannot be written
        place = folder()
        found = [*place.glob(f"__pycache__/{stem}.*"), *place.parent.glob(f"*/{stem}.block-*")]
        for file in found:
            file.unlink(missing_ok=True)
        return bool(found)
    return False


def _write(file: Path, text: str) -> None:
    """Write the module at once, so that another process never reads a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _module_of(file: Path, key: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_name(key), file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # numba's cache looks it up there
    spec.loader.exec_module(module)
    return module


def _new(text: str, key: str) -> Block:
    module = ModuleType(_name(key))
    code = compile(text.replace("cache=CACHE", "cache=False"), f"<step_{key}>", "exec")
    exec(code, module.__dict__)  # noqa: S102  the text is written by this room
    return _block_of(module)


def _block_of(module: ModuleType) -> Block:
    block: Block = module.block
    return block


def _name(key: str) -> str:
    return f"{PACKAGE}_step_{key}"


def _told(compile_it: Callable[[], Block]) -> Block:
    """Compile, and say so: the first block of a training takes seconds for once."""
    begin = time.perf_counter()
    print("backprop_xp: compiling a step, ", end="", file=sys.stderr, flush=True)
    try:
        return compile_it()
    finally:
        print(f"{time.perf_counter() - begin:.1f} s", file=sys.stderr, flush=True)
