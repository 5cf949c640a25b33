"""The display of a run, at the place where Snakemake looks for loggers: `snakemake --logger bifseg`."""

from bifseg.runs.snakemake_logger import LogHandler

__all__ = ["LogHandler"]
