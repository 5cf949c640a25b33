"""A small run folder for tests of tables, figures, pictures and report: true files, made-up results."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from bifseg.analysis.names import METHODS, OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.scores import COLUMNS, ORIGIN, score_session, to_frame, write_scores
from bifseg.analysis.words import with_categories
from bifseg.cards.cards import CaseCounts, CohortCard, ProtocolCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.preparation import prepare
from bifseg.core.files import file_hash, write_json, write_text
from bifseg.core.geometry import Box, Grid
from bifseg.core.images import write_array
from bifseg.core.scribbles import Stroke
from bifseg.core.seeds import generator
from bifseg.sessions.archive import Archive
from bifseg.sessions.record import Identity, Session, Step

SKILL = {"base-net": 0.0, "base-crf": 0.15, "bifseg-w": 0.25, "bifseg": 0.4}


def scores(lines, **common):
    """A frame of scores: each line is (object, method, step, dice) and a dict of further columns, or none."""
    defaults = {
        "run": "r",
        "cohort": "c",
        "structure": "lung",
        "seen": False,
        "dimension": 2,
        "split": "test",
    }
    defaults |= {
        "network": "pnet",
        "protocol": SHARED_SCRIBBLES,
        "policy": "p/1",
        "box": "margin/1",
        "user": "expert",
        "training_seed": 1,
        "replicate": 0,
        "disturbance": "",
        "level": 0,
        "confinement": "",
        **dict.fromkeys(("fingerprint", *ORIGIN), ""),
        "adaptation": "",
        "status": "ok",
        "error": "",
    }
    zero = [name for name, kind in COLUMNS.items() if kind == "float64"]
    zero += ["n_prompts", "n_strokes", "n_scribble_voxels", "n_slices", "n_undos"]
    zero_but = {
        "user_s": 7.0,
        "volume_ml": 1.0,
        "n_prompts": 1,
        "box_slices": 1,
        "box_mm": 50.0,
    }  # of a session that begins with a box
    rows = []
    for name, method, step, dice, *more in lines:
        number = int(step.removeprefix("round-")) if step.startswith("round-") else 0
        row = defaults | dict.fromkeys(zero, 0) | zero_but | common
        row |= {
            "case": name,
            "patient": name,
            "object": name,
            "method": method,
            "step": step,
            "round": number,
            "dice": dice,
        }
        row |= more[0] if more else {}
        row.setdefault("exposure", "seen structure" if row["seen"] and row["network"] else "unseen")
        rows.append(row)
    return to_frame(rows)


def run_of(frame, rules=None, target=0.90, simulated=()):
    """A run's scores by protocols that differ in nothing but their rules."""
    cards = {
        name: ProtocolCard(rounds=rule.rounds, target=rule.target).model_dump(mode="json")
        for name, rule in (rules or {}).items()
    }
    return RunScores(with_categories(frame), cards, frozenset(simulated), target)


def simulate(counts, seed, folder, progress=iter):
    """Cases with a disc (seen) and a square (unseen) in noise, 2D, on pixels that are not square."""
    rng = np.random.default_rng(seed)
    lines = ["case\tstructure\timage\tlabel\tlabel_values\tmodality\tsplit\tgroup"]
    grid = Grid.plain((48, 64), (1.5, 1.0))
    z, x = np.indices(grid.shape)
    splits = ["train"] * counts.train + ["validation"] * counts.validation + ["test"] * counts.test
    for k, split in enumerate(splits):
        labels = np.zeros(grid.shape, np.uint8)
        labels[(1.5 * (z - 24)) ** 2 + (x - 18) ** 2 < 120] = 1
        labels[14:30, 36:56] = 2
        voxels = (60.0 * labels + rng.normal(100, 15, grid.shape)).astype(np.float32)
        write_array(folder / f"case{k:02}.nii.gz", voxels, grid)
        write_array(folder / f"case{k:02}_label.nii.gz", labels, grid)
        for value, structure in ((1, "fake_disc"), (2, "fake_square")):
            files = f"case{k:02}.nii.gz\tcase{k:02}_label.nii.gz"
            lines.append(f"case{k:02}\t{structure}\t{files}\t{value}\tt2\t{split}\tcase{k:02}")
    write_text(folder / "manifest.tsv", "\n".join(lines) + "\n")


def fake_cohort(folder, patients=4):
    """A prepared cohort whose test split has so many patients, each with a seen and an unseen object."""
    card = CohortCard(
        dimension=2,
        simulator="fake",
        cases=CaseCounts(train=1, validation=1, test=patients),
        seen=["fake_disc"],
        unseen=["fake_square"],
    )
    prepare(card, folder.with_suffix(".yaml"), 1, folder, {"fake": simulate})
    return Cohort.load(folder)


def fake_result(truth, box, quality, rng):
    """A smooth distortion of the truth inside the box: the truth itself at quality 1."""
    blurred = gaussian_filter(truth[box.slices].astype(float), 1.0)
    noise = gaussian_filter(rng.normal(size=blurred.shape), 2.0)
    return blurred + (1 - quality) * 1.5 * noise / np.abs(noise).max() > 0.5


