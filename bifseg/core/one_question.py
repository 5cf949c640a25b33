"""One question to a process of bifseg that is confined, since it runs or reads what a stranger made."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple

from bifseg.core.child_processes import OwnFolder
from bifseg.core.supervised import Confinement, SupervisedProcess

_NO_VARIABLES: Mapping[str, str] = {}


class Limits(NamedTuple):
    """What the process may reach and take.

    Attributes:
        confinement: folders that it can read.
        seconds: until it must have answered.
        memory_mb: MiB that it may take; None: no limit.
    """

    confinement: Confinement
    seconds: float
    memory_mb: float | None = None


@contextmanager
def asked(
    module: str, question: Any, limits: Limits, variables: Mapping[str, str] = _NO_VARIABLES
) -> Iterator[tuple[dict[str, Any], OwnFolder]]:
    """A context with the answer of a module that calls `answer_one`; at its end the process and its folder are gone.

    Args:
        module: it runs as `python -m` does.
        question: any value for JSON.
        limits: of the process.
        variables: environment variables that replace this process's.

    Yields:
        The answer, and the folder in which the process worked and may have written.

    Raises:
        ProcessEndedError: the process ended before it answered.
        AnswerError: the answer is too long.
        TimeoutError: the time is over.
        ValueError: the answer is no JSON.
    """
    own = OwnFolder()
    command = (sys.executable, "-E", "-P", "-m", module)
    environment = {**os.environ, "TMPDIR": str(own.shared), **variables}
    process = SupervisedProcess(command, own, environment, limits.confinement, limits.memory_mb)
    try:
        yield json.loads(process.ask(json.dumps(question), monotonic() + limits.seconds)), own
    finally:
        process.end()


def answer_one(answer: Callable[[Any], dict[str, Any]]) -> None:
    """Answer the question that `asked` put to this process.

    Args:
        answer: the answer to a question; what it prints goes to standard error, so that no print becomes the answer.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answers.write(json.dumps(answer(json.loads(sys.stdin.readline()))) + "\n")
    answers.flush()
