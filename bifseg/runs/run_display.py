"""What a run shows while it is played: a live table on a terminal, lines in a file."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bifseg.core.errors import InputError
from bifseg.core.wording import counted
from bifseg.runs.run_state import RunningJob, RunState, State
from bifseg.runs.status import Progress

_STAGES = ("cohorts", "networks", "sessions", "report")
_MOST_ENTRIES = 8  # lines of entries at work
_WAITS = 20  # times as long as reading took: a large run has many files
_AT_LEAST_S, _AT_MOST_S = 10.0, 60.0  # seconds between two lines about the whole run


def display_for(folder: Path, cores: int) -> Display:
    """The display of a run for the place that standard error leads to.

    Args:
        folder: RESULTS/RUN.
        cores: jobs of one core that work at the same time.

    Returns:
        A live table on a terminal, else lines.
    """
    console = Console(stderr=True)
    state = RunState(folder, cores)
    return (LiveDisplay if console.is_terminal else LineDisplay)(folder.name, state, console)


class Display(ABC):
    """The progress of a run for a reader.

    Args:
        name: of the run.
        state: reads the run's files.
        console: where to write.

    Attributes:
        running: what jobs do, other than those of sessions, and their logs.
        n_session_jobs: number of running jobs of sessions.
        every_s: fewest seconds between two calls of `refresh`.
        wait_s: seconds until the next call, twenty times as long as the last one took if that is more.
    """

    every_s = 1.0

    def __init__(self, name: str, state: RunState, console: Console) -> None:
        self._name, self._state, self._console = name, state, console
        self._started = monotonic()
        self.running: list[RunningJob] = []
        self.n_session_jobs = 0
        self.wait_s = self.every_s

    def set_cores(self, cores: int) -> None:
        """Change the number of jobs that work at the same time, which the time left depends on.

        Args:
            cores: jobs of one core, at least 1.
        """
        self._state.cores = cores

    def refresh(self) -> None:
        """Show the state now; the last one stays if jobs move files while they are read."""
        started = monotonic()
        with suppress(OSError, InputError):
            self.show(self._state.read(self.running, self.n_session_jobs))
        self.wait_s = max(self.every_s, _WAITS * (monotonic() - started))

    @abstractmethod
    def show(self, state: State) -> None:
        """Show a state.

        Args:
            state: of the run.
        """

    @abstractmethod
    def say(self, text: str) -> None:
        """Print a message.

        Args:
            text: one line or several.
        """

    def close(self) -> None:
        """Show the last state and end."""
        self.refresh()

    def summary(self, state: State) -> str:
        """The run in a line.

        Args:
            state: of the run.

        Returns:
            Fraction done, time spent and time left.
        """
        spent = f"{round(100 * state.fraction)} % done, {duration(monotonic() - self._started)} spent"
        if state.fraction >= 1:
            return f"{self._name}: {spent}"
        left = "time left not known yet" if state.left_s is None else f"about {duration(state.left_s)} left"
        return f"{self._name}: {spent}, {left}"


class LiveDisplay(Display):
    """A table that is drawn again in place.

    Args:
        name: of the run.
        state: reads the run's files.
        console: where to write.
    """

    def __init__(self, name: str, state: RunState, console: Console) -> None:
        super().__init__(name, state, console)
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def show(self, state: State) -> None:
        """Draw the table anew.

        Args:
            state: of the run.
        """
        self._live.update(self.table(state), refresh=True)

    def say(self, text: str) -> None:
        """Print a message above the table.

        Args:
            text: one line or several.
        """
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the last table on the screen."""
        super().close()
        self._live.stop()

    def table(self, state: State) -> RenderableType:
        """The state as a table.

        Args:
            state: of the run.

        Returns:
            A bar for the run, a line a stage, and lines of what is at work.
        """
        grid = Table.grid(padding=(0, 2))
        for name in _STAGES:
            parts = state.stage(name)
            grid.add_row(name, _bar(*_count(parts)), Text(stage_text(parts)))
        for what, line in state.running:
            grid.add_row("", "", _cut(f"{what}: {line}" if line else what))
        entries = [part for part in state.stage("sessions") if _at_work(part)]
        for part in entries[:_MOST_ENTRIES]:
            grid.add_row("", _bar(part.done, part.of), _cut(entry_text(part)))
        return Group(
            Text(self.summary(state), style="bold"), ProgressBar(1.0, min(1.0, state.fraction)), grid
        )


