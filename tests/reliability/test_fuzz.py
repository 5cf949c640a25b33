"""A slice of the fuzz run; the long one is run by hand, see docs/reliability.md."""

import subprocess
import sys

import fuzz


def test_damaged_inputs_end_in_time_with_code_0_or_2_and_one_line():
    """In a process of its own, for lines are taken from file descriptors, where libraries write."""
    process = subprocess.run(
        [sys.executable, fuzz.__file__, "150", "--seed", "3"], capture_output=True, text=True
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "| **all** | 150 | 150 | 0 |" in process.stdout


def test_complaint_detects_each_kind_of_bad_ending():
    good = ["error: card.yaml: rounds: no"]
    assert fuzz.complaint(2, good, 0.1, ["card.yaml"]) == ""
    assert fuzz.complaint(0, [], 0.1, []) == ""
    for code, lines, seconds in (
        (1, ["failed: KeyError"], 0.1),
        (2, good, 100.0),
        (2, [], 0.1),
        (2, ["error: card.yaml: " + "x" * 300], 0.1),
        (2, ["error: card.yaml: \x1b[31m"], 0.1),
        (2, ["MetaImage: cannot read"], 0.1),
    ):
        assert fuzz.complaint(code, lines, seconds, ["card.yaml"])
