"""Hashes of an entry's code and files. A session whose hashes still match is not run again.

The code is read, not imported, so that the Snakefile can compute the hashes without torch.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bifseg.cards.cards import MethodCard, NetworkCard, ProtocolCard
from bifseg.core.files import fingerprint
from bifseg.methods.process.containers import find_image
from bifseg.runs.source_code import Reference, SourceCode, imports_in, syntax

_JOB_SETUP = Reference("bifseg.runs.job_setup", "JobSetup")
_PLAY = Reference("bifseg.sessions.game", "play")
_METHODS = Reference("bifseg.methods.registry", "METHODS")
_POLICIES = Reference("bifseg.robot.policies.registry", "POLICIES")
_BOXES = Reference("bifseg.robot.box", "BOXES")
_USERS = Reference("bifseg.robot.users", "USERS")
_DISTURBANCES = tuple(
    Reference("bifseg.robot.disturbances.registry", f"{what}_DISTURBANCES")
    for what in ("BOX", "STROKE", "IMAGE")
)
_ARCHITECTURES = Reference("bifseg.networks.registry", "ARCHITECTURES")
_SOURCES = Reference("bifseg.networks.registry", "SOURCES")
_TRAINING = Reference("bifseg.networks.training", "train")
_NOT_TRAINED_BY = ("bifseg.cards.finetuning", "bifseg.core.errors", "bifseg.core.files")
_NETWORKS, _METRICS = "bifseg.networks", "bifseg.core.metrics"
_SCORING = tuple(Reference("bifseg.analysis.scores", name) for name in ("score_session", "to_frame"))
_LARGE = 2**26  # bytes; a larger file, such as a container, is identified by its size and time


def entry_code(
    card: MethodCard,
    folder: Path,
    protocol: ProtocolCard,
    architecture: str = "",
    setup: type | None = None,
) -> str:
    """Hash of the code that an entry's sessions run: session, robot, network and method.

    Args:
        card: the method's card.
        folder: the folder of the card's file, `{card}` in a program's command.
        protocol: names the robot's policy, box and user.
        architecture: architecture of the entry's network; empty for an entry without a network.
        setup: the class that makes the sessions; None: `JobSetup`.

    Returns:
        Hexadecimal digits; the same after a change of comments, docstrings, layout or file names.
    """
    session = _bifseg().hash(*_session(protocol, architecture, setup))
    trees = [_parsed(file) for file in code_files(card, folder)]
    imported = {reference for tree in trees for _, reference in imports_in(tree) if reference.name}
    known = sorted(filter(_bifseg().has, imported))
    method = _bifseg().hash([*_chosen((_METHODS, card.method or "")), *known])
    return fingerprint(session, method, sorted(map(syntax, trees)))


def training_code(card: NetworkCard) -> str:
    """Hash of the code that makes a network's weights, by training or from the weights file that its card names.

    Code that reads or writes files and settings of fine-tuning are left out, since weights do not depend on them.

    Args:
        card: the network's card.

    Returns:
        Hexadecimal digits.
    """
    root = Reference("bifseg.networks.importing", "import_network") if card.weights else _TRAINING
    made_by = _chosen((_ARCHITECTURES, card.architecture), (_SOURCES, card.architecture))
    return _bifseg().hash([root, *made_by], _NOT_TRAINED_BY)


def entry_definitions(method: str, protocol: ProtocolCard, architecture: str = "") -> list[Reference]:
    """The definitions that `entry_code` hashes for a built-in method.

    Args:
        method: the method's registered name.
        protocol: names the robot's policy, box and user.
        architecture: architecture of the entry's network; empty for an entry without a network.

    Returns:
        Definitions of bifseg, those of the session first.
    """
    code = _bifseg()
    return [*code.reached(*_session(protocol, architecture)), *code.reached(_chosen((_METHODS, method)))]


def session_code() -> str:
    """Hash of the code of all sessions, for every entry and protocol.

    Returns:
        Hexadecimal digits.
    """
    registries = (_POLICIES, _BOXES, _USERS, *_DISTURBANCES, _ARCHITECTURES, _SOURCES, _METHODS)
    entries = [
        registry._replace(key=key) for registry in registries for key in sorted(_bifseg().keys(registry))
    ]
    return _bifseg().hash([_JOB_SETUP, _PLAY, *entries], (__name__,))


def scoring_code(own_metrics: Iterable[str] = ()) -> str:
    """Hash of the code that scores stored sessions, with all metrics.

    Args:
        own_metrics: `module:attribute` of each metric that the configuration adds.

    Returns:
        Hexadecimal digits.
    """
    metrics = [Reference(module) for module in _bifseg().modules(_METRICS)]
    trees = [_parsed(file) for name in own_metrics for file in _plug_in_files(name)]
    return fingerprint(_bifseg().hash([*_SCORING, *metrics]), sorted(map(syntax, trees)))


def method_fingerprint(card: MethodCard, folder: Path) -> str:
    """Hash of a method's card and of the files that it names.

    Args:
        card: the method's card.
        folder: the folder of the card's file.

    Returns:
        Hexadecimal digits. A file over 64 MiB counts by its size and time of change, any other by its content; a
        container's image by its identifier.

    Raises:
        InputError: no engine has the card's image.
    """
    files = sorted((path.name, _content(path)) for path in method_files(card, folder))
    image = find_image(_in_folder(card.image, folder)) if card.image else ""
    return fingerprint(card.model_dump(mode="json", exclude={"trained_on"}), files, image)


def method_files(card: MethodCard, folder: Path) -> list[Path]:
    """The files that a card's settings or a program's command names, except Python code.

    The absolute path of a folder names all files in it, since a checkpoint may be a folder.

    Args:
        card: the method's card.
        folder: the folder of the card's file, `{card}` in the command.

    Returns:
        Sorted paths; empty if the card names no file.
    """
    texts = (*_words(card, folder), *_texts(card.settings))
    code = set(code_files(card, folder))
    return sorted({file for text in texts for file in _files_at(Path(text))} - code)


@cache
def _bifseg() -> SourceCode:
    return SourceCode(Path(__file__).parents[1])


def _chosen(*choices: tuple[Reference, str]) -> list[Reference]:
    """The entries of registries; an unregistered name, such as `recorded` for people's strokes, has no code."""
    return [registry._replace(key=key) for registry, key in choices if key in _bifseg().keys(registry)]


