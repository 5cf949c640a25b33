"""Tables for a paper's reader, by hand."""

import warnings

import pandas as pd
import pytest
from fake_run import fake_cohort, fake_run, scores

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.scores import read_scores
from bifseg.reports.reader_tables import (
    cohort_table,
    last_rows,
    object_facts,
    object_table,
    power_table,
    strata,
    worst_cases,
)
from bifseg.reports.session_pack import pack_sessions

OWN = {"protocol": OWN_SCRIBBLES}
CARD = {"rounds": 2, "target": None, "scribbles_on": "current", "user": "expert"}
LAST = scores(
    [
        *(
            (name, "bifseg", "round-1", dice, OWN)
            for name, dice in zip("abcdef", (0.7, 0.8, 0.9, 0.9, 0.95, 0.95), strict=True)
        ),
        *(
            (name, "my-model", "round-1", dice, OWN)
            for name, dice in zip("abcdef", (0.8, 0.7, 0.9, 0.9, 0.9, 0.9), strict=True)
        ),
    ]
).assign(reached=False, stopped=False)
FACTS = pd.DataFrame(
    {
        "case": list("abcdef"),
        "patient": list("aabcde"),
        "structure": "lung",
        "seen": False,
        "size": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0],
        "unit": "ml",
        "contrast": [0.5, 0.5, 1.0, 1.0, 2.0, None],
        "spacing": [(1.0, 1.0)] * 5 + [(1.0, 2.0)],
        "raters": [0, 0, 0, 0, 0, 1],
        "agreement": [None] * 5 + [0.87],
    },
    index=list("abcdef"),
).astype({"contrast": float, "agreement": float})


def texts(table):
    return [[text for text, _ in row.cells] for group in table.groups for row in group.rows]


def test_the_worst_session_of_every_entry_links_to_its_picture():
    table = worst_cases(LAST, "c")
    assert texts(table) == [
        ["bifseg@pnet", "a", "70.0", "1", "did not reach the target"],
        ["my-model@pnet", "b", "70.0", "1", "did not reach the target"],
    ]
    (group,) = table.groups
    assert (group.title, group.seen) == ("lung", False)
    picture_keys = {
        "cohort": "c",
        "structure": "lung",
        "entry": "my-model@pnet",
        "protocol": OWN_SCRIBBLES,
        "object": "b",
    }
    assert group.rows[1].sessions == picture_keys


