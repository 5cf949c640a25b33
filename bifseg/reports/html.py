"""HTML pages that need no other file: templates, with pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(template: str, content: dict[str, Any], **filters: Callable[[Any], Any]) -> str:
    """The page of a template in `templates/`; all text is escaped. `words` shows names as words."""
    environment = Environment(
        loader=PackageLoader("bifseg.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": lambda name: name.replace("_", " "), **filters}
    return environment.get_template(template).render(content)


def embed(picture: bytes, kind: str) -> str:
    """A picture as the address of itself; kind: `png` or `svg+xml`."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
