"""A changed method is another method: which files it is made of."""

import pytest

from bifseg.cards.cards import MethodCard
from bifseg.methods.process.sources import method_files, method_fingerprint


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


def names(project, **card):
    return [path.relative_to(project).as_posix() for path in method_files(MethodCard(**card), project)]


def test_a_plug_in_is_its_module_and_what_it_imports_of_those_beside_it(project):
    found = names(project, method="seg_plugin:Method")
    assert found == [
        "seg_deep.py",
        "seg_helpers.py",
        "seg_nets/__init__.py",
        "seg_nets/unet.py",
        "seg_plugin.py",
    ]
    assert names(project, method="seg_nets.unet:Method") == ["seg_nets/__init__.py", "seg_nets/unet.py"]
    assert names(project, method="seg_broken:Method") == ["seg_broken.py"]
    assert names(project, method="nowhere:Method") == names(project, method="bifseg") == []


def test_files_that_settings_and_commands_name_belong_to_it(project):
    settings = {
        "nets": [{"checkpoint": f"{project}/best.pt"}],
        "folder": f"{project}/model",
        "mode": "model",
        "n": 3,
    }
    assert names(project, method="bifseg", settings=settings) == ["best.pt", "model/fold_0/plans.json"]
    command = ["python", "{card}/seg_plugin.py", "{card}/model", "x" * 5000]
    assert names(project, command=command) == ["model/fold_0/plans.json", "seg_plugin.py"]


@pytest.mark.parametrize("name", ["seg_helpers.py", "seg_nets/unet.py", "best.pt"])
def test_a_change_of_any_of_them_is_another_method(project, name):
    card = MethodCard(method="seg_plugin:Method", settings={"checkpoint": f"{project}/best.pt"})
    before = method_fingerprint(card, project)
    assert method_fingerprint(card, project) == before
    (project / "seg_unused.py").write_text("other")
    assert method_fingerprint(card, project) == before
    (project / name).write_text("# other")
    assert method_fingerprint(card, project) != before
