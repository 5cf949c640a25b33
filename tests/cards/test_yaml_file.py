"""Whatever a card holds, reading it ends within a second, in one line."""

import time

import pytest

from bifseg.cards.cards import ProtocolCard, read_card
from bifseg.cards.run import checked_run
from bifseg.cards.yaml_file import check_size
from bifseg.core.errors import InputError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CONTENTS = {
    "alias bomb": BOMB,
    "merge bomb": "a: &a {x: 1}\nb: {<<: [*a, *a]}\n",
    "self-reference": "rounds: &a [*a]",
    "brackets": "[" * 20_000,
    "braces": "{" * 20_000,
    "dashes": "- " * 20_000,
    "nul": "rounds: \0",
    "control character": "rounds: \x1b[31m",
    "long number": "rounds: " + "9" * 5000,
    "long text": "policy: [" + "x" * 40_000 + "]",
    "long key": "x" * 1000 + ": 1",
    "long file": "rounds: 1\n" + "#" * 60_000,
    "wrong tag": "rounds: !!int x",
    "wrong date": "rounds: !!timestamp x",
    "python": "!!python/object/apply:os.system ['touch pwned']",
    "latin 1": "policy: M\xfcller".encode("latin-1"),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_reading_ends_in_time_with_a_one_line_error(tmp_path, name):
    content, path = CONTENTS[name], tmp_path / "card.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    begun = time.process_time()
    with pytest.raises(InputError) as caught:
        read_card(ProtocolCard, path)
    assert time.process_time() - begun < 1
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert len(line.removeprefix(str(tmp_path))) <= 300
    assert line.isprintable()
    assert [place.name for place in tmp_path.iterdir()] == ["card.yaml"]


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a\0b"])
def test_an_impossible_file_name_has_a_short_error(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read") as caught:
        read_card(ProtocolCard, tmp_path / f"{name}.yaml")
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("policy: x\nbox: *a\n", "line 2 has an alias"),
        ("policy: x\nbox: *@*\n", "put a pattern such as .* in quotes"),
    ],
)
def test_an_alias_is_refused_with_the_remedy(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_card(ProtocolCard, tmp_path / "c.yaml")


def test_the_size_of_a_parsed_configuration_is_checked_first():
    """Snakemake reads the configuration, with aliases."""
    lists = ["x"] * 9
    for _ in range(9):
        lists = [lists] * 9
    endless = {}
    endless["run"] = endless
    for config in ({"run": lists}, endless):
        with pytest.raises(InputError, match=r"^configuration: nests too deep or holds too many values"):
            checked_run(config)
    check_size({"run": "r", "cohorts": {"c": {"protocols": {"p": ["*"] * 1000}}}})
