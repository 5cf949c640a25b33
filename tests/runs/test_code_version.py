"""Whatever a session runs through is in the hash that tells old results from new ones."""

from pathlib import Path

import bifseg
from bifseg.runs.code_version import SCORES, SESSIONS, code_version


def test_every_part_is_there():
    package = Path(bifseg.__file__).parent
    assert all((package / part).exists() for part in SESSIONS + SCORES)
    assert len({code_version(), code_version(SCORES)}) == 2
