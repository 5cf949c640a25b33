"""The files that a method is made of, found without running any of them: a changed method is another method."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bifseg.cards.cards import MethodCard
from bifseg.core.files import fingerprint

_LARGE = 2**26  # bytes; a container is told by its size and time


def method_files(card: MethodCard, folder: Path) -> list[Path]:
    """The files of a plug-in's code, or those that a program's command names, and those that the settings name.

    A plug-in's code is its whole package; or its module and what that imports of the modules and packages beside it.
    Folders are named by absolute paths only, and stand for all their files: a checkpoint may be one.
    A method of bifseg itself has no code of its own here: it is that of `shards.code_version`.

    Args:
        card: the method's card.
        folder: what `{card}` stands for in the command: the folder of the card's file.
    """
    words = [word.replace("{card}", str(folder.resolve())) for word in card.command or ()]
    named = [file for word in (*words, *_texts(card.settings)) for file in _files_at(Path(word))]
    names = {entry.name: entry.value for entry in entry_points(group="bifseg.methods")}
    module, colon, _ = names.get(card.method or "", card.method or "").partition(":")
    return sorted({*named, *(module_files(module) if colon else ())})


def method_fingerprint(card: MethodCard, folder: Path) -> str:
    """A hash of the card and of the contents of the method's files."""
    files = sorted((path.name, _content(path)) for path in method_files(card, folder))
    return fingerprint(card.model_dump(mode="json"), files)


def module_files(module: str) -> list[Path]:
    """The files of a module's package, or the module and what it imports of its neighbours; none if it is not found."""
    spec = PathFinder.find_spec(module.partition(".")[0])
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [file for place in spec.submodule_search_locations for file in Path(place).rglob("*.py")]
    return _with_neighbours(Path(spec.origin)) if spec.origin else []


def _with_neighbours(module: Path) -> list[Path]:
    """A module and those that lie beside it and are imported, by it or by one of them."""
    found: list[Path] = []
    left = [module]
    while left:
        file = left.pop()
        found.append(file)
        if "site-packages" not in file.parts:
            beside = [path for name in _imports(file) for path in _module_at(module.with_name(name))]
            left += [path for path in dict.fromkeys(beside) if path not in (*found, *left)]
    return found


def _module_at(path: Path) -> list[Path]:
    single = path.with_name(f"{path.name}.py")
    return [single] if single.is_file() else sorted(path.rglob("*.py"))


def _imports(file: Path) -> Iterator[str]:
    """The top-level names that a file imports; none where it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _files_at(path: Path) -> Iterable[Path]:
    """The file of this path, or all files below a folder that is named in full."""
    try:
        if path.is_absolute() and path.is_dir():
            return (file for file in path.rglob("*") if file.is_file())
        return [path] if path.is_file() else []
    except (OSError, ValueError):  # too long or with a zero byte: no path at all
        return []


def _texts(settings: Any) -> Iterator[str]:
    """Every text in settings, at any depth."""
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, (list, tuple)):
        for value in settings:
            yield from _texts(value)
    elif isinstance(settings, dict):
        yield from _texts(list(settings.values()))


def _content(path: Path) -> str:
    facts = path.stat()
    return (
        f"{facts.st_size} {facts.st_mtime_ns}"
        if facts.st_size > _LARGE
        else fingerprint(path.read_bytes().hex())
    )
