"""Stand-ins for a running notebook, which note what they are told to show."""

import sys
from types import ModuleType, SimpleNamespace


class Shown(list):
    """What a notebook shows: a list of (kind, place, HTML), newest last."""

    @property
    def last(self):
        return self[-1][2]


class ZMQDisplayPublisher:
    """The publisher of a kernel, by its name."""


class DisplayPublisher:
    """The publisher of a terminal, by its name."""


def jupyter(monkeypatch, publisher=ZMQDisplayPublisher, fails_after=None):
    """Have IPython run, as a kernel unless `publisher` says otherwise; return what it shows."""
    shown = Shown()

    def note(kind):
        def call(bundle, *, raw, display_id):
            assert raw
            assert set(bundle) == {"text/html", "text/plain"}
            if fails_after is not None and len(shown) >= fails_after:
                raise OSError("the socket is closed")
            shown.append((kind, display_id, bundle["text/html"]))

        return call

    display = ModuleType("IPython.display")
    display.display, display.update_display = note("new"), note("update")
    IPython = ModuleType("IPython")
    IPython.get_ipython = lambda: SimpleNamespace(display_pub=publisher())
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def marimo(monkeypatch, *, runs=True):
    """Have marimo be imported, and run unless told otherwise; return what its cell shows."""
    shown, cell = Shown(), []

    class Html:
        def __init__(self, text):
            self.text = text

    def flush():
        shown.append(("update", len(cell), cell[-1].text))

    def append(html):
        cell.append(html)
        shown.append(("new", len(cell), html.text))

    module, inner = ModuleType("marimo"), ModuleType("marimo._runtime.output._output")
    module.Html, module.output = Html, SimpleNamespace(append=append)
    module.running_in_notebook = lambda: runs
    inner.flush = flush
    monkeypatch.setitem(sys.modules, "marimo", module)
    for name in ("marimo._runtime", "marimo._runtime.output"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, inner.__name__, inner)
    return shown
