"""The program that a user copies: it is played by this environment's Python, which has what it needs."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import yaml
from command_line import bifseg

from bifseg.cards.cards import MethodCard, read_card
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program

FOLDER = Path(__file__).parents[2] / "adapters/template"


def test_the_template_keeps_the_contract(tmp_path, capfd):
    card = yaml.safe_load((FOLDER / "my-model.yaml").read_text())
    card["command"] = [sys.executable, str(FOLDER / "serve.py")]
    path = tmp_path / "my-model.yaml"
    path.write_text(yaml.safe_dump(card))
    assert bifseg("check-method", path) == 0
    assert capfd.readouterr().out.endswith("keeps the contract\n")


def test_every_adapters_card_says_what_its_model_was_trained_on():
    cards = sorted(FOLDER.parent.glob("*/*.yaml"))
    assert len(cards) > 3
    assert all(read_card(MethodCard, card).trained_on is not None for card in cards)


def test_a_failure_of_the_model_is_one_failed_answer(tmp_path):
    lines = [
        {"call": "open", "device": "cpu", "threads": 1, "settings": {}},
        {"call": "start", "image": "none.nii"},
    ]
    program = [sys.executable, str(FOLDER / "serve.py")]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    answers = subprocess.run(
        program, input=text, capture_output=True, text=True, cwd=tmp_path, check=True
    ).stdout
    first, second = map(json.loads, answers.splitlines())
    assert first == {"dimensions": [2, 3], "prompts": ["box", "scribbles"], "adapts": False}
    assert "none.nii" in second["error"]


def test_a_program_imports_modules_beside_it_in_a_job(tmp_path, monkeypatch):
    """The jobs' own Python does not look into the current folder; a method's Python looks beside its script."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    (tmp_path / "model_parts.py").write_text((FOLDER / "serve.py").read_text())
    (tmp_path / "serve.py").write_text("import model_parts\n\nmodel_parts.main()\n")
    card = MethodCard(command=[sys.executable, str(tmp_path / "serve.py")])
    with closing(MethodProcess(program(card, tmp_path))) as method:
        assert method.dimensions == {2, 3}
