"""K-fold training on real images: manifests, cards, cohorts and networks from one table of images.

    python benchmarks/real_folds.py IMAGES/manifest.tsv --set brats18 --seen tumour_core --unseen whole_tumour \
        --network config/networks/pcnet-demo.yaml --out folds

The table is a TSV with the columns set, case, patient, image, label, label_values, structure and modality; paths are
relative to its folder. Rows with the same label map and structure are merged, also left and right ones. Folds divide
patients, never images: fold k tests on every k-th patient, validates on one in five of the others and trains on the
rest. bifseg's own commands write everything, so that OUT/SET/fold-K/cohort and OUT/SET/fold-K/network are those of a
run.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import yaml

COLUMNS = ("case", "image", "label", "label_values", "structure", "modality", "split", "group")


def main() -> None:
    """Make and train every fold that the command line names."""
    options = _options()
    table = options.table.resolve()
    rows = _merged(table, options)
    patients = sorted({row["group"] for row in rows})
    for fold in range(options.folds):
        folder = options.out / options.set / f"fold-{fold}"
        _write_cohort(folder, rows, _splits(patients, fold, options.folds), table.parent, options)
        _run("cohort", "prepare", folder / f"{options.set}-{fold}.yaml", "--out", folder / "cohort")
        if options.network:
            _run(
                "train",
                options.network,
                "--cohort",
                folder / "cohort",
                "--out",
                folder / "network",
                "--seed",
                options.seed,
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="manifest.tsv of the images")
    parser.add_argument("--set", required=True, help="which rows: their column `set`")
    parser.add_argument(
        "--seen", nargs="+", required=True, help="structures that the networks are trained on"
    )
    parser.add_argument("--unseen", nargs="*", default=[], help="structures that the networks never see")
    parser.add_argument("--network", type=Path, help="network card; without it only cohorts are made")
    parser.add_argument("--patient", default="", help="regular expression for the patient in an image's path")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2018)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def _merged(table: Path, options: argparse.Namespace) -> list[dict[str, str]]:
    """One row for each label map and structure of the set, without splits."""
    with open(table, encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.DictReader(stream, delimiter="\t") if line["set"] == options.set]
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for line in lines:
        structure = re.sub("^(left|right)_(lateral_)?", "", line["structure"])
        if structure in (*options.seen, *options.unseen):
            groups[line["label"], structure].append(line)
    rows = []
    for (label, structure), members in sorted(groups.items()):
        values = sorted({int(value) for member in members for value in member["label_values"].split(",")})
        case = re.sub(r"[^A-Za-z0-9]+", "_", label.split(".")[0])
        image = members[0]["image"]
        match = re.search(options.patient, image) if options.patient else None
        patient = members[0]["patient"] or (match.group() if match else case)
        modality = members[0]["modality"].replace(" ", "-")
        cells = (case, image, label, ",".join(map(str, values)), structure, modality, "", patient)
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def _splits(patients: list[str], fold: int, folds: int) -> dict[str, str]:
    """The split of each patient in a fold."""
    others = [patient for k, patient in enumerate(patients) if k % folds != fold]
    validation = others[fold::5] or others[:1]
    rest = {patient: "validation" if patient in validation else "train" for patient in others}
    return {patient: rest.get(patient, "test") for patient in patients}


def _write_cohort(
    folder: Path, rows: list[dict[str, str]], splits: dict[str, str], root: Path, options: argparse.Namespace
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{options.set}-{fold_number(folder)}"
    with open(folder / f"{name}.tsv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"split": splits[row["group"]]} for row in rows)
    card = {
        "dimension": 3 if options.set.startswith("brats") else 2,
        "manifest": f"{name}.tsv",
        "root": str(root),
        "seen": options.seen,
        "unseen": options.unseen,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")


def fold_number(folder: Path) -> str:
    return folder.name.removeprefix("fold-")


def _run(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "bifseg", *map(str, words)], check=True)


if __name__ == "__main__":
    main()
