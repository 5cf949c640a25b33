"""Stored sessions are complete or absent, packed or not, also with concurrent writers."""

import errno
import os
from copy import copy
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid
from bifseg.core.run_place import KEY, run_folder
from bifseg.sessions.archive import Archive
from bifseg.sessions.record import Identity, Session, Step

GRID = Grid.plain((6, 7))
WHO = Identity("r", "c", "case", "a", "organ", True, 2, "test", "m", "", "own", "p/1")


def session(name="a", mark="1"):
    mask = np.random.default_rng(0).random((3, 4)) < 0.5
    step = Step("initial", (), mask, {"machine": 0.5})
    identity = replace(WHO, object=name)
    return Session(identity, GRID, Box((1, 1), (4, 5)), (step,), "rounds", fingerprint=mark)


def files(folder):
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.match("machine-*")
    )


def filled(folder, *names, mark="1"):
    archive = Archive(folder)
    for name in names:
        archive.save(name, session(name, mark), GRID)
    return archive


def test_a_stored_session_is_read_back(tmp_path):
    archive = filled(tmp_path, "a")
    assert archive.fingerprint("a") == "1"
    assert archive.load("a").identity == session().identity
    np.testing.assert_array_equal(archive.load("a").steps[0].mask, session().steps[0].mask)


def test_packing_leaves_one_file_and_the_same_sessions(tmp_path):
    archive = filled(tmp_path, "a", "b.r1", "shard-1")
    archive.pack(["a", "b.r1", "shard-1"], 1)
    assert files(tmp_path) == [KEY, "shard-1.zip"]
    for name in ("a", "b.r1", "shard-1"):
        for reader in (archive, Archive(tmp_path)):
            assert reader.load(name).identity.object == name
            assert reader.fingerprint(name) == "1"


def test_packed_sessions_open_without_bifseg(tmp_path):
    filled(tmp_path, "a").pack(["a"], 1)
    with ZipFile(tmp_path / "shard-1.zip") as archive:
        assert sorted(archive.namelist()) == ["a/final.nii.gz", "a/masks.npz", "a/session.json"]


def test_missing_session_is_named(tmp_path):
    archive = Archive(tmp_path)
    assert archive.fingerprint("a") is None
    with pytest.raises(InputError, match="a: no such session"):
        archive.load("a")
    with pytest.raises(InputError, match="a: missing"):
        archive.pack(["a"], 1)
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95, 0.999])
def test_a_truncated_file_counts_as_empty(tmp_path, packed, share):
    archive = filled(tmp_path, "a", "b")
    if packed:
        archive.pack(["a", "b"], 1)
    path = tmp_path / ("shard-1.zip" if packed else "unpacked/a.zip")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    archive = Archive(tmp_path)
    assert archive.fingerprint("a") is None
    with pytest.raises(InputError):
        archive.load("a")
    archive.save("a", session(mark="new"), GRID)
    assert archive.fingerprint("a") == "new"


@pytest.mark.parametrize("entry", Session.ENTRIES)
def test_a_flipped_bit_is_detected(tmp_path, entry):
    archive = filled(tmp_path, "a")
    path = tmp_path / "unpacked/a.zip"
    with ZipFile(path) as stored:
        info = stored.getinfo(f"a/{entry}")
        content = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    data = bytearray(path.read_bytes())
    data[content] ^= 1
    path.write_bytes(data)
    assert archive.fingerprint("a") is None


@pytest.mark.parametrize("packed", [False, True])
def test_a_flipped_bit_that_marks_an_entry_as_encrypted_is_damage(tmp_path, packed):
    """A zip file says so in bit 0 of an entry's flags, at byte 8 of its place in the directory."""
    archive = filled(tmp_path, "a", "b")
    if packed:
        archive.pack(["a", "b"], 1)
    path = tmp_path / ("shard-1.zip" if packed else "unpacked/a.zip")
    with ZipFile(path) as stored:
        directory = stored.start_dir
    content = bytearray(path.read_bytes())
    content[directory + 8] ^= 1  # of the first entry, which is one of `a`
    path.write_bytes(content)
    reader = Archive(tmp_path)
    assert (reader.fingerprint("a"), reader.fingerprint("b")) == (None, "1")
    with pytest.raises(InputError, match=r"a: damaged"):
        reader.load("a")
    with pytest.raises(InputError, match=r"a: missing or damaged"):
        reader.pack(["a", "b"], 2)


