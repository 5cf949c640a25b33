"""`bifseg new-method`: a method to begin from."""

from __future__ import annotations

import re
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import Annotated

import typer

from bifseg.core.errors import InputError
from bifseg.core.files import write_text

_CODE = '''"""CLASS: a method for bifseg. docs/plugins.md says what its calls must keep."""

import numpy as np

from bifseg import Box, Image, Mask, Scribbles


class CLASS:
    dimensions = frozenset({2, 3})
    prompts = frozenset({"box", "scribbles"})

    def start(self, image: Image, box: Box) -> Mask:
        """The initial result: brighter than the box's mean."""
        self.image, self.box = image, box
        return self._above(float(image.voxels[box.slices].mean()))

    def refine(self, scribbles: Scribbles) -> Mask:
        """After each round, with all scribbles so far: the threshold lies between both labels."""
        voxels, inside, outside = self.image.voxels, scribbles.foreground, scribbles.background
        means = [voxels[drawn].mean() for drawn in (inside, outside) if drawn.any()]
        return self._above(float(np.mean(means))) & ~outside | inside

    def _above(self, threshold: float) -> Mask:
        inside = self.image.voxels[self.box.slices] > threshold
        return self.box.paste(inside, self.image.voxels.shape)
'''
_CARD = """# What CLASS takes, and its settings: keyword arguments of the class.
method: MODULE:CLASS
plays: {dimensions: [2, 3], prompts: [box, scribbles]}
trained_on: unknown # nothing, or what it learnt from: docs/results.md
"""
_TEST = '''"""Run by pytest in this folder."""

import numpy as np
from MODULE import CLASS

import bifseg as bs


def test_it_plays_a_session():
    truth = np.zeros((40, 40), bool)
    truth[10:30, 12:28] = True
    image = bs.Image(np.where(truth, 100, 0).astype(np.float32), bs.Grid.plain(truth.shape))
    session = bs.simulate(CLASS(), image, truth, protocol=bs.Protocol(rounds=2))
    assert session.error == ""
'''


def new_method(
    name: Annotated[str, typer.Argument(help="of the card and the module: letters, digits and '-'")],
    folder: Annotated[Path, typer.Option(help="where the files go")] = Path("."),
) -> None:
    """Write a method that plays as it is: a module with its class, its card, and a test.

    Files that exist are not replaced.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InputError(f"{name!r:.80}: no name for a method; use lower-case letters, digits and '-'")
    module, kind = name.replace("-", "_"), "".join(part.capitalize() for part in name.split("-"))
    files = {f"{module}.py": _CODE, f"{name}.yaml": _CARD, f"test_{module}.py": _TEST}
    present = [file for file in files if (folder / file).exists()]
    if present:
        raise InputError(f"{folder / present[0]}: exists; choose another name or folder")
    if iskeyword(module) or find_spec(module):
        raise InputError(f"{name!r}: Python has a word or a module {module}; choose another name")
    for file, text in files.items():
        write_text(folder / file, text.replace("MODULE", module).replace("CLASS", kind))
        typer.echo(folder / file)
    typer.echo(f"check it: BIFSEG_PATH={folder} bifseg check-method {folder / name}.yaml")