def _session(
    protocol: ProtocolCard, architecture: str, setup: type | None = None
) -> tuple[list[Reference], tuple[str, ...]]:
    """What a session uses besides its method, and the packages to leave out: networks if the entry has none."""
    maker = Reference(setup.__module__, setup.__name__) if setup else _JOB_SETUP
    robot = _chosen((_POLICIES, protocol.policy), (_BOXES, protocol.box), (_USERS, protocol.user))
    axes = _chosen(*((registry, protocol.disturbance[0]) for registry in _DISTURBANCES))
    network = _chosen((_ARCHITECTURES, architecture), (_SOURCES, architecture))
    return [maker, _PLAY, *robot, *axes, *network], (__name__, *(() if architecture else (_NETWORKS,)))


def code_files(card: MethodCard, folder: Path) -> list[Path]:
    """The Python files of a plug-in or a program.

    Args:
        card: the method's card.
        folder: the folder of the card's file.

    Returns:
        All files of a package; for a single module, the module and the neighbouring modules that it imports. Empty
        for a built-in method.
    """
    named = [file for word in _words(card, folder) if word.endswith(".py") for file in _files_at(Path(word))]
    names = {entry.name: entry.value for entry in entry_points(group="bifseg.methods")}
    return [*_with_neighbours(named), *_plug_in_files(names.get(card.method or "", card.method or ""))]


def _plug_in_files(name: str) -> list[Path]:
    """The files of `module:attribute`; empty for any other name or a missing module."""
    module, colon, _ = name.partition(":")
    spec = PathFinder.find_spec(module.partition(".")[0]) if colon else None
    if spec and spec.submodule_search_locations:
        folders = map(Path, spec.submodule_search_locations)
        return [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    return _with_neighbours([Path(spec.origin)] if spec and spec.origin else [])


def _with_neighbours(modules: list[Path]) -> list[Path]:
    """Modules, and the neighbouring modules and packages that they import, directly or indirectly."""
    files = dict.fromkeys(modules)
    queue = list(files)
    for file in queue:
        if "site-packages" in file.parts:
            continue
        names = {reference.module.partition(".")[0] for _, reference in imports_in(_parsed(file))}
        for neighbour in (path for name in sorted(names - {""}) for path in _module_at(file.with_name(name))):
            if neighbour not in files:
                files[neighbour] = None
                queue.append(neighbour)
    return queue


def _module_at(path: Path) -> list[Path]:
    module = path.with_suffix(".py")
    return [module] if module.is_file() else sorted(path.rglob("*.py"))


def _parsed(file: Path) -> ast.Module:
    """A file's syntax tree; if it is no valid Python, its bytes as one constant."""
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return ast.Module([ast.Expr(ast.Constant(file.read_bytes()))], [])


def _words(card: MethodCard, folder: Path) -> list[str]:
    return [_in_folder(word, folder) for word in (*card.command, *filter(None, [card.image]))]


def _in_folder(word: str, folder: Path) -> str:
    return word.replace("{card}", str(folder.resolve()))


def _texts(settings: Any) -> Iterator[str]:
    """Every text in settings, at any depth."""
    if isinstance(settings, str):
        yield settings
    elif isinstance(settings, (list, tuple)):
        for value in settings:
            yield from _texts(value)
    elif isinstance(settings, dict):
        yield from _texts(list(settings.values()))


def _files_at(path: Path) -> Iterable[Path]:
    """The file at a path, or all files in a folder given by its absolute path."""
    try:
        if path.is_absolute() and path.is_dir():
            return (file for file in path.rglob("*") if file.is_file())
        return [path] if path.is_file() else []
    except (OSError, ValueError):  # a text that is no path: too long, or with a zero byte
        return []


def _content(path: Path) -> str:
    facts = path.stat()
    if facts.st_size > _LARGE:
        return f"{facts.st_size} {facts.st_mtime_ns}"
    return fingerprint(path.read_bytes().hex())
