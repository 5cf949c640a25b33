"""Freed memory stays with the process, unless the user has said otherwise."""

import os
import subprocess
import sys

import pytest

from bifseg.networks import freed_memory

CODE = """
import resource
from bifseg.networks.freed_memory import keep_freed_memory
keep_freed_memory()
b"x" * 2**26
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    b"x" * 2**26
pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages * resource.getpagesize() / 2**20)
"""


def new_memory(environment):
    """MiB that the system clears for four arrays of 64 MiB, each freed before the next, after a first one."""
    process = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True)
    return float(process.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries are left as they are")
@pytest.mark.parametrize(("setting", "kept"), [({}, True), ({"MALLOC_ARENA_MAX": "8"}, False)])
def test_large_arrays_take_the_memory_of_freed_ones(setting, kept):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GLIBC_TUNABLES", "MALLOC_"))}
    cleared = new_memory(environment | setting)
    assert cleared < 1 if kept else cleared > 250


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())
    freed_memory.keep_freed_memory()
