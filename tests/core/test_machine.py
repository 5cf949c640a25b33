"""Which machines played a run."""

import pytest

from bifseg.core import machine as module
from bifseg.core.machine import machine, machines, write_machine


@pytest.fixture(autouse=True)
def _forget():
    machine.cache_clear()
    yield
    machine.cache_clear()


def test_machine_records_processor_memory_and_threads():
    facts = machine()
    assert facts["cores"] >= 1
    assert facts["memory"].endswith(" GiB")
    assert {"CPU", "threads per job", "system"} <= set(facts)


def test_each_machine_is_listed_once_with_its_entries(tmp_path, monkeypatch):
    entries = [tmp_path / f"sessions/c/p/{name}" for name in ("a", "b", "c")]
    for k, folder in enumerate(entries):
        folder.mkdir(parents=True)
        monkeypatch.setattr(module, "machine", lambda k=k: {"CPU": "new" if k == 2 else "old"})
        write_machine(folder)
        write_machine(folder)
    assert len(list(tmp_path.glob("sessions/*/*/*/machine-*.json"))) == 3
    assert machines(tmp_path) == [{"CPU": "old", "entries": 2}, {"CPU": "new", "entries": 1}]


def test_a_damaged_file_is_left_out(tmp_path):
    folder = tmp_path / "sessions/c/p/a"
    folder.mkdir(parents=True)
    (folder / "machine-1.json").write_text("{")
    assert machines(tmp_path) == []


@pytest.mark.parametrize("answer", ["", "no devices"])
def test_without_a_gpu_no_gpu_is_recorded(monkeypatch, answer):
    process = module.subprocess.CompletedProcess([], 0, answer)
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: process)
    assert "GPU" not in machine()


def test_gpus_and_driver_are_recorded(monkeypatch):
    process = module.subprocess.CompletedProcess([], 0, "NVIDIA H100, 550.1\nNVIDIA H100, 550.1\n")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: process)
    assert machine()["GPU"] == "NVIDIA H100, NVIDIA H100"
    assert machine()["driver"] == "550.1"
