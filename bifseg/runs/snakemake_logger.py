"""The logger of Snakemake that shows a run as stages and entries instead of jobs and files."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, cast

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from bifseg.core.errors import InputError

if TYPE_CHECKING:  # every start of Snakemake imports this module, but only one with jobs shows anything
    from bifseg.runs.run_display import Display

_NOTHING = "Nothing to be done"
_TWICE = ("RuleException", "Exiting because a job execution failed")  # the line about the job says it
_LAST_LINES = 20  # of a failed job's log
_TITLES = {
    "prepare_cohort": "preparing cohort {cohort}",
    "train_network": "training {network} on {cohort}",
    "collect_scores": "collecting scores",
    "write_results": "writing tables, figures and report",
}


class LogHandler(LogHandlerBase):
    """Shows progress while jobs run, on this machine or elsewhere.

    Errors look as Snakemake prints them, and so does a dry run, with the expected time and memory at its end.
    """

    writes_to_stream = True  # in place of Snakemake's own output on the terminal
    writes_to_file = False  # Snakemake's own log file stays as it is
    has_filter = True  # the display needs events that the common filter leaves out
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Set up Snakemake's own handler for a dry run and for what is no progress."""
        from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

        settings = self.common_settings
        quiet = set(settings.quiet or ())
        shown = (quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds)
        self._plain = ColorizingTextHandler(
            nocolor=settings.nocolor,
            stream=sys.stdout if settings.stdout else sys.stderr,
            formatter=DefaultFormatter(quiet, settings.show_failed_logs),
            filter=cast(logging.Filter, DefaultFilter(*shown)),
        )
        self._silent = any(str(kind) == "all" for kind in quiet)
        self._display: Display | None = None
        self._jobs: dict[int, Any] = {}
        self._cores, self._is_elsewhere = 1, False
        self._planned: tuple[dict[str, Any], int] | None = None  # of a dry run: configuration and cores
        self._has_jobs = False
        self._lock, self._ended = RLock(), Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record of Snakemake's.

        Args:
            record: the event and its fields.
        """
        if config := getattr(record, "bifseg_estimate", None):  # the Snakefile says it in a dry run
            self._planned = config, getattr(record, "cores", None) or 1
            return
        if self.common_settings.dryrun or self.common_settings.verbose or self._silent:
            self._has_jobs |= getattr(record, "event", None) == LogEvent.RUN_INFO
            self._plain.handle(record)
            return
        with self._lock:
            self._take(record)

    def close(self) -> None:
        """Show the last state and leave the terminal as it was; after a dry run, the expected time and memory."""
        self._ended.set()
        if self._planned and self._has_jobs:
            self._print_estimate(*self._planned)
            self._planned = None
        with self._lock:
            if self._display:
                self._display.close()
                self._display = None
        super().close()

    def _print_estimate(self, config: dict[str, Any], cores: int) -> None:
        from bifseg.runs.estimate import estimate  # it imports much that a run does not need

        lines = ["expected on this machine:", *estimate(config, Path.cwd(), cores)]
        print(*lines, sep="\n", file=self._plain.stream, flush=True)

    def _take(self, record: logging.LogRecord) -> None:
        event, fields = getattr(record, "event", None), record.__dict__
        if folder := fields.get("bifseg_run"):  # the Snakefile says it when the run begins
            with suppress(InputError):  # without a configuration that can be read there is nothing to show
                from bifseg.runs.run_display import display_for

                self._display = display_for(Path(folder), self._cores)
                self._show_running()
                Thread(target=self._refresh, daemon=True).start()
        elif event == LogEvent.RESOURCES_INFO:
            self._cores = fields.get("cores") or fields.get("nodes") or self._cores
            self._is_elsewhere |= "nodes" in fields
        elif event == LogEvent.JOB_INFO:
            self._jobs[fields["jobid"]] = fields
            self._show_running()
        elif event == LogEvent.JOB_FINISHED:
            self._end_job(fields["job_id"])
        elif event == LogEvent.JOB_ERROR:
            self._fail_job(fields)
        elif str(record.msg).startswith(_TWICE):
            return
        elif record.levelno >= logging.WARNING or _NOTHING in str(record.msg):
            self._say(self._plain.format(record))

    def _say(self, text: str) -> None:
        """Print lines, above the display where there is one."""
        if self._display:
            self._display.say(text)
        else:
            print(text, file=self._plain.stream, flush=True)

    def _refresh(self) -> None:
        while self._display and not self._ended.wait(self._display.wait_s):
            with self._lock:
                if self._display and not self._ended.is_set():
                    self._display.refresh()

    def _show_running(self) -> None:
        if self._display:
            titles = [(_title(job), job["log"]) for job in self._jobs.values()]
            self._display.running = [(t, Path(log[0]) if log else None) for t, log in titles if t]
            self._display.n_session_jobs = sum(not title for title, _ in titles)
            if self._is_elsewhere:  # the profile's number of jobs is only the most that are submitted
                self._display.set_cores(min(self._cores, max(len(self._jobs), 1)))

    def _end_job(self, number: int) -> None:
        job = self._jobs.pop(number, None)
        self._show_running()
        for line in _log_lines(job) if job else []:
            before, warning, text = line.partition(" WARNING ")
            if warning and ":" in before:  # the time
                self._say(f"note: {text}")

    def _fail_job(self, fields: dict[str, Any]) -> None:
        """The end of the job's log instead of its command and files, which Snakemake's log file holds."""
        job = self._jobs.pop(fields["jobid"], fields)
        self._show_running()
        wildcards = ", ".join(f"{name} {value}" for name, value in job.get("wildcards", {}).items())
        lines = [f"failed: {fields['rule_name'].replace('_', ' ')} ({wildcards})"]
        if fields.get("rule_msg"):  # a cluster says what became of the job
            lines.append(f"    {fields['rule_msg']}")
        for path in fields["log"]:  # the job's own, and that of the cluster
            lines += [f"    {line}" for line in _lines(Path(path))[-_LAST_LINES:]]
        lines += [f"    log: {path}" for path in fields["log"]]
        self._say("\n".join(lines))


def _title(job: dict[str, Any]) -> str:
    """What a job does; empty for jobs of sessions and scores, whose entries the display lists."""
    return _TITLES.get(job["rule_name"], "").format(**job.get("wildcards", {}))


def _log_lines(job: dict[str, Any]) -> list[str]:
    """The lines of a job's log files."""
    return [line for path in job["log"] for line in _lines(Path(path))]


def _lines(path: Path) -> list[str]:
    """The lines of a log; none if the job did not begin."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
