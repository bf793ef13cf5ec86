"""The site of `rsppc docs` in a real browser, opened from its folder: search, keyboard, narrow screens, accessibility.

A page of each sort is shown in light and dark, wide and narrow, and judged by axe-core. That no page asks for anything
beyond its folder, and that the policy of the pages holds for scripts of others, is looked at here as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from checks.browser import Page, page
from checks.outcome import Outcome, outcome
from checks.packages import ROOT, npm_package

NAME = "docs-site"
NEEDS = ("browser", "npm")

_AXE = ("axe-core", "4.14.1")
_WORKSPACE = ROOT / "pipelines/examples/simple_livekit_voice_v1"
_PAGES = (
    "index.html",
    "workspace/pipeline/quickstart_v1.html",
    "workspace/policy/quickstart_policy_v1.html",
    "library/pipeline/telephony_v1.html",
    "node_types/index.html",
    "node_types/flow.merge.html",
    "providers/stt-deepgram.html",
    "kinds/extension.html",
    "manual/cli.html",
    "manual/tutorial.html",
    "diagnostics/index.html",
    "diagnostics/RSP3104.html",
)
_VIEWS = (("light", 1280, False), ("dark", 1280, True), ("narrow", 360, False), ("narrow and dark", 360, True))
_RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']"
_SIZES = "[document.documentElement.scrollWidth, window.innerWidth]"
_SHOWN = "[...document.querySelectorAll('#search-found a')].map(one => one.href)"
_SECONDS_MAX = 20
_KEYS = {"/": 191, "Enter": 13, "ArrowDown": 40, "ArrowUp": 38, "Escape": 27, "Tab": 9}


def run(folder: Path) -> Outcome:
    axe = (npm_package(*_AXE, folder) / "axe.min.js").read_text(encoding="utf-8")
    site = folder / "site"
    words = [sys.executable, "-m", "rsppc", "docs", "--output", str(site)]
    subprocess.run(words, cwd=_WORKSPACE, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    problems: list[str] = []
    with page(folder) as browser:
        for name in _PAGES:
            problems += [f"{name}: {problem}" for problem in _viewed(browser, site / name, axe)]
        problems += [f"search: {problem}" for problem in _searched(browser, site)]
        problems += [f"without scripts: {problem}" for problem in _without_scripts(browser, site)]
        problems += _foreign_script(browser, site)
    return outcome(problems, f"{len(_PAGES)} pages in {len(_VIEWS)} views, searched by keyboard")


def _viewed(browser: Page, path: Path, axe: str) -> list[str]:
    problems = []
    ours = (path.name, "style.css", "search.js")
    for view, width, dark in _VIEWS:
        browser.open(path, width=width, dark=dark)
        browser.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
        asked = [event["params"]["request"]["url"] for event in _events(browser, "Network.requestWillBeSent")]
        problems += [f"{view}: asked for {url}" for url in asked if url.rpartition("/")[2] not in ours]
        problems += [f"{view}: {event['params']['entry']['text']}" for event in _events(browser, "Log.entryAdded")]
        wide, screen = browser.run(_SIZES)
        if wide > screen:
            problems.append(f"{view}: {wide} pixels wide on a screen of {screen}")
        browser.run(f"{axe}; 0")
        found = browser.run(
            f"axe.run(document, {{resultTypes: ['violations'], runOnly: {_RULES}}}).then(said => said.violations.map("
            "one => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 160), one.nodes[0].failureSummary]))"
        )
        problems += [f"{view}: {rule} ({count} times), as in {html}: {said}" for rule, count, html, said in found]
    return problems


def _events(browser: Page, method: str) -> list[dict[str, Any]]:
    return [event for event in browser.events if event.get("method") == method]


def _press(browser: Page, key: str) -> None:
    browser.press(key, code=_KEYS[key])


def _searched(browser: Page, site: Path) -> list[str]:
    """From `/` to the place that was looked for, by keyboard alone, on a page that was opened from a file."""
    browser.open(site / "manual/tutorial.html")
    _press(browser, "/")
    problems = []
    if browser.run("document.activeElement.id") != "search-text":
        problems.append("`/` does not lead to the field")
    browser.write("silence_ms")
    shown = _awaited(browser, f"{_SHOWN}.length > 0") and browser.run(_SHOWN)
    wanted = (site / "node_types/speech.endpointing.html").as_uri() + "#config.silence_ms"
    if not shown or wanted not in shown[:3]:
        problems.append(f"`silence_ms` finds {(shown or [])[:5]}")
        return problems
    for _ in range(shown.index(wanted) + 1):
        _press(browser, "ArrowDown")
    if browser.run("document.activeElement.href") != wanted:
        problems.append("the arrow key does not reach the entry")
    _press(browser, "ArrowUp")
    _press(browser, "ArrowDown")
    _press(browser, "Enter")
    if not _awaited(browser, f"location.href === {wanted!r}"):
        problems.append(f"Enter leads to {browser.run('location.href')}")
    browser.open(site / "index.html")
    _press(browser, "/")
    browser.write("rsp3104")
    if not _awaited(browser, f"({_SHOWN}[0] || '').endsWith('diagnostics/RSP3104.html')"):
        problems.append(f"`rsp3104` finds {browser.run(_SHOWN)[:3]}")
    browser.write(" nosuchword")
    if not _awaited(browser, "document.getElementById('search-count').textContent === 'Nothing found.'"):
        problems.append("what is nowhere is not said to be nowhere")
    _press(browser, "Escape")
    if browser.run("document.getElementById('search-box').checkVisibility()"):
        problems.append("Escape does not close the list")
    return problems


def _awaited(browser: Page, condition: str) -> bool:
    until = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < until:
        if browser.run(condition):
            return True
        time.sleep(0.05)
    return False


def _without_scripts(browser: Page, site: Path) -> list[str]:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(site / "index.html")
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    if browser.run("document.getElementById('search').checkVisibility()"):
        return ["there is a field that does nothing"]
    return [] if browser.run("document.querySelectorAll('#menu a').length") > 20 else ["there is no menu"]


def _foreign_script(browser: Page, site: Path) -> list[str]:
    """A script that stands in a page does not run."""
    path = site / "index.html"
    text = path.read_text(encoding="utf-8")
    hostile = "<script>document.title = 'taken'</script><img src='x' onerror='document.title = 1'>"
    path.write_text(text.replace("<main", f"{hostile}<main", 1), encoding="utf-8")
    browser.open(path)
    title = browser.run("document.title")
    return [] if title == "Voice pipelines" else [f"a foreign script runs: the title is {title!r}"]
