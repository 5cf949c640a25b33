"""The checklist and the limits of a run."""

from types import SimpleNamespace

from fake_run import scores

from bifseg.core.metrics import built_in
from bifseg.reports.checklist import checklist, left_out, limits, machines_text

FRAME = scores(
    [("a", "bifseg", "initial", 0.5), ("b", "bifseg", "initial", 0.0, {"status": "failed"})],
    confinement="none",
)


def cohort(**changes):
    about = {"name": "c", "simulated": False, "objects": [SimpleNamespace(raters=())], "left_out": ()}
    return SimpleNamespace(**(about | {"source": "", "licence": ""} | changes))


def answers(*cohorts, provenance=None):
    return {item.question: item for item in checklist(FRAME, cohorts, built_in(), provenance or {})}


def test_an_open_item_names_the_key_that_answers_it():
    items = answers(cohort())
    for word, key in (
        ("come from", "source"),
        ("licence", "licence"),
        ("reference", "raters"),
        ("machine", "provenance"),
    ):
        (item,) = [item for question, item in items.items() if word in question]
        assert not item.answer
        assert key in item.key


def test_answers_come_from_the_cards():
    items = answers(
        cohort(source="BraTS 2018", licence="CC BY 4.0", left_out=(1, 2)), cohort(name="d", simulated=True)
    )
    assert items["Where do the data come from?"].answer == "c: BraTS 2018; d: simulated"
    assert items["Under which licence may they be used?"].answer == "c: CC BY 4.0; d: simulated"
    assert (
        "2 objects smaller than minimum_voxels left out"
        in items["Which cases were left out, and why?"].answer
    )
    assert "1 of 2 sessions failed" in items["What happens to missing or failed results?"].answer


def test_provenance_answers_training_machine_and_reproduction():
    networks = {"c/pnet": {"objects_trained_on": 7, "cohort": "c", "seed": 3}}
    facts = {
        "networks": networks,
        "machines": [{"CPU": "x", "GPU": "", "entries": 2}],
        "commit": "abc",
        "config": {"seed": 3},
    }
    items = answers(cohort(), provenance=facts)
    assert items["What was each network trained on?"].answer == "c/pnet: 7 objects of c"
    assert items["On which machine were times measured?"].answer == "CPU x"
    assert items["Can the results be reproduced?"].answer == "commit abc, seed 3"


def test_machines_of_a_run_are_listed():
    played = [{"CPU": "x", "cores": 2, "entries": 3}, {"CPU": "y", "GPU": "H100", "entries": 1}]
    assert (
        machines_text({"machines": played})
        == "CPU x, cores 2 (entries played: 3); CPU y, GPU H100 (entries played: 1)"
    )
    assert machines_text({}) == ""


def test_limits_of_a_small_real_run_without_confinement():
    texts = " ".join(limits(FRAME, [cohort()], {"c/pnet": {"seed": 3}}))
    for part in (
        "c has 2 patients",
        "one annotation per object",
        "trained once (seed 3)",
        "Nothing kept bifseg",
    ):
        assert part in texts
    assert "simulated and say nothing" not in texts


def test_a_cohort_without_small_objects_leaves_none_out():
    assert left_out(cohort()) == "no object left out"


def test_items_refer_to_numbers_of_the_published_checklists():
    """CLAIM 2024 has items 1 to 44, REFORMS 32 in eight modules."""
    modules = dict(zip("12345678", (3, 5, 7, 3, 6, 3, 3, 2), strict=True))
    reforms = {f"{module}{letter}" for module, number in modules.items() for letter in "abcdefg"[:number]}
    assert len(reforms) == 32
    for item in answers(cohort(), provenance={"networks": {}}).values():
        for part in item.lists.split("; "):
            name, *numbers = part.replace(",", "").split(" ")
            if name == "CLAIM":
                assert numbers
                assert set(map(int, numbers)) <= set(range(1, 45))
            elif name == "REFORMS":
                assert numbers
                assert set(numbers) <= reforms
            else:
                assert part.startswith("Metrics Reloaded")