class LineDisplay(Display):
    """A line for each part that ends, and one a minute.

    Args:
        name: of the run.
        state: reads the run's files.
        console: where to write.
    """

    every_s = 5.0

    def __init__(self, name: str, state: RunState, console: Console) -> None:
        super().__init__(name, state, console)
        self._ended: set[str] | None = None
        self._last = monotonic()

    def show(self, state: State) -> None:
        """Write what has ended since the last call.

        Args:
            state: of the run.
        """
        ended = {part.what: part for part in state.parts if part.of and part.done == part.of}
        before = set(ended) if self._ended is None else self._ended
        new = [part for what, part in ended.items() if what not in before]
        if self._ended is None:
            stages = {"cohort": "cohorts", "network": "networks", "entry": "sessions"}
            counts = [counted(len(state.stage(stage)), what) for what, stage in stages.items()]
            self.say(f"{self._name}: {', '.join(counts)}")
        self._ended = set(ended)
        for part in new:
            self.say(f"done: {entry_text(part) if part.condition else part.what}")
        if monotonic() - self._last > (_AT_LEAST_S if new else _AT_MOST_S) or (new and state.fraction >= 1):
            self._last = monotonic()
            over = all(part.what in ended for part in state.parts if part.of)
            work = [f"{what}: {line}" if line else what for what, line in state.running if not over]
            work += [entry_text(part) for part in state.stage("sessions") if _at_work(part)]
            self.say("; ".join([self.summary(state), *work[:2]]))

    def say(self, text: str) -> None:
        """Write a message with the time.

        Args:
            text: one line or several.
        """
        print(f"{datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def stage_text(parts: Sequence[Progress]) -> str:
    """What is done of a stage.

    Args:
        parts: of the stage.

    Returns:
        For example `320 of 1,100 in 22 entries, 2 failed, 1 stuck`; empty without parts.
    """
    done, of = _count(parts)
    text = f"{done:,} of {of:,}" if of else "after the cohorts" if parts else ""
    if any(part.condition for part in parts):
        text += f" in {counted(len(parts), 'entry')}"
    return text + _unusual(parts)


def entry_text(part: Progress) -> str:
    """What is done of an entry.

    Args:
        part: sessions of an entry.

    Returns:
        The entry, cohort, protocol, number of sessions, and those that failed or were given up.
    """
    return f"{part.what}: {part.done:,} of {part.of:,}{_unusual([part])}"


def _unusual(parts: Sequence[Progress]) -> str:
    """How many sessions ended with each status but `ok`: `, 2 failed, 1 stuck`."""
    counts = Counter[str]()
    for part in parts:
        for (status, _), count in part.failed.items():
            counts[status] += count
    return "".join(f", {count:,} {status}" for status, count in counts.most_common())


def duration(seconds: float) -> str:
    """A time as people say it.

    Args:
        seconds: at least 0.

    Returns:
        For example `40 s`, `3 min 20 s` below ten minutes, `12 min`, `2 h 10 min` below ten hours, `12 h`, or `6 days`.
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 10:
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"
    hours = round(seconds / 3600)
    return f"{hours} h" if hours < 72 else f"{round(hours / 24)} days"


def _count(parts: Sequence[Progress]) -> tuple[int, int]:
    return sum(part.done for part in parts), sum(part.of for part in parts)


def _cut(text: str) -> Text:
    """A line of detail, cut at the end of the terminal."""
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")


def _bar(done: int, of: int) -> ProgressBar:
    return ProgressBar(max(of, 1), done, width=20)


def _at_work(part: Progress) -> bool:
    return part.state == "running" and 0 < part.done < part.of
