import base64

import pytest
from jinja2 import UndefinedError

from bifseg.reports.html import _code, embed, page


def test_a_picture_is_embedded_as_a_data_url():
    source = embed(b"<svg/>", "svg+xml")
    kind, _, text = source.partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert base64.b64decode(text) == b"<svg/>"


def test_missing_content_of_a_page_is_an_error():
    with pytest.raises(UndefinedError):
        page("leaderboard.html.j2", {})


def test_backticks_become_code_and_markup_is_escaped():
    assert _code("<b> of `a_<b` & `c`") == "&lt;b&gt; of <code>a_&lt;b</code> &amp; <code>c</code>"
    assert _code("a lone ` stays") == "a lone ` stays"
