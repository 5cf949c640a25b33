"""Hard links of hidden files are refused among a method's files and counted elsewhere."""

import os

import pytest

from bifseg.core.errors import InputError
from bifseg.core.hard_links import check_hard_links


@pytest.fixture
def check(tmp_path):
    for name in ("data/labels", "plugins/inner", "plugins/results", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in "ab":
        (tmp_path / f"data/labels/{name}.nii").write_text(name)
    files = [tmp_path / f"data/labels/{name}.nii" for name in ("a", "b", "gone")]
    hidden = [tmp_path / name for name in ("data", "data/labels", "plugins/results")]
    return lambda: check_hard_links(files, hidden, [tmp_path / "plugins", tmp_path / "missing"])


def link(folder, name):
    os.link(folder / "data/labels/a.nii", folder / name)


@pytest.mark.parametrize("name", ["plugins/a.nii", "plugins/inner/weights.pt"])
def test_a_link_among_the_method_s_files_is_refused(tmp_path, check, name):
    link(tmp_path, name)
    with pytest.raises(InputError, match=f"{name}: is a hard link to .*labels/a.nii, so that a method could"):
        check()


@pytest.mark.parametrize("name", [None, "data/labels/c.nii", "data/c.nii", "plugins/results/a.nii"])
def test_files_without_outside_links_give_no_message(tmp_path, check, caplog, name):
    if name:
        link(tmp_path, name)
    check()
    assert not caplog.messages


def test_links_elsewhere_are_counted_in_one_line(tmp_path, check, caplog):
    link(tmp_path, "elsewhere/a.nii")
    link(tmp_path, "data/again.nii")
    check()
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path}/data/labels/a.nii: has a hard link outside of the hidden folders")
    assert "(label maps with such links: 1)" in message
