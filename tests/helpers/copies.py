"""Python processes that are forks of one process with all libraries imported; each starts in a tenth of a second.

`start` starts that process, and makes the commands `python` and `bifseg` in a folder. Both run copied.py, which has a
fork, here called a copy, do the work. All copies share one hash seed; processes that users start do not.
"""

import atexit
import fcntl
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from pathlib import Path

LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""Large memory pages: a fork takes 15 ms instead of 30, since it copies a smaller page table."""
LIBRARIES = (
    *("pyamg", "scipy.ndimage", "SimpleITK", "torch"),
    *("smart_open", "snakemake.cli", "snakemake.report.html_reporter", "snakemake.workflow"),
    *("matplotlib.backends.backend_svg", "bifseg.reports.figures", "bifseg.reports.report", "bifseg.cli"),
    *(
        "bifseg.core.supervisor",
        "bifseg.methods.bifseg.bifseg",
        "bifseg.networks.trained",
        "bifseg.runs.shards",
    ),
)
HERE = Path(__file__).parent
folder = Path(sys.executable).parent
"""The folder of the two commands; with pytest's `-n 0` or without `-n`, the environment's own commands."""


def start():
    """The folder of the two commands, and a function that ends the process and removes the folder."""
    from bifseg.methods.process.programs import (
        THREADS,
    )  # not above: `serve` imports bifseg under another name of Python

    place = tempfile.mkdtemp(prefix="copies-")
    client = f'#!/bin/sh\nexec "{sys.executable}" -I -S "{HERE}/copied.py" "{place}/socket"'
    for name, words in {"python": "", "bifseg": "-E -P -m bifseg"}.items():
        command = Path(place, name)
        command.write_text(f'{client} {words} "$@"\n')
        command.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"{place}/socket")
        listener.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-E", "-P", __file__, place, str(listener.fileno())],
            env=os.environ | dict.fromkeys(THREADS, "1") | LARGE_PAGES,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )

    def end():
        process.communicate()
        shutil.rmtree(place)

    return place, end


def serve(place, listener):
    """Fork this process for each client, until standard input ends."""
    sys.executable = f"{place}/python"  # before bifseg is imported, which starts Python by this name
    import_libraries()
    clients = {}
    while True:
        living = [client for client in clients.values() if client.fileno() >= 0]
        ready, _, _ = select.select([0, listener, *clients, *living], [], [])
        if 0 in ready:
            break
        for copy, client in clients.items():
            if client in living and client in ready:  # the client was killed
                signal.pidfd_send_signal(copy, signal.SIGTERM)
                client.close()
        for copy in [copy for copy in clients if copy in ready]:
            send_exit_code(copy, clients.pop(copy))
        if listener in ready:
            client, _ = listener.accept()
            clients[copy_for(client)] = client


def import_libraries():
    from bifseg.core.garbage import many_imports

    with many_imports():
        for name in LIBRARIES:
            importlib.import_module(name)


def copy_for(client):
    """The process descriptor of a new copy, which runs the command that the client sends."""
    message, descriptors, _, _ = socket.recv_fds(client, 2**20, 4)
    copy = os.fork()
    if copy == 0:
        become(*json.loads(message), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return os.pidfd_open(copy)


def send_exit_code(copy, client):
    """Wait for a copy that ended, and send its client the exit code, negative for a signal."""
    ended = os.waitid(os.P_PIDFD, copy, os.WEXITED)
    code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
    os.close(copy)
    with suppress(OSError), client:
        client.send(str(code).encode())


def become(words, place, variables, descriptors):
    """Run a command in this copy as if Python had started with it."""
    import numpy
    import torch

    from bifseg.core import supervisor

    os.setsid()
    for descriptor in set(range(3, 512)) - set(descriptors):
        with suppress(OSError):
            os.close(descriptor)
    for stream, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.chdir(place)
    os.environ.clear()
    os.environ.update(variables)
    tempfile.tempdir = None
    numpy.random.seed()  # noqa: NPY002  copies would draw the same numbers
    torch.seed()
    if words[0] == "-I":
        sys.argv = [supervisor.__file__, str(descriptors[3])]
        supervisor.os.execvp = become_method
        supervisor.main()
    module = words.index("-m")
    if "-E" not in words:
        here = [] if "-P" in words else [place]
        sys.path[:0] = here + list(filter(None, variables.get("PYTHONPATH", "").split(os.pathsep)))
        for name in [name for name in sys.modules if name.partition(".")[0] == "bifseg"]:
            del sys.modules[name]  # one of these folders may have a bifseg of its own
    run(words[module + 1 :])


def become_method(program, command):
    """Takes the place of `os.execvp` in the supervisor's child."""
    if command[1:4] != ["-E", "-P", "-m"]:
        os.execvpe(program, command, os.environ)
    # As exec does: the supervisor waits until its child has closed them.
    for descriptor in range(3, 512):
        with suppress(OSError):
            if fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC:
                os.close(descriptor)
    run(command[4:])


def run(words):
    """Run a module as `python -m WORDS` does, and end this process."""
    sys.argv, code = words, 1
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # Python's own end takes 0.3 s to remove all imported modules


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
