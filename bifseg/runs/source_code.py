"""The code of bifseg that a function or class uses, read from the source without importing it.

Definitions are followed from name to name, so that a change counts only for the code that uses it. A hash is of the
syntax tree without comments, docstrings, layout, annotations of functions, descriptions of fields and module names.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = "bifseg"
_STARTED_BY_NAME = re.compile(rf"{PACKAGE}(\.\w+)+(:\w+)?")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COMPOUND = (ast.If, ast.Try, ast.With, ast.For, ast.While)
_IMPORTS = (ast.Import, ast.ImportFrom)
_NO_MEANING = {"ctx", "kind", "type_comment", "returns"}


class Reference(NamedTuple):
    """A definition in a module of bifseg.

    Attributes:
        module: for example `bifseg.core.geometry`.
        name: name of a top-level function, class or variable; empty: the whole module.
        key: key of one entry if the variable is a `Registry`; empty: none of its entries.
    """

    module: str
    name: str = ""
    key: str = ""


class _Definition(NamedTuple):
    """The syntax of a definition, and what its names refer to in the order in which they appear."""

    syntax: str
    uses: tuple[Reference | str, ...] = ()


class SourceCode:
    """The source files of bifseg; each is read once.

    Args:
        folder: the package's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._module = cache(self._read)
        self._definition = cache(self._parse)

    def hash(self, roots: Iterable[Reference], without: tuple[str, ...] = ()) -> str:
        """Hash of the roots and of all definitions that they use.

        Args:
            roots: definitions in a fixed order.
            without: modules and packages to leave out.

        Returns:
            16 hexadecimal digits.

        Raises:
            LookupError: a root is not defined.
        """
        digest = hashlib.sha256()
        number = {reference: k for k, reference in enumerate(self.reached(roots, without))}
        for reference in number:
            syntax, uses = self._definition(reference)
            meanings = (use if isinstance(use, str) else number.get(use, "-") for use in uses)
            digest.update(f"{syntax} {' '.join(map(str, meanings))}\n".encode())
        return digest.hexdigest()[:16]

    def reached(self, roots: Iterable[Reference], without: tuple[str, ...] = ()) -> list[Reference]:
        """The roots and all definitions that they use, directly or indirectly.

        Args:
            roots: definitions in a fixed order.
            without: modules and packages to leave out.

        Returns:
            Definitions, the roots first.

        Raises:
            LookupError: a root is not defined.
        """
        reached = dict.fromkeys(map(self._root, roots))
        queue = list(reached)
        for reference in queue:
            for use in self._definition(reference).uses:
                if isinstance(use, str) or use in reached or _lies_in(use.module, without):
                    continue
                reached[use] = None
                queue.append(use)
        return queue

    def keys(self, registry: Reference) -> set[str]:
        """The keys of a `Registry`.

        Args:
            registry: a top-level variable.

        Returns:
            The keys; empty for any other definition.
        """
        module = self._module(registry.module)
        return set(_entries(module.bindings[registry.name])) if module else set()

    def has(self, reference: Reference) -> bool:
        """Whether a definition exists in bifseg.

        Args:
            reference: a definition or a whole module.

        Returns:
            True for what bifseg defines or imports from itself.
        """
        return not isinstance(self._meaning(reference), str)

    def modules(self, package: str) -> list[str]:
        """The modules directly in a package.

        Args:
            package: for example `bifseg.core.metrics`.

        Returns:
            Sorted full names, without `__init__`.
        """
        folder = self._folder.joinpath(*package.split(".")[1:])
        return sorted(f"{package}.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__")

    def _root(self, root: Reference) -> Reference:
        meaning = self._meaning(root)
        if isinstance(meaning, str) or (root.key and root.key not in self.keys(root)):
            raise LookupError(f"{':'.join(filter(None, root))} is not defined")
        return meaning

    def _read(self, name: str) -> _Module | None:
        """A module of bifseg; None for any other module."""
        first, *rest = name.split(".")
        path = self._folder.joinpath(*rest)
        files = (path / "__init__.py", path.with_suffix(".py")) if first == PACKAGE else ()
        file = next((file for file in files if file.is_file()), None)
        return _Module(name, file) if file else None

    def _meaning(self, reference: Reference) -> Reference | str:
        """The place of a name's definition, past re-imports; a text for a name from outside bifseg."""
        module = self._module(reference.module)
        if module is None:
            return f"{reference.module}.{reference.name}"
        if not reference.name or reference.name in module.bindings:
            return reference
        if reference.name in module.imports:
            return self._meaning(module.imports[reference.name])
        inner = f"{reference.module}.{reference.name}"
        return Reference(inner) if self._module(inner) else reference.name

    def _parse(self, reference: Reference) -> _Definition:
        module = self._module(reference.module)
        assert module
        if not reference.name:
            return _Definition("module", tuple(Reference(module.name, n) for n in sorted(module.bindings)))
        nodes = module.bindings[reference.name]
        if entries := _entries(nodes):
            if not reference.key:
                return _Definition("registry")  # a card chooses one of its entries
            nodes = [entries[reference.key]]
        own = {name: Reference(module.name, name) for name in module.bindings}
        inside = dict(pair for node in nodes for pair in imports_in(node, module.package))
        scope = module.imports | own | inside
        nodes = [*nodes, *module.effects]
        uses = (use for node in nodes for use in self._uses(node, scope))
        return _Definition("\n".join(map(syntax, nodes)), tuple(uses))

    def _uses(self, node: ast.AST, scope: Mapping[str, Reference]) -> Iterator[Reference | str]:
        """What the names in a node refer to, except local and built-in names."""
        if isinstance(node, ast.Attribute) and (meaning := self._attribute(node, scope)):
            yield meaning
        elif isinstance(node, ast.Name) and node.id in scope:
            yield self._meaning(scope[node.id])
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and _STARTED_BY_NAME.fullmatch(node.value):
                yield self._meaning(Reference(*node.value.split(":")))
        else:
            for child in _children(node):
                yield from self._uses(child, scope)

    def _attribute(self, node: ast.Attribute, scope: Mapping[str, Reference]) -> Reference | str | None:
        """What `module.name` refers to; None if the part before the dot is no module."""
        before: Reference | str | None = None
        if isinstance(node.value, ast.Attribute):
            before = self._attribute(node.value, scope)
        elif isinstance(node.value, ast.Name) and node.value.id in scope:
            before = self._meaning(scope[node.value.id])
        if isinstance(before, Reference):
            return None if before.name else self._meaning(Reference(before.module, node.attr))
        return before


