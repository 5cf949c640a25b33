"""`bifseg replay` by hand: the same masks again, people's maps, and what it says to bad input."""

import shutil
from itertools import islice

import numpy as np
import pytest
from command_line import bifseg
from test_cli import CARDS, write_cards

from bifseg.analysis.scores import read_scores
from bifseg.cards.cards import MethodCard
from bifseg.cards.protocol_levels import read_protocol
from bifseg.core.images import write_array
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import run_shard
from bifseg.sessions.archive import Archive


@pytest.fixture(scope="module")
def desk(discs, discs_network, tmp_path_factory):
    """Cards, and BIFSeg's sessions on the test objects."""
    folder = tmp_path_factory.mktemp("desk")
    clicks = "rounds: 2\ntarget: null\npolicy: centre-click/1\nbox: loose/1\n"  # there is always one to make
    write_cards(folder, CARDS | {"geos.yaml": "method: geos\n", "own-scribbles.yaml": clicks})
    words = [
        "--cohort",
        discs.folder,
        "--network",
        discs_network,
        "--device",
        "cpu",
        "--out",
        folder / "sessions",
    ]
    assert bifseg("run", folder / "bifseg.yaml", "--protocol", folder / "own-scribbles.yaml", *words) == 0
    return folder


def test_the_same_method_gives_the_same_masks(desk, discs, discs_network, tmp_path, capsys):
    words = ["--cohort", discs.folder, "--network", discs_network, "--device", "cpu"]
    assert (
        bifseg("replay", desk / "bifseg.yaml", *words, "--sessions", desk / "sessions", "--out", tmp_path)
        == 0
    )
    objects = discs.select(split="test")
    assert capsys.readouterr().out == f"{len(objects)} ok\n"
    for row in objects:
        before, after = (Archive(folder).load(row.object) for folder in (desk / "sessions", tmp_path))
        assert [s.mask.tobytes() for s in before.steps] == [s.mask.tobytes() for s in after.steps]
        assert before.steps[-1].round == 2


def test_a_replay_to_another_method_is_scored(desk, discs, tmp_path):
    words = ["--cohort", discs.folder, "--sessions", desk / "sessions", "--out", tmp_path / "geos"]
    assert bifseg("replay", desk / "geos.yaml", *words, "--run", "mine") == 0
    assert bifseg("score", tmp_path / "geos", "--cohort", discs.folder, "--out", tmp_path / "scores") == 0
    scores = read_scores(tmp_path / "scores")
    assert set(scores["protocol"]) == {"own-scribbles-of-bifseg@pnet-tiny"}
    assert set(scores["method"]) == {"geos"}
    assert set(scores["run"]) == {"mine"}
    assert set(scores.groupby("object")["round"].max()) == {2}


@pytest.fixture(scope="module")
def some_played(desk, discs, tmp_path_factory):
    """The folder of the sessions of one shard of two."""
    folder = tmp_path_factory.mktemp("some")
    words = ["--cohort", discs.folder, "--protocol", desk / "own-scribbles.yaml", "--out", folder]
    assert bifseg("run", desk / "geos.yaml", *words, "--shard", "1/2") == 0
    return folder


def test_a_run_of_some_patients_is_replayed_as_far_as_it_was_played(
    desk, some_played, discs, tmp_path, capsys
):
    objects, played = discs.select(split="test"), Archive(some_played).stored()
    assert 0 < len(played) < len(objects)
    words = ["--cohort", discs.folder, "--sessions", some_played, "--out", tmp_path / "again"]
    assert bifseg("replay", desk / "geos.yaml", *words) == 0
    others = f"not replayed, since {some_played} has no session of them: "
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{others}{len(objects) - len(played)} object")
    assert last == f"{len(played)} ok"
    assert Archive(tmp_path / "again").stored().keys() == played.keys()


