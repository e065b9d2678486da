"""The command `backprop-xp`, as ``python -m backprop_xp``."""

import sys

from backprop_xp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
