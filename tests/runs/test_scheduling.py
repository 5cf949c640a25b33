"""Shards last about the configured time; each session is in exactly one."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.scheduling import expected_seconds, measured_seconds, plan_shards, share_out_shards, spread
from bifseg.runs.session_worker import EntryJob
from bifseg.runs.shard_plan import Trial, read_plan, write_plan
from bifseg.runs.shards import run_shard
from bifseg.sessions.archive import Archive

SIZES = {Trial("a", 0): 10.0, Trial("b", 0): 20.0, Trial("c", 0): 40.0, Trial("d", 0): 100.0}
SECONDS = st.dictionaries(
    st.builds(Trial, st.text("abc", min_size=1, max_size=4), st.integers(0, 2)),
    st.floats(0, 1e4),
    max_size=30,
)


def test_expected_time_grows_with_size_as_measured():
    """Two measured objects give 2 s plus 0.1 s a voxel."""
    seconds = expected_seconds(SIZES, {Trial("a", 0): 3.0, Trial("c", 0): 6.0})
    assert seconds == pytest.approx(
        {Trial("a", 0): 3.0, Trial("b", 0): 4.0, Trial("c", 0): 6.0, Trial("d", 0): 12.0}
    )


def test_expected_time_never_falls_with_size():
    seconds = expected_seconds(SIZES, {Trial("a", 0): 5.0, Trial("c", 0): 3.0})
    assert seconds[Trial("d", 0)] == pytest.approx(4.0)


def test_without_measurements_sizes_are_used_as_seconds():
    assert expected_seconds(SIZES, {}) == SIZES


@given(SECONDS, st.integers(1, 6))
def test_every_task_is_in_one_shard_longest_first(seconds, shards):
    shards_made = share_out_shards(seconds, shards)
    assert len(shards_made) == shards
    assert sorted(trial for trials in shards_made for trial in trials) == sorted(seconds)
    for trials in shards_made:
        assert [seconds[t] for t in trials] == sorted((seconds[t] for t in trials), reverse=True)


@given(SECONDS, st.integers(1, 6))
def test_no_shard_is_twice_as_long_as_the_best(seconds, shards):
    """Graham's bound for the longest first: 4/3 of the best; here against the mean and the longest trial."""
    loads = [sum(seconds[trial] for trial in trials) for trials in share_out_shards(seconds, shards)]
    best = max(sum(seconds.values()) / shards, max(seconds.values(), default=0))
    assert max(loads) <= 2 * best + 1e-6


def test_shards_do_not_depend_on_the_order_of_tasks():
    results = {str(share_out_shards(dict(items), 2)) for items in permutations(SIZES.items())}
    assert len(results) == 1


def test_the_pilot_spreads_over_sizes():
    trials = [Trial(f"o{k}") for k in range(8)]
    sizes = {trial: float(k) for k, trial in enumerate(trials)}
    assert [sizes[trial] for trial in spread(trials, sizes)] == [0, 4, 2, 6, 1, 5, 3, 7]
    assert spread(trials[:1], sizes) == trials[:1]
    assert spread([], {}) == []


def test_a_written_plan_is_read_back(tmp_path):
    shards = [[Trial("b", 0), Trial("a", 1)], [Trial("a", 0)]]
    write_plan(tmp_path / "plan.tsv", shards)
    assert read_plan(tmp_path / "plan.tsv") == {1: shards[0], 2: shards[1]}


@pytest.mark.parametrize("text", ["", "shard\tobject\n1\ta\n", "shard\tobject\treplicate\nx\ta\t0\n"])
def test_a_file_that_is_not_a_plan_is_refused(tmp_path, text):
    (tmp_path / "plan.tsv").write_text(text)
    with pytest.raises(InputError, match="not a plan of shards"):
        read_plan(tmp_path / "plan.tsv")


def test_a_missing_plan_is_not_to_be_deleted(tmp_path):
    with pytest.raises(InputError) as refused:
        read_plan(tmp_path / "plan.tsv")
    assert (
        str(refused.value)
        == f"{tmp_path}/plan.tsv: plan: no such file; write it with snakemake, or `bifseg plan`"
    )


@pytest.fixture
def setup(discs, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))
    card = MethodCard(method="odd_methods:Half")
    return JobSetup("run", 1, discs, "own", ProtocolCard(rounds=1), Path("half.yaml"), card)


def test_pilot_that_plays_everything_leaves_one_shard_and_nothing_to_do(discs, setup, tmp_path):
    trials = setup.trials(discs.select(split="test"))
    (shard,) = plan_shards([EntryJob(setup, tmp_path)], trials, job_minutes=10)
    assert sorted(shard) == sorted(trials)
    assert run_shard(setup, shard, tmp_path) == {"kept": len(trials)}


def test_short_jobs_are_many_and_keep_the_pilots_sessions(discs, setup, tmp_path):
    setup = replace(setup, replicates=1)
    trials = setup.trials(discs.select(split="test"))
    shards = plan_shards([EntryJob(setup, tmp_path)], trials, job_minutes=1e-6)
    played = {trial for trial in trials if Archive(tmp_path).fingerprint(trial.session)}
    assert 3 < len(shards) == len(trials) - len(played)  # no job without a session to play
    assert sorted(trial for shard in shards for trial in shard) == sorted(trials)
    counts = [run_shard(setup, shard, tmp_path, number) for number, shard in enumerate(shards, start=1)]
    assert sum(count["kept"] for count in counts) >= 1
    assert sum(count["ok"] + count["kept"] for count in counts) == len(trials)
    assert all(seconds > 0 for seconds in measured_seconds(tmp_path, trials).values())
