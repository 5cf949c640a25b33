"""The files that a method is made of, found without running any of them: a changed method is another method."""

from __future__ import annotations

from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path

from bifseg.cards import MethodCard
from bifseg.store import fingerprint

_LARGE = 2**26  # bytes; a container is told by its size and time


def method_files(card: MethodCard, folder: Path) -> list[Path]:
    """The files of a plug-in's module, or its whole package; for a program, files that its command names.

    A method of bifseg itself has none: its code is that of `shards.code_version`.

    Args:
        card: the method's card.
        folder: what `{card}` stands for in the command: the folder of the card's file.
    """
    if card.command:
        words = (Path(word.replace("{card}", str(folder))) for word in card.command)
        return [word for word in words if word.is_file()]
    names = {entry.name: entry.value for entry in entry_points(group="bifseg.methods")}
    module, colon, _ = names.get(card.method or "", card.method or "").partition(":")
    return _module_files(module) if colon else []


def method_fingerprint(card: MethodCard, folder: Path) -> str:
    """A hash of the card and of the contents of the method's files."""
    files = [(path.name, _content(path)) for path in method_files(card, folder)]
    return fingerprint(card.model_dump(mode="json"), files)


def _module_files(module: str) -> list[Path]:
    spec = PathFinder.find_spec(module.partition(".")[0])
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return sorted(file for place in spec.submodule_search_locations for file in Path(place).rglob("*.py"))
    return [Path(spec.origin)] if spec.origin else []


def _content(path: Path) -> str:
    facts = path.stat()
    return (
        f"{facts.st_size} {facts.st_mtime_ns}"
        if facts.st_size > _LARGE
        else fingerprint(path.read_bytes().hex())
    )
