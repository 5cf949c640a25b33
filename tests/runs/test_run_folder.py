"""A run's folder, and the files that its configuration leads to."""

import pytest
from command_line import bifseg
from fake_run import scores

from bifseg.analysis.scores import read_scores, write_scores
from bifseg.core.errors import InputError
from bifseg.core.files import write_json, write_text
from bifseg.runs.run_folder import Run
from bifseg.runs.shard_plan import Trial, write_plan

CARDS = {
    "methods/geos.yaml": "method: geos\n",
    "methods/own.yaml": "method: own:Method\n",
    "protocols/own-scribbles.yaml": "rounds: 1\n",
}


def configured(place, shards):
    """The folder of a run of two groups."""
    for name, text in CARDS.items():
        write_text(place / "cards" / name, text)
    played = {"c": {"protocols": {"own-scribbles": ["geos", "own"]}}}
    config = {"run": "r", "cards": str(place / "cards"), "shards": shards, "cohorts": played}
    write_json(place / "r/config.json", config)
    return place / "r"


def test_files_of_scores_are_those_of_the_configured_or_planned_shards(tmp_path):
    folder = configured(tmp_path, shards=2)
    names = [str(path.relative_to(folder / "scores/c")) for path in Run(folder).score_files()]
    assert names == [f"{group}/shard-{n}.parquet" for group in ("tools", "own") for n in (1, 2)]
    configured(tmp_path, shards=None)
    write_plan(folder / "plans/c/tools.tsv", [[Trial("a")], [Trial("b")], [Trial("d")]])
    with pytest.raises(InputError, match=r"own\.tsv: plan"):
        Run(folder).score_files()
    write_plan(folder / "plans/c/own.tsv", [])
    names = [str(path.relative_to(folder / "scores/c")) for path in Run(folder).score_files()]
    assert names == [*(f"tools/shard-{n}.parquet" for n in (1, 2, 3)), "own/shard-1.parquet"]


def test_collect_takes_the_scores_of_a_whole_run_by_its_folder(tmp_path, capsys):
    """A command line holds 128 KiB in one argument of a shell: the names of about 2,100 files."""
    folder = configured(tmp_path, shards=2)
    parts = Run(folder).score_files()
    for part, name in zip(parts, "abcd", strict=True):
        write_scores(scores([(name, "geos", "initial", 0.5)]), part)
    write_text(folder / "scores/c/tools/shard-3.parquet", "of an earlier, larger number of shards")
    assert bifseg("collect", folder, "--out", folder / "scores.parquet") == 0
    assert bifseg("collect", *parts, "--out", folder / "by-name.parquet") == 0
    collected = read_scores(folder / "scores.parquet")
    assert collected["object"].tolist() == list("abcd")
    assert collected.equals(read_scores(folder / "by-name.parquet"))
    parts[2].unlink()
    assert bifseg("collect", folder, "--out", folder / "scores.parquet") == 2
    assert f"{parts[2]}: missing" in capsys.readouterr().err
