"""Which code and files the fingerprint of a method covers."""

import pytest

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.runs.fingerprints import code_files, entry_code, method_files, method_fingerprint


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A plug-in beside other code, and a checkpoint."""
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "seg_plugin.py": "import numpy\nfrom seg_helpers import f\nimport seg_nets.unet\n",
        "seg_helpers.py": "import seg_plugin, seg_deep\n",
        "seg_deep.py": "",
        "seg_unused.py": "",
        "seg_nets/__init__.py": "",
        "seg_nets/unet.py": "",
        "seg_broken.py": "def (",
        "best.pt": "weights",
        "model/fold_0/plans.json": "{}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(project, which, **card):
    return [path.relative_to(project).as_posix() for path in which(MethodCard(**card), project)]


def test_code_of_a_plug_in_includes_imported_neighbours(project):
    assert sorted(names(project, code_files, method="seg_plugin:Method")) == [
        "seg_deep.py",
        "seg_helpers.py",
        "seg_nets/__init__.py",
        "seg_nets/unet.py",
        "seg_plugin.py",
    ]
    package = names(project, code_files, method="seg_nets.unet:Method")
    assert sorted(package) == ["seg_nets/__init__.py", "seg_nets/unet.py"]
    assert names(project, code_files, method="seg_broken:Method") == ["seg_broken.py"]
    assert names(project, code_files, method="nowhere:Method") == []
    assert names(project, code_files, method="bifseg") == []


def test_files_named_by_settings_and_commands_are_included(project):
    settings = {
        "nets": [{"checkpoint": f"{project}/best.pt"}],
        "folder": f"{project}/model",
        "mode": "model",
        "n": 3,
    }
    both = ["best.pt", "model/fold_0/plans.json"]
    assert names(project, method_files, method="bifseg", settings=settings) == both
    command = ["python", "{card}/seg_helpers.py", "{card}/model", "x" * 5000]
    assert names(project, method_files, command=command) == ["model/fold_0/plans.json"]
    code = names(project, code_files, command=command)
    assert code[0] == "seg_helpers.py"
    assert {"seg_deep.py", "seg_plugin.py"} < set(code)


PLUG_IN = {"method": "seg_plugin:Method"}
PROGRAM = {"command": ["python", "{card}/seg_helpers.py"]}


@pytest.mark.parametrize("card", [PLUG_IN, PROGRAM], ids=["plug-in", "program"])
@pytest.mark.parametrize("name", ["seg_helpers.py", "seg_nets/unet.py"])
def test_a_code_change_changes_the_fingerprint_and_a_comment_does_not(project, card, name):
    code = [entry_code(MethodCard(**card), project, ProtocolCard())]
    texts = ["other = 1", "# a comment\n\nother  =  (1)", "other = 2"]
    for text in texts:
        (project / name).write_text(f"import seg_deep, seg_nets.unet\n{text}\n")
        (project / "seg_unused.py").write_text(text)
        code.append(entry_code(MethodCard(**card), project, ProtocolCard()))
    assert code[0] != code[1] == code[2] != code[3]


def test_another_checkpoint_changes_the_fingerprint(project):
    card = MethodCard(method="seg_plugin:Method", settings={"checkpoint": f"{project}/best.pt"})
    before = method_fingerprint(card, project)
    assert method_fingerprint(card, project) == before
    (project / "best.pt").write_text("other weights")
    assert method_fingerprint(card, project) != before
