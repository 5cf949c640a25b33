"""`python -m bifseg`: as `bifseg`, but that modules of the current folder must not have the names of Python's own."""

import atexit
import gc
import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder

from bifseg.core.garbage import many_imports

with many_imports():
    from bifseg.cli import main

gc.set_threshold(50_000)  # not 700: tables and syntax trees make many objects, and little garbage
atexit.register(gc.freeze)  # at its end the garbage collector would search all modules: 0.4 s with torch
main()
