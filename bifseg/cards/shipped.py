"""The files that come with bifseg in addition to its code: Snakefile, workflow/ and config/."""

from __future__ import annotations

import shutil
from pathlib import Path

from bifseg.core.errors import InputError
from bifseg.core.files import write_text

PROJECT_SNAKEFILE = """\
# The workflow of the installed bifseg. config/ and workflow/profiles/ beside this file are yours to edit.
from bifseg.cards.shipped import shipped_folder

include: str(shipped_folder() / "Snakefile")


rule report_of_the_run:
    default_target: True
    input:
        rules.all.input,
"""


def shipped_folder() -> Path:
    """The folder with Snakefile, workflow/ and config/: in an installed wheel, or the checkout.

    Returns:
        An absolute path.

    Raises:
        InputError: the package was copied without these files.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "shipped", package.parent):
        if (folder / "Snakefile").is_file():
            return folder
    raise InputError(f"{package}: no Snakefile comes with it; install bifseg again with pip")


def write_project(folder: Path) -> None:
    """Write a project to edit: Snakefile, config/ and workflow/profiles/.

    Args:
        folder: folder of the project; it is made, and other files may lie in it.

    Raises:
        InputError: the folder already contains one of the three.
    """
    shipped = shipped_folder()
    for name in ("Snakefile", "config", "workflow/profiles"):
        if (folder / name).exists():
            raise InputError(f"{folder / name} exists already; name another folder, or remove it")
    for name in ("config", "workflow/profiles"):
        shutil.copytree(shipped / name, folder / name)
    write_text(folder / "Snakefile", PROJECT_SNAKEFILE)
