"""The notebook that runs this program, if any: a place whose content is replaced.

Nothing of IPython or marimo is imported that a running notebook has not imported before.
"""

import importlib
import sys
import uuid
from typing import Any, Protocol

__all__ = ["Place", "place_in_notebook"]


class Place(Protocol):
    """A place in the output of a notebook's cell."""

    def show(self, html: str, text: str) -> None:
        """Show HTML in place of what was shown; `text` is for programs that show no HTML."""


def place_in_notebook() -> Place | None:
    """Return a new place in the output of the running cell; None outside a notebook.

    A notebook is a kernel of Jupyter, such as JupyterLab's, VS Code's or Colab's, or marimo.
    IPython in a terminal is none.
    """
    marimo = sys.modules.get("marimo")
    if marimo is not None and getattr(marimo, "running_in_notebook", bool)():
        return _Marimo(marimo)
    IPython = sys.modules.get("IPython")
    shell = IPython.get_ipython() if IPython is not None else None
    publisher = type(getattr(shell, "display_pub", None)).__name__
    if shell is None or publisher == "DisplayPublisher":  # it prints texts on a terminal
        return None
    return _Jupyter()


class _Jupyter:
    """A display of IPython, which its number names."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._is_shown = False

    def show(self, html: str, text: str) -> None:
        display = importlib.import_module("IPython.display")
        call = display.update_display if self._is_shown else display.display
        call({"text/html": html, "text/plain": text}, raw=True, display_id=self._id)
        self._is_shown = True


class _Marimo:
    """An object of HTML among the outputs of a cell."""

    def __init__(self, marimo: Any) -> None:
        self._marimo, self._shown = marimo, None

    def show(self, html: str, text: str) -> None:  # noqa: ARG002  every notebook shows HTML here
        if self._shown is None:
            self._shown = self._marimo.Html(html)
            self._marimo.output.append(self._shown)
            return
        self._shown.__init__(html)
        importlib.import_module("marimo._runtime.output._output").flush()
