"""Encodings of images: kept once, within a bound, and known by what the image shows."""

import numpy as np
import pytest

from bifseg.core.child_processes import OwnFolder
from bifseg.core.geometry import Grid, Image
from bifseg.methods.process import encodings
from bifseg.methods.process.encodings import ENCODING, Encodings

SHAPE = (4, 5)


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def image(value=0.0, spacing=1.0, modality="t1"):
    return Image(np.full(SHAPE, value, np.float32), Grid.plain(SHAPE, (spacing, 1.0)), modality)


def given(kept, key):
    folder = OwnFolder()
    kept.give(key, folder)
    return (folder.shared / ENCODING).read_bytes()


def test_equal_images_have_one_name():
    kept = Encodings()
    assert kept.key("m", image()) == kept.key("m", image())
    others = [image(1.0), image(spacing=2.0), image(modality="t2")]
    names = {kept.key("m", one) for one in (image(), *others)} | {kept.key("n", image())}
    assert len(names) == 5


def test_a_kept_encoding_is_given_with_its_seconds():
    kept = Encodings()
    assert kept.seconds("a") is None
    kept.keep("a", b"features", 2.5)
    assert kept.seconds("a") == 2.5
    assert given(kept, "a") == given(kept, "a") == b"features"


def test_the_oldest_are_dropped_and_not_kept_again(monkeypatch):
    """A process that makes one again may know prompts on the image."""
    monkeypatch.setattr(encodings, "_MOST", 10)
    kept = Encodings()
    for name in ("a", "b", "c"):
        kept.keep(name, b"12345", 1.0)
    assert [kept.seconds(name) for name in ("a", "b", "c")] == [None, 1.0, 1.0]
    kept.keep("a", b"with strokes", 1.0)
    assert kept.seconds("a") is None


def test_the_folder_ends_with_the_encodings(tmp_path):
    kept = Encodings()
    kept.keep("a", b"features", 1.0)
    assert list(tmp_path.glob("*.own"))
    del kept
    assert not list(tmp_path.glob("*.own"))
