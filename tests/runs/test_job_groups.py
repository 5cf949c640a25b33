"""One job plays all entries with a network; rows, processes and files are those of separate jobs."""

from dataclasses import replace
from pathlib import Path

import pytest

from bifseg.analysis.scores import score_session, to_frame
from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.supervised import SupervisedProcess
from bifseg.methods.process import messages
from bifseg.methods.process.process import MethodProcess
from bifseg.runs.job_groups import job_groups
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.session_worker import EntryJob
from bifseg.runs.shards import load_sessions, run_entries, run_shard

HELPERS = Path(__file__).parents[1] / "helpers"
TIMES = ["robot_s", "network_s", "label_update_s", "machine_s", "method_s", "peak_rss_mb", "peak_gpu_mb"]
PROTOCOL = ProtocolCard(rounds=2, target=0.99)
METHODS = ("base-net", "base-crf", "bifseg")
PROTOCOLS = {"own": PROTOCOL, "shared": ProtocolCard(rounds=1, scribbles_on="initial")}


@pytest.fixture
def jobs(discs, discs_network, tmp_path):
    """Three methods at one network, each under two protocols, in the folder of a run."""
    (tmp_path / "config.json").write_text("{}")
    return [
        EntryJob(
            JobSetup("run", 1, discs, name, rules, Path(f"{method}.yaml"), card, discs_network),
            tmp_path / "sessions/discs" / name / f"{method}@{discs_network.name}",
        )
        for method in METHODS
        for card in [MethodCard(method=method)]
        for name, rules in PROTOCOLS.items()
    ]


@pytest.fixture
def trials(discs, jobs):
    return jobs[0].setup.trials(discs.select(split="test"))


@pytest.fixture
def tool(jobs, tmp_path):
    """A job of one of bifseg's tools, which share a process as methods at one network do, without importing torch."""

    def make(name):
        card = MethodCard(method=name)
        setup = replace(jobs[0].setup, card_path=Path(f"{name}.yaml"), card=card, network=None)
        return EntryJob(setup, tmp_path / "sessions/discs/own" / name)

    return make


@pytest.fixture
def plug_in(jobs, tmp_path, monkeypatch):
    """A job of one of the odd methods."""
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))

    def make(name="Half", **settings):
        card = MethodCard(method=f"odd_methods:{name}", settings=settings)
        setup = replace(jobs[0].setup, card_path=Path(f"{name}.yaml"), card=card, network=None)
        return EntryJob(setup, tmp_path / "sessions/discs/own" / name)

    return make


@pytest.fixture
def started(monkeypatch):
    """The commands of the processes that are started."""
    commands = []

    class Counted(SupervisedProcess):
        def __init__(self, command, *words):
            commands.append(command)
            super().__init__(command, *words)

    monkeypatch.setattr("bifseg.methods.process.process.SupervisedProcess", Counted)
    return commands


@pytest.fixture
def written(monkeypatch):
    """The names of the files that sessions write for their methods."""
    names, share = [], messages._share

    def counted(name, *words):
        names.append(name)
        share(name, *words)

    monkeypatch.setattr(messages, "_share", counted)
    return names


def rows_of(discs, folder):
    pairs = load_sessions(folder, discs.select(split="test"))
    rows = [r for row, s in pairs for r in score_session(s, discs.truth(row), "anna")]
    return to_frame(rows)


def test_one_process_plays_all_methods_of_bifseg_with_each_image_sent_once(
    jobs, trials, started, written, discs, tmp_path_factory
):
    assert run_entries(jobs, trials) == {"ok": len(jobs) * len(trials)}
    assert len(started) == 1
    assert written.count(messages.IMAGE) == len({discs.object(trial.object).image for trial in trials})
    for job in jobs[1::4]:  # a session of the second protocol takes up what the first has computed
        alone = tmp_path_factory.mktemp("alone")
        run_shard(job.setup, trials, alone)
        rows_together, rows_alone = rows_of(discs, job.folder), rows_of(discs, alone)
        assert rows_together.drop(columns=TIMES).equals(rows_alone.drop(columns=TIMES))
        assert (rows_together["machine_s"] >= rows_together["method_s"]).all()
        assert (rows_together["network_s"] > 0).all()  # features that another entry computed are charged
    assert len(started) == 1 + 2


def test_a_crashing_plug_in_has_its_own_process(tool, plug_in, trials, started):
    both = [tool("geos"), plug_in(do="leave"), tool("random-walks")]
    n = len(trials[:2])
    assert run_entries(both, trials[:2]) == {"ok": 2 * n, "failed": n}
    assert len(started) == 1 + 1 + 2 * n - 1  # the plug-in's is started anew after each crash


