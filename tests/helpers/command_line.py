"""Commands as people type them, in this process."""

import sys

import pytest

from bifseg.cli.main import main


def bifseg(*words):
    """Exit code of `bifseg WORDS`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bifseg", *map(str, words)])
        with pytest.raises(SystemExit) as raised:
            main()
    return raised.value.code or 0
