"""`python -m bifseg`."""

from bifseg.cli import main

main()
