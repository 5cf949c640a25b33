"""The kit passes what keeps the contract, and finds each way to break it."""

from pathlib import Path

import pytest

from bifseg.cards.cards import MethodCard
from bifseg.cli.main import main
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.sessions.conformance import ConformanceKit

HERE = Path(__file__).parents[1] / "helpers"


def start(name):
    return MethodProcess(program(MethodCard(method=f"broken_methods:{name}"), HERE))


@pytest.fixture
def findings(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))

    def check(name):
        kit = ConformanceKit(lambda: start(name), 2)
        found = {finding.check: finding for finding in kit.findings()}
        kit.close()
        return found

    return check


def test_good_method_passes_everything(findings):
    found = findings("Good")
    assert len(found) == 12
    assert {check for check, finding in found.items() if finding.passed is not True} == set()
    assert not found["scribbles obeyed"].about.startswith("0 of 0")


def test_a_finding_is_told_before_the_next_check_begins(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    started = []
    kit = ConformanceKit(lambda: started.append(start("Good")) or started[-1], 2)
    assert next(kit.findings()).check == "box respected"
    assert len(started) == 1  # a later check starts another process
    kit.close()


BROKEN = {
    "Random": "same in another process",
    "Remembers": "second session like the first",
    "RemembersStrokes": "nothing kept of a session",
    "Frail": "image without contrast",
    "Hoards": "memory returned",
    "Outside": "box respected",
}


@pytest.mark.parametrize(("name", "check"), BROKEN.items())
def test_broken_method_fails_where_it_is_broken(findings, name, check):
    found = findings(name)
    assert found[check].passed is False
    assert found[check].about
    if name in ("Frail", "Hoards"):
        assert [key for key, finding in found.items() if finding.passed is False] == [check]


def test_to_keep_scribbles_is_a_property_and_no_duty(findings):
    found = findings("Deaf")
    assert found["scribbles obeyed"].passed is None
    assert "scribbled voxels" in found["scribbles obeyed"].about
    assert not any(finding.passed is False for finding in found.values())


def test_method_that_takes_no_scribbles_need_not_obey_them(findings):
    finding = findings("BoxOnly")["scribbles obeyed"]
    assert (finding.passed, finding.about) == (None, "the method takes no scribbles")


@pytest.mark.parametrize(("name", "code"), [("Good", 0), ("Deaf", 0), ("Frail", 1)])
def test_command_prints_a_table_and_tells_by_its_exit_code(tmp_path, monkeypatch, capsys, name, code):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    (tmp_path / "mine.yaml").write_text(f"method: broken_methods:{name}\n")
    monkeypatch.setattr("sys.argv", ["bifseg", "check-method", str(tmp_path / "mine.yaml")])
    with pytest.raises(SystemExit) as done:
        main()
    assert (done.value.code or 0) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mine: 2D, takes box, scribbles"
    assert len(lines) == 1 + 13 + 1
    assert [line.split()[0] for line in lines[1:-1]].count("FAIL") == code


def test_a_method_gets_the_channels_that_its_card_names(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    card = tmp_path / "two.yaml"
    monkeypatch.setattr("sys.argv", ["bifseg", "check-method", str(card)])
    for channels, code in (("[flair]", 0), ("[t1c]", 1)):
        card.write_text(
            f"method: broken_methods:TwoChannels\nplays: {{dimensions: [2], channels: {channels}}}\n"
        )
        with pytest.raises(SystemExit) as done:
            main()
        assert (done.value.code or 0) == code
    assert "flair" in capsys.readouterr().out
