"""``python -m backprop_xp``: the command `backprop-xp`."""

import sys

from backprop_xp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
