"""A tiny cohort of discs and a network that has hardly learnt: enough to play on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fake_runs import play

from bifseg.cards import CohortCard, NetworkCard
from bifseg.cohorts.objects import Cohort, prepare
from bifseg.geometry import Grid
from bifseg.images import write_array
from bifseg.training import train

HEADER = "case\timage\tlabel\tlabel_values\tstructure\tmodality\tsplit\tgroup\n"
NETWORK = NetworkCard(
    architecture="pnet",
    settings={"channels": 4},
    input_size=20,
    training={"optimizer": "adam", "learning_rate": 0.01, "iterations": 30, "validate_every": 10},
)


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> Cohort:
    """Two training cases, one validation case, three test cases; `disc` is seen, `ring` is not."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("discs")
    rows = []
    for k, split in enumerate(["train", "train", "validation", "test", "test", "test"]):
        rows += make_case(folder, f"case{k}", split)
    (folder / "manifest.tsv").write_text(HEADER + "".join(rows))
    (folder / "discs.yaml").touch()
    card = CohortCard(dimension=2, manifest="manifest.tsv", seen=["disc"], unseen=["ring"], box_margin=5)
    prepare(card, folder / "discs.yaml", 1, folder / "cohort", {})
    return Cohort.load(folder / "cohort")


def make_case(folder: Path, case: str, split: str) -> list[str]:
    """Write an image with a bright disc and a brighter ring; the rows of its manifest."""
    rng = np.random.default_rng(int(case[-1]))
    y, x = np.indices((64, 72))
    far = np.hypot(y - rng.integers(18, 24), x - rng.integers(18, 24))
    near = np.hypot(y - 42, x - rng.integers(45, 50))
    labels = np.where(far < rng.integers(8, 12), 1, 0) + 2 * ((near < 15) & (near > 7))
    image = (100 + 60 * (labels == 1) + 90 * (labels == 2) + rng.normal(0, 8, labels.shape)).astype(
        np.float32
    )
    grid = Grid.plain(labels.shape, (1.2, 0.8))
    write_array(folder / f"{case}.nii.gz", image, grid)
    write_array(folder / f"{case}_label.nii.gz", labels.astype(np.uint8), grid)
    start = f"{case}\t{case}.nii.gz\t{case}_label.nii.gz"
    return [f"{start}\t{value}\t{name}\tt2\t{split}\t\n" for value, name in ((1, "disc"), (2, "ring"))]


@pytest.fixture(scope="session")
def tiny_card() -> NetworkCard:
    """The card of `discs_network`."""
    return NETWORK


@pytest.fixture(scope="session")
def discs_network(discs, tmp_path_factory) -> Path:
    """Folder of a network trained for a moment."""
    folder = tmp_path_factory.mktemp("networks") / "pnet-tiny"
    train(NETWORK, discs, folder, 1, "cpu", lambda *_: None)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """Folders of a fake run, and of the same with one method worse."""
    results = tmp_path_factory.mktemp("results")
    return play(results / "one"), play(results / "two", worse=True)
