"""The command line: every stage by hand, and what it says to bad input and failures."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer
from command_line import bifseg
from disc_cases import HEADER, make_case
from typer.testing import CliRunner

from bifseg.analysis.scores import read_scores, write_scores
from bifseg.cards.cards import NetworkCard
from bifseg.cli.main import app, main
from bifseg.cohorts.cohort import Cohort
from bifseg.core.files import file_hash, read_record, write_record
from bifseg.networks.network_folder import CohortFacts, write_network
from bifseg.networks.registry import build
from bifseg.networks.trained import TrainedNetwork
from bifseg.runs.shard_plan import Trial, write_plan

STAGES = ["cohort prepare", "train", "plan", "run", "score", "collect", "results"]
TINY = "architecture: pnet\nsettings: {channels: 4}\ninput_size: 20\n"
CARDS = {
    "bifseg.yaml": "method: bifseg\nsettings: {iterations: 2}\n",
    "base-net.yaml": "method: base-net\n",
    "own-scribbles.yaml": "rounds: 1\n",
    "pnet-tiny.yaml": TINY + "training: {optimizer: adam, iterations: 4, validate_every: 2}\n",
}
BAD_CARDS = {
    "list.yaml": "- method\n",
    "torn.yaml": "method: {\n",
    "key.yaml": "method: bifseg\nlamda: 3\n",
    "method.yaml": "method: grabcat\n",
    "setting.yaml": "method: bifseg\nsettings: {sigma: -1}\n",
    "plug-in.yaml": "method: nowhere:Class\n",
    "policy.yaml": "policy: centre-line/99\n",
    "rounds.yaml": "rounds: -1\n",
    "architecture.yaml": "architecture: pnot\n",
    "iterations.yaml": TINY + "training: {iterations: 0}\n",
    "volumes.yaml": "architecture: pcnet\nsettings: {channels: 4}\n",
    "weights.yaml": TINY + "weights: nowhere.pt\n",
    "simulator.yaml": "dimension: 2\nsimulator: moon\nseen: [disc]\n",
    "both.yaml": "dimension: 2\nsimulator: fetal2d\nmanifest: m.tsv\nseen: [disc]\n",
    "manifest.yaml": "dimension: 2\nmanifest: nowhere.tsv\nseen: [disc]\n",
}


def commands(group=None, words=()):
    """(words, command) of everything that the command line can be asked for."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        yield from commands(command, (name,)) if hasattr(command, "commands") else [((*words, name), command)]


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write_cards(folder, cards):
    for name, text in cards.items():
        (folder / name).write_text(text)


# Help


def test_help_lists_the_stages_in_order_and_the_exit_codes():
    text = CliRunner().invoke(app, ["--help"]).output
    numbered = re.findall(r"^ +\d\. bifseg (.+?)(?:  .*)?$", text, re.M)
    assert numbered == STAGES
    assert "Exit codes: 0 done, 1 a failure or a regression, 2 bad input" in text


