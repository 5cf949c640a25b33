"""A job's share of the work: one method on many objects, the network loaded once, finished sessions kept."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from bifseg.cards import MethodCard, ProtocolCard
from bifseg.cohorts.objects import Cohort, ObjectRow
from bifseg.errors import BadInput
from bifseg.methods.contract import Method
from bifseg.record import Identity, Session
from bifseg.sessions import Game, Guide, play
from bifseg.store import fingerprint, read_json, write_json, write_text

log = logging.getLogger(__name__)

# What a session depends on: everything but these modules. Of `metrics` it uses Dice, whose definition stands, so
# that adding a metric runs no session.
_ABOVE = {
    "calibration",
    "calibration_page",
    "people",
    "scoring",
    "effort",
    "metrics",
    "statistics",
    "survival",
    "interactions",
    "scribble_maps",
    "replay",
    "own_protocols",
    "user_levels",
    "panels",
    "user_figure",
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
    """Who plays what: all that the sessions of one job have in common.

    Attributes:
        replicates: how often each object is played, each time with other boxes and scribbles.
    """

    run: str
    seed: int
    cohort: Cohort
    protocol_name: str
    protocol: ProtocolCard
    method_name: str
    method_card: MethodCard
    network_name: str = ""
    weights_sha256: str = ""
    replicates: int = 1

    def identity(self, row: ObjectRow, replicate: int = 0) -> Identity:
        """The key columns of a session on this object."""
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
            box=self.protocol.box,
            user=self.protocol.user,
            replicate=replicate,
        )

    def game(self, row: ObjectRow, replicate: int = 0) -> Guide:
        """The robot's part of a session on this object."""
        return Game(
            self.identity(row, replicate),
            self.cohort.image(row),
            self.cohort.truth(row),
            self.protocol,
            self.cohort.box_margin,
            self.seed,
        )

    def rules(self) -> dict[str, Any]:
        """What the sessions are played by, as it is written beside them."""
        return self.protocol.model_dump(mode="json")

    def fingerprint(self, row: ObjectRow, replicate: int = 0) -> str:
        """Hash of everything that the session's result depends on."""
        return fingerprint(
            vars(self.identity(row, replicate)),
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
    The rules that were played by are written beside the sessions, in FOLDER/protocol.json.
    """
    write_json(folder / "protocol.json", lineup.rules())
    count: dict[str, int] = {}
    for row in progress(objects):
        for replicate in range(lineup.replicates):
            status = _play_once(lineup, method, row, replicate, folder)
            count[status] = count.get(status, 0) + 1
    return count


def _play_once(lineup: Lineup, method: Method, row: ObjectRow, replicate: int, folder: Path) -> str:
    """Play and store a session that is not there yet; returns its status, or `kept`."""
    place, print_ = session_folder(folder, row.object, replicate), lineup.fingerprint(row, replicate)
    if _stored_fingerprint(place) == print_:
        return "kept"
    session = play(lineup.game(row, replicate), method, print_)
    session.save(place, lineup.cohort.whole_grid(row), lineup.cohort.plane(row))
    if session.error:
        log.error("%s: %s", place.name, session.error)
    return session.status


def session_folder(folder: Path, name: str, replicate: int = 0) -> Path:
    """The folder of a session on the object of this name: OBJECT, and OBJECT.r1, OBJECT.r2, ... of replicates."""
    return folder / (f"{name}.r{replicate}" if replicate else name)


def write_index(folder: Path, objects: list[ObjectRow], path: Path, replicates: int = 1) -> None:
    """List the stored sessions of these objects: object, replicate, status, how it ended, steps, fingerprint."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["object", "replicate", "status", "ended", "steps", "fingerprint"])
    for row in objects:
        for replicate in range(replicates):
            data = read_json(session_folder(folder, row.object, replicate) / "session.json")
            told = [data["status"], data["ended"], len(data["steps"]), data["fingerprint"]]
            writer.writerow([row.object, replicate, *told])
    write_text(path, text.getvalue())


def take_shard(objects: Iterable[ObjectRow], number: int, of: int) -> list[ObjectRow]:
    """Every `of`-th object, beginning with the `number`-th (from 1), in the order of their names."""
    if not 1 <= number <= of:
        raise BadInput(f"--shard {number}/{of}: the first number must lie between 1 and the second")
    return sorted(objects, key=lambda row: row.object)[number - 1 :: of]


def load_sessions(
    folder: Path, objects: Iterable[ObjectRow], replicates: int = 1
) -> Iterator[tuple[ObjectRow, Session]]:
    """The stored sessions of every object; raises BadInput when one is missing."""
    for row in objects:
        for replicate in range(replicates):
            place = session_folder(folder, row.object, replicate)
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
