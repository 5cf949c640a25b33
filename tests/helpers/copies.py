"""Python processes that are copies (forks) of one that has imported the libraries, so that they start at once.

`start` starts that process and makes two commands, `python` and `bifseg`, in a folder. Both are copied.py, which has a
copy do the work. Unlike real processes, all copies have one seed of hashes.
"""

import atexit
import fcntl
import gc
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

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""A fork copies the table of pages: 15 ms instead of 30."""
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
"""The folder of the two commands; that of the real ones where tests run in one process."""


def start():
    """Start the process that is copied, which ends with this one. Returns the folder, and a function that ends both."""
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
    """Copy this process for each connection, until standard input ends."""
    gc.disable()
    sys.executable = f"{place}/python"  # before bifseg takes it for the Python that it starts
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    clients = {}
    while True:
        living = [client for client in clients.values() if client.fileno() >= 0]
        ready, _, _ = select.select([0, listener, *clients, *living], [], [])
        if 0 in ready:
            break
        for copy, client in clients.items():
            if client in living and client in ready:  # it was killed
                signal.pidfd_send_signal(copy, signal.SIGTERM)
                client.close()
        for copy in [copy for copy in clients if copy in ready]:
            end(copy, clients.pop(copy))
        if listener in ready:
            client, _ = listener.accept()
            message, descriptors, _, _ = socket.recv_fds(client, 2**20, 4)
            copy = os.fork()
            if copy == 0:
                become(*json.loads(message), descriptors)
            clients[os.pidfd_open(copy)] = client
            for descriptor in descriptors:
                os.close(descriptor)


def end(copy, client):
    """Send a client the exit code of its copy, whose time counts as that of the tests."""
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
            del sys.modules[name]  # it may lie in one of these folders too
    run(words[module + 1 :])


def become_method(program, command):
    """As os.execvp, for the supervisor's child."""
    if command[1:4] != ["-E", "-P", "-m"]:
        os.execvpe(program, command, os.environ)
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
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # Python's own end would take all imported modules apart


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
