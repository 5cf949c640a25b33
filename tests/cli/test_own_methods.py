"""Methods named by class or path, and the template of a new one."""

import subprocess
import sys
from pathlib import Path

import pytest

from bifseg.cards.cards import MethodCard, read_card
from bifseg.cards.own_methods import own_method_cards
from bifseg.cli.main import main
from bifseg.cli.new_method import new_method
from bifseg.core.errors import InputError


@pytest.fixture(autouse=True)
def _modules(monkeypatch):
    monkeypatch.setenv("BIFSEG_PATH", str(Path(__file__).parents[1] / "helpers"))


def test_a_class_gets_a_card_with_its_capabilities(tmp_path):
    named = ["geos", "broken_methods:Brush"]
    assert own_method_cards(named, tmp_path, tmp_path / "shipped") == ["geos", "brush"]
    card = read_card(MethodCard, tmp_path / "methods/brush.yaml")
    assert card.method == "broken_methods:Brush"
    assert (card.plays.dimensions, card.plays.prompts) == ([2], ["mask", "scribbles"])


def test_a_card_is_copied_with_its_folder(tmp_path):
    place = tmp_path / "elsewhere/prog.yaml"
    place.parent.mkdir()
    place.write_text("command: [run, '{card}/x.py']\nplays: {dimensions: [2]}\n")
    assert own_method_cards([str(place)], tmp_path, tmp_path / "shipped") == ["prog"]
    assert read_card(MethodCard, tmp_path / "methods/prog.yaml").command == ("run", f"{place.parent}/x.py")


@pytest.mark.parametrize(
    "name", ["no_such_module:A", "broken_methods:None", "no-such.yaml", ":A", "fails_at_import_here:A"]
)
def test_a_missing_class_or_card_is_one_line(tmp_path, monkeypatch, name):
    (tmp_path / "fails_at_import_here.py").write_text("def start(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError) as raised:
        own_method_cards([name], tmp_path, tmp_path / "shipped")
    assert "\n" not in str(raised.value)


def test_a_method_with_the_name_of_a_shipped_card_is_refused(tmp_path):
    (tmp_path / "shipped/methods").mkdir(parents=True)
    (tmp_path / "shipped/methods/good.yaml").touch()
    with pytest.raises(InputError, match="comes with bifseg"):
        own_method_cards(["broken_methods:Good"], tmp_path, tmp_path / "shipped")


def test_two_methods_that_would_share_a_card_are_refused(tmp_path):
    """The second card would replace the first, and the first method would not be played."""
    (tmp_path / "brush.yaml").write_text("command: [run]\nplays: {dimensions: [2]}\n")
    with pytest.raises(InputError, match="makes the card brush, as broken_methods:Brush does"):
        own_method_cards(
            ["broken_methods:Brush", str(tmp_path / "brush.yaml")], tmp_path / "cards", tmp_path / "shipped"
        )


def test_the_template_passes_its_own_test(tmp_path):
    new_method("my-model", tmp_path)
    assert read_card(MethodCard, tmp_path / "my-model.yaml").method == "my_model:MyModel"
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    process = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout
    with pytest.raises(InputError, match="exists; choose another name"):
        new_method("my-model", tmp_path)


@pytest.mark.parametrize("name", ["class", "numpy", "email"])
def test_a_module_that_python_could_not_import_is_refused(tmp_path, name):
    """`import class` is no Python, and numpy.py beside a method would hide numpy."""
    with pytest.raises(InputError, match=f"'{name}': .*; choose another name"):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_invalid_module_name_is_bad_input(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bifseg", "new-method", "My Model", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 2
