"""A job's share of the work: one method on many objects, the network loaded once, finished sessions kept."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

from bifseg.cards import MethodCard, ProtocolCard
from bifseg.cohorts.objects import Cohort, ObjectRow
from bifseg.errors import BadInput
from bifseg.methods.contract import Method
from bifseg.record import Identity, Session
from bifseg.sessions import Game, play
from bifseg.store import fingerprint, read_json, write_text

log = logging.getLogger(__name__)

# What a session depends on: everything but these modules. Of `metrics` it uses Dice, whose definition stands, so
# that adding a metric runs no session.
_ABOVE = {
    "scoring",
    "effort",
    "metrics",
    "statistics",
    "summaries",
    "comparisons",
    "claims",
    "claims_page",
    "formats",
    "forgetting",
    "tables",
    "figures",
    "pictures",
    "report",
    "provenance",
}


@dataclass(frozen=True)
class Lineup:
    """Who plays what: all that the sessions of one job have in common."""

    run: str
    seed: int
    cohort: Cohort
    protocol_name: str
    protocol: ProtocolCard
    method_name: str
    method_card: MethodCard
    network_name: str = ""
    weights_sha256: str = ""

    def identity(self, row: ObjectRow) -> Identity:
        """The key columns of the session on this object."""
        return Identity(
            run=self.run,
            cohort=self.cohort.name,
            case=row.case,
            object=row.object,
            structure=row.structure,
            seen=row.seen,
            dimension=self.cohort.dimension,
            split=row.split,
            method=self.method_name,
            network=self.network_name,
            protocol=self.protocol_name,
            policy=self.protocol.policy,
        )

    def fingerprint(self, row: ObjectRow) -> str:
        """Hash of everything that the session's result depends on."""
        return fingerprint(
            vars(self.identity(row)),
            self.seed,
            self.cohort.box_margin,
            self.cohort.hashes(row),
            self.protocol.model_dump(mode="json"),
            self.method_card.model_dump(mode="json"),
            self.weights_sha256,
            code_version(),
        )


def run_shard(
    lineup: Lineup,
    method: Method,
    objects: list[ObjectRow],
    folder: Path,
    progress: Callable[[Iterable[ObjectRow]], Iterable[ObjectRow]] = iter,
) -> dict[str, int]:
    """Play the sessions that are not there yet; returns how many are ok, failed, ... and how many were kept.

    A session is kept when it is whole and its fingerprint matches. A session that fails is stored as failed.
    """
    count: dict[str, int] = {}
    for row in progress(objects):
        place, print_ = folder / row.object, lineup.fingerprint(row)
        if _stored_fingerprint(place) == print_:
            status = "kept"
        else:
            game = Game(
                lineup.identity(row),
                lineup.cohort.image(row),
                lineup.cohort.truth(row),
                lineup.protocol,
                lineup.cohort.box_margin,
                lineup.seed,
            )
            session = play(game, method, print_)
            session.save(place, lineup.cohort.whole_grid(row), lineup.cohort.plane(row))
            status = session.status
            if session.error:
                log.error("%s: %s", row.object, session.error)
        count[status] = count.get(status, 0) + 1
    return count


def write_index(folder: Path, objects: list[ObjectRow], path: Path) -> None:
    """List the stored sessions of these objects: object, status, how it ended, steps, fingerprint."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["object", "status", "ended", "steps", "fingerprint"])
    for row in objects:
        data = read_json(folder / row.object / "session.json")
        writer.writerow([row.object, data["status"], data["ended"], len(data["steps"]), data["fingerprint"]])
    write_text(path, text.getvalue())


def take_shard(objects: Iterable[ObjectRow], number: int, of: int) -> list[ObjectRow]:
    """Every `of`-th object, beginning with the `number`-th (from 1), in the order of their names."""
    if not 1 <= number <= of:
        raise BadInput(f"--shard {number}/{of}: the first number must lie between 1 and the second")
    return sorted(objects, key=lambda row: row.object)[number - 1 :: of]


def load_sessions(folder: Path, objects: Iterable[ObjectRow]) -> Iterable[tuple[ObjectRow, Session]]:
    """The stored session of every object; raises BadInput when one is missing."""
    for row in objects:
        place = folder / row.object
        if not (place / "session.json").is_file():
            raise BadInput(f"{place}: no session of this object; run `bifseg run` for it first")
        yield row, Session.load(place)


@cache
def code_version() -> str:
    """Hash of the source that a session's result depends on: results from older code are not mistaken for new."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside.parts[0].removesuffix(".py") not in _ABOVE | {"cli", "__init__"}:
            digest.update(inside.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _stored_fingerprint(place: Path) -> str | None:
    """The fingerprint of a stored session; None when there is no whole one."""
    try:
        stored: str = Session.load(place).fingerprint
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error):
        return None
    return stored
