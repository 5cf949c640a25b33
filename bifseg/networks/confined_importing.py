"""Import of external networks in a process that can reach neither the truth nor the internet.

A TorchScript program is code, and a crafted file of weights may exploit the program that reads it. The process that
asks for the import needs no torch.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bifseg.cards.cards import NetworkCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.content_file import CONTENT
from bifseg.core.errors import InputError, one_line, short
from bifseg.core.files import write_record, writing, zip_damage
from bifseg.core.garbage import many_imports
from bifseg.core.one_question import Limits, answer_one, asked
from bifseg.core.sandbox import check_readable
from bifseg.core.supervised import AnswerError, Confinement, ProcessEndedError

log = logging.getLogger(__name__)
_TIME_S = 1800.0
_MOST_BYTES = 2**35
_MEMORY_MB, _MEMORY_PER_BYTE = 6144.0, 8.0
"""Memory for torch, and more for each byte of the weights, so that a small file cannot unpack without end."""


def import_confined(
    card: NetworkCard, weights: Path, cohort: Cohort, folder: Path, derived: Iterable[Path] = ()
) -> None:
    """Write the files of an external network, by `import_network` in a confined process.

    Args:
        card: names the architecture and its settings.
        weights: as in `import_network`; the process can also read card.json and content.npz in the same folder.
        cohort: the network must have its dimension; the process cannot read its truths.
        folder: gets weights.pt, curve.csv and card.json, and content.npz if the weights have one.
        derived: folders with results derived from truths, which the process cannot read either.

    Raises:
        InputError: `import_network` refuses the network, or the process ends, exceeds 30 minutes, or takes more memory
            than 6 GiB and eight times the size of the weights; or such a folder lies in that of the weights, or holds
            Python or bifseg.
    """
    confinement = _confinement(weights, {*cohort.truth_folders, *derived})
    limits = Limits(confinement, _TIME_S, _MEMORY_MB + _MEMORY_PER_BYTE * _size(weights) / 2**20)
    question = {
        "card": card.model_dump(mode="json"),
        "weights": str(weights.resolve()),
        "name": cohort.name,
        "dimension": cohort.dimension,
    }
    try:
        with asked("bifseg.networks.confined_importing", question, limits) as (answer, own):
            if answer.get("error"):
                raise InputError(
                    short(str(answer["error"]).replace(str(weights.resolve()), str(weights)), 600)
                )
            record = json.loads(own.read_shared("card.json", _MOST_BYTES)) | {"weights_from": str(weights)}
            for name in ("weights.pt", "curve.csv", *([CONTENT] if "content_sha256" in record else [])):
                content = own.read_shared(name, _MOST_BYTES)
                with writing(folder / name) as part:
                    part.write_bytes(content)
            write_record(folder / "card.json", record)
            _warn_of_unused(record.get("unused_finetuning"), weights)
    except InputError:
        raise
    except (ProcessEndedError, AnswerError, TimeoutError, ValueError) as error:
        raise InputError(f"{weights}: cannot be imported as a network: {error}") from error


def _confinement(weights: Path, hidden: Iterable[Path]) -> Confinement:
    """The limits of the process; raises InputError if what is hidden holds Python, or lies in the folder of weights."""
    hidden, place = tuple(sorted(path.resolve() for path in hidden)), weights.resolve()
    check_readable(hidden)
    if within := [path for path in hidden if path.is_relative_to(place)]:
        raise InputError(
            f"{weights}: weights: the folder holds {within[0]}, which no network may read; move the network to a "
            "folder of its own"
        )
    return Confinement(hidden, (place, *(place.with_name(name) for name in ("card.json", CONTENT))))


def _size(weights: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = weights.rglob("*") if weights.is_dir() else [weights]
    return sum(file.stat().st_size for file in files if file.is_file())


def _warn_of_unused(settings: object, weights: Path) -> None:
    """Log one line on the fine-tuning settings of a weights file that are not used, if there are any."""
    if isinstance(settings, dict) and settings:
        values = ", ".join(f"{key} {value}" for key, value in settings.items())
        log.warning(
            "%s: finetuning: %s not used, since the card's settings apply; add them to its `finetuning` to use them",
            *(weights, short(values, 120)),
        )


def _import(question: dict[str, Any]) -> dict[str, str]:
    """Import a network and write its files into the current folder; the answer of this process."""
    with many_imports():
        from bifseg.networks.external.monai_bundle import WEIGHTS
        from bifseg.networks.importing import import_network
        from bifseg.networks.network_folder import CohortFacts

    try:
        facts, weights = CohortFacts(question["name"], question["dimension"]), Path(question["weights"])
        file = weights / WEIGHTS if weights.is_dir() else weights
        if damage := zip_damage(file):
            raise InputError(f"{file}: damaged ({short(damage)}); copy it again")
        import_network(NetworkCard(**question["card"]), weights, facts, Path.cwd())
    except InputError as error:
        return {"error": " ".join(str(error).split())}
    except Exception as error:  # a library may raise anything on a damaged file
        return {"error": f"{question['weights']}: {type(error).__name__}: {one_line(error)}"}
    return {}


if __name__ == "__main__":
    answer_one(_import)
