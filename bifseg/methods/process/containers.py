"""Programs in containers: which engine has an image, and the command lines that start and remove a container.

A container sees one folder of this machine: the one that its program shares with the session, as /session. Without a
label `bifseg`, which names the temporary folder of the job that started it, no container is ever removed.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bifseg.core.child_processes import own_folders
from bifseg.core.errors import InputError, short
from bifseg.methods.process.memory import available_mb

SESSION = "/session"
"""The shared folder as a container sees it."""
_REMOVE = {"podman": ("rm", "--force", "--time", "0"), "docker": ("rm", "--force")}
"""Engines whose containers are no children of the process that starts them, and how they end one."""
_MOST_PROCESSES = 4096
_OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
_ULIMITS = ("--ulimit", f"nofile={_OPEN_FILES}:{_OPEN_FILES}", "--ulimit", f"nproc={2**15}:{2**15}")
"""podman asks for more than a job may have, for example in a virtual machine without that right."""
_ANSWER_S = 60.0
_GPU = {
    "podman": ("--device", "nvidia.com/gpu=all"),
    "docker": ("--gpus", "all"),
    "apptainer": ("--nv",),
}


@dataclass(frozen=True)
class Container:
    """An image and the limits of its containers.

    Attributes:
        engine: podman, docker or apptainer.
        image: identifier of the image, or path of a .sif file.
        network: whether a container may use the network.
        gpu: whether it sees the machine's GPUs.
        memory_mb: most memory of a container in MiB; None: no limit of its own.
    """

    engine: str
    image: str
    network: bool = False
    gpu: bool = False
    memory_mb: float | None = None

    def run(
        self, words: Iterable[str], folders: Mapping[str, str], environment: Mapping[str, str]
    ) -> tuple[str, ...]:
        """The command that starts a container and removes it at its end.

        Args:
            words: of the program in the container; none: the image's own program.
            folders: folder in the container, with `:ro` if the container cannot write there, by folder of this machine.
            environment: environment variables of the program.

        Returns:
            Words of the command; `{name}` is the name of the container.
        """
        run = self._apptainer if self.engine == "apptainer" else self._daemon
        gpu = _GPU[self.engine] if self.gpu else ()
        return (*run(bool(tuple(words)), folders, environment), *gpu, self.image, *words)

    def removal(self) -> tuple[str, ...]:
        """The command that ends and removes a container.

        Returns:
            Words of the command; `{name}` is the name of the container. Empty for apptainer, whose containers are
            children of the process that starts them.
        """
        return (self.engine, *_REMOVE[self.engine], "{name}") if self.engine in _REMOVE else ()

    @property
    def limits_memory(self) -> bool:
        """Whether the engine limits the container's memory; else the supervisor does, as for any program."""
        return self.engine in _REMOVE

    def remove_abandoned(self) -> None:
        """Remove the containers of jobs that were killed together with their supervisor."""
        if self.engine not in _REMOVE:
            return
        query = ("ps", "--all", "--filter", f"label=bifseg={_label()}", "--format", "{{.Names}}")
        alive = {container_name(folder) for folder in own_folders()}
        for name in _output(self.engine, *query).split():
            if name not in alive:
                _output(self.engine, *_REMOVE[self.engine], name)

    def process(self, name: str) -> int:
        """The process number of a running container's program on this machine.

        Args:
            name: of the container.

        Returns:
            The number; 0 if the engine does not say.
        """
        query = ("inspect", "--format", "{{.State.Pid}}", name)
        number = _output(self.engine, *query).strip() if self.engine in _REMOVE else ""
        return int(number) if number.isdecimal() else 0

    def _daemon(self, _: bool, folders: Mapping[str, str], environment: Mapping[str, str]) -> tuple[str, ...]:
        """The command up to the image for podman and docker; files of the container belong to this user."""
        rootless = self.engine == "podman" and os.getuid() != 0
        user = "0:0" if self.engine == "podman" else f"{os.getuid()}:{os.getgid()}"
        memory = self.memory_mb
        if memory is None and not rootless:  # rootless, the container stays in the job's control group
            memory = available_mb()
        limit = f"{int(memory)}m" if memory is not None and memory < 2**40 else ""
        return (
            *(self.engine, "run", "--rm", "--interactive", "--name", "{name}", "--pull", "never"),
            *("--label", f"bifseg={_label()}", "--user", user, "--log-driver", "none", "--shm-size", "1g"),
            *("--cap-drop", "all", "--security-opt", "no-new-privileges", "--security-opt", "label=disable"),
            *("--pids-limit", str(_MOST_PROCESSES)),
            *(_ULIMITS if self.engine == "podman" else ()),
            *(() if self.network else ("--network", "none")),
            *(("--memory", limit, "--memory-swap", limit) if limit else ()),
            *(word for here, inside in folders.items() for word in ("--volume", f"{here}:{inside}")),
            *(word for name, value in environment.items() for word in ("--env", f"{name}={value}")),
            *(("--workdir", SESSION) if SESSION in folders.values() else ()),
        )

    def _apptainer(
        self, has_words: bool, folders: Mapping[str, str], environment: Mapping[str, str]
    ) -> tuple[str, ...]:
        return (
            *("apptainer", "--quiet", "exec" if has_words else "run"),
            *("--containall", "--cleanenv", "--no-mount", "bind-paths", "--writable-tmpfs"),
            *(() if self.network else ("--net", "--network", "none")),
            *(word for here, inside in folders.items() for word in ("--bind", f"{here}:{inside}")),
            *(word for name, value in environment.items() for word in ("--env", f"{name}={value}")),
            *(("--pwd", SESSION) if SESSION in folders.values() else ()),
        )


def container_name(folder: Path) -> str:
    """The name of the container that works in a temporary folder.

    Args:
        folder: path of a `child_processes.OwnFolder`.

    Returns:
        The folder's name without its ending.
    """
    return folder.stem


@lru_cache(maxsize=64)
def find_image(name: str) -> tuple[str, str]:
    """The engine that has an image, and the image's identifier.

    Args:
        name: name of an image, or path of a .sif file.

    Returns:
        `podman`, `docker` or `apptainer`, and the image's identifier, which changes with its content; of a .sif file
        its path.

    Raises:
        InputError: no engine is installed, or none has the image. Nothing is downloaded.
    """
    if name.endswith(".sif"):
        if not shutil.which("apptainer"):
            raise InputError(f"image: {short(name)}: apptainer is not installed on this machine")
        if not Path(name).is_file():
            raise InputError(f"image: {short(name)}: no such file")
        return "apptainer", name
    engines = [engine for engine in _REMOVE if shutil.which(engine)]
    if not engines:
        raise InputError(f"image: {short(name)}: neither podman nor docker is installed on this machine")
    for engine in engines:
        identifier = _output(engine, "image", "inspect", "--format", "{{.Id}}", "--", name).strip()
        if identifier:
            return engine, identifier
    raise InputError(
        f"image: {short(name)}: {' and '.join(engines)} have no such image; build it, or load it with "
        f"`{engines[0]} pull` or `{engines[0]} load`"
    )


def _label() -> str:
    """A text that is equal for two processes only if they share the machine and its temporary folder."""
    folder = os.stat(tempfile.gettempdir())
    return f"{socket.gethostname()}.{folder.st_dev}.{folder.st_ino}"


def _output(*words: str) -> str:
    """What a command writes to its standard output; empty if it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