def test_a_new_session_replaces_the_packed_one(tmp_path):
    archive = filled(tmp_path, "a", "b")
    archive.pack(["a", "b"], 1)
    archive.save("a", session(mark="2"), GRID)
    assert (archive.fingerprint("a"), archive.fingerprint("b")) == ("2", "1")
    archive.pack(["a", "b"], 1)
    assert (Archive(tmp_path).fingerprint("a"), Archive(tmp_path).fingerprint("b")) == ("2", "1")
    assert not list((tmp_path / "unpacked").iterdir())


def test_packing_again_writes_nothing(tmp_path):
    archive = filled(tmp_path, "a")
    archive.pack(["a"], 1)
    before = (tmp_path / "shard-1.zip").stat().st_mtime_ns
    archive.pack(["a"], 1)
    assert (tmp_path / "shard-1.zip").stat().st_mtime_ns == before


def test_repacking_loses_no_session_and_removes_old_packs(tmp_path):
    """Three shards become two: sessions move, those in a pack's way stay, superseded packs are pruned."""
    archive = filled(tmp_path, *"abcdef")
    for number, names in enumerate(("ab", "cd", "ef"), start=1):
        archive.pack(names, number)
        os.utime(tmp_path / f"shard-{number}.zip", ns=(number, number))
    archive.pack("acf", 1)
    assert {name: Archive(tmp_path).fingerprint(name) for name in "abcdef"} == dict.fromkeys("abcdef", "1")
    archive.pack("bde", 2)
    assert {name: Archive(tmp_path).fingerprint(name) for name in "abcdef"} == dict.fromkeys("abcdef", "1")
    archive.prune()
    assert sorted(path.name for path in tmp_path.glob("*.zip")) == ["shard-1.zip", "shard-2.zip"]
    assert {name: Archive(tmp_path).fingerprint(name) for name in "abcdef"} == dict.fromkeys("abcdef", "1")


def test_a_pack_that_cannot_be_read_is_not_pruned(tmp_path, monkeypatch):
    """A file system that fails for a moment must not cost the sessions of a shard."""
    filled(tmp_path, "a").pack("a", 1)
    with monkeypatch.context() as failing:
        failing.setattr(
            "bifseg.sessions.archive._open_pack", lambda _: (_ for _ in ()).throw(OSError("stale"))
        )
        Archive(tmp_path).prune()
    assert Archive(tmp_path).fingerprint("a") == "1"


@pytest.mark.parametrize("packed", [False, True])
def test_too_many_open_files_are_no_damage(tmp_path, monkeypatch, packed):
    archive = filled(tmp_path, "a")
    if packed:
        archive.pack(["a"], 1)

    def full(*args):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("bifseg.sessions.archive.ZipFile", full)
    for use in (Archive.stored, lambda one: one.fingerprint("a"), lambda one: one.load("a")):
        with pytest.raises(RuntimeError, match=r"too many open files; allow more \(ulimit -n\)"):
            use(Archive(tmp_path))


def test_partial_files_of_killed_jobs_are_ignored_and_removed(tmp_path):
    archive = filled(tmp_path, "a", "b")
    archive.pack(["a"], 1)
    intact = tmp_path / "unpacked/b.zip"
    intact.rename(intact.with_name(".part-x1y2-b.zip"))
    (tmp_path / ".part-z3-shard-1.zip").write_bytes(b"half")
    assert archive.stored() == {"a": "ok"}
    archive.prune()
    assert files(tmp_path) == [KEY, "shard-1.zip"]
    assert archive.fingerprint("a") == "1"


