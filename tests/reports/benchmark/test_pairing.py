import pytest
from sides import RULES, session, side

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.core.errors import InputError
from bifseg.reports.benchmark.pairing import pair, read_view

ONE = session("a", 0.1, 0.5)
FACTS = {
    "config": {"seed": 1},
    "cohorts": {"c": {"card": {"box_margin": 10, "slices": "auto"}}},
    "networks": {},
    "machine": "Linux",
    "packages": {"numpy": "2"},
}


def kept(found):
    return sorted(set(found.base.scores["object"])), sorted(set(found.new.scores["object"]))


def test_equal_sides_need_no_note():
    found = pair(side(ONE), side(ONE))
    assert found.notes == ()
    assert kept(found) == (["a"], ["a"])


def test_objects_of_one_side_are_left_out_and_told():
    lines = [line for name in "abcde" for line in session(name, 0.1, 0.5)]
    found = pair(side(lines), side([*ONE, *session("z", 0.1, 0.5)]))
    assert kept(found) == (["a"], ["a"])
    assert found.notes == (
        "Only BASE has 4 objects (b, c, d, ...) of c (4 sessions): not compared.",
        "Only NEW has 1 object (z) of c (1 session): not compared.",
    )


def test_entries_protocols_and_cohorts_of_one_side_are_told():
    more = [
        *session("a", 0.1, 0.5, method="growcut"),
        *session("a", 0.1, 0.5, method="bifseg", network="unet"),
        *session("a", 0.1, 0.5, protocol=SHARED_SCRIBBLES),
        *session("a", 0.1, 0.5, cohort="other"),
    ]
    found = pair(side(ONE, network=""), side([*ONE, *more], network=""))
    assert found.notes == (
        "Only NEW has cohort other (1 session): not compared.",
        "Only NEW has bifseg@unet, growcut under own-scribbles on c: not compared.",
        "Only NEW has geos under shared-scribbles on c: not compared.",
    )
    assert len(found.new.scores) == len(found.base.scores) == 2


def test_other_images_of_the_same_name_are_left_out_and_told():
    lines = [*ONE, *session("b", 0.1, 0.5)]
    files = {("c", "a"): {"image": "1", "label": "2"}, ("c", "b"): {"image": "3", "label": "4"}}
    other = files | {("c", "b"): {"image": "3", "label": "5"}}
    found = pair(side(lines, files=files), side(lines, files=other))
    assert kept(found) == (["a"], ["a"])
    assert found.notes == (
        "Cohort c: 1 object (b) of the same name have other images or labels: not compared.",
    )


def test_unknown_images_are_compared_and_told():
    found = pair(side(ONE), side(ONE, files={}))
    assert kept(found) == (["a"], ["a"])
    (note,) = found.notes
    assert note.startswith("Cohort c: images of 1 object (a) may differ")


def test_protocol_with_other_rules_is_left_out_and_told():
    lines = [*ONE, *session("a", 0.1, 0.5, protocol=SHARED_SCRIBBLES)]
    found = pair(
        side(lines), side(lines, rules=RULES | {OWN_SCRIBBLES: RULES[OWN_SCRIBBLES] | {"rounds": 5}})
    )
    assert set(found.base.scores["protocol"]) == {SHARED_SCRIBBLES}
    assert found.notes == ("Protocol own-scribbles had other rules (rounds 4 and 5): not compared.",)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"config": {"seed": 2}}, "The seeds differ (1, 2), and with them boxes"),
        ({"machine": "Darwin"}, "The machines differ: Linux and Darwin."),
        ({"packages": {"numpy": "3"}}, "The packages differ: numpy 2 and 3."),
        ({"networks": {"c/pnet": {"weights_sha256": "y"}}}, "Network c/pnet has other weights"),
        (
            {"cohorts": {"c": {"card": {"box_margin": 40, "slices": "auto"}}}},
            "Cohort c was prepared by another card (box_margin 10 and 40).",
        ),
    ],
)
def test_other_circumstances_are_compared_and_told(change, note):
    base = FACTS | {"networks": {"c/pnet": {"weights_sha256": "x"}}} if "networks" in change else FACTS
    found = pair(side(ONE, facts=base), side(ONE, facts=FACTS | change))
    assert kept(found) == (["a"], ["a"])
    assert len(found.notes) == 1
    assert found.notes[0].startswith(note)


def test_missing_provenance_is_told():
    (note,) = pair(side(ONE, facts={}), side(ONE, facts=FACTS)).notes
    assert note.startswith("BASE (results/a) has no provenance.json")


def test_two_entries_are_paired_under_the_name_of_the_base():
    base = side(ONE, entry=("geos", ""), network="")
    new = side(session("a", 0.1, 0.4, method="geos-v2"), entry=("geos-v2", ""), network="")
    found = pair(base, new)
    assert set(found.new.scores["method"]) == {"geos"}
    assert found.notes == ()


def test_entry_on_one_side_only_is_bad_input():
    with pytest.raises(InputError, match="name an entry on both sides or on neither"):
        pair(side(ONE, entry=("geos", "")), side(ONE))


def test_nothing_in_common_is_bad_input_and_says_why():
    with pytest.raises(InputError) as caught:
        pair(side(ONE), side(session("b", 0.1, 0.5)))
    assert "no session in common. Only BASE has 1 object (a) of c" in str(caught.value)
    assert "\n" not in str(caught.value)


# From folders


def test_side_of_a_folder(runs):
    one, _ = runs
    found = read_view(str(one))
    assert found.entry is None
    assert found.simulated == {"fake2d"}
    assert found.facts["commit"] == "abc123"
    assert found.rules[OWN_SCRIBBLES]["rounds"] == 2
    assert set(zip(found.scores["cohort"], found.scores["object"], strict=True)) <= set(found.files)


def test_side_of_a_entry(runs):
    found = read_view(f"{runs[0]}:bifseg@pnet")
    assert found.entry == ("bifseg", "pnet")
    assert set(found.scores["method"]) == {"bifseg"}
    assert read_view(f"{runs[0]}:geos").entry == ("geos", "")


def test_folder_with_a_colon_in_its_name_is_a_run(runs, tmp_path):
    place = tmp_path / "a:b"
    place.symlink_to(runs[0])
    assert read_view(str(place)).entry is None
    assert read_view(f"{place}:geos").entry == ("geos", "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{run}x", r"x: no such run; name the folder, results/RUN"),
        ("{run}:geo", r"geo does not play in .*its entries are base-crf@pnet, .*, geos$"),
        ("{run}:bifseg", r"bifseg does not play in "),
        ("{run}/cohorts", r"scores.parquet: no such scores"),
    ],
)
def test_side_that_is_not_there_is_bad_input(runs, name, message):
    with pytest.raises(InputError, match=message):
        read_view(name.format(run=runs[0]))
