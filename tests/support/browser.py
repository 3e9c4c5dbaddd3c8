"""Pages as a browser sees them: headless Chromium, where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
]
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt install chromium")

# A page that holds the page under test, since a window cannot be made as narrow as a telephone, and looks at it from outside.
_AROUND = """<!doctype html><meta charset="utf-8"><iframe id="page" style="width:{width}px;height:900px;border:0"></iframe>
<script>
const frame = document.getElementById("page");
frame.onload = () => {{
  const page = frame.contentDocument, all = [...page.querySelectorAll("*")];
  const seen = {{
    text: page.body.innerText,
    overflow: page.scrollingElement.scrollWidth - page.scrollingElement.clientWidth,
    scripts: page.querySelectorAll("script").length,
    handlers: all.filter(e => [...e.attributes].some(a => a.name.startsWith("on"))).length,
    images: [...page.images].map(i => [i.alt, i.naturalWidth, i.naturalHeight]),
    resources: frame.contentWindow.performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("data:")),
    tables: [...page.querySelectorAll("table")].map(t => getComputedStyle(t).display),
    hacked: window.hacked === true || frame.contentWindow.hacked === true,
  }};
  const out = document.createElement("pre");
  out.id = "seen"; out.textContent = JSON.stringify(seen); document.body.append(out);
}};
frame.srcdoc = {page};
</script>
"""


@dataclass(frozen=True)
class Seen:
    """What the browser made of a page.

    Args:
        text: Of the body, as it is laid out.
        overflow: Pixels by which it is wider than the window.
        scripts: `<script>` elements in it.
        handlers: Elements with an `on...` attribute.
        images: (alternative text, width, height) of each, 0 wide where it could not be decoded.
        resources: Addresses it loaded.
        tables: How each table is laid out.
        hacked: Whether a script of the data's ran.
        console: What was written to the console.
    """

    text: str
    overflow: int
    scripts: int
    handlers: int
    images: list[tuple[str, int, int]]
    resources: list[str]
    tables: list[str]
    hacked: bool
    console: list[str]


def look(page: str, folder: Path, *, width: int) -> Seen:
    """Show a page in a window of this width."""
    around = folder / f"around-{width}.html"
    around.write_text(_AROUND.format(width=width, page=json.dumps(page).replace("</", "<\\/")), encoding="utf-8")
    dom, log = _run(around, folder, "--dump-dom", f"--window-size={max(width, 500)},1000")
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert found, f"the page did not load: {log[-2000:]}"
    return Seen(**json.loads(html.unescape(found[1])), console=re.findall(r'CONSOLE.*?"(.*?)"', log))


def dom_of(path: Path, folder: Path) -> tuple[str, list[str]]:
    """The elements of a file that is opened as it is, and what was written to the console."""
    dom, log = _run(path, folder, "--dump-dom")
    return dom, re.findall(r'CONSOLE.*?"(.*?)"', log)


def _run(path: Path, folder: Path, *arguments: str) -> tuple[str, str]:
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, "--enable-logging=stderr", f"--user-data-dir={folder / 'browser'}", *arguments, path.resolve().as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True, text=True, errors="replace")
    return done.stdout, done.stderr