def test_a_reader_finds_sessions_that_another_job_packed(tmp_path):
    filled(tmp_path, "a")
    reader = Archive(tmp_path)
    Archive(tmp_path).pack(["a"], 1)
    assert reader.load("a").fingerprint == "1"


def test_two_jobs_with_one_shard_leave_the_files_of_one(tmp_path):
    first, second = Archive(tmp_path), Archive(tmp_path)
    for name in "ab":
        first.save(name, session(name), GRID)
    first.pack("ab", 1)
    second.save("b", session("b"), GRID)
    second.pack("ab", 1)
    assert {name: Archive(tmp_path).fingerprint(name) for name in "ab"} == {"a": "1", "b": "1"}
    assert files(tmp_path) == [KEY, "shard-1.zip"]


def test_a_pack_is_opened_once(tmp_path, monkeypatch):
    """Reading its directory for every session, present or not, took most of the time of a long run."""
    for number, names in enumerate(("ab", "cd"), start=1):
        filled(tmp_path, *names).pack(names, number)
    opened = []
    monkeypatch.setattr(
        "bifseg.sessions.archive.ZipFile",
        lambda path, *words: opened.append(path.name) or ZipFile(path, *words),
    )
    reader = Archive(tmp_path)
    assert {name: reader.fingerprint(name) for name in "abcdxyz"} == dict.fromkeys(
        "abcd", "1"
    ) | dict.fromkeys("xyz")
    assert reader.load("a").identity.object == "a"
    assert [name for name in opened if name.startswith("shard-")] == ["shard-1.zip", "shard-2.zip"]


def test_moving_a_session_keeps_its_old_pack_readable(tmp_path):
    archive = filled(tmp_path, *"abcd")
    archive.pack("ab", 1)
    archive.pack("cd", 2)
    archive.pack("ad", 1)
    (tmp_path / "shard-1.zip").unlink()
    assert {name: archive.fingerprint(name) for name in "cd"} == {"c": "1", "d": "1"}


@pytest.mark.parametrize("packed", [False, True])
def test_an_outdated_session_stays_until_it_is_played_again(tmp_path, packed):
    archive = filled(tmp_path, "a", "b")
    if packed:
        archive.pack("ab", 3)
    assert archive.outdate("a") == ("shard-3" if packed else "")
    assert {name: archive.fingerprint(name) for name in "ab"} == {"a": "", "b": "1"}
    assert archive.stored() == {"a": "ok", "b": "ok"}
    assert archive.load("a").identity.object == "a"


def test_a_replaced_pack_is_reopened(tmp_path):
    reader = filled(tmp_path, "a", "b")
    reader.pack("ab", 1)
    assert reader.fingerprint("a") == "1"
    reader.save("a", session(mark="2"), GRID)
    reader.pack("ab", 1)
    assert {name: reader.fingerprint(name) for name in "ab"} == {"a": "2", "b": "1"}
    filled(tmp_path, "c").pack("c", 2)
    assert reader.fingerprint("c") == "1"


def rewritten(path, change):
    """Rewrite a zip file with valid checksums, as somebody without the key can."""
    with ZipFile(path) as stored:
        entries = [(copy(entry), stored.read(entry)) for entry in stored.infolist()]
    with ZipFile(path, "w") as target:
        for entry, content in entries:
            target.writestr(*change(entry, content))


FORGERIES = {
    "another result": lambda entry, content: (
        entry,
        content.replace(b'"ended": "rounds"', b'"ended": "target"'),
    ),
    "another fingerprint": lambda entry, content: (commented(entry, b"1 ", b"2 "), content),
    "another status": lambda entry, content: (commented(entry, b" ok ", b" failed "), content),
    "no seal": lambda entry, content: (commented(entry, entry.comment[5:], b""), content),
}


