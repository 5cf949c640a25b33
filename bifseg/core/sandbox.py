"""A process that cannot read some folders any more: Linux's Landlock, for the process itself and all that it starts.

Landlock only knows what is allowed, so everything beside the way to a hidden folder is allowed, one step after the
other. On the way itself names can be listed, and nothing else. No rights are needed, and nothing undoes it.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from bifseg.core.errors import InputError

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, the same on all machines
_NO_NEW_PRIVILEGES, _GET_VERSION, _PATH_BENEATH = 38, 1, 1
_FILE_ONLY = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14) | (1 << 15)  # execute, write, read, truncate, ioctl
_LIST = 1 << 3
_RIGHTS = {
    1: (1 << 13) - 1,
    2: (1 << 14) - 1,
    3: (1 << 15) - 1,
    4: (1 << 15) - 1,
}  # by version; from 5 on: 16


def module_folders() -> list[Path]:
    """The folders of PYTHONPATH, absolute."""
    return [Path(place).absolute() for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]


def check_readable(hidden: Iterable[Path], *needed: Path) -> None:
    """Raises InputError where Python, bifseg, a module folder or what is needed besides lies in a hidden folder."""
    places = [place.resolve() for place in hidden]
    own = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[1])
    for path in (*needed, *own, *module_folders()):
        for place in places:
            if path.resolve().is_relative_to(place):
                raise InputError(
                    f"{place}: root of the cohort: methods cannot read it, but {path.absolute()} lies in it; keep "
                    "the images in a folder of their own, apart from results and code"
                )


def supported() -> bool:
    """Whether this Linux has Landlock (5.13 and later, unless it was left out)."""
    return _version() > 0


def hide(folders: Iterable[Path]) -> bool:
    """Make folders unreadable for this thread and all that it starts from now on; False where Linux cannot.

    What is created later on the way to a hidden folder is hidden too. No folders: nothing is done.

    Raises:
        OSError: Landlock is there and refused.
    """
    places = {Path(folder).resolve() for folder in folders}
    hidden = {place for place in places if places.isdisjoint(place.parents)}
    if not hidden:
        return True
    if not supported():
        return False
    rights = _RIGHTS.get(_version(), (1 << 16) - 1)
    rules = _checked(_call(_CREATE_RULESET, struct.pack("=Q", rights), 8, 0))
    way = {parent for place in hidden for parent in place.parents}
    for folder in way:
        _allow(rules, folder, _LIST)
        for place in _inside(folder) - way - hidden:
            _allow(rules, place, rights)
    _checked(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(_call(_RESTRICT_SELF, rules, 0))
    os.close(rules)
    return True


def _inside(folder: Path) -> set[Path]:
    """What lies in a folder, without links: they might lead back to what is hidden, and else are not needed."""
    try:
        return {place for place in folder.iterdir() if not place.is_symlink()}
    except OSError:
        return set()


def _allow(rules: int, place: Path, rights: int) -> None:
    try:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # gone meanwhile, or not ours: then it is not allowed
        return
    try:
        allowed = rights if place.is_dir() else rights & _FILE_ONLY
        _checked(_call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", allowed, handle), 0))
    finally:
        os.close(handle)


def _version() -> int:
    return _call(_CREATE_RULESET, None, 0, _GET_VERSION) if sys.platform == "linux" else -1


def _call(number: int, *arguments: object) -> int:
    return int(_libc().syscall(number, *arguments))


def _checked(found: int) -> int:
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return found


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """`python -m bifseg.core.sandbox FOLDER ... -- COMMAND ...`: run a command that cannot read these folders."""
    end = sys.argv.index("--")
    if not hide(map(Path, sys.argv[1:end])):
        print("note: this Linux has no Landlock, the program can read the cohort's files", file=sys.stderr)
    command = sys.argv[end + 1 :]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