@pytest.mark.parametrize(
    ("words", "command"),
    list(commands()),
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_help_describes_the_command_and_every_option(words, command):
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert command.help
    printed = " ".join(result.output.split())
    for parameter in command.params:
        assert parameter.help, parameter.name
        assert " ".join(parameter.help.split()) in printed
    assert "\\" not in printed, "a mark for line breaks is printed"
    assert "file or folder" not in printed, "--out says which"


def test_bifseg_runs_as_a_module():
    process = subprocess.run([sys.executable, "-m", "bifseg", "--help"], capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (0, "")
    assert "Evaluate interactive segmentation" in process.stdout


# All stages


@pytest.fixture(scope="module")
def manifest(discs):
    return discs.folder.parent / "data/manifest.tsv"


@pytest.fixture(scope="module")
def by_hand(manifest, tmp_path_factory):
    """The folder of a run whose stages were called one by one."""
    cards, run = tmp_path_factory.mktemp("cards"), tmp_path_factory.mktemp("results") / "by-hand"
    card = f"dimension: 2\nmanifest: {manifest}\nseen: [disc]\nunseen: [ring]\nbox_margin: 5\n"
    write_cards(cards, {**CARDS, "discs.yaml": card})
    cohort, network = run / "cohorts/discs", run / "networks/discs/pnet-tiny"
    assert bifseg("cohort", "prepare", cards / "discs.yaml", "--out", cohort) == 0
    assert bifseg("train", cards / "pnet-tiny.yaml", "--cohort", cohort, "--out", network) == 0
    parts = [play(cards, run, "base-net", ["1/1"]), play(cards, run, "bifseg", ["1/2", "2/2"])]
    assert bifseg("collect", *parts, "--out", run / "scores.parquet") == 0
    for stage in ("tables", "figures", "provenance", "report"):
        assert bifseg(stage, run) == 0
    return run


def play(cards, run, method, shards):
    """Run and score a method in these shards; the file of scores."""
    cohort, network = run / "cohorts/discs", run / "networks/discs/pnet-tiny"
    sessions = run / f"sessions/discs/own-scribbles/{method}@pnet-tiny"
    out = run / f"scores/{method}.parquet"
    for shard in shards:
        words = [cards / f"{method}.yaml", "--cohort", cohort, "--protocol", cards / "own-scribbles.yaml"]
        words += ["--network", network, "--out", sessions, "--run", run.name, "--device", "cpu"]
        index = sessions / f"shard-{shard[0]}.tsv"
        assert bifseg("run", *words, "--shard", shard, "--index", index) == 0
    assert bifseg("score", sessions, "--cohort", cohort, "--out", out) == 0
    return out


FILES = [
    "cohorts/discs/objects.tsv",
    "cohorts/discs/cohort.json",
    "networks/discs/pnet-tiny/weights.pt",
    "networks/discs/pnet-tiny/curve.csv",
    "networks/discs/pnet-tiny/card.json",
    "scores.parquet",
    "scores.csv",
    "tables/discs-interactions.tex",
    "tables/discs-targets.csv",
    "figures/index.json",
    "provenance.json",
    "report.html",
]


@pytest.mark.parametrize("name", FILES)
def test_stages_called_separately_write_their_files(by_hand, name):
    assert (by_hand / name).stat().st_size > 0


def test_no_partial_files_are_left(by_hand):
    assert not list(by_hand.rglob(".part-*"))


def test_shards_play_every_object_once(by_hand, discs):
    indices = sorted(by_hand.glob("sessions/discs/own-scribbles/bifseg@pnet-tiny/shard-*.tsv"))
    lines = [line.split("\t") for path in indices for line in path.read_text().splitlines()[1:]]
    assert sorted(line[0] for line in lines) == sorted(row.object for row in discs.select(split="test"))
    assert {tuple(line[1:3]) for line in lines} == {("0", "ok")}


def test_scores_by_hand_hold_every_object_of_every_method(by_hand, discs):
    scores = read_scores(by_hand / "scores.parquet")
    played = scores.groupby("method")["object"].nunique()
    assert played.to_dict() == dict.fromkeys(("base-net", "bifseg"), len(discs.select(split="test")))
    assert set(scores["run"]) == {"by-hand"}
    assert set(scores["network"]) == {"pnet-tiny"}
    assert set(scores["status"]) == {"ok"}


def test_existing_sessions_are_kept(by_hand, tmp_path, capsys):
    write_cards(tmp_path, CARDS)
    before = (by_hand / "scores/bifseg.parquet").read_bytes()
    play(tmp_path, by_hand, "bifseg", ["1/2", "2/2"])
    assert capsys.readouterr().out.splitlines() == ["3 kept", "3 kept"]
    assert (by_hand / "scores/bifseg.parquet").read_bytes() == before


def test_empty_shard_is_no_failure(by_hand, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_cards(tmp_path, CARDS)
    fields = {"cohort": by_hand / "cohorts/discs", "network": by_hand / "networks/discs/pnet-tiny"}
    assert bifseg(*command("run", **fields, shard="9/9"), "--index", "index.tsv") == 0
    assert capsys.readouterr().out == "no objects in this shard\n"
    assert len(Path("index.tsv").read_text().splitlines()) == 1


@pytest.mark.parametrize("keep", [1, 2, 6])
def test_a_truncated_plan_is_refused(by_hand, tmp_path, monkeypatch, capsys, keep):
    """A plan cut at the end of a line would still be a valid shorter plan."""
    monkeypatch.chdir(tmp_path)
    write_cards(tmp_path, CARDS)
    fields = {"cohort": by_hand / "cohorts/discs", "network": by_hand / "networks/discs/pnet-tiny"}
    names = [row.object for row in Cohort.load(fields["cohort"]).select(split="test")]
    write_plan(Path("plan.tsv"), [[Trial(name, 0) for name in names]])
    lines = Path("plan.tsv").read_text().splitlines(keepends=True)
    assert len(lines) == 7
    Path("plan.tsv").write_text("".join(lines[:keep]))
    assert bifseg(*command("run", **fields), "--plan", "plan.tsv") == 2
    assert "plan.tsv: plan: incomplete, or for other objects" in capsys.readouterr().err
    assert not Path("out").exists()


def test_replicates_pass_through_all_stages(by_hand, tmp_path):
    write_cards(tmp_path, CARDS | {"geos.yaml": "method: geos\n"})  # its process imports no torch
    run = tmp_path / "run"
    (run / "cohorts").mkdir(parents=True)
    (run / "cohorts/discs").symlink_to(by_hand / "cohorts/discs")
    cohort, sessions = run / "cohorts/discs", run / "sessions/discs/own-scribbles/geos"
    words = ["--cohort", cohort, "--protocol", tmp_path / "own-scribbles.yaml", "--out", sessions]
    assert bifseg("run", tmp_path / "geos.yaml", *words, "--replicates", 2) == 0
    part, whole = run / "part.parquet", run / "scores.parquet"
    assert bifseg("score", sessions, "--cohort", cohort, "--out", part, "--replicates", 2) == 0
    assert bifseg("collect", part, "--out", whole) == 0
    for stage in ("tables", "figures", "provenance", "report"):
        assert bifseg(stage, run) == 0
    scores = read_scores(whole)
    assert scores.groupby("replicate")["object"].nunique().to_dict() == {0: 6, 1: 6}
    assert "Replicates and cases" in (run / "report.html").read_text()


# cohort check


def test_a_valid_manifest_is_summarised(manifest, capsys):
    assert bifseg("cohort", "check", manifest, "--dimension", "2") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.endswith("12 rows, 0 problems\n")


def test_every_problem_of_a_manifest_is_a_line(manifest, tmp_path, capsys):
    text = manifest.read_text().replace("case0_label.nii.gz\t2", "case0_label.nii.gz\t7")
    bad = tmp_path / "bad.tsv"
    bad.write_text(text.replace("case1.nii.gz", "nowhere.nii.gz"))
    assert bifseg("cohort", "check", bad, "--root", manifest.parent, "--dimension", "2") == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out.endswith(f"12 rows, {len(lines)} problems\n")
    assert all(line.startswith(f"{bad}:") for line in lines)
    assert any("label_values: 7" in line for line in lines)
    assert any("nowhere.nii.gz" in line for line in lines)


def test_bad_manifest_prepares_nothing(manifest, tmp_path, capsys):
    (tmp_path / "bad.tsv").write_text(manifest.read_text().replace("validation", "vali"))
    (tmp_path / "bad.yaml").write_text(
        f"dimension: 2\nmanifest: bad.tsv\nroot: {manifest.parent}\nseen: [disc]\nunseen: [ring]\n"
    )
    assert bifseg("cohort", "prepare", tmp_path / "bad.yaml", "--out", tmp_path / "out") == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'bad.tsv'}: 2 problems\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["problems.txt"]


def test_objects_of_a_cohort_are_described(discs, capsys):
    assert bifseg("cohort", "describe", discs.folder) == 0
    lines = capsys.readouterr().out.splitlines()
    counts = {line.split()[0]: line.split()[1] for line in lines[3:]}
    assert counts == {"disc": "6", "ring": "6"}
    assert "seen_band_dice" in lines[0]
    for line in lines[3:]:
        own, of_seen = float(line.split()[-4]), float(line.split()[-2])
        assert 0.5 < of_seen <= own


# Bad input

COMMANDS = {
    "prepare": "cohort prepare {cohort_card} --out {out}",
    "check": "cohort check {manifest}",
    "check card": "cohort check {cohort_card}",
    "describe": "cohort describe {cohort}",
    "train": "train {network_card} --cohort {cohort} --out {out} --device {device}",
    "run": "run {method} --cohort {cohort} --protocol {protocol} --network {network} --out {out}"
    " --shard {shard} --split {split} --device {device}",
    "run alone": "run {method} --cohort {cohort} --protocol {protocol} --out {out} --device {device}",
    "score": "score {sessions} --cohort {cohort} --split {split} --out {out}/scores.parquet",
    "collect": "collect {scores} --out {out}/scores.parquet",
    "tables": "tables {run}",
    "figures": "figures {run}",
    "provenance": "provenance {run} --settings {settings}",
    "report": "report {run}",
}
FIELDS = {
    "network_card": "pnet-tiny.yaml",
    "method": "bifseg.yaml",
    "protocol": "own-scribbles.yaml",
    "sessions": "sessions",
    "out": "out",
    "shard": "1/1",
    "split": "test",
    "device": "cpu",
    "settings": "{}",
}


def command(name, **fields):
    """The words of a command, good but for what the fields say."""
    return COMMANDS[name].format(**(FIELDS | fields)).split()


# command, its invalid fields, the message
BAD = [
    ("prepare", {"cohort_card": "nowhere.yaml"}, "nowhere.yaml: cannot be read: No such file or directory; "),
    ("prepare", {"cohort_card": "list.yaml"}, "list.yaml: a card is a mapping of keys to values"),
    ("prepare", {"cohort_card": "both.yaml"}, "both.yaml: card: give either 'simulator' or"),
    ("prepare", {"cohort_card": "simulator.yaml"}, "simulator.yaml: simulator: 'moon' is unknown"),
    ("prepare", {"cohort_card": "manifest.yaml"}, "manifest.yaml: manifest: "),
    ("check", {"manifest": "nowhere.tsv"}, "nowhere.tsv: manifest: cannot be read"),
    ("check card", {"cohort_card": "manifest.yaml"}, "manifest.yaml: manifest: "),
    (
        "check card",
        {"cohort_card": "simulator.yaml"},
        "simulator.yaml: manifest: none, the images are made by moon",
    ),
    ("describe", {"cohort": "nowhere"}, "nowhere/cohort.json: cohort: no prepared cohort"),
    ("train", {"network_card": "nowhere.yaml"}, "nowhere.yaml: cannot be read"),
    ("train", {"network_card": "iterations.yaml"}, "iterations.yaml: training.iterations: Input should be"),
    ("train", {"network_card": "architecture.yaml"}, "architecture.yaml: architecture: unknown 'pnot'"),
    (
        "train",
        {"network_card": "volumes.yaml"},
        "volumes.yaml: architecture: pcnet is 3D, cohort discs is 2D",
    ),
    ("train", {"network_card": "weights.yaml"}, "weights.yaml: weights: nowhere.pt: no such weights file"),
    ("train", {"cohort": "nowhere"}, "nowhere/cohort.json: cohort: no prepared cohort"),
    ("train", {"device": "cuda"}, "--device cuda: torch sees no GPU here; use cpu or auto"),
    ("train", {"device": "tpu"}, "--device tpu: unknown; use cpu, cuda or auto"),
    ("run", {"method": "nowhere.yaml"}, "nowhere.yaml: cannot be read"),
    ("run", {"method": "torn.yaml"}, "torn.yaml: not valid YAML"),
    ("run", {"method": "key.yaml"}, "key.yaml: lamda: unknown key; correct its name or remove it"),
    ("run", {"method": "method.yaml"}, "method.yaml: method: unknown 'grabcat'; known are base-net"),
    ("run", {"method": "setting.yaml"}, "setting.yaml: settings.sigma: Input should be"),
    ("run", {"method": "plug-in.yaml"}, "plug-in.yaml: method: nowhere:Class cannot be imported"),
    ("run", {"protocol": "nowhere.yaml"}, "nowhere.yaml: cannot be read"),
    ("run", {"protocol": "rounds.yaml"}, "rounds.yaml: rounds: Input should be"),
    ("run", {"protocol": "policy.yaml"}, "policy.yaml: policy: Input should be 'centre-line/1', "),
    ("run", {"cohort": "nowhere"}, "nowhere/cohort.json: cohort: no prepared cohort"),
    ("run", {"network": "nowhere"}, "nowhere/weights.pt: no such weights file"),
    ("run", {"network": "broken"}, "broken/weights.pt: not a weights file written by bifseg train"),
    ("run", {"network": "volumes"}, "bifseg.yaml: method: bifseg plays in 3D, the cohort is 2D"),
    ("run", {"shard": "3"}, "--shard 3: write it as NUMBER/OF, for example 1/4"),
    ("run", {"shard": "5/4"}, "--shard 5/4: write it as NUMBER/OF, for example 1/4"),
    ("run", {"split": "tset"}, "split: 'tset' is not a split; known are: train, validation, test"),
    ("run", {"device": "cuda"}, "--device cuda: torch sees no GPU here"),
    ("run alone", {}, "bifseg.yaml: method: bifseg needs a network; give --network, or write METHOD@NETWORK"),
    ("run alone", {"device": "tpu"}, "--device tpu: unknown"),
    ("score", {"cohort": "nowhere"}, "nowhere/cohort.json: cohort: no prepared cohort"),
    ("score", {"split": "tset"}, "split: 'tset' is not a split"),
    ("score", {"sessions": "nowhere"}, "no such session; run `bifseg run` for it first"),
    ("collect", {"scores": "nowhere.parquet"}, "nowhere.parquet: missing; run `bifseg score` first"),
    ("tables", {"run": "nowhere"}, "nowhere: no such folder; correct the path"),
    ("tables", {"run": "."}, "scores.parquet: missing; run `bifseg collect` first"),
    ("figures", {"run": "nowhere"}, "nowhere: no such folder; correct the path"),
    ("provenance", {"run": "nowhere"}, "nowhere: no such folder; correct the path"),
    ("provenance", {"settings": "{broken"}, "--settings {broken: not JSON"),
    ("report", {"run": "nowhere"}, "nowhere: no such folder; correct the path"),
    ("report", {"run": "collected"}, "collected/tables: missing; run `bifseg tables` first"),
]


@pytest.fixture(scope="module")
def desk(discs, discs_network, by_hand, tmp_path_factory):
    """A folder with invalid files of each kind, and the fields of a valid command."""
    folder = tmp_path_factory.mktemp("desk")
    write_cards(folder, CARDS | BAD_CARDS)
    for name in ("broken", "volumes"):
        (folder / name).mkdir()
        (folder / name / "curve.csv").touch()
    card = NetworkCard(architecture="pcnet", settings={"channels": 4})
    volumes = TrainedNetwork(build(card).eval(), 16, {}, torch.device("cpu"))
    write_network(volumes, card, CohortFacts("volumes", 3), folder / "volumes", {})
    (folder / "broken/weights.pt").write_bytes(b"half")
    record = read_record(folder / "volumes/card.json")
    own = {"weights_sha256": file_hash(folder / "broken/weights.pt")}
    write_record(folder / "broken/card.json", record | own)
    write_scores(read_scores(by_hand / "scores.parquet"), folder / "collected/scores.parquet")
    return folder, {"cohort": discs.folder, "network": discs_network, "run": by_hand}


@pytest.mark.parametrize(
    ("name", "wrong", "message"), BAD, ids=[f"{n}-{'-'.join(w.values())}" for n, w, _ in BAD]
)
def test_bad_input_is_one_line_and_writes_nothing(desk, monkeypatch, capsys, name, wrong, message):
    folder, good = desk
    monkeypatch.chdir(folder)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    before = files(folder)
    assert bifseg(*command(name, **(good | wrong))) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert files(folder) == before


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["grab"],
        ["tables", "run", "--target", "high"],
        ["tables", "run", "--target", "90"],
        ["cohort", "check", "m.tsv", "--dimension", "4"],
    ],
)
def test_misused_command_is_bad_input(words, capsys):
    assert bifseg(*words) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("\t1\tdisc", "\t1,2\tdisc", "1 kept, 2 ok\n"), ("disc\tt2", "disc\tct", "1 kept, 1 ok\n")],
)
def test_sessions_of_another_truth_or_modality_are_played_again(tmp_path, capsys, before, after, expected):
    """The files are the same, but the manifest says that other label values are the object."""
    manifest, cohort = tmp_path / "data/manifest.tsv", tmp_path / "cohort"
    (tmp_path / "discs.yaml").write_text("dimension: 2\nmanifest: data/manifest.tsv\nseen: [disc, ring]\n")
    write_cards(tmp_path, {"geos.yaml": "method: geos\n", "own.yaml": "rounds: 1\n"})
    text = HEADER + "".join(make_case(tmp_path / "data", "case1", "test"))
    printed = []
    for content in (text, text, text.replace(before, after)):
        manifest.write_text(content)
        assert bifseg("cohort", "prepare", tmp_path / "discs.yaml", "--out", cohort) == 0
        capsys.readouterr()
        words = ("--cohort", cohort, "--protocol", tmp_path / "own.yaml", "--out", tmp_path / "out")
        assert bifseg("run", tmp_path / "geos.yaml", *words) == 0
        printed.append(capsys.readouterr().out)
    assert printed == ["2 ok\n", "2 kept\n", expected]