def fake_stroke(truth, mask, box):
    """A straight stroke along the longest row of the mistakes; None without mistakes."""
    wrong = truth & ~box.paste(mask, truth.shape)
    foreground = bool(wrong.any())
    wrong = wrong if foreground else box.paste(mask, truth.shape) & ~truth
    if not wrong.any():
        return None
    line = np.unravel_index(np.argmax(wrong.sum(-1)), wrong.shape[:-1])
    columns = np.flatnonzero(wrong[line])
    voxels = np.array([(*line, column) for column in columns])
    return Stroke(foreground, voxels[[0, -1]].astype(float), voxels)


def fake_session(cohort, row, method, network, protocol, rounds, run="fake", box_drawn=True):
    """A session; one whose method draws no box begins with nothing and has no unsupervised step."""
    truth, image = cohort.truth(row), cohort.image(row)
    tight = Box.around(truth)
    box = tight.grow((3,) * truth.ndim, (4,) * truth.ndim, truth.shape)
    rng = generator(1, row.object)
    start = rng.uniform(0.1, 0.55) - 0.15 * (not row.seen)
    identity = Identity(run, cohort.name, row.case, row.object, row.structure, row.seen, truth.ndim, row.split, method,
                   network, protocol, "centre-line/1")  # fmt: skip
    steps = []

    def take(name, quality, strokes=()):
        mask = fake_result(truth, box, quality, generator(2, row.object))
        steps.append(Step(name, strokes, mask, {"machine": 0.3, "robot": 0.1}))

    if box_drawn:
        take("initial", start)
    else:
        nothing = np.zeros(box.shape, bool)
        steps.append(Step("initial", (), nothing, {"machine": 0.1}))
    if method != "base-net":
        if box_drawn:
            take("unsupervised", start + 0.5 * SKILL[method] * (1 - start))
        for number in range(1, rounds + 1):
            stroke = fake_stroke(truth, steps[-1 if protocol == OWN_SCRIBBLES else 0].mask, box)
            share = 1 - (1 - SKILL.get(method, 0.2)) ** (number + 1)
            take(f"round-{number}", start + share * (1 - start), (stroke,) if stroke else ())
    return Session(identity, image.grid, box, tuple(steps), "rounds", box_drawn=box_drawn)


def _exposed(step):
    """A row of scores with the exposure that a network of the run gives it."""
    return step | {"exposure": "seen structure" if step["seen"] and step["network"] else "unseen"}


def fake_run(run, cohorts, networks=("pnet",), rounds=4, tools=()):
    """Sessions, scores, networks and provenance of cohorts that lie in `run`; one session fails in each.

    Tools have no network, start from scribbles and play on their own mistakes only.
    """
    frame = []
    for cohort in cohorts:
        for network in networks:
            _fake_network(run / "networks" / cohort.name / network)
        rows = cohort.select(split="test")
        for protocol, most in ((SHARED_SCRIBBLES, 1), (OWN_SCRIBBLES, rounds)):
            for method in METHODS:
                for network in networks:
                    folder = run / "sessions" / cohort.name / protocol / f"{method}@{network}"
                    write_json(folder / "protocol.json", {"rounds": most, "target": None})
                    archive = Archive(folder)
                    for row in rows:
                        session = fake_session(cohort, row, method, network, protocol, most, run.name)
                        if method == "bifseg" and row is rows[-1]:
                            error = "round-1: OutOfMemoryError: no memory <left> & none to come"
                            session = replace(session, steps=session.steps[:2], status="failed", error=error)
                        archive.save(row.object, session, cohort.whole_grid(row), row.plane)
                        frame += score_session(session, cohort.truth(row), row.group)
        for tool in tools:
            folder = run / "sessions" / cohort.name / OWN_SCRIBBLES / tool
            write_json(folder / "protocol.json", {"rounds": rounds, "target": None})
            archive = Archive(folder)
            for row in rows:
                session = fake_session(
                    cohort, row, tool, "", OWN_SCRIBBLES, rounds, run.name, box_drawn=False
                )
                archive.save(row.object, session, cohort.whole_grid(row), row.plane)
                frame += score_session(session, cohort.truth(row), row.group)
    write_scores(to_frame(map(_exposed, frame)), run / "scores.parquet")
    write_json(run / "provenance.json", PROVENANCE)


PROVENANCE = {
    "written": "2026-01-02T03:04:05+00:00", "bifseg": "0.1.0", "commit": "abc123", "session_code": "def456",
    "python": "3.11.4", "machine": "Linux x86_64", "packages": {"numpy": "2.4.6", "torch": "2.13.0"},
    "cohorts": {}, "networks": {}, "scores_sha256": "0" * 64,
}  # fmt: skip


def _fake_network(folder):
    steps = np.arange(0, 2001, 100)
    lines = [f"{k},{0.1 + np.exp(-k / 500):.4f},{0.85 - 0.8 * np.exp(-k / 400):.4f}" for k in steps]
    write_text(folder / "curve.csv", "iteration,train_loss,validation_dice\n" + "\n".join(lines) + "\n")
    curve = file_hash(folder / "curve.csv")
    write_json(folder / "card.json", {"parameters": 485122, "input_size": 96, "curve_sha256": curve})
