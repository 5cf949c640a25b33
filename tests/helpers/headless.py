"""A page in a headless Chromium: a script at its end plays the reader and says what it sees."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

from matplotlib.image import imread

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=20000",
)
_SCRIPT = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => errors.push(`blocked: ${event.blockedURI}`));
const later = (ms) => new Promise((done) => setTimeout(done, ms));
addEventListener("load", async () => {
  const seen = await (async () => { %s })().catch((error) => String(error.stack));
  const answer = { id: "seen", textContent: JSON.stringify({ seen, errors }) };
  document.body.replaceChildren(Object.assign(document.createElement("pre"), answer));
});
</script>
"""


def _chromium(folder, *more):
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def play(html, script, folder, width=1280):
    """What `script`, the body of an async function, returns in the page; fails on any error of the page."""
    page = folder / "played.html"
    page.write_text(html.replace("<script>", _SCRIPT % script + "<script>", 1))
    dom = _chromium(folder, f"--window-size={width},900", "--dump-dom", page.as_uri())
    return _answer(dom)


def _answer(dom):
    """What the page says at its end; fails on any error of the page."""
    answer = json.loads(unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom, re.S).group(1)))
    assert answer["errors"] == []
    return answer["seen"]


def played_on_phone(html, script, folder, width=390):
    """What `script` returns in a page as narrow as a phone, which no window of Chromium is: it is in a frame."""
    page = folder / "phone.html"
    inner = html.replace("<script>", _SCRIPT % script + "<script>", 1)
    inner = inner.replace(
        "document.body.replaceChildren(", "parent.postMessage(answer.textContent, '*'); (() => {})("
    )
    frame = escape(inner, quote=True)
    page.write_text(
        f'<!doctype html><iframe srcdoc="{frame}" style="width:{width}px;height:800px;border:0"></iframe><script>'
        "addEventListener('message', (event) => { const shown = document.createElement('pre');"
        "shown.id = 'seen'; shown.textContent = event.data; document.body.replaceChildren(shown); });</script>"
    )
    return _answer(_chromium(folder, "--window-size=800,900", "--dump-dom", page.as_uri()))


def screenshot(html, folder, width=1280, height=900, dark=False):
    """The first screen as an array (rows, columns) of grey values from 0 to 1."""
    page, picture = folder / "shown.html", folder / "shown.png"
    page.write_text(html)
    more = ["--blink-settings=preferredColorScheme=0"] if dark else []
    _chromium(folder, f"--window-size={width},{height}", f"--screenshot={picture}", *more, page.as_uri())
    return imread(picture)[..., :3].mean(axis=2)


def pages_of_pdf(html, folder):
    """Number of pages on which the page prints."""
    page, pdf = folder / "printed.html", folder / "printed.pdf"
    page.write_text(html)
    _chromium(folder, f"--print-to-pdf={pdf}", page.as_uri())
    return len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