class _Module:
    # A module's top-level statements by the names that they bind, its imports, and all other statements.
    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self.package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        self.imports: dict[str, Reference] = {}
        self.bindings: dict[str, list[ast.AST]] = {}
        self.effects: list[ast.AST] = []
        for statement in ast.parse(file.read_bytes()).body:
            if not isinstance(statement, _DEFINITIONS):
                self.imports |= imports_in(statement, self.package)
            if isinstance(statement, _IMPORTS) or _is_text(statement) or _is_guard(statement):
                continue
            names = dict.fromkeys(_bound(statement))
            for bound in names:
                self.bindings.setdefault(bound, []).append(statement)
            if not names:
                self.effects.append(statement)


def imports_in(node: ast.AST, package: str = "") -> Iterator[tuple[str, Reference]]:
    """The imports anywhere in a node.

    Args:
        node: a syntax tree.
        package: the package of the importing module, for relative imports.

    Yields:
        Each bound name with the definition that it refers to.
    """
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            for alias in inner.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, Reference(alias.name)) if alias.asname else (first, Reference(first))
        elif isinstance(inner, ast.ImportFrom):
            up = package.split(".")[: -(inner.level - 1) or None] if inner.level else []
            source = ".".join([*up, *filter(None, [inner.module])])
            for alias in inner.names:
                yield alias.asname or alias.name, Reference(source, alias.name.removeprefix("*"))


def syntax(node: object) -> str:
    """A syntax tree as text, equal for every layout and version of Python.

    Args:
        node: a node, a list of nodes, or a field's value.

    Returns:
        The text, without parts that have no effect, such as docstrings and annotations.
    """
    if isinstance(node, ast.AST):
        inside = (f"{name}={syntax(value)}" for name, value in _fields(node))
        return f"{type(node).__name__}({' '.join(inside)})"
    if isinstance(node, list):
        return f"[{','.join(map(syntax, node))}]"
    if isinstance(node, str) and _STARTED_BY_NAME.fullmatch(node):
        return "named"
    return repr(node)


def _fields(node: ast.AST) -> Iterator[tuple[str, object]]:
    """The fields of a node that have an effect."""
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            value = [item for item in value if not (_is_text(item) or isinstance(item, _IMPORTS))]
        if (
            value is None
            or value == []
            or name in _NO_MEANING
            or (isinstance(node, ast.arg) and name == "annotation")
        ):
            continue
        if name == "keywords" and isinstance(node, ast.Call) and _called(node) == "Field":
            value = [keyword for keyword in node.keywords if keyword.arg != "description"]
        yield name, value


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for _, value in _fields(node):
        yield from (
            item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)
        )


def _bound(statement: ast.AST) -> Iterator[str]:
    """The names that a top-level statement binds, imports excepted."""
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
    elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
        yield from (name.id for name in names if isinstance(name.ctx, ast.Store))
    elif isinstance(statement, (*_COMPOUND, ast.ExceptHandler)):
        for inner in ast.iter_child_nodes(statement):
            yield from _bound(inner)


def _entries(nodes: list[ast.AST]) -> dict[str, ast.AST]:
    """The entries of a `Registry` by their keys; empty for any other definition."""
    call = getattr(nodes[0], "value", None)
    if not isinstance(call, ast.Call) or _called(call) != "Registry":
        return {}
    table = call.args[-1]
    assert isinstance(table, ast.Dict), "write a Registry as a literal, so that it is read without importing"
    pairs = zip(table.keys, table.values, strict=True)
    return {str(key.value): entry for key, entry in pairs if isinstance(key, ast.Constant)}


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_text(node: object) -> bool:
    """Whether a statement is a docstring, of a module, class, function or variable."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_guard(statement: ast.AST) -> bool:
    """Whether a statement serves only type checkers or `python -m`."""
    return isinstance(statement, ast.If) and any(
        name in ast.dump(statement.test) for name in ("TYPE_CHECKING", "__main__")
    )


def _lies_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)
