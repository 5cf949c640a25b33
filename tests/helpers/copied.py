"""`copied.py SOCKET WORDS` does what `python WORDS` does, in a fork of the process that listens on the socket.

It sends arguments, environment variables, working folder and streams, and ends with the fork's exit code or signal.
Only bifseg, Snakemake and the supervisor of a method's process run in forks; all else runs in a new Python.
"""

import os
import sys

address, *words = sys.argv[1:]
streams = [0, 1, 2]
supervises = words[2].endswith("/bifseg/core/supervisor.py") if words[:2] == ["-I", "-S"] else False
runs = any(words[k : k + 2] in (["-m", "bifseg"], ["-m", "snakemake"]) for k in range(3))
if not (supervises or runs) or os.environ.get("OMP_NUM_THREADS", "1") != "1":
    os.execv(sys.executable, [sys.executable, *words])

import json  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402

if supervises:
    streams.append(int(words[3]))
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect(address)
socket.send_fds(server, [json.dumps([words, os.getcwd(), dict(os.environ)]).encode()], streams)
nothing = os.open(os.devnull, os.O_RDWR)
for stream in streams:
    os.dup2(nothing, stream)  # only the fork holds them now, so readers see when it closes them
signal.signal(signal.SIGINT, signal.SIG_DFL)
code = int(server.recv(16) or 1)
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