def test_a_split_without_objects_is_refused_before_any_session(desk, tmp_path, monkeypatch, capsys):
    """As in a cohort of two patients, both in the split train."""
    (tmp_path / "discs.yaml").write_text("dimension: 2\nmanifest: data/manifest.tsv\nseen: [disc, ring]\n")
    rows = [row for k in range(2) for row in make_case(tmp_path / "data", f"case{k}", "train")]
    (tmp_path / "data/manifest.tsv").write_text(HEADER + "".join(rows))
    assert bifseg("cohort", "prepare", tmp_path / "discs.yaml", "--out", tmp_path / "cohort") == 0
    folder, good = desk
    monkeypatch.chdir(folder)
    fields = good | {"cohort": tmp_path / "cohort", "out": tmp_path / "out"}
    assert bifseg(*command("run", **fields)) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/cohort/objects.tsv: split: no object is in the split to play; put patients into it, or set "
        "`split` in the configuration\n"
    )
    assert not (tmp_path / "out").exists()


# Failures


@pytest.fixture
def failing(by_hand, monkeypatch):
    """The words of a command that fails with an unexpected exception."""

    def fail(run, target, scores=None):
        raise RuntimeError("out of\n  luck")

    monkeypatch.setattr("bifseg.reports.tables.write_tables", fail)
    return ["tables", by_hand]


