"""A docstring names every error that its function itself raises; pydoclint checks the other sections."""

import ast
from pathlib import Path

import bifseg

ROOM = Path(bifseg.__file__).parent
NESTED = (ast.FunctionDef, ast.ClassDef, ast.Lambda)


def raised(node):
    """Names of the errors that leave a function: not those of functions inside it or under a `try`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise) and child.exc:
            error = child.exc.func if isinstance(child.exc, ast.Call) else child.exc
            yield ast.unparse(error).rpartition(".")[2]
        elif isinstance(child, ast.Try):
            for part in (*child.handlers, *child.orelse, *child.finalbody):
                yield from raised(part)
        elif not isinstance(child, NESTED):
            yield from raised(child)


def public_functions(body):
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            if isinstance(node, ast.FunctionDef):
                yield node
            else:
                yield from public_functions(node.body)


def undocumented(source):
    """FUNCTION: ERROR of each error without a word; an error in a variable, such as `raise error`, has no name."""
    for function in public_functions(ast.parse(source).body):
        section = (ast.get_docstring(function) or "Raises: -").partition("Raises:")[2]
        for error in raised(function):
            if error[0].isupper() and error not in section and section != " -":
                yield f"{function.name}: {error}"


def test_every_error_that_a_function_raises_is_in_its_docstring():
    modules = [path for path in ROOM.rglob("*.py") if path.relative_to(ROOM).parts[0] != "cli"]
    missing = [f"{path}: {name}" for path in modules for name in undocumented(path.read_text("utf-8"))]
    assert len(modules) > 100
    assert not missing


def test_the_check_detects_a_missing_raises():
    source = 'def read(x):\n    """Read x."""\n    if x:\n        raise ValueError("x")\n'
    assert list(undocumented(source)) == ["read: ValueError"]
