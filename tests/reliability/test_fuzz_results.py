"""A slice of the run over damaged results; the long one is run by hand, see docs/reliability.md."""

import subprocess
import sys

import fuzz_results
import pytest


@pytest.mark.faults
def test_damaged_results_give_one_error_line_or_the_same_output():
    process = subprocess.run(
        [sys.executable, fuzz_results.__file__, "400", "--seed", "5"], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "| **all** | 400 | 400 | 0 |" in process.stdout