def test_entries_without_a_common_patient_have_no_difference_and_no_warning():
    lines = [
        (name, method, "round-1", 0.9, OWN) for name, method in zip("abcd", ("x", "x", "y", "y"), strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert texts(power_table(scores(lines), ("x", "pnet"))) == [["y@pnet", "–", "–", "0", "–", "–"]]


def test_a_session_that_its_protocol_ended_below_the_target_did_not_miss_it():
    """It ended at 85 %: nobody knows about 90 %. The other ended where it was."""
    lines = [(name, "bifseg", "round-1", dice, OWN) for name, dice in (("a", 0.86), ("b", 0.7))]
    run = RunScores(scores(lines), {OWN_SCRIBBLES: CARD | {"target": 0.85}}, target=0.9)
    last = last_rows(run.cohorts[0], OWN_SCRIBBLES)
    outcomes = {
        row["object"]: worst_cases(last[last["object"] == row["object"]], "c") for _, row in last.iterrows()
    }
    assert [texts(outcomes[name])[0][-1] for name in "ab"] == [
        "the protocol ended it below the target",
        "did not reach the target",
    ]
    assert [row[6] for row in texts(object_table(last, FACTS, "c"))] == ["–", "0 of 1"]


def test_a_session_that_got_worse_after_the_target_has_reached_it():
    """As the counts of interactions and the session browser say."""
    steps = [("a", "bifseg", f"round-{k}", dice, OWN) for k, dice in ((1, 0.95), (2, 0.7))]
    run = RunScores(scores(steps), {OWN_SCRIBBLES: CARD}, target=0.9)
    last = last_rows(run.cohorts[0], OWN_SCRIBBLES)
    assert texts(worst_cases(last, "c")) == [["bifseg@pnet", "a", "70.0", "1", "reached the target"]]
    assert texts(object_table(last, FACTS, "c"))[0][6] == "1 of 1"


def test_results_by_thirds_of_volume_and_contrast():
    table = strata(LAST, FACTS, "c")
    assert table.columns == ["Entry", "size 1 to 2 ml", "size 3 to 4 ml", "size 5 to 6 ml"], (
        "5 contrasts are too few"
    )
    assert texts(table)[0] == ["bifseg@pnet", "95.0", "90.0", "75.0"]
    assert strata(LAST, FACTS[:5], "c") is None


def test_patients_images_and_objects_are_counted():
    assert texts(cohort_table(FACTS)) == [
        ["lung", "unseen", "5", "6", "6", "1 × 1–2 mm", "3.5 [1, 6]", "1.00 [0.50, 2.00]", "87.0"]
    ]


def test_images_without_a_spacing_beside_others_are_counted_and_their_sizes_are_in_voxels():
    bare = FACTS.assign(
        spacing=pd.Series([(0.5, 0.5)] * 2 + [()] * 4, FACTS.index, object), unit=["cm²"] * 2 + ["voxels"] * 4
    )
    table = cohort_table(bare)
    assert table.columns[5:7] == ["Spacing", "Size"]
    spacing, size = texts(table)[0][5:7]
    assert spacing == "0.5 × 0.5 mm; not stated in 4 images"
    assert size == "5.5 [5, 6] cm²; 2.5 [1, 4] voxels"
    assert texts(cohort_table(bare[2:]))[0][5] == "not stated"
    objects = object_table(LAST, bare, "c")
    assert objects.columns[3] == "Size"
    assert [row[3] for row in texts(objects)] == [
        "6 cm²",
        "5 cm²",
        "4 voxels",
        "3 voxels",
        "2 voxels",
        "1 voxels",
    ]


@pytest.mark.parametrize(
    ("sizes", "ranges"),
    [
        ([1.16, 1.17, 1.19, 1.20, 1.23, 1.24], ["1.16 to 1.17", "1.19 to 1.2", "1.23 to 1.24"]),
        ([5.0] * 6, ["5 to 5"] * 3),
    ],
)
def test_thirds_of_similar_sizes_keep_a_column_each(sizes, ranges):
    table = strata(LAST, FACTS.assign(size=sizes), "c")
    assert table.columns[1:] == [f"size {text} ml" for text in ranges]
    assert texts(table)[0] == ["bifseg@pnet", "75.0", "90.0", "95.0"]


def test_thirds_by_size_are_of_one_unit():
    more = pd.concat([FACTS, FACTS[:5].assign(unit="voxels")])
    more.index = list("abcdefghijk")
    assert strata(LAST, more, "c").columns[1:4] == ["size 1 to 2 ml", "size 3 to 4 ml", "size 5 to 6 ml"]
    assert not any("voxels" in name for name in strata(LAST, more, "c").columns)


def test_the_object_table_names_the_worst_entry():
    rows = texts(object_table(LAST, FACTS, "c"))
    assert rows[0] == ["a", "lung", "a", "6", "0.50", "75.0", "0 of 2", "70.0", "bifseg@pnet"]
    assert len(rows) == 6


def test_the_power_table_by_hand():
    """Each object is a patient here; differences are 0.1, -0.1, 0, 0, -0.05, -0.05."""
    (row,) = texts(power_table(LAST, ("bifseg", "pnet")))
    assert row[:4] == ["my-model@pnet", "−1.7", "6.8", "6"]
    assert float(row[4]) == pytest.approx((2.571 + 0.920) * 6.83 / 6**0.5, abs=0.1)
    assert float(row[5]) > 200
    assert power_table(LAST[LAST["method"] == "bifseg"], ("bifseg", "pnet")) is None


def test_facts_of_a_prepared_cohort(tmp_path):
    cohort = fake_cohort(tmp_path / "cohorts" / "fake2d")
    fake_run(tmp_path, [cohort], rounds=1)
    frame = read_scores(tmp_path / "scores.parquet")
    facts = object_facts(cohort, frame, pack_sessions(tmp_path, cohort, frame))
    square = facts[facts["structure"] == "fake_square"]
    assert square["size"].tolist() == pytest.approx([16 * 20 * 1.5 / 100] * 4), "an area"
    assert set(facts["unit"]) == {"cm²"}
    assert set(facts["spacing"]) == {(1.5, 1.0)}
    assert facts["contrast"].between(0.5, 3).all()


def test_an_object_outside_of_the_packed_sample_has_all_facts_but_contrast(tmp_path):
    cohort = fake_cohort(tmp_path / "cohorts" / "fake2d")
    fake_run(tmp_path, [cohort], rounds=1)
    frame = read_scores(tmp_path / "scores.parquet")
    pack = pack_sessions(tmp_path, cohort, frame)
    whole, part = (
        object_facts(cohort, frame, pack),
        object_facts(cohort, frame, pack | {"objects": pack["objects"][1:]}),
    )
    assert part["contrast"].isna().sum() == 1
    others = [name for name in whole if name != "contrast"]
    pd.testing.assert_frame_equal(part[others], whole[others])
    assert cohort_table(part).groups[0].rows
