"""HTML pages that need no other file: pictures are inside the page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bifseg.core.wording import counted

_LEAD = 100  # characters


def page(template: str, content: dict[str, Any], **filters: Callable[[Any], Any]) -> str:
    """The HTML of a template with its content; all text is escaped.

    Args:
        template: name of a file in `templates/`.
        content: variables of the template.
        **filters: functions that the template applies, beside `words`, which shows a name as words, `code`,
            which sets what is between backticks as code, `counted`, which gives a number its noun, and `lead`, which
            divides a text after its first sentences.

    Returns:
        The whole page.
    """
    environment = Environment(
        loader=PackageLoader("bifseg.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": _words, "code": _code, "counted": counted, "lead": _lead, **filters}
    return environment.get_template(template).render(content)


def embed(picture: bytes, kind: str) -> str:
    """A data URL that holds a picture.

    Args:
        picture: bytes of its file.
        kind: `png`, `webp` or `svg+xml`.

    Returns:
        The URL, for the `src` of an image.
    """
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _code(text: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _lead(text: str) -> tuple[str, str]:
    """The sentences that begin in the first 100 characters, and the rest."""
    ends = [match.end() for match in re.finditer(r"\.\s+(?=[A-Z*])", text)]
    cut = next((end for end in ends if end >= _LEAD), len(text))
    return text[:cut].rstrip(), text[cut:]