def commented(entry, old, new):
    entry.comment = entry.comment.replace(old, new) if entry.comment else b""
    return entry


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_session_is_refused(tmp_path, packed, change):
    archive = filled(tmp_path, "a")
    if packed:
        archive.pack("a", 1)
    rewritten(tmp_path / ("shard-1.zip" if packed else "unpacked/a.zip"), change)
    archive = Archive(tmp_path)
    assert archive.fingerprint("a") is None
    with pytest.raises(InputError, match="its seal is wrong"):
        archive.load("a")
    with pytest.raises(InputError, match="its seal is wrong"):
        archive.outdate("a")


def test_a_session_of_another_object_or_run_is_refused(tmp_path):
    filled(tmp_path / "one", "a")
    filled(tmp_path / "two", "b")
    (tmp_path / "two/unpacked/a.zip").write_bytes((tmp_path / "one/unpacked/a.zip").read_bytes())
    assert Archive(tmp_path / "two").fingerprint("a") is None


def test_sessions_without_their_key_are_refused(tmp_path):
    filled(tmp_path, "a")
    (tmp_path / KEY).unlink()
    with pytest.raises(InputError, match=r"its key, .*\.session-key, is missing: copy it along"):
        Archive(tmp_path).load("a")


def test_sessions_without_a_seal_are_read_but_replayed(tmp_path):
    filled(tmp_path, "a")
    rewritten(tmp_path / "unpacked/a.zip", FORGERIES["no seal"])
    (tmp_path / KEY).unlink()
    assert Archive(tmp_path).load("a").identity.object == "a"
    assert Archive(tmp_path).fingerprint("a") is None


def test_a_run_has_one_key_that_only_its_user_can_read(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text("{}")
    for entry in ("one", "two"):
        folder = tmp_path / "run/sessions/cohort/own" / entry
        filled(folder, "a")
        assert run_folder(folder) == tmp_path / "run"
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob(KEY)] == [Path("run") / KEY]
    assert (tmp_path / "run" / KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_run_has_one_key_without_hard_links(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.link", refuse)
    filled(tmp_path, "a")
    key = (tmp_path / KEY).read_bytes()
    filled(tmp_path, "b")
    assert (tmp_path / KEY).read_bytes() == key
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600
    assert [Archive(tmp_path).load(name).identity.object for name in "ab"] == ["a", "b"]
    assert files(tmp_path) == [KEY, "unpacked/a.zip", "unpacked/b.zip"]


def test_half_a_key_of_a_killed_job_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("bifseg.sessions.seal._WRITING_S", 0)
    (tmp_path / KEY).write_bytes(b"half")
    with pytest.raises(InputError, match=r"\.session-key: holds 4 of 32 bytes; delete it"):
        filled(tmp_path, "a")


def test_a_pack_cut_after_the_masks_of_a_session_is_damaged_and_stays(tmp_path):
    """`masks.npz` is a zip file too: a pack cut behind one opens, and holds no session."""
    filled(tmp_path, "a", "b").pack(["a", "b"], 1)
    path = tmp_path / "shard-1.zip"
    with ZipFile(path) as whole:
        second = whole.getinfo("b/session.json").header_offset
    path.write_bytes(path.read_bytes()[:second])
    assert ZipFile(path).namelist()  # the case of this test
    archive = Archive(tmp_path)
    assert archive.damaged_packs() == [path]
    archive.prune()
    assert path.exists()


@pytest.mark.parametrize("kind", Session.ENTRIES)
@pytest.mark.parametrize("place", ["name", "kind"])
def test_a_flipped_bit_in_the_list_of_a_pack_loses_no_session_silently(tmp_path, kind, place):
    """The list at the end names the entries; one with another name would hide its session."""
    archive = filled(tmp_path, "one", "two")
    archive.pack(["one", "two"], 1)
    pack = tmp_path / "shard-1.zip"
    content = bytearray(pack.read_bytes())
    content[content.rindex(f"two/{kind}".encode()) + (0 if place == "name" else 5)] ^= 1
    pack.write_bytes(content)
    again = Archive(tmp_path)
    assert again.names() == set()
    assert again.damaged_packs() == [pack]
