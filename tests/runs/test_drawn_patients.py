"""Which patients a run plays if its configuration gives a number."""

from dataclasses import replace

from bifseg.cards.run import RunCard
from bifseg.core.files import write_json
from bifseg.runs.run_folder import Run, drawn_patients

CARD = {"run": "r", "seed": 7, "cohorts": {"discs": {"protocols": {"own-scribbles": ["geos"]}}}}


def run_of(folder, **keys):
    write_json(folder / "config.json", RunCard(**CARD, **keys).model_dump(mode="json"))
    return Run(folder)


def test_the_order_of_patients_is_stable(discs):
    rows = [replace(row, group=f"P{k}") for k, row in enumerate(discs.objects)]
    order = drawn_patients(rows, 7)
    assert sorted(order) == sorted({row.group for row in rows})
    assert drawn_patients(rows[::-1], 7) == order
    assert drawn_patients(rows[1:], 7) == [name for name in order if name != "P0"]
    assert any(drawn_patients(rows, seed) != order for seed in range(5))


def test_a_run_plays_the_configured_number_of_patients(discs, tmp_path):
    everyone = run_of(tmp_path).objects(discs)
    assert everyone == list(discs.select(split="test"))
    two = run_of(tmp_path, patients=2)
    patients = {row.group for row in two.objects(discs)}
    assert patients == set(drawn_patients(everyone, 7)[:2])
    assert {trial.object for trial in two.trials(discs)} == {
        row.object for row in everyone if row.group in patients
    }
