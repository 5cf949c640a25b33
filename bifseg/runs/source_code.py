"""The code of bifseg that a function or class uses, read from the source without importing it.

Definitions are followed from name to name, so that a change counts only for the code that uses it. A hash is of the
syntax tree without comments, docstrings, layout, annotations of functions, descriptions of fields and module names.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple, TypeGuard

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


class _Use(NamedTuple):
    """A name, as `module.name`: what its first part is bound to, and the parts after it."""

    first: Reference
    after: tuple[str, ...] = ()


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
        if file is None:
            return None
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        return _module(name, package, file.read_bytes())

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
        text, uses = module.definition(reference.name, reference.key)
        return _Definition(text, tuple(map(self._resolved, uses)))

    def _resolved(self, use: _Use) -> Reference | str:
        """What a name refers to: the first part of it that is no module."""
        meaning = self._meaning(use.first)
        for part in use.after:
            if isinstance(meaning, str) or meaning.name:
                break
            meaning = self._meaning(Reference(meaning.module, part))
        return meaning


class _Module:
    # A module's top-level statements by the names that they bind, its imports, and all other statements.
    def __init__(self, name: str, package: str, content: bytes) -> None:
        self.name, self._package = name, package
        self.imports: dict[str, Reference] = {}
        self.bindings: dict[str, list[ast.AST]] = {}
        self._effects: list[ast.AST] = []
        self.definition = cache(self._define)
        for statement in ast.parse(content).body:
            if not isinstance(statement, _DEFINITIONS):
                self.imports |= imports_in(statement, package)
            if isinstance(statement, _IMPORTS) or _is_text(statement) or _is_guard(statement):
                continue
            names = dict.fromkeys(_bound(statement))
            for bound in names:
                self.bindings.setdefault(bound, []).append(statement)
            if not names:
                self._effects.append(statement)

    def _define(self, name: str, key: str) -> tuple[str, list[_Use]]:
        """The syntax of a definition with that of the module's other statements, and the names in both."""
        nodes = self.bindings[name]
        if entries := _entries(nodes):
            if not key:
                return "registry", []  # a card chooses one of its entries
            nodes = [entries[key]]
        reader = _Reader(self._package)
        text = "\n".join(map(reader.text, nodes))
        inside = dict(reader.imports)
        text = "\n".join([text, *map(reader.text, self._effects)])
        scope = self.imports | {bound: Reference(self.name, bound) for bound in self.bindings} | inside
        uses = (name if isinstance(name, _Use) else _use(name, scope) for name in reader.names)
        return text, [use for use in uses if use]


@lru_cache(maxsize=1024)
def _module(name: str, package: str, content: bytes) -> _Module:
    """A module by its content, which is parsed once."""
    return _Module(name, package, content)


def _use(parts: tuple[str, ...], scope: Mapping[str, Reference]) -> _Use | None:
    """A name as used in a scope; None for a local or built-in name."""
    return _Use(scope[parts[0]], parts[1:]) if parts[0] in scope else None


class _Reader:
    """Reads syntax trees once each.

    Args:
        package: the package of the module, for relative imports.

    Attributes:
        names: the names read so far, each as its parts; or what a text names that starts a program.
        imports: what the imports read so far bind.
    """

    def __init__(self, package: str = "") -> None:
        self.names: list[tuple[str, ...] | _Use] = []
        self.imports: dict[str, Reference] = {}
        self._package = package
        self._rest: ast.AST | None = None

    def text(self, node: object) -> str:
        """A syntax tree as text.

        Args:
            node: as of `syntax`.

        Returns:
            As `syntax`.
        """
        if isinstance(node, ast.AST):
            self._note(node)
            inside = [f"{name}={self.text(value)}" for name, value in self._fields(node)]
            return f"{type(node).__name__}({' '.join(inside)})"
        if isinstance(node, list):
            return f"[{','.join([self.text(item) for item in node])}]"
        return "named" if _names_program(node) else repr(node)

    def _note(self, node: ast.AST) -> None:
        """Note the name or text that a node is; `_rest` is the rest of a name that is noted whole."""
        if isinstance(node, (ast.Attribute, ast.Name)):
            if node is not self._rest and (parts := _parts(node)):
                self.names.append(parts)
                self._rest = node
            if node is self._rest:
                self._rest = getattr(node, "value", None)
        elif isinstance(node, ast.Constant) and _names_program(node.value):
            self.names.append(_Use(Reference(*node.value.split(":"))))

    def _fields(self, node: ast.AST) -> Iterator[tuple[str, object]]:
        """The fields of a node that have an effect; imports are noted and left out."""
        for name in node._fields:
            value = getattr(node, name, None)
            if value is None or name in _NO_MEANING or (name == "annotation" and isinstance(node, ast.arg)):
                continue
            if isinstance(value, list):
                imports = [item for item in value if isinstance(item, _IMPORTS)]
                for item in imports:
                    self.imports |= imports_in(item, self._package)
                value = [item for item in value if not (item in imports or _is_text(item))]
                if name == "keywords" and isinstance(node, ast.Call) and _called(node) == "Field":
                    value = [keyword for keyword in value if keyword.arg != "description"]
                elif not value:
                    continue
            yield name, value


def _names_program(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value.startswith(PACKAGE) and bool(_STARTED_BY_NAME.fullmatch(value))


def _parts(node: ast.Attribute | ast.Name) -> tuple[str, ...]:
    """The parts of `a.b.c`; empty for an attribute of anything but a name."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node.value, (ast.Attribute, ast.Name)) and (before := _parts(node.value)):
        return (*before, node.attr)
    return ()


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
    return _Reader().text(node)


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
