"""The conformance kit passes correct methods and detects each violation of the contract."""

import tempfile
from pathlib import Path

import pytest

from bifseg.cards.cards import MethodCard
from bifseg.cli.main import main
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.sessions.conformance import ConformanceKit

HERE = Path(__file__).parents[1] / "helpers"


def start(name, **settings):
    return MethodProcess(program(MethodCard(method=f"broken_methods:{name}", settings=settings), HERE))


@pytest.fixture
def findings(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))

    def check(name, **settings):
        kit = ConformanceKit(lambda: start(name, **settings), 2)
        by_check = {finding.check: finding for finding in kit.results()}
        kit.close()
        return by_check

    return check


def test_a_good_method_passes_all_checks(findings):
    results = findings("Good")
    assert len(results) == 12
    assert {check for check, finding in results.items() if finding.passed is not True} == set()
    assert not results["scribbles obeyed"].about.startswith("0 of 0")


def test_a_method_that_only_corrects_masks_passes_all_checks(findings):
    results = findings("Corrects")
    assert len(results) == 13
    assert {check for check, finding in results.items() if finding.passed is not True} == set()
    assert results["mask corrected"].about == "3 results from an existing mask"


def test_findings_are_reported_one_by_one(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    started = []
    kit = ConformanceKit(lambda: started.append(start("Good")) or started[-1], 2)
    assert next(kit.results()).check == "box respected"
    assert len(started) == 1  # a later check starts another process
    kit.close()


BROKEN = {
    "Random": "same in another process",
    "Remembers": "second session like the first",
    "RemembersStrokes": "nothing kept of a session",
    "Frail": "image without contrast",
    "Hoards": "memory returned",
    "Outside": "box respected",
    "DropsTheMask": "mask corrected",
}


@pytest.mark.parametrize(("name", "check"), BROKEN.items())
def test_a_broken_method_fails_the_matching_check(findings, name, check):
    results = findings(name)
    assert results[check].passed is False
    assert results[check].about
    if name in ("Frail", "Hoards", "DropsTheMask"):
        assert [key for key, finding in results.items() if finding.passed is False] == [check]


def test_strokes_left_in_shared_memory_are_found(findings):
    """The kernel does not keep a method from files there, which Python's multiprocessing needs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="bifseg-test-") as folder:
        results = findings("LeavesStrokes", folder=folder)
    finding = results["nothing kept of a session"]
    assert finding.passed is False
    assert "remembers another session on the same image" in finding.about


def test_obeying_scribbles_is_optional(findings):
    results = findings("Deaf")
    assert results["scribbles obeyed"].passed is None
    assert "scribbled voxels" in results["scribbles obeyed"].about
    assert not any(finding.passed is False for finding in results.values())


def test_scribbles_are_not_checked_for_a_method_without_them(findings):
    finding = findings("BoxOnly")["scribbles obeyed"]
    assert (finding.passed, finding.about) == (None, "the method takes no scribbles")


@pytest.mark.parametrize(("name", "code"), [("Good", 0), ("Deaf", 0), ("Frail", 1)])
def test_the_command_prints_a_table_and_sets_the_exit_code(tmp_path, monkeypatch, capsys, name, code):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (tmp_path / "mine.yaml").write_text(f"method: broken_methods:{name}\n")
    monkeypatch.setattr("sys.argv", ["bifseg", "check-method", str(tmp_path / "mine.yaml")])
    with pytest.raises(SystemExit) as raised:
        main()
    assert (raised.value.code or 0) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine: 2D, takes box, scribbles"
    assert len(lines) == 1 + 13 + 1
    assert [line.split()[0] for line in lines[1:-1]].count("FAIL") == code


def test_a_method_gets_the_channels_of_its_card(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    card = tmp_path / "two.yaml"
    monkeypatch.setattr("sys.argv", ["bifseg", "check-method", str(card)])
    for channels, code in (("[flair]", 0), ("[t1c]", 1)):
        card.write_text(
            f"method: broken_methods:TwoChannels\nplays: {{dimensions: [2], channels: {channels}}}\n"
        )
        with pytest.raises(SystemExit) as raised:
            main()
        assert (raised.value.code or 0) == code
    assert "flair" in capsys.readouterr().out
