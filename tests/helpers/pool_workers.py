"""Workers of a pool. Their processes import this file, which imports little."""

import os
import signal
from functools import partial
from pathlib import Path

from bifseg.runs.pool import share_out


class Writing:
    """Leaves a line for each task, and one when it is closed."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def do(self, task):
        with open(self.folder / "done", "a") as stream:
            stream.write(f"{task}\n")
        return os.getpid()

    def close(self):
        (self.folder / f"closed-{os.getpid()}").touch()


class Killed(Writing):
    """Its process is killed during task 3, once for each `kill-` file."""

    def do(self, task):
        lives = sorted(self.folder.glob("kill-*"))
        if task == 3 and lives:
            lives[0].unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().do(task)


class Raising(Writing):
    def do(self, task):
        if task == 2:
            raise ValueError("two")
        return super().do(task)


def share_out_and_die(folder):
    """Begin work with two workers, name all processes in the file `pids`, and be killed."""
    work = share_out(partial(Writing, folder), range(1000), 2)
    pids = {os.getpid(), *(pid for _, pid in (next(work) for _ in range(20)))}
    (folder / "pids").write_text(" ".join(map(str, pids)))
    os.kill(os.getpid(), signal.SIGKILL)