def test_an_unfit_entry_does_not_stop_the_others(jobs, plug_in, trials):
    wrong = replace(jobs[1], setup=replace(jobs[1].setup, card=MethodCard(method="geos")))
    good = plug_in()
    with pytest.raises(InputError, match="method: geos takes no network"):
        run_entries([wrong, good], trials)
    assert run_entries([good], trials) == {"kept": len(trials)}


def test_a_job_plays_only_the_missing_sessions_of_each_entry(tool, trials):
    jobs = [tool("geos"), tool("random-walks")]
    run_shard(jobs[0].setup, trials[:3], jobs[0].folder)
    run_shard(jobs[1].setup, trials[2:4], jobs[1].folder)
    played = 2 * len(trials) - 5
    assert run_entries(jobs, trials) == {"kept": 5, "ok": played}


CARDS = {
    "methods/a.yaml": "method: bifseg\n",
    "methods/b.yaml": "method: base-crf\n",
    "methods/geos.yaml": "method: geos\n",
    "methods/own.yaml": "method: own:Method\n",
    "methods/program.yaml": "command: [sh]\nplays: {dimensions: [2], prompts: [box]}\n",
    "protocols/p.yaml": "rounds: 1\n",
    "protocols/q.yaml": "rounds: 1\nbegin: mask\ninitial_from: own\n",
    "protocols/r.yaml": "rounds: 1\nbegin: mask\ninitial_from: a@net\n",
}


@pytest.fixture
def cards(tmp_path):
    for name, text in CARDS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_entries_are_grouped_by_network(cards):
    entries = ["a@net", "geos", "a@other", "own", "b@net", "program"]
    assert job_groups({"p": entries, "q": ["a@net"]}, cards) == {
        "@net": [("p", "a@net"), ("p", "b@net")],
        "tools": [("p", "geos")],
        "@other": [("p", "a@other")],
        "own": [("p", "own")],
        "program": [("p", "program")],
        "@net+1": [("q", "a@net")],
    }


def test_a_plug_in_shares_no_job_with_other_entries(cards):
    groups = job_groups({"p": ["a@net", "own@net", "own"], "r": ["own@net"]}, cards)
    assert {name: len(parts) for name, parts in groups.items()} == {
        "@net": 1,
        "own@net": 1,
        "own": 1,
        "own@net+1": 1,
    }


def test_entries_that_correct_others_results_come_later(cards):
    groups = job_groups({"p": ["own"], "q": ["a@net"], "r": ["b@net"]}, cards)
    assert list(groups) == ["own", "@net+1", "@net+2"]


def test_protocols_that_correct_each_other_are_refused(cards):
    with pytest.raises(InputError, match="q, r correct each other's results"):
        job_groups({"q": ["a@net"], "r": ["own"]}, cards)


@pytest.fixture
def encoded(monkeypatch):
    """The images that processes were asked to encode."""
    images, encode = [], MethodProcess._encode

    def counted(process, key, image):
        images.append(image)
        return encode(process, key, image)

    monkeypatch.setattr(MethodProcess, "_encode", counted)
    return images


def test_an_image_is_encoded_once_for_all_objects_protocols_and_replicates(
    plug_in, trials, encoded, tmp_path
):
    """Every session gets a copy, and is charged the time of the encoding."""
    job = plug_in("Encoder", encode_s=0.3)
    jobs = [
        EntryJob(
            replace(job.setup, protocol_name=name, protocol=rules, replicates=2),
            tmp_path / "sessions/discs" / name / "Encoder",
        )
        for name, rules in PROTOCOLS.items()
    ]
    rows = [job.setup.rows[trial.object] for trial in trials[:3]]
    assert run_entries(jobs, jobs[0].setup.trials(rows)) == {"ok": 12}
    assert len(encoded) == len({row.case for row in rows}) == 2
    for one in jobs:
        for _, session in load_sessions(one.folder, rows, 2):
            assert session.steps[0].seconds["machine"] >= 0.3


def test_methods_of_other_settings_share_no_encoding(plug_in, trials, encoded, tmp_path):
    jobs = [
        EntryJob(plug_in("Encoder", encode_s=seconds).setup, tmp_path / f"sessions/{seconds}")
        for seconds in (0.0, 0.01)
    ]
    assert run_entries(jobs, trials[:1]) == {"ok": 2}
    assert len(encoded) == 2


def test_an_encoder_that_fails_fails_its_own_sessions(plug_in, trials, tmp_path):
    failing, good = plug_in("Encoder", fails=True), plug_in("Encoder")
    jobs = [failing, EntryJob(good.setup, tmp_path / "sessions/good")]
    assert run_entries(jobs, trials[:2]) == {"failed": 2, "ok": 2}
    row = failing.setup.rows[trials[0].object]
    (_, session), *_ = load_sessions(failing.folder, [row])
    assert session.error.endswith("RuntimeError: no features")
