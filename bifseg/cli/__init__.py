"""The command line: `bifseg STAGE ...`, also `python -m bifseg`."""

from bifseg.cli.main import main

__all__ = ["main"]
