"""The fixtures of tests that compile: they need numba, and share a cache folder of their own."""

import pytest
from needs import needs


@pytest.fixture(autouse=True)
def compiler():
    """Skip where numba is not installed."""
    return needs("numba")


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """Return the folder of compiled functions, for all tests of the session."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("NUMBA_CACHE_DIR", raising=False)
        patched.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "backprop_xp"
