"""The checklist and the limits of a run."""

from types import SimpleNamespace

from fake_run import scores

from bifseg.core.metrics import built_in
from bifseg.reports.checklist import checklist, left_out, limits, machines_text
from bifseg.reports.published_checklists import CLAIM, REFORMS, not_asked, numbers

FRAME = scores(
    [("a", "bifseg", "initial", 0.5), ("b", "bifseg", "initial", 0.0, {"status": "failed"})],
    confinement="none",
)


def objects(**splits):
    """An object of every case."""
    return [SimpleNamespace(raters=(), case=case, group=case, split=split) for case, split in splits.items()]


def cohort(**changes):
    about = {"name": "c", "simulated": False, "objects": objects(a="test"), "left_out": ()}
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


def test_names_that_suggest_one_patient_in_two_splits_are_told():
    question = "How were data divided, and on which level?"
    alike = objects(case107_day19="train", case107_day20="test", case101_day1="train")
    plain = "by patient: no patient, as the manifest names them, is in two splits; c: 2 patients played"
    assert answers(cohort())[question].answer == plain
    told = answers(cohort(objects=alike))[question].answer
    assert told.startswith(f"{plain}; c: case107_day20 (test) and case107_day19 (train) begin alike")


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


def test_a_run_of_one_entry_and_one_patient_claims_no_comparison_and_no_interval():
    frame = scores([("a", "bifseg", "initial", 0.5)], confinement="none")
    items = {item.question: item for item in checklist(frame, [cohort()], built_in(), {})}
    for question in (
        "How are comparisons tested?",
        "Is the sample large enough?",
        "Were methods compared with proper baselines?",
    ):
        assert not items[question].answer
        assert "second entry" in items[question].key
    assert "95%" not in items["How are values aggregated, and with what uncertainty?"].answer
    assert "c has 1 patient: no interval and no test." in limits(frame, [cohort()], {})


def test_a_network_of_several_training_seeds_was_not_trained_once():
    networks = {"c/pnet": {"seed": 3}, "c/pnet.seed-2": {"seed": 4}, "c/unet": {"seed": 3}}
    once = [text for text in limits(FRAME, [], networks) if "trained once" in text]
    assert once == ["c/unet was trained once (seed 3): the spread over trainings is unknown."]


def test_a_cohort_without_small_objects_leaves_none_out():
    assert left_out(cohort()) == "no object left out"


def test_items_refer_to_numbers_of_the_published_checklists():
    """CLAIM 2024 has items 1 to 44, REFORMS 32 in eight modules."""
    assert len(CLAIM) == 44
    assert [sum(key.startswith(module) for key in REFORMS) for module in "12345678"] == [
        3,
        5,
        7,
        3,
        6,
        3,
        3,
        2,
    ]
    published = {"CLAIM": set(map(str, CLAIM)), "REFORMS": set(REFORMS)}
    for item in answers(cohort(), provenance={"networks": {}}).values():
        for part in item.lists.split("; "):
            name = part.split(" ")[0]
            assert part == "Metrics Reloaded" or numbers(item.lists, name) <= published[name]


def test_items_without_a_question_are_listed():
    left = not_asked(["CLAIM 1, 2; REFORMS 1a", "Metrics Reloaded; CLAIM 4"])
    assert left["CLAIM 2024"].startswith("3 clinical background, 5 prospective")
    assert left["REFORMS"].startswith("1b reason for this population")
    whole = not_asked(item.lists for item in answers(cohort()).values())
    assert "2 abstract" in whole["CLAIM 2024"]
    assert "28 metrics" not in whole["CLAIM 2024"]


def test_a_method_that_could_read_the_reference_is_named():
    item = answers(cohort())["Could a method read the truth?"]
    assert item.answer == "not denied by the kernel to bifseg"


def test_disturbances_answer_the_item_on_robustness():
    (item,) = [
        item
        for item in checklist(FRAME, [cohort()], built_in(), {}, ["slip"])
        if item.question == "How robust are the results?"
    ]
    assert item.answer == "disturbed: slip"
    assert not answers(cohort())[item.question].answer
