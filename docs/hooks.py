"""What mkdocs does beside building these pages: files from elsewhere in the repository, and the command line's help."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from bifseg.cli.main import app

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "config/README.md": "configuration.md",
    "benchmarks/README.md": "benchmarks.md",
    "adapters/README.md": "adapters.md",
    "adapters/litemedsam/README.md": "litemedsam.md",
    "adapters/nninteractive/README.md": "nninteractive.md",
}
"""Pages that lie beside what they describe, and their names on the site."""
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """The site's files, with the pages from elsewhere and the command line's."""
    for source, name in ELSEWHERE.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    content = "\n".join(["# Command line", *_help(typer.main.get_command(app), "bifseg")])
    files.append(File.generated(config, "command-line.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """A page's text; links follow their files to the site, and links to files that are not on it become plain text."""
    name = page.file.src_uri
    source = next((path for path, other in ELSEWHERE.items() if other == name), f"docs/{name}")

    def follow(link: re.Match[str]) -> str:
        text, path, anchor = link.groups("")
        target = os.path.normpath(os.path.join(os.path.dirname(source), path))
        target = ELSEWHERE.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
        return f"[{text}]({os.path.relpath(target, os.path.dirname(name))}{anchor})" if target else text

    return _LINK.sub(follow, markdown)


def _help(command: click.Command, name: str) -> Iterator[str]:
    """The help of a command and of those below it."""
    context = click.Context(command, info_name=name)
    yield f"\n## {name}\n\n```text\n{command.get_help(context)}\n```"
    for inside in getattr(command, "list_commands", lambda _: [])(context):
        below = command.get_command(context, inside)
        if not below.hidden:
            yield from _help(below, f"{name} {inside}")