def test_an_interrupted_run_is_neither_scored_nor_replayed(desk, discs, tmp_path, capsys):
    """Means over the part that it has played would look like its results."""
    folder, scored = tmp_path / "half", ("--cohort", discs.folder, "--out", tmp_path / "scores")
    protocol = read_protocol(desk / "own-scribbles.yaml")
    setup = JobSetup("r", 1, discs, "own", protocol, desk / "geos.yaml", MethodCard(method="geos"))
    trials = setup.trials(discs.select(split="test"))

    def interrupted(played, _):
        yield from islice(played, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_shard(setup, trials, folder, progress=interrupted)
    assert 0 < len(Archive(folder).stored()) < len(trials)
    for command in (("score", folder), ("replay", desk / "geos.yaml", "--sessions", folder)):
        assert bifseg(*command, *scored) == 2
        assert "of a job that has not ended" in capsys.readouterr().err
    assert not (tmp_path / "scores").exists()
    run_shard(setup, trials, folder)
    assert bifseg("score", folder, *scored) == 0
    assert "not scored" not in capsys.readouterr().out


def test_scribble_maps_of_a_person_are_replayed(desk, discs, tmp_path):
    for row in discs.select(split="test"):
        truth = discs.truth(row)
        scribbles = np.where(truth & (np.indices(truth.shape)[0] % 7 == 0), 5, 0)
        scribbles[1, 3:50] = 9
        write_array(
            tmp_path / "maps/bob" / f"{row.object}.mha", scribbles.astype(np.uint8), discs.whole_grid(row)
        )
    words = ["--cohort", discs.folder, "--scribbles", tmp_path / "maps/bob", "--out", tmp_path / "geos"]
    assert bifseg("replay", desk / "geos.yaml", *words) == 2
    assert bifseg("replay", desk / "geos.yaml", *words, "--foreground", 5, "--background", 9) == 0
    assert bifseg("score", tmp_path / "geos", "--cohort", discs.folder, "--out", tmp_path / "scores") == 0
    scores = read_scores(tmp_path / "scores")
    assert set(scores["user"]) == set(scores["protocol"]) == {"bob"}
    assert set(scores["policy"]) == {"recorded"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "error: --sessions or --scribbles: give exactly one of them"),
        (
            ["--sessions", "sessions", "--scribbles", "sessions"],
            "error: --sessions or --scribbles: give exactly one of them",
        ),
        (["--scribbles", "sessions"], "no scribbles of "),
        (["--sessions", "nowhere"], "no such session; run `bifseg run` for it first"),
        (["--scribbles", "sessions", "--foreground", 2], "error: --foreground and --background: both are 2"),
        (["--scribbles", "sessions", "--box", "round/1"], "unknown box 'round/1'; known are"),
        (["--sessions", "sessions", "--split", "tset"], "'tset' is not a split"),
        (["--sessions", "sessions", "--network", "nowhere"], "nowhere/weights.pt: no such weights file; run"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(desk, discs, monkeypatch, capsys, words, message):
    monkeypatch.chdir(desk)
    assert bifseg("replay", "geos.yaml", "--cohort", discs.folder, "--out", "replayed", *words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (desk / "replayed").exists()


def test_a_run_of_some_patients_is_scored_as_far_as_it_was_played(desk, some_played, discs, tmp_path, capsys):
    folder, scored = tmp_path / "some", ("--cohort", discs.folder, "--out", tmp_path / "scores")
    shutil.copytree(some_played, folder)
    played = Archive(folder).stored()
    assert bifseg("score", folder, *scored) == 0
    others = len(discs.select(split="test")) - len(played)
    assert capsys.readouterr().out.startswith(
        f"not scored, since {folder} has no session of them: {others} object"
    )
    assert set(read_scores(tmp_path / "scores")["object"]) == played.keys()
    for command in (("score", folder), ("replay", desk / "geos.yaml", "--sessions", folder)):
        assert bifseg(*command, *scored, "--split", "validation") == 2
        assert f"{folder}: has no session of an object in the validation split" in capsys.readouterr().err
    pack = folder / "shard-1.zip"
    pack.write_bytes(pack.read_bytes()[:100])  # what was played is no longer known
    for command in (("score", folder), ("replay", desk / "geos.yaml", "--sessions", folder)):
        assert bifseg(*command, *scored) == 2
        assert f"{pack}: damaged" in capsys.readouterr().err
