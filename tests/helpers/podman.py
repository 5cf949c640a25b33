"""A small image with this Python and a method in it, for tests that need a real podman."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
import time
from pathlib import Path

IMAGE = "localhost/bifseg-test:1"
METHOD = Path(__file__).with_name("contained.py")
_LEFT_OUT = {"test", "site-packages", "idlelib", "ensurepip", "tkinter", "lib2to3", "__pycache__"}


def build_image() -> str:
    """Why podman cannot run containers here; empty if it can, with the image `IMAGE` loaded."""
    try:
        built = podman("import", "-", IMAGE, input=_root())
        limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
        tried = podman("run", "--rm", "--network", "none", *limits, IMAGE, *python("-c", "print('works')"))
    except FileNotFoundError:
        return "podman is not installed"
    text = (built.stderr + tried.stderr).decode(errors="replace").strip()
    return "" if tried.stdout == b"works\n" else f"podman cannot run a container: {text[-200:]}"


def podman(*words: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """What podman answers."""
    return subprocess.run(["podman", *words], input=input, capture_output=True, check=False)


def python(*words: str) -> list[str]:
    """A command of the image."""
    return [str(Path(sys.executable).resolve()), *words]


def left_over() -> list[str]:
    """Names of our containers that still exist after 20 s."""
    end = time.monotonic() + 20
    while names := podman("ps", "--all", "--filter", "label=bifseg", "--format", "{{.Names}}").stdout.split():
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    return [name.decode() for name in names]


def _root() -> bytes:
    """A root file system as a tar archive: this Python, the libraries that it links, and the method."""
    executable = Path(sys.executable).resolve()
    linked = subprocess.run(["ldd", str(executable)], capture_output=True, text=True, check=True).stdout
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("tmp", "input", "output", "proc", "sys", "dev", "session"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(folder)
        for library in re.findall(r"(/\S+\.so\S*) \(", linked):
            tar.add(Path(library).resolve(), library)
        tar.add(executable)
        tar.add(METHOD, "/opt/contained.py")
        tar.add(sysconfig.get_path("stdlib"), filter=_wanted)
    return stream.getvalue()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    path = Path(member.name)
    return None if path.name in _LEFT_OUT or path.name.startswith("config-") else member
