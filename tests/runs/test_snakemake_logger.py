"""The logger that Snakemake loads: what it shows of Snakemake's events."""

import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from bifseg.runs import run_display
from bifseg.runs.snakemake_logger import LogHandler

SETTINGS = {
    "printshellcmds": False,
    "nocolor": True,
    "quiet": None,
    "debug_dag": False,
    "verbose": False,
    "show_failed_logs": True,
    "stdout": False,
    "dryrun": False,
}


class Spy:
    """A display that records its calls."""

    wait_s = 0.01

    def __init__(self):
        self.said, self.running, self.n_session_jobs, self.refreshed, self.closed = [], [], 0, 0, False
        self.cores = []

    def say(self, text):
        self.said.append(text)

    def set_cores(self, cores):
        self.cores.append(cores)

    def refresh(self):
        self.refreshed += 1

    def close(self):
        self.closed = True


@pytest.fixture
def spy(monkeypatch):
    spy = Spy()
    monkeypatch.setattr(run_display, "display_for", lambda folder, cores: spy)
    return spy


def handler(**settings):
    return LogHandler(SimpleNamespace(**SETTINGS | settings), None)


def emit(handler, msg=None, level=logging.INFO, **fields):
    record = logging.LogRecord("snakemake", level, __file__, 1, msg, None, None)
    record.__dict__ |= fields
    handler.emit(record)


def job(number, rule, log, **wildcards):
    fields = {"jobid": number, "rule_name": rule, "wildcards": wildcards, "log": [str(log)]}
    return {"event": LogEvent.JOB_INFO, **fields}


def test_snakemake_finds_the_logger_in_an_editable_install():
    assert LoggerPluginRegistry().get_plugin("bifseg").log_handler is LogHandler


def test_jobs_are_named_and_warnings_in_their_logs_become_notes(spy, tmp_path):
    log = tmp_path / "train.log"
    log.write_text("12:00:00 WARNING cohort c: only 1 object\ntraining: 1 of 2\n")
    logger = handler()
    emit(logger, bifseg_run="results/r")
    emit(logger, **job(1, "train_network", log, network="pnet", cohort="c"))
    emit(logger, **job(2, "run_sessions", log, entry="geos"))
    assert spy.running == [("training pnet on c", log)]
    assert spy.n_session_jobs == 1
    emit(logger, "Finished job 1.", event=LogEvent.JOB_FINISHED, job_id=1)
    assert (spy.running, spy.said) == ([], ["note: cohort c: only 1 object"])
    logger.close()
    assert spy.closed


def test_a_failed_job_shows_the_end_of_its_log_only(spy, tmp_path):
    log = tmp_path / "run.log"
    log.write_text("\n".join([*(f"line {k}" for k in range(50)), "error: no such weights"]))
    logger = handler()
    emit(logger, bifseg_run="results/r")
    failing = job(3, "run_sessions", log, cohort="c", entry="geos")
    emit(logger, **failing)
    emit(logger, level=logging.ERROR, **failing | {"event": LogEvent.JOB_ERROR, "shellcmd": "bifseg run ..."})
    repeated = "RuleException:\nCalledProcessError in file x.smk, line 49:\nCommand 'bifseg run ...'"
    emit(logger, repeated, level=logging.ERROR, event=LogEvent.ERROR, exception="RuleException")
    (printed,) = spy.said
    assert printed.startswith("failed: run sessions (cohort c, entry geos)\n")
    assert "error: no such weights" in printed
    assert "line 3\n" not in printed
    assert "bifseg run" not in printed
    assert printed.endswith(f"log: {log}")
    logger.close()


def test_errors_are_printed_and_progress_messages_are_not(capsys):
    logger = handler()
    emit(logger, "Building DAG of jobs...")
    emit(logger, "Nothing to be done (all requested files are present and up to date).")
    emit(logger, "InputError: configuration: split", level=logging.ERROR, event=LogEvent.ERROR)
    printed = capsys.readouterr().err
    assert "Building" not in printed
    assert "Nothing to be done" in printed
    assert "InputError: configuration: split" in printed


def test_a_run_without_a_configuration_has_no_display(tmp_path, capsys):
    logger = handler()
    emit(logger, bifseg_run=str(tmp_path))
    emit(logger, "a warning", level=logging.WARNING)
    logger.close()
    assert capsys.readouterr().err == "a warning\n"


@pytest.mark.parametrize("settings", [{"dryrun": True, "stdout": True}, {"verbose": True}])
def test_dry_runs_and_verbose_runs_have_snakemake_s_output(spy, settings, capsys):
    logger = handler(**settings)
    emit(logger, "Job stats", event=LogEvent.RUN_INFO, bifseg_run="results/r")
    out, err = capsys.readouterr()
    assert "Job stats" in (out if settings.get("stdout") else err)
    assert spy.refreshed == 0


def test_time_left_on_a_cluster_counts_submitted_jobs(spy, tmp_path):
    logger = handler()
    emit(logger, "Provided remote nodes: 50", event=LogEvent.RESOURCES_INFO, nodes=50)
    emit(logger, bifseg_run="results/r")
    for number in (1, 2, 3):
        emit(logger, **job(number, "run_sessions", tmp_path / "log", entry="geos"))
        emit(logger, f"Job {number} has been submitted with SLURM jobid 7 (log: x).")
    emit(logger, "Finished jobid: 1", event=LogEvent.JOB_FINISHED, job_id=1)
    assert (spy.cores[-2:], spy.n_session_jobs, spy.said) == ([3, 2], 2, [])
    logger.close()


def test_a_job_ended_by_the_cluster_shows_the_cluster_s_log(spy, tmp_path):
    own, cluster = tmp_path / "own.log", tmp_path / "7.log"
    own.write_text("training: 1 of 2\n")
    cluster.write_text("slurmstepd: Detected 1 oom_kill event\n")
    logger = handler()
    emit(logger, bifseg_run="results/r")
    submitted = job(7, "train_network", own, network="pnet", cohort="c")
    emit(logger, **submitted)
    ended = {
        "event": LogEvent.JOB_ERROR,
        "log": [str(own), str(cluster)],
        "rule_msg": "status: OUT_OF_MEMORY",
    }
    emit(logger, level=logging.ERROR, **submitted | ended)
    emit(logger, **submitted)  # snakemake submits it again
    assert spy.said == [
        "failed: train network (network pnet, cohort c)\n    status: OUT_OF_MEMORY\n    training: 1 of 2\n"
        f"    slurmstepd: Detected 1 oom_kill event\n    log: {own}\n    log: {cluster}"
    ]
    assert spy.running == [("training pnet on c", own)]
    logger.close()


@pytest.mark.parametrize(("message", "shown"), [("Job stats", True), ("Nothing to be done", False)])
def test_a_dry_run_ends_with_the_expected_time(monkeypatch, capsys, message, shown):
    monkeypatch.setattr(
        "bifseg.runs.estimate.estimate", lambda config, folder, cores: [f"  {config} {cores}"]
    )
    logger = handler(dryrun=True, stdout=True)
    emit(logger, bifseg_estimate={"run": "r"}, cores=2)
    emit(logger, message, **{"event": LogEvent.RUN_INFO} if shown else {})
    logger.close()
    logger.close()
    printed = capsys.readouterr().out
    assert printed.count("expected on this machine:\n  {'run': 'r'} 2\n") == shown
