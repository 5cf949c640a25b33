"""The summary for a terminal: numbers of the first-ranked entry and of the user's own method."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bifseg.analysis.overview import MEASURES, Overview
from bifseg.reports.first_screen import first_screen, summary_text


def row(method, group="a", **numbers):
    """A row of an overview, with an interval of 0.1 around each number."""
    values = {name: numbers.get(name, np.nan) for name in MEASURES}
    limits = {f"{name}_{kind}": v + d for name, v in values.items() for kind, d in LIMITS}
    return {"method": method, "network": "", "n": 3, "failed": 0, "rank": 1, "group": group} | limits | SAW


SAW = {"saw": False, "exposure": "unseen"}
LIMITS = [("mean", 0.0), ("low", -0.1), ("high", 0.1)]
NUMBERS = {"dice": 0.8, "prompts": 5.0, "reached": 0.7, "user_s": 30.0}


def summary(*rows):
    return Overview("own-scribbles", "prompts", 10, pd.DataFrame(rows), ("c",))


def test_the_summary_shows_the_first_entry_and_the_user_s_own():
    last = row("mine", "b", **NUMBERS | {"dice": 0.4}) | {"rank": 3}
    rows = row("geos", **NUMBERS), row("grabcut", **NUMBERS) | {"rank": 2}, last
    assert summary_text(summary(*rows), 0.9, simulated={"c"}).splitlines() == [
        "geos is first of 3 entries (c, simulated images):",
        "    80.0 [70.0, 90.0]% Dice at the end",
        "    5.0 [4.9, 5.1] prompts to a Dice of 90%, reached in 70 [60, 80]% of sessions",
        "    30.0 [29.9, 30.1] s of a user's time until then, predicted",
        "    No significant difference: grabcut.",
        "mine is number 3 of 3 entries (c, simulated images):",
        "    40.0 [30.0, 50.0]% Dice at the end",
        "    5.0 [4.9, 5.1] prompts to a Dice of 90%, reached in 70 [60, 80]% of sessions",
        "    30.0 [29.9, 30.1] s of a user's time until then, predicted",
    ]


def test_entries_that_share_a_rank_share_its_number():
    rows = row("geos", **NUMBERS), row("mine", **NUMBERS) | {"rank": 2}, row("yours", **NUMBERS) | {"rank": 2}
    text = summary_text(summary(*rows), 0.9, simulated=())
    assert "mine is number 2 of 3 entries (c):" in text
    assert "yours is number 2 of 3 entries (c):" in text


def test_entries_that_share_the_first_rank_are_all_named():
    rows = (
        row("geos", **NUMBERS),
        row("mine", **NUMBERS),
        row("grabcut", **NUMBERS),
        row("bifseg", **NUMBERS) | {"rank": 4},
    )
    lines = summary_text(summary(*rows), 0.9, simulated=()).splitlines()
    assert lines[0] == "geos is first of 4 entries, with mine and grabcut (c):"
    assert "mine is first of 4 entries, with geos and grabcut (c):" in lines
    sentence = first_screen(summary(*rows), 0.9).sentence
    assert sentence.startswith("geos, mine and grabcut share the first rank; geos: 5.0 [4.9, 5.1] prompts")


def test_entries_that_played_other_objects_are_named_where_one_is_called_first():
    shown = replace(
        summary(row("mine", **NUMBERS), row("geos", **NUMBERS) | {"rank": 2}), fewer=("mine 6 of 8",)
    )
    said = (
        "Entries did not play the same objects, and a mean is over those that its entry played: mine 6 of 8."
    )
    assert summary_text(shown, 0.9, simulated=()).splitlines()[-1].strip() == said
    assert first_screen(shown, 0.9).sentence.endswith(said)


def test_the_summary_names_the_simulated_cohorts_of_several():
    rows = pd.DataFrame([row("geos", **NUMBERS), row("grabcut", **NUMBERS) | {"rank": 2}])
    both = Overview("own-scribbles", "prompts", 10, rows, ("real", "made"))
    heads = [
        summary_text(both, 0.9, simulated=made).splitlines()[0] for made in ((), {"made"}, {"made", "real"})
    ]
    assert heads == [
        "geos is first of 2 entries (means of real, made):",
        "geos is first of 2 entries (means of real, made, simulated images in made):",
        "geos is first of 2 entries (means of real, made, simulated images):",
    ]


def test_not_all_sessions_are_not_100_percent():
    text = summary_text(summary(row("mine", **NUMBERS | {"reached": 299 / 300})), 0.9, simulated=())
    assert "reached in 99.7 [90, 110]% of sessions" in text


def test_entries_that_some_cohort_lacks_are_named_where_one_is_called_first():
    rows = pd.DataFrame([row("bifseg", **NUMBERS), row("grabcut", "b", **NUMBERS) | {"rank": 2}])
    both = Overview("own-scribbles", "prompts", 10, rows, ("c", "d"), ("geos", "slic-seg"))
    lines = summary_text(both, 0.9, simulated=()).splitlines()
    assert lines[0] == "bifseg is first of 2 entries (means of c, d):"
    assert lines[-1] == "    Not ranked, since not in every cohort: geos, slic-seg."
    assert first_screen(both, 0.9).sentence.startswith(
        "Of the 2 entries that play in every cohort, bifseg is first: 5.0"
    )


def test_entries_with_another_network_are_named_where_a_method_is_called_first():
    rows = pd.DataFrame([row("bifseg", **NUMBERS), row("grabcut", "b", **NUMBERS) | {"rank": 2}])
    both = Overview("own-scribbles", "prompts", 10, rows, ("c", "d"), ("geos",), others=("bifseg@unet",))
    assert "main network counts: bifseg@unet." in summary_text(both, 0.9, simulated=()).splitlines()[-1]
    screen = first_screen(both, 0.9)
    assert screen.sentence.startswith("Of the 2 methods that play in every cohort, bifseg is first")
    assert screen.caption.endswith("left out: bifseg@unet.")


def test_a_caption_promises_no_interval_of_one_patient():
    alone = row("geos", **NUMBERS) | {f"{name}_low": np.nan for name in MEASURES}
    caption = first_screen(summary(alone), 0.9).caption
    assert "means; an interval needs two patients." in caption
    assert "95%" not in caption
    assert "95% intervals over patients" in first_screen(summary(row("geos", **NUMBERS)), 0.9).caption


def test_user_time_is_that_of_a_session_without_a_target():
    text = summary_text(summary(row("mine", dice=0.8, user_s=30.0)), 0.9, simulated=())
    assert text.splitlines()[-1] == "    30.0 [29.9, 30.1] s of a user's time a session, predicted"


def test_numbers_unknown_under_the_protocol_are_left_out():
    text = summary_text(summary(row("mine", dice=0.8)), 0.9, simulated=())
    assert text.splitlines() == [
        "mine is the only entry under own-scribbles (c):",
        "    80.0 [70.0, 90.0]% Dice at the end",
    ]


def test_entries_that_saw_a_patient_are_a_part_of_their_own():
    saw = {"saw": True, "exposure": "seen patient, unseen"}
    rows = (
        row("geos", **NUMBERS),
        row("mine", **NUMBERS | {"dice": 0.7}) | {"rank": 2},
        row("bifseg", **NUMBERS | {"dice": 0.9}) | saw,
    )
    screen = first_screen(summary(*rows), 0.9)
    clean, trained = screen.table.groups
    assert [line.cells[1][0] for line in clean.rows] == ["geos", "mine"]
    assert [line.cells[1][0] for line in trained.rows] == ["bifseg"]
    assert trained.title == "Trained on some of these patients: ranked apart"
    column = screen.table.columns.index("Final Dice (%)")
    assert [line.cells[column][1] for line in clean.rows] == [True, False], "bold is the best of its part"
    assert "patients: geos is first: 5.0" in screen.sentence
    assert "ranked apart: bifseg: 5.0" in screen.sentence
    text = summary_text(summary(*rows), 0.9, simulated=())
    assert text.index("geos is first of 2 entries") < text.index("bifseg is the only entry")


def test_without_such_entries_there_is_one_part_without_a_heading():
    (group,) = first_screen(summary(row("geos", **NUMBERS), row("mine", **NUMBERS)), 0.9).table.groups
    assert group.title == ""
