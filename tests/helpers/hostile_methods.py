"""Methods that try what they should not; loaded in processes of their own."""

import ctypes
import importlib
import json
import multiprocessing
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from odd_methods import Half


def _in_a_background_thread(attack):
    """In a thread that the host began before, if there is one: by what a watcher of the parent calls."""
    getppid, seen = os.getppid, []

    def watched():
        seen.append(attack())
        return getppid()

    os.getppid = watched
    time.sleep(2.5)
    os.getppid = getppid
    return seen


def _in_a_thread(attack):
    done = []
    thread = threading.Thread(target=lambda: done.append(attack()))
    thread.start()
    thread.join()
    return done


def _in_a_fork(attack):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, repr(attack()).encode()[:1000])
        os._exit(0)
    os.close(writer)
    return os.read(reader, 1000)


def _in_a_spawned_process(attack):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, (attack.code, attack.facts))


def _in_a_program(attack):
    words = [
        sys.executable,
        "-c",
        f"import hostile_methods as h; print(h.run({attack.code!r}, {attack.facts!r}))",
    ]
    environment = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}
    return subprocess.run(words, capture_output=True, text=True, env=environment).stdout


FROM = {
    "the method": lambda attack: attack(),
    "a thread": _in_a_thread,
    "a background thread": _in_a_background_thread,
    "a fork": _in_a_fork,
    "a spawned process": _in_a_spawned_process,
    "a program": _in_a_program,
}


def run(code, facts):
    """What an expression gives, in words; a refusal is named by its kind."""
    try:
        return f"GOT {eval(code, {**facts, **_names()})!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _names():
    """Modules that the expressions use."""
    names = ("ctypes", "os", "resource", "shutil", "signal", "socket", "subprocess", "threading", "time")
    call = ctypes.CDLL(None).syscall
    return {name: importlib.import_module(name) for name in names} | {"Path": Path, "call": call}


def swap_address(foreign):
    """Connect to an own socket again and again while a thread writes another address over its own."""
    server = socket.socket(socket.AF_UNIX)
    server.bind("own")
    server.listen(1000)
    server.settimeout(1)
    addresses = [struct.pack("=H", 1) + path.encode().ljust(100, b"\0") for path in ("own", foreign)]
    shared = ctypes.create_string_buffer(addresses[0], 102)
    end, connected = time.monotonic() + 2, False

    def swap():
        while time.monotonic() < end:
            for address in addresses:
                ctypes.memmove(shared, address, 102)

    thread = threading.Thread(target=swap)
    thread.start()
    connect = ctypes.CDLL(None).connect
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as own:
            if connect(own.fileno(), shared, 102) == 0:
                connected = True
                server.accept()
    thread.join()
    return connected


class Attack:
    def __init__(self, code, facts):
        self.code, self.facts = code, facts

    def __call__(self):
        return run(self.code, self.facts)


class Hostile(Half):
    """Tries `code` in its first round, from where `source` says; its session fails with what came of it."""

    def __init__(self, code="", source="the method", **facts):
        super().__init__()
        self.code, self.source, self.facts = code, source, facts

    def refine(self, scribbles):
        raise RuntimeError(f"tried: {FROM[self.source](Attack(self.code, self.facts))}")


class Persistent(Hostile):
    """Tries what the file `orders` says, in each session anew, in a new folder and in an unchanged process."""

    def __init__(self, orders, **facts):
        super().__init__(**facts)
        self.orders, self.home, self.state = Path(orders), Path.cwd(), _state()

    def refine(self, scribbles):
        self.code, self.source = json.loads(self.orders.read_text())
        os.chdir(tempfile.mkdtemp(dir=self.home))
        try:
            super().refine(scribbles)
        finally:
            if _state() != self.state:
                os._exit(9)


def _state():
    """What an attempt must leave as it was, or it needs a process of its own."""
    kept = ("Uid", "Gid", "CapEff", "NoNewPrivs", "Seccomp", "SigIgn")
    status = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kept)]
    links = [
        os.readlink(f"/proc/self/{name}")
        for name in ("root", *(f"ns/{n}" for n in os.listdir("/proc/self/ns")))
    ]
    return (
        status,
        links,
        dict(os.environ),
        os.getppid,
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getaffinity(0),
    )
