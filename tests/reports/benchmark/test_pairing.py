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


def objects_of(sides):
    return sorted(set(sides.base.scores["object"])), sorted(set(sides.new.scores["object"]))


def test_equal_sides_have_no_note():
    sides = pair(side(ONE), side(ONE))
    assert sides.notes == ()
    assert objects_of(sides) == (["a"], ["a"])


def test_objects_of_one_side_are_left_out_with_a_note():
    lines = [line for name in "abcde" for line in session(name, 0.1, 0.5)]
    sides = pair(side(lines), side([*ONE, *session("z", 0.1, 0.5)]))
    assert objects_of(sides) == (["a"], ["a"])
    assert sides.notes == (
        "Only BASE has 4 objects (b, c, d, ...) of c (4 sessions): not compared.",
        "Only NEW has 1 object (z) of c (1 session): not compared.",
    )


def test_entries_protocols_and_cohorts_of_one_side_are_left_out_with_a_note():
    more = [
        *session("a", 0.1, 0.5, method="growcut"),
        *session("a", 0.1, 0.5, method="bifseg", network="unet"),
        *session("a", 0.1, 0.5, protocol=SHARED_SCRIBBLES),
        *session("a", 0.1, 0.5, cohort="other"),
    ]
    sides = pair(side(ONE, network=""), side([*ONE, *more], network=""))
    assert sides.notes == (
        "Only NEW has cohort other (1 session): not compared.",
        "Only NEW has bifseg@unet, growcut under own-scribbles on c: not compared.",
        "Only NEW has geos under shared-scribbles on c: not compared.",
    )
    assert len(sides.new.scores) == len(sides.base.scores) == 2


def test_different_images_of_one_name_are_left_out_with_a_note():
    lines = [*ONE, *session("b", 0.1, 0.5)]
    files = {("c", "a"): {"image": "1", "label": "2"}, ("c", "b"): {"image": "3", "label": "4"}}
    other_files = files | {("c", "b"): {"image": "3", "label": "5"}}
    sides = pair(side(lines, files=files), side(lines, files=other_files))
    assert objects_of(sides) == (["a"], ["a"])
    assert sides.notes == (
        "Cohort c: 1 object (b) of the same name have other images or labels: not compared.",
    )


def test_unknown_images_are_compared_with_a_note():
    sides = pair(side(ONE), side(ONE, files={}))
    assert objects_of(sides) == (["a"], ["a"])
    (note,) = sides.notes
    assert note.startswith("Cohort c: images of 1 object (a) may differ")


def test_a_protocol_with_different_rules_is_left_out_with_a_note():
    lines = [*ONE, *session("a", 0.1, 0.5, protocol=SHARED_SCRIBBLES)]
    sides = pair(
        side(lines), side(lines, rules=RULES | {OWN_SCRIBBLES: RULES[OWN_SCRIBBLES] | {"rounds": 5}})
    )
    assert set(sides.base.scores["protocol"]) == {SHARED_SCRIBBLES}
    assert sides.notes == ("Protocol own-scribbles had other rules (rounds 4 and 5): not compared.",)


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
def test_different_seeds_machines_and_cards_are_compared_with_a_note(change, note):
    base = FACTS | {"networks": {"c/pnet": {"weights_sha256": "x"}}} if "networks" in change else FACTS
    sides = pair(side(ONE, facts=base), side(ONE, facts=FACTS | change))
    assert objects_of(sides) == (["a"], ["a"])
    assert len(sides.notes) == 1
    assert sides.notes[0].startswith(note)


def test_machines_of_one_system_are_told_apart():
    """Two processors under Linux, of which times tell more than any change of the code."""
    facts = [
        FACTS | {"machines": [{"CPU": name, "cores": 8, "entries": entries}]}
        for name, entries in (("Xeon", 5), ("EPYC", 5), ("EPYC", 6))
    ]
    (note,) = pair(side(ONE, facts=facts[0]), side(ONE, facts=facts[1])).notes
    assert note == "The machines differ: CPU Xeon and EPYC."
    assert pair(side(ONE, facts=facts[1]), side(ONE, facts=facts[2])).notes == ()
    several = FACTS | {"machines": [facts[k]["machines"][0] for k in (0, 1)]}
    (note,) = pair(side(ONE, facts=several), side(ONE, facts=facts[0])).notes
    assert note == "The machines differ: EPYC with Xeon and Xeon."
    older = side(ONE, facts=FACTS | {"machine": "Darwin"})
    assert pair(side(ONE, facts=facts[0]), older).notes == ("The machines differ: Linux and Darwin.",)


def test_sessions_of_more_seeds_or_replicates_are_not_called_objects_of_one_side():
    more = [*session("a", 0.1, 0.5, replicate=1), *session("a", 0.1, 0.5, training_seed=2)]
    sides = pair(side(ONE), side([*ONE, *more, *session("z", 0.1, 0.5)]))
    assert sides.notes == (
        "Only NEW has 1 object (z) of c (1 session): not compared.",
        "Only NEW has more replicates or training seeds of 1 object (a) of c (2 sessions): not compared.",
    )


def test_a_side_that_was_trained_on_the_patients_has_a_note():
    new = side(ONE, exposure="seen patient")
    (note,) = pair(side(ONE), new).notes
    assert note == (
        "geos@pnet on c (lung): what its models saw in training differs, BASE unseen, NEW seen patient."
    )


def test_missing_provenance_has_a_note():
    (note,) = pair(side(ONE, facts={}), side(ONE, facts=FACTS)).notes
    assert note.startswith("BASE (results/a) has no provenance.json")


def test_two_entries_are_paired_under_the_name_of_the_base():
    base = side(ONE, entry=("geos", ""), network="")
    new = side(session("a", 0.1, 0.4, method="geos-v2"), entry=("geos-v2", ""), network="")
    sides = pair(base, new)
    assert set(sides.new.scores["method"]) == {"geos"}
    assert sides.notes == ()


def test_entry_on_one_side_only_is_bad_input():
    with pytest.raises(InputError, match="name an entry on both sides or on neither"):
        pair(side(ONE, entry=("geos", "")), side(ONE))


def test_sides_without_a_common_session_are_bad_input():
    with pytest.raises(InputError) as caught:
        pair(side(ONE), side(session("b", 0.1, 0.5)))
    assert "no session in common. Only BASE has 1 object (a) of c" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("Only BASE has 1 object") == 1


# From folders


def test_read_view_of_a_run_folder(runs):
    one, _ = runs
    view = read_view(str(one))
    assert view.entry is None
    assert view.simulated == {"fake2d"}
    assert view.facts["commit"] == "abc123"
    assert view.rules[OWN_SCRIBBLES]["rounds"] == 2
    assert set(zip(view.scores["cohort"], view.scores["object"], strict=True)) <= set(view.files)


def test_read_view_of_one_entry(runs):
    view = read_view(f"{runs[0]}:bifseg@pnet")
    assert view.entry == ("bifseg", "pnet")
    assert set(view.scores["method"]) == {"bifseg"}
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
def test_a_missing_run_or_entry_is_bad_input(runs, name, message):
    with pytest.raises(InputError, match=message):
        read_view(name.format(run=runs[0]))
