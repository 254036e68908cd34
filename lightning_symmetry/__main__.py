"""``python -m lightning_symmetry`` is the command line."""

import sys

from lightning_symmetry.cli import main

if __name__ == "__main__":
    sys.exit(main())
