"""Wrong names and settings in cards stop a run before anything is trained."""

import pytest
import yaml

from bifseg.core.errors import InputError
from bifseg.runs.card_check import check_cards

CARDS = {
    "cohorts/sim": {"dimension": 2, "simulator": "fetal2d", "seen": ["placenta"]},
    "networks/net": {"architecture": "pnet", "settings": {"channels": 4}},
    "methods/bifseg": {"method": "bifseg", "settings": {"weighted": False}},
    "methods/tool": {"method": "random-walks"},
    "methods/program": {"command": ["python3", "program.py"]},
    "methods/plug-in": {"method": "yaml:NoSuchClass"},
}
PROTOCOLS = {"own-scribbles": ["bifseg@net.seed-2", "tool", "program", "plug-in"]}


def check(folder, changed=None, **content):
    for name, card in (CARDS | ({changed: content} if changed else {})).items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(card))
    check_cards({"cards": str(folder), "cohorts": {"sim": {"networks": ["net"], "protocols": PROTOCOLS}}})


def test_cards_from_which_all_can_be_built_pass_and_no_plug_in_is_imported(tmp_path):
    check(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("networks/net", {"architecture": "pnett"}, "architecture: unknown 'pnett'; known are pnet, fcn, "),
        (
            "networks/net",
            {"architecture": "pnet", "settings": {"chanels": 4}},
            "settings.chanels: unknown key",
        ),
        ("methods/tool", {"method": "random-walk"}, "method: unknown 'random-walk'; known are base-net, "),
        ("methods/tool", {"method": "random-walks", "settings": {"beat": 1}}, "settings.beat: unknown key"),
        ("methods/bifseg", {"method": "bifseg", "settings": {"lamda": 1}}, "settings.lamda: unknown key"),
        (
            "methods/plug-in",
            {"method": "no_module.inside:A"},
            "method: no module 'no_module' exists; put its",
        ),
    ],
)
def test_a_wrong_name_or_setting_is_refused_with_the_cards_file(tmp_path, name, content, message):
    with pytest.raises(InputError) as raised:
        check(tmp_path, name, **content)
    assert f"{name}.yaml: {message}" in str(raised.value)
