"""Protocol cards with a disturbance: their levels, and what is refused before anything is played."""

import pytest
import yaml

from bifseg.cards.cards import ProtocolCard, read_card
from bifseg.cards.entries import level_name, split_level
from bifseg.cards.protocol_levels import levels_of, protocol_file, read_protocol
from bifseg.cards.run import checked_run
from bifseg.core.errors import InputError


def write(folder, **keys):
    path = folder / "protocols" / "slip.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(keys))
    return path


def test_level_names_and_their_inverse():
    assert [level_name("slip", level) for level in (0, 8)] == ["slip", "slip.level-8"]
    assert [split_level(name) for name in ("slip", "slip.level-8", "slip.level-9", "a.level-0")] == [
        ("slip", 0),
        ("slip", 8),
        ("slip", 9),
        ("a.level-0", 0),
    ]


def test_a_card_gives_one_protocol_per_level(tmp_path):
    path = write(tmp_path, rounds=2, disturb={"axis": "stroke-shift", "levels": [4, 0, 8]})
    assert levels_of(path) == ["slip", "slip.level-4", "slip.level-8"]
    cards = [read_protocol(path.with_name(f"{name}.yaml")) for name in levels_of(path)]
    assert [card.disturbance for card in cards] == [("stroke-shift", level) for level in (0, 4, 8)]
    assert {card.rounds for card in cards} == {2}
    assert levels_of(path.with_name("slip.level-4.yaml")) == ["slip.level-4"]
    assert protocol_file(path.with_name("slip.level-4.yaml")) == path


def test_a_card_without_a_disturbance_gives_one_protocol(tmp_path):
    path = write(tmp_path, rounds=2)
    assert levels_of(path) == ["slip"]
    assert read_protocol(path) == read_card(ProtocolCard, path)
    assert read_protocol(path).disturbance == ("", 0)


BAD = {
    "a level above 8": ({"axis": "box-shift", "levels": [0, 9]}, {}, "levels.1: .*8 .*9"),
    "a level below 0": ({"axis": "box-shift", "levels": [-1, 0]}, {}, "levels.0: .*0 .*-1"),
    "half a level": ({"axis": "box-shift", "levels": [0, 2.5]}, {}, "levels.1: .*integer"),
    "a level twice": ({"axis": "box-shift", "levels": [0, 2, 2]}, {}, "each level once"),
    "no levels": ({"axis": "box-shift", "levels": []}, {}, "levels: "),
    "no level 0": ({"axis": "box-shift", "levels": [2, 4]}, {}, r"name 0 and at least one higher"),
    "level 0 alone": ({"axis": "box-shift", "levels": [0]}, {}, r"name 0 and at least one higher"),
    "an unknown axis": ({"axis": "box-shfit"}, {}, "no such axis; did you mean box-shift"),
    "no axis": ({"levels": [0, 1]}, {}, "disturb.axis"),
    "a box that is not drawn": (
        {"axis": "box-grow"},
        {"begin": "scribbles"},
        "'box-grow' disturbs a box, and 'begin: scribbles' draws none",
    ),
    "strokes that are not drawn": (
        {"axis": "stroke-shift"},
        {"begin": "box", "correct": "nothing", "rounds": 0},
        "'stroke-shift' disturbs strokes, and this protocol draws none",
    ),
    "scribbles that are points": (
        {"axis": "stroke-cross"},
        {"correct": "points", "policy": "centre-click/1"},
        "this protocol draws points",
    ),
    "results of another image": (
        {"axis": "image-noise"},
        {"begin": "mask", "initial_from": "manifest"},
        "results of the undisturbed one",
    ),
}


@pytest.mark.parametrize(("disturb", "keys", "message"), BAD.values(), ids=BAD)
def test_an_invalid_disturbance_is_one_line_before_any_session(tmp_path, disturb, keys, message):
    path = write(tmp_path, disturb=disturb, **keys)
    with pytest.raises(InputError, match=message) as caught:
        read_protocol(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value).removeprefix(str(path))) <= 300


def test_a_level_that_a_card_lacks_is_refused(tmp_path):
    path = write(tmp_path, disturb={"axis": "box-shift", "levels": [0, 4]})
    for level in (3, 9):  # levels end at 8
        with pytest.raises(InputError, match=rf"lacks {level}; it has \[0, 4\]"):
            read_protocol(path.with_name(f"slip.level-{level}.yaml"))
    plain = write(tmp_path, rounds=1)
    with pytest.raises(InputError, match=r"lacks 4; it has \[\]"):
        read_protocol(plain.with_name("slip.level-4.yaml"))


def test_a_configuration_names_the_card_and_plays_its_levels():
    protocols = {"own-scribbles": ["grabcut"], "stroke-cross": ["geos", "grabcut"]}
    config = {"run": "r", "cards": "config", "cohorts": {"fetal2d": {"protocols": protocols}}}
    resolved = checked_run(config)["cohorts"]["fetal2d"]["protocols"]
    levels = ["stroke-cross", *(f"stroke-cross.level-{level}" for level in (2, 4, 6, 8))]
    assert resolved == {"own-scribbles": ["grabcut"]} | {name: ["geos", "grabcut"] for name in levels}
    assert list(resolved) == ["own-scribbles", *levels]
    again = {**config, "cohorts": {"fetal2d": {"protocols": resolved}}}
    assert checked_run(again)["cohorts"]["fetal2d"]["protocols"] == resolved
