"""Attempts to reach the truth, other results, other processes and the network: one row each.

A method tries them in its own process; `GOT` in the reason of its session means that it got there. Attempts that leave
nothing behind share a process.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import gettempdir
from threading import Timer

import numpy as np
import pytest
from hostile_methods import FROM

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.child_processes import OwnFolder, own_folders
from bifseg.core.geometry import Grid, Image
from bifseg.core.landlock import landlock_version
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

pytestmark = pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock")
HELPERS = Path(__file__).parents[1] / "helpers"
SECRET = "the truth"
TRUTH = np.zeros((30, 40), bool)
TRUTH[8:20, 10:30] = True
USER = SimulatedUser(
    Image(np.zeros(TRUTH.shape, np.float32), Grid.plain(TRUTH.shape)),
    TRUTH,
    ProtocolCard(rounds=1, target=None),
)


@pytest.fixture(autouse=True)
def _modules(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A cohort, a run with another entry's results, and a folder of plug-ins."""
    tmp_path = tmp_path_factory.mktemp("house")
    for name in ("cohort/label.nii", "run/sessions/other/shard-1.zip", "run/scores.csv", "run/.session-key"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(SECRET)
    for name in ("plugins/plugin.py", "run/networks/net/weights.pt", "elsewhere/file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("as it was")
    return tmp_path


def started(house, name="Hostile", online=False, **settings):
    """A hostile method in a new process."""
    settings |= {"base": str(house), "job": os.getpid()}
    card = MethodCard(method=f"hostile_methods:{name}", settings=settings, online=online)
    return MethodProcess(program(card, HELPERS, hidden=[house / "cohort", house / "run"]))


def attempt(house, code, online=False):
    """The error of the session that made an attempt, in a process of its own."""
    method = started(house, online=online, code=code)
    try:
        return play(USER, method).error
    finally:
        method.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The file of the next attempt, and the method that makes it, once it is started."""
    methods = []
    yield tmp_path_factory.mktemp("orders") / "next", methods
    for method in methods:
        method.close()


@pytest.fixture
def tried(house, shared):
    """Gives the error of the session that made an attempt, in the process of the test before."""
    orders, methods = shared
    if not methods:
        methods.append(started(house, "Persistent", orders=str(orders)))

    def attempt_there(code, source="the method"):
        orders.write_text(json.dumps([code, source]))
        error = play(USER, methods[0]).error
        assert "exit code 9" not in error, "it changed its process: make the attempt in a process of its own"
        return error

    return attempt_there


READS = {
    "its path": "open(base + '/cohort/label.nii').read()",
    "another entry's sessions": "open(base + '/run/sessions/other/shard-1.zip').read()",
    "the scores": "open(base + '/run/scores.csv').read()",
    "the key of the seals": "open(base + '/run/.session-key').read()",
    "a symbolic link": "(os.symlink(base + '/cohort/label.nii', 'link'), open('link').read())",
    "a hard link": "(os.link(base + '/cohort/label.nii', 'link'), open('link').read())",
    "renaming it here": "(os.rename(base + '/cohort/label.nii', 'here'), open('here').read())",
    "the root of the parent": "open(f'/proc/{os.getppid()}/root{base}/cohort/label.nii').read()",
    "the root of the job": "open(f'/proc/{job}/root{base}/cohort/label.nii').read()",
    "the folder of the job": "os.listdir(f'/proc/{job}/cwd')",
    "the memory of the job": "open(f'/proc/{job}/mem', 'rb').read(1)",
    "open files of the job": "[os.readlink(f'/proc/{job}/fd/{n}') for n in os.listdir(f'/proc/{job}/fd')]",
    "tracing the job": "1 // (1 + ctypes.CDLL(None).ptrace(16, job, 0, 0))",
    "a mount": "1 // (1 + ctypes.CDLL(None).mount((base + '/cohort').encode(), os.getcwd().encode(), 0, 4096, 0))",
    "another root": "os.chroot(base + '/cohort') or os.listdir('/')",
    "a namespace of its own": "subprocess.run(['unshare', '-rm', 'cat', base + '/cohort/label.nii'], check=True)",
    "the disk": "[open(p, 'rb').read(1) for p in Path('/dev').iterdir() if p.is_block_device()][0]",
    "the memory of the machine": "open('/dev/mem', 'rb').read(1)",
    "the environment of the job": "open(f'/proc/{job}/environ', 'rb').read()",
    "the memory of its supervisor": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "open files of its supervisor": "[os.readlink(f'/proc/{os.getppid()}/fd/{n}') for n in range(9)]",
    "a file that the job opened": "1 // (1 + call(438, os.pidfd_open(job), 3, 0))",
    "comparing itself with the job": "1 // (1 + call(312, job, os.getpid(), 1, 0, 0))",
    "a queue of io_uring": "1 // (1 + call(425, 4, ctypes.create_string_buffer(120)))",
    "a folder that it holds open": "os.open('label.nii', 0, dir_fd=os.open(base + '/cohort', os.O_PATH))",
    "a program in memory": "(lambda f: (os.write(f, open('/bin/cat', 'rb').read()), subprocess.run("
    "[f'/proc/self/fd/{f}', base + '/cohort/label.nii'], pass_fds=[f], check=True)))(os.memfd_create('x', 0))",
    "a handle": "(lambda b, m: (b.__setitem__(slice(0, 4), (128).to_bytes(4, 'little')), "
    "1 // (1 + ctypes.CDLL(None).name_to_handle_at(-100, (base + '/cohort/label.nii').encode(), b, m, 0)), "
    "1 // (1 + ctypes.CDLL(None).open_by_handle_at(os.open(base + '/elsewhere', 0), b, 0))))"
    "(ctypes.create_string_buffer(136), ctypes.create_string_buffer(8))",
    "a mount of the folder alone": "(1 // (1 + ctypes.CDLL(None).unshare(0x30000000)), open('/proc/self/fd/' + "
    "str(call(428, -100, (base + '/cohort').encode(), 1)) + '/label.nii').read())",
    "watching its folder": "1 // (1 + ctypes.CDLL(None).inotify_add_watch("
    "ctypes.CDLL(None).inotify_init1(0), (base + '/cohort').encode(), 0xfff))",
}


ALONE = {"a mount of the folder alone"}
"""It leaves its process in another namespace."""


@pytest.mark.parametrize("name", READS)
def test_the_truth_cannot_be_read(house, tried, name):
    message = attempt(house, READS[name]) if name in ALONE else tried(READS[name])
    assert "tried: " in message
    assert "GOT" not in message


def test_what_is_typed_in_a_terminal_cannot_be_read(tried):
    mine, other = os.openpty()
    try:
        assert "PermissionError" in tried(f"os.open({os.ttyname(other)!r}, os.O_RDONLY | os.O_NOCTTY)")
    finally:
        os.close(mine)
        os.close(other)


@pytest.mark.parametrize("begun", ["before", "after"])
def test_the_strokes_of_another_session_cannot_be_read(house, begun):
    """They were drawn from the truth; they lie in a temporary folder of the same user."""
    code = "(time.sleep(2), [open(p).read() for p in Path(tmp).glob('bifseg-*.own/shared/strokes')])"
    own_folders_begun = []

    def begin():
        own_folders_begun.append(OwnFolder())
        (own_folders_begun[0].shared / "strokes").write_text(SECRET)

    timer = Timer(1.0, begin) if begun == "after" else None
    if timer:
        timer.start()
    else:
        begin()
    try:
        assert "PermissionError" in attempt(house, code.replace("tmp", repr(gettempdir())))
    finally:
        if timer:
            timer.join()
        own_folders_begun[0].remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_the_truth_cannot_be_read_through_a_bind_mount(house):
    (house / "elsewhere/mount").mkdir()
    subprocess.run(["mount", "--bind", house / "cohort", house / "elsewhere/mount"], check=True)
    try:
        assert "PermissionError" in attempt(house, "open(base + '/elsewhere/mount/label.nii').read()")
    finally:
        subprocess.run(["umount", house / "elsewhere/mount"], check=True)


@pytest.mark.parametrize("source", FROM)
def test_the_truth_cannot_be_read_from(tried, source):
    message = tried(READS["its path"], source)
    assert "GOT" not in message
    assert "PermissionError" in message or source == "a background thread"


@pytest.mark.parametrize("source", FROM)
def test_files_that_are_not_hidden_can_be_read_from(tried, source):
    """Control for the test above."""
    if source != "a background thread":
        assert "as it was" in tried("open(base + '/elsewhere/file').read()", source)


WRITES = {
    "another entry's sessions": "open(base + '/run/sessions/other/shard-1.zip', 'w').write('x')",
    "a session of its own making": "open(base + '/run/sessions/other/new.zip', 'w').write('x')",
    "the weights": "open(base + '/run/networks/net/weights.pt', 'a').write('x')",
    "the label": "open(base + '/cohort/label.nii', 'a').write('x')",
    "sitecustomize.py of the plug-ins": "open(base + '/plugins/sitecustomize.py', 'w').write('x')",
    "its own module": "open(base + '/plugins/plugin.py', 'w').write('x')",
    "a file elsewhere": "open(base + '/elsewhere/file', 'w').write('x')",
    "cutting it off": "os.truncate(base + '/elsewhere/file', 0)",
    "removing it": "os.remove(base + '/elsewhere/file')",
    "removing a folder": "shutil.rmtree(base + '/run')",
    "renaming it": "os.rename(base + '/elsewhere/file', base + '/elsewhere/new')",
    "its home": "(Path.home() / '.bifseg-attack').write_text('x')",
    "the shared temporary folder": "open('/tmp/bifseg-attack', 'w').write('x')",
    "compiled code beside the plug-ins": "os.mkdir(base + '/plugins/__pycache__')",
    "a disk": "[open(p, 'wb').close() for p in Path('/dev').iterdir() if p.is_block_device()][0]",
    "a terminal": "[open(p, 'w').close() for p in [Path('/dev/console'), *Path('/dev/pts').iterdir()]][0]",
    "the kernel's log": "open('/dev/kmsg', 'w').close()",
    "its chance to be killed": "open('/proc/self/oom_score_adj', 'w').write('-999')",
    "the job's chance to be killed": "open(f'/proc/{job}/oom_score_adj', 'w').write('999')",
    "Python's packages": "open(os.path.join(os.path.dirname(os.__file__), 'bifseg_attack.py'), 'w').write('x')",
}


def contents(house):
    return {path: (path.read_bytes(), path.stat().st_mode) for path in house.rglob("*") if path.is_file()}


@pytest.mark.parametrize("code", WRITES.values(), ids=WRITES)
def test_files_outside_the_own_folder_cannot_be_written(house, tried, code):
    before = contents(house)
    assert "GOT" not in tried(code)
    assert contents(house) == before


@pytest.mark.parametrize(
    "change", ["os.chmod({}, 0)", "os.utime({}, (1, 1))", "os.setxattr({}, 'user.a', b'x')"]
)
def test_modes_times_and_attributes_cannot_be_changed(house, tried, change):
    file = house / "cohort/label.nii"
    before = file.stat()
    tried(change.format("base + '/cohort/label.nii'"))
    after = file.stat()
    assert (before.st_mode, before.st_mtime_ns) == (after.st_mode, after.st_mtime_ns)
    assert os.listxattr(file) == []


@pytest.fixture
def server():
    """A server on this machine, and what it was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


NETWORK = {
    "TCP": "socket.create_connection(('127.0.0.1', PORT), 5).send(b'x')",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "a port of its own": "socket.create_server(('127.0.0.1', 0)).getsockname()",
    "names": "socket.getaddrinfo('localhost', 80)[0]",
}


@pytest.mark.parametrize("code", list(NETWORK.values())[:3], ids=list(NETWORK)[:3])
def test_the_network_cannot_be_used(tried, server, code):
    assert "PermissionError" in tried(code.replace("PORT", str(server)))


def test_the_network_can_be_used_if_the_card_allows_it(house, server):
    assert "GOT 1" in attempt(house, NETWORK["TCP"].replace("PORT", str(server)), online=True)


SIGNALS = {
    "its parent": "os.kill(os.getppid(), 0)",
    "the job": "os.kill(job, 0)",
    "stopping the job": "os.kill(job, signal.SIGCONT)",
    "the group of the job": "os.killpg(os.getpgid(job), 0)",
    "the first process": "os.kill(1, 0)",
    "a thread of the job": "1 // (1 + ctypes.CDLL(None).tgkill(job, job, 0))",
    "by a descriptor": "signal.pidfd_send_signal(os.pidfd_open(job), 0)",
    "the priority of the job": "os.setpriority(os.PRIO_PROCESS, job, 19)",
    "the priority of all processes of the user": "os.setpriority(os.PRIO_USER, 0, 19)",
    "the disk priority of the job": "1 // (1 + ctypes.CDLL(None).syscall(251, 1, job, 3 << 13))",
    "a limit of the job": "resource.prlimit(job, resource.RLIMIT_CPU, (1, 1))",
}


@pytest.mark.parametrize("code", SIGNALS.values(), ids=SIGNALS)
def test_other_processes_cannot_be_reached(tried, code):
    assert "GOT" not in tried(code)


def test_processors_and_priority_of_the_job_cannot_be_changed(tried):
    """A method that slows down the job would change the times of others."""
    before = os.sched_getaffinity(0), os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    tried("os.sched_setaffinity(job, {0})")
    tried("os.sched_setscheduler(job, os.SCHED_IDLE, os.sched_param(0))")
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before


def test_the_kernel_ends_a_method_rather_than_the_job_if_memory_is_short(tried):
    assert "GOT '500" in tried("open('/proc/self/oom_score_adj').read()")
    assert int(Path("/proc/self/oom_score_adj").read_text()) < 500


def test_a_method_may_choose_its_own_processors(house):
    assert "GOT None" in attempt(house, "os.sched_setaffinity(0, os.sched_getaffinity(0))")
    assert "GOT None" in attempt(house, "os.setpriority(os.PRIO_PROCESS, 0, 19)")


def test_a_file_owner_cannot_send_signals_to_the_job(tried):
    """An owner of a socket gets a signal when something can be read from it."""
    signals = []
    before = signal.signal(signal.SIGUSR1, lambda *_: signals.append(1))
    code = (
        "(lambda f, a, b: (f.fcntl(b, f.F_SETOWN, job), f.fcntl(b, f.F_SETSIG, int(signal.SIGUSR1)), "
        "f.fcntl(b, f.F_SETFL, os.O_ASYNC), a.send(b'x'), time.sleep(0.2)))"
        "(__import__('fcntl'), *socket.socketpair())"
    )
    try:
        assert "tried: " in tried(code)
        assert signals == []
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_socket_of_the_job_without_a_file_cannot_be_reached(tried):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0bifseg-{os.getpid()}")
        listening.listen()
        code = "socket.socket(socket.AF_UNIX).connect(f'\\0bifseg-{job}')"
        assert "PermissionError" in tried(code)


@pytest.fixture
def services(house):
    """Sockets in the file system, as of a session bus or a container engine: one that connects, one that does not."""
    with socket.socket(socket.AF_UNIX) as bus, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        bus.bind(str(house / "elsewhere/bus"))
        bus.listen()
        log.bind(str(house / "elsewhere/log"))
        bus.settimeout(0)
        log.settimeout(0)
        yield bus, log
    for name in ("bus", "log"):
        (house / "elsewhere" / name).unlink()


SERVICES = {
    "its path": "socket.socket(socket.AF_UNIX).connect(base + '/elsewhere/bus')",
    "packets": "socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(base + '/elsewhere/bus')",
    "a link in its own folder": "(os.symlink(base + '/elsewhere/bus', 'bus'), "
    "socket.socket(socket.AF_UNIX).connect('bus'))",
    "a linked folder": "(os.symlink(base + '/elsewhere', 'here'), "
    "socket.socket(socket.AF_UNIX).connect(os.getcwd() + '/here/bus'))",
    "a way up": "socket.socket(socket.AF_UNIX).connect(os.getcwd() + '/..' * 20 + base + '/elsewhere/bus')",
    "another current folder": "(os.chdir(base + '/elsewhere'), socket.socket(socket.AF_UNIX).connect('bus'))",
    "a descriptor": "socket.socket(socket.AF_UNIX).connect("
    "f'/proc/self/fd/{os.open(base + \"/elsewhere/bus\", os.O_PATH)}')",
    "a hard link": "(os.link(base + '/elsewhere/bus', 'bus'), socket.socket(socket.AF_UNIX).connect('bus'))",
    "a datagram": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', base + '/elsewhere/log')",
    "a raw socket": "socket.socket(socket.AF_UNIX, socket.SOCK_RAW).sendto(b'x', base + '/elsewhere/log')",
    "a pair of sockets": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]"
    ".sendto(b'x', base + '/elsewhere/log')",
    "a process of its own": "subprocess.run(['python3', '-c', f'import socket; "
    'socket.socket(socket.AF_UNIX).connect({base!r} + chr(47) + "elsewhere/bus")\'], check=True)',
}


@pytest.mark.parametrize("code", SERVICES.values(), ids=SERVICES)
def test_sockets_in_the_file_system_cannot_be_reached(tried, services, code):
    message = tried(code)
    assert "Error: " in message
    assert "GOT" not in message
    for service, way in zip(services, ("accept", "recv"), strict=True):
        with pytest.raises(BlockingIOError):
            getattr(service, way)(*[1] * (way == "recv"))


def test_the_address_cannot_be_changed_while_it_is_checked(house, services):
    """One thread of the method swaps the address while another one connects."""
    code = f"__import__('hostile_methods').swap_address({str(house / 'elsewhere/bus')!r})"
    assert "GOT True" in attempt(house, code)  # it connected to its own socket
    with pytest.raises(BlockingIOError):
        services[0].accept()


@pytest.mark.parametrize("place", ["2**64 - 8", "0", "id(call)"])
@pytest.mark.parametrize("length", ["110", "2**31", "0"])
def test_no_address_ends_the_supervisor(tried, place, length):
    """Without a supervisor, processes that the method left behind would live on."""
    code = f"ctypes.CDLL(None).connect(socket.socket(socket.AF_UNIX).fileno(), ctypes.c_void_p({place}), {length})"
    assert "GOT -1" in tried(code)


def test_processes_of_a_method_can_connect_to_each_other(tried):
    """As those of multiprocessing and of torch's loaders of data do."""
    assert "GOT [1, 2]" in tried("list(__import__('multiprocessing').Manager().list([1, 2]))")
    assert "GOT b'x'" in tried("(lambda a, b: (a.send(b'x'), b.recv(1))[1])(*socket.socketpair())")


LASTING = {
    "shared memory": "ctypes.CDLL(None).shmget(0x62696673, 4096, 0o1600)",
    "a semaphore": "ctypes.CDLL(None).semget(0x62696673, 1, 0o1600)",
    "a queue of System V": "ctypes.CDLL(None).msgget(0x62696673, 0o1600)",
    "a queue of POSIX": "call(240, b'bifseg-attack', os.O_CREAT | os.O_RDWR, 0o600, 0)",
    "a key": "call(248, b'user', b'bifseg-attack', b'x', 1, -4)",
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")
def test_userfaultfd_is_denied(tried):
    assert "ZeroDivisionError" in tried("1 // (1 + call(323, 1))")  # userfaultfd


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls")
@pytest.mark.parametrize("code", LASTING.values(), ids=LASTING)
def test_lasting_objects_cannot_be_created(tried, code):
    assert "ZeroDivisionError" in tried(f"1 // (1 + {code})")


def test_files_of_a_process_are_removed_before_the_next(house):
    assert "GOT" in attempt(house, "Path('note').write_text('x')")
    assert "FileNotFoundError" in attempt(house, "Path('note').read_text()")


def test_folders_deeper_than_python_can_enter_are_removed(house, tmp_path, monkeypatch):
    """Python's own removal would raise an error in the job."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # the own folders of other jobs lie elsewhere
    code = "[(os.mkdir('d'), os.chdir('d')) for _ in range(2000)][-1]"
    before = set(own_folders())
    assert "GOT" in attempt(house, code)
    assert set(own_folders()) <= before


def test_variables_do_not_reach_the_next_process(house):
    names = "sorted(n for n in os.environ if n.startswith(('PYTHON', 'LD_')))"
    before = attempt(house, names)
    assert "GOT" in attempt(house, "os.environ.update(LD_PRELOAD='x', PYTHONSTARTUP='x', PYTHONHOME='x')")
    assert attempt(house, names) == before


def test_a_method_inherits_no_open_file_of_the_job(house):
    code = (
        "[os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') "
        "if int(n) > 2 and os.path.lexists(f'/proc/self/fd/{n}')]"
    )
    held = attempt(house, code)
    assert "GOT" in held
    assert "socket:" not in held
    assert str(house) not in held


JOB = """
import sys
sys.path.append(sys.argv[1])
import test_out_of_reach as tests
from pathlib import Path
from bifseg.core import supervised
attack = "os.kill(os.getppid(), signal.SIGKILL) or __import__('time').sleep(9)"
print(tests.attempt(Path(sys.argv[2]), attack))
confinement = supervised.Confinement
arguments = confinement.arguments
confinement.arguments = lambda self, folder: arguments(self, folder) | {"landlock": 0, "seccomp": False}
print(tests.attempt(Path(sys.argv[2]), attack))
"""


@pytest.fixture(scope="module")
def parents_killed(house):
    """What came of a method that kills its parent, in a job of its own: on this kernel and on an old one."""
    process = subprocess.run(
        [sys.executable, "-c", JOB, str(Path(__file__).parent), str(house)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HELPERS)},
    )
    assert process.returncode == 0, process.stderr
    return dict(zip(["this kernel", "old kernel"], process.stdout.splitlines(), strict=True))


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ("this kernel", "PermissionError"),
        ("old kernel", "the method's process ended by signal SIGKILL"),
    ],
    ids=["this kernel", "old kernel"],
)
def test_a_method_that_kills_its_parent_fails_its_own_session(parents_killed, kernel, expected):
    """Where the kernel cannot deny it, the parent is the supervisor, and the job lives on."""
    assert expected in parents_killed[kernel]


def test_processes_left_behind_end_with_the_session(house):
    code = "subprocess.Popen(['sleep', '987'], start_new_session=True).pid"
    number = int(attempt(house, code).rpartition("GOT ")[2])
    end = time.monotonic() + 5
    while Path(f"/proc/{number}/cmdline").exists() and time.monotonic() < end:
        time.sleep(0.05)
    status = Path(f"/proc/{number}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_a_plug_in_is_imported_with_one_thread(house):
    assert "GOT ['MainThread']" in attempt(house, "[t.name for t in threading.enumerate()]")
