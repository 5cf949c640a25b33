"""`python -m bifseg`: as `bifseg`, but that modules of the current folder must not have the names of Python's own."""

import atexit
import gc
import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder

from bifseg.core.garbage import many_imports

with many_imports():
    from bifseg.cli import main

atexit.register(gc.freeze)  # before its end Python would search all modules; with torch that takes 0.4 s
main()
