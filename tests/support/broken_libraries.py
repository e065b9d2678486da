"""Modules that cannot be imported, and CuPy devices that fail."""


def absent(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


class Gpu:
    """A CuPy device whose first use raises `error`, or works on the CPU where that is None."""

    def __init__(self, index, error=None):
        self.index, self.error = index, error

    def __enter__(self):
        if self.error is not None:
            raise self.error
        return self

    def __exit__(self, *_):
        return None
