"""Libraries that the benchmarks compare with; bifseg does not need them.

`requirements.txt` beside this file has their versions and how to install them. A benchmark leaves out those that are
not installed, and says so.
"""

from __future__ import annotations

from importlib import import_module
from importlib.machinery import ExtensionFileLoader
from importlib.metadata import PackageNotFoundError, files, version
from importlib.util import module_from_spec, spec_from_loader
from typing import Any


def rival(distribution: str, module: str) -> Any:
    """The module of a library, or None after a line that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        _left_out(distribution, error)
        return None


def simplecrf() -> Any:
    """SimpleCRF's module `maxflow`, which PyMaxflow's package of this name hides; None as for `rival`."""
    try:
        paths = [path for path in files("SimpleCRF") or () if path.name.startswith("maxflow.")]
    except PackageNotFoundError as error:
        _left_out("SimpleCRF", error)
        return None
    loader = ExtensionFileLoader("simplecrf.maxflow", str(paths[0].locate()))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def named(distribution: str) -> str:
    """A library with its version."""
    return f"{distribution} {version(distribution)}"


def _left_out(distribution: str, error: Exception) -> None:
    print(f"\n{distribution} is left out ({error}); benchmarks/requirements.txt says how to install it.")
