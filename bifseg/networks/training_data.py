"""The training data of a network for its card.json: patients, structures and content fingerprints."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bifseg.cards.cards import NetworkCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.content_file import CONTENT, cohort_contents, content_names, write_contents
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.files import check_hash, file_hash, read_record


def training_facts(cohort: Cohort, rows: Iterable[ObjectRow], folder: Path) -> dict[str, Any]:
    """The training data of a network that is trained here; writes their fingerprints to a file in its folder.

    Args:
        cohort: cohort of the training.
        rows: objects of the training and of its validation, since these choose the weights.
        folder: folder of the network.

    Returns:
        `trained_on` and `content_sha256` for card.json.
    """
    rows = list(rows)
    names = {name for row in rows for name in content_names(row)}
    contents = {name: prints for name, prints in cohort_contents(cohort.folder).items() if name in names}
    write_contents(folder / CONTENT, {name: prints[:1] for name, prints in contents.items()})
    hashes = {value for row in rows for value in cohort.image_hashes(row)}
    trained_on = {
        "datasets": [cohort.name],
        "patients": sorted({row.group for row in rows}),
        "structures": sorted({row.structure for row in rows}),
        "images": sorted(hashes),
    }
    return {"trained_on": trained_on, "content_sha256": file_hash(folder / CONTENT)}


def stated_training_data(card: NetworkCard, weights: Path, folder: Path) -> dict[str, Any]:
    """The training data of a network that was trained elsewhere.

    Args:
        card: its `trained_on` replaces what the network's own card.json says.
        weights: the file or folder. If bifseg trained the network, its folder also has card.json and fingerprints.
        folder: folder that gets a copy of these fingerprints.

    Returns:
        `trained_on` for card.json, and `content_sha256` if there are fingerprints.

    Raises:
        InputError: card.json or the fingerprints are damaged.
    """
    own_card = weights.with_name("card.json")
    record = read_record(own_card) if weights.is_file() and own_card.is_file() else {}
    if "weights_sha256" in record and record["weights_sha256"] != file_hash(weights):
        record = {}  # the card of another network in the same folder
    facts: dict[str, Any] = {"trained_on": record.get("trained_on", "unknown")}
    if card.trained_on is not None:
        facts = card.model_dump(mode="json", include={"trained_on"})
    if "content_sha256" in record:
        source = weights.with_name(CONTENT)
        check_hash(source, record["content_sha256"], "copy it again from the folder that has the weights")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / CONTENT)
        facts["content_sha256"] = record["content_sha256"]
    return facts
