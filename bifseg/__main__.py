"""`python -m bifseg`: as `bifseg`, but that modules of the current folder must not have the names of Python's own."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder

from bifseg.cli import main

main()
