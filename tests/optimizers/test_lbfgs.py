"""The numbers of L-BFGS. Its training is in training/test_lbfgs."""

import numpy as np
import pytest

from backprop_xp.errors import OptionError
from backprop_xp.optimizers import LBFGS


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        *((name, bad) for name in ("max_iterations", "maxfun", "history_size") for bad in (0, 1.5)),
        *((name, bad) for name in ("gtol", "ftol") for bad in (-1e-9, np.nan, np.inf, None, "a")),
        *((name, lambda _: 0.1) for name in ("gtol", "maxfun")),
    ],
)
def test_numbers_of_lbfgs_out_of_range(name, bad):
    with pytest.raises(OptionError, match=rf"LBFGS\({name}\): got .*; expected .*[.] Pass|Such"):
        LBFGS(**{name: bad})