def test_failure_is_one_line(failing, capsys):
    assert bifseg(*failing) == 1
    assert capsys.readouterr().err == "failed: RuntimeError: out of luck (BIFSEG_DEBUG=1 shows where)\n"


def test_a_file_that_cannot_be_written_is_named_with_a_remedy(tmp_path, capsys):
    (tmp_path / "taken").touch()
    assert bifseg("cohort", "prepare", "config/cohorts/fetal2d.yaml", "--out", tmp_path / "taken") == 1
    assert capsys.readouterr().err == (
        f"failed: {tmp_path}/taken/cohort.json: Not a directory; correct the path, its permissions or its disk "
        "(BIFSEG_DEBUG=1 shows where)\n"
    )


def test_a_file_that_cannot_take_a_folder_s_place_is_named_and_not_our_temporary_one(
    by_hand, tmp_path, capsys
):
    (tmp_path / "all.parquet").mkdir()
    assert bifseg("collect", by_hand / "scores.parquet", "--out", tmp_path / "all") == 1
    assert capsys.readouterr().err.startswith(f"failed: {tmp_path}/all.parquet: Is a directory;")


def test_failure_is_raised_when_debugging(failing, monkeypatch):
    monkeypatch.setenv("BIFSEG_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["bifseg", *map(str, failing)])
    with pytest.raises(RuntimeError, match="luck"):
        main()


def test_ctrl_c_ends_with_code_130(failing, monkeypatch):
    def stop(run, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("bifseg.reports.tables.write_tables", stop)
    assert bifseg(*failing) == 130


def test_as_many_files_may_be_open_as_the_system_allows(monkeypatch):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] // 2, before[1]))
    monkeypatch.setattr(sys, "argv", ["bifseg", "--version"])
    try:
        with pytest.raises(SystemExit):
            main()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
