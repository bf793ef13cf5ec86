"""Report pages and graphs in a real browser: what a keyboard reaches, what can be read, and what is asked of a network.

The shipped pipelines are shown in light and dark, wide and narrow. axe-core judges what machines can judge of
accessibility; that it looks at all is proved by pages that were made worse on purpose.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from checks.browser import Page, page
from checks.outcome import Outcome, outcome
from checks.packages import ROOT, npm_package

NAME = "report-page"
NEEDS = ("browser", "npm")

_AXE = ("axe-core", "4.14.1")
_BUNDLES = ("voice_assistant", "telephony", "multilingual", "speech_to_speech", "simple")
_VIEWS = (("light", 1280, False), ("dark", 1280, True), ("narrow", 360, False), ("narrow and dark", 360, True))
_SIZES = "[document.documentElement.scrollWidth, window.innerWidth]"
_TAB, _ENTER = 9, 13

_FOCUS = """(() => {
  const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
  const all = [...document.querySelectorAll('*')];
  return [all.indexOf(one), one.id || one.className || one.textContent.trim().slice(0, 40),
    style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, box.width > 0 && box.height > 0];
})()"""
_FOCUSABLE = """[...document.querySelectorAll('a[href], summary, input, select, [tabindex="0"]')]
  .filter(one => one.checkVisibility({contentVisibilityAuto: true})).length"""
_FILTERED = """(() => {
  const items = [...document.querySelectorAll('#values li')].filter(one => one.checkVisibility());
  return [items.length, items.every(one => one.textContent.includes('silence_ms')),
    document.getElementById('filter-count').textContent];
})()"""
_OUTSIDE = """[...document.querySelectorAll('svg.g g')].flatMap(group => {
  const box = group.querySelector(':scope > rect.g-box');
  if (!box) return [];
  const outer = box.getBBox();
  return [...group.querySelectorAll(':scope > text:not(.g-badge-text)')].filter(text => {
    const inner = text.getBBox();
    return inner.x < outer.x || inner.x + inner.width > outer.x + outer.width
      || inner.y < outer.y || inner.y + inner.height > outer.y + outer.height;
  }).map(text => text.textContent);
})"""

WORSE: dict[str, tuple[str, str]] = {
    "pale text": ("color-contrast", "document.body.style.color = '#b8bcc4'"),
    "a field without a label": ("label", "document.querySelector('label[for=filter-text]').remove()"),
    "a scrolling part that no key reaches": (
        "scrollable-region-focusable",
        "document.querySelectorAll('[role=region]').forEach(one => one.removeAttribute('tabindex'))",
    ),
    "a picture without a name": (
        "svg-img-alt",
        "(svg => { svg.removeAttribute('aria-labelledby'); svg.querySelector('title').remove() })"
        "(document.querySelector('svg[role=img]'))",
    ),
}
"""What is done to a page, and the rule of axe-core that must notice."""


def run(folder: Path) -> Outcome:
    axe = (npm_package(*_AXE, folder) / "axe.min.js").read_text(encoding="utf-8")
    problems: list[str] = []
    pages = {name: _written(folder / f"{name}.html", "report", f"{name}_bundle/v1") for name in _BUNDLES}
    graphs = {name: _written(folder / f"{name}.svg", "graph", f"{name}_bundle/v1") for name in _BUNDLES}
    with page(folder) as browser:
        for name, path in pages.items():
            problems += [f"{name}: {problem}" for problem in _viewed(browser, path, axe)]
        problems += [f"keyboard: {problem}" for problem in _walked(browser, pages[_BUNDLES[0]])]
        problems += [f"filter: {problem}" for problem in _filtered(browser, pages[_BUNDLES[0]])]
        problems += _texts_outside(browser, graphs)
        problems += _unnoticed(browser, pages[_BUNDLES[0]], axe)
        problems += _foreign_script(browser, pages[_BUNDLES[0]], folder)
    seen = f"{len(pages)} pages in {len(_VIEWS)} views, {len(graphs)} graphs; {len(WORSE)} worse pages noticed"
    return outcome(problems, seen)


def _written(path: Path, command: str, name: str) -> Path:
    words = [sys.executable, "-m", "rsppc", command, name, "--output", str(path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return path


def _viewed(browser: Page, path: Path, axe: str) -> list[str]:
    problems = []
    for view, width, dark in _VIEWS:
        browser.open(path, width=width, dark=dark)
        browser.run("document.querySelectorAll('details').forEach((one, index) => { one.open = index < 6 })")
        asked = [event["params"]["request"]["url"] for event in _events(browser, "Network.requestWillBeSent")]
        problems += [f"{view}: asked for {url[:120]}" for url in asked if url != path.as_uri()]
        problems += [f"{view}: {event['params']['entry']['text']}" for event in _events(browser, "Log.entryAdded")]
        wide, screen = browser.run(_SIZES)
        if wide > screen:
            problems.append(f"{view}: {wide} pixels wide on a screen of {screen}")
        problems += [f"{view}: {found}" for found in _judged(browser, axe)]
    return problems


def _events(browser: Page, method: str) -> list[dict[str, Any]]:
    return [event for event in browser.events if event.get("method") == method]


def _judged(browser: Page, axe: str) -> list[str]:
    browser.run(f"{axe}; 0")
    found = browser.run(
        "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', "
        "'wcag22aa', 'best-practice']}).then(said => said.violations.map(one => "
        "[one.id, one.nodes.length, one.nodes[0].html.slice(0, 160), one.nodes[0].failureSummary]))"
    )
    return [f"{rule} ({count} times), as in {html}: {summary}" for rule, count, html, summary in found]


def _walked(browser: Page, path: Path) -> list[str]:
    """Tab goes through everything once, in the order of the page, and shows where it is."""
    problems: list[str] = []
    browser.open(path)
    expected = browser.run(_FOCUSABLE)
    reached: list[int] = []
    for _ in range(expected + 5):
        browser.press("Tab", code=_TAB)
        index, name, outlined, has_size = browser.run(_FOCUS)
        if reached and index <= reached[0]:
            break
        if not reached and name != "skip":
            problems.append(f"the first stop is {name}, not the skip link")
        if reached and index < reached[-1]:
            problems.append(f"{name} comes after what stands behind it")
        if not outlined or not has_size:
            problems.append(f"one does not see that {name} has the focus")
        reached.append(index)
    if len(reached) != expected:
        problems.append(f"{len(reached)} of {expected} stops were reached")
    browser.open(path)
    browser.press("Tab", code=_TAB)
    browser.press("Enter", code=_ENTER)
    if browser.run("document.activeElement.id") != "content":
        problems.append("the skip link does not lead to the content")
    return problems


def _filtered(browser: Page, path: Path) -> list[str]:
    """What is written into the field decides which values are shown; a group opens by key."""
    problems: list[str] = []
    browser.open(path)
    browser.run("document.getElementById('filter-text').focus()")
    browser.write("silence_ms explicit")
    count, fitting, said = browser.run(_FILTERED)
    if count != 1 or not fitting or said != "1 value":
        problems.append(f"{count} values are shown, and the page says {said!r}")
    browser.open(path)
    browser.run("document.querySelector('#values summary').focus()")
    browser.press("Enter", code=_ENTER)
    if not browser.run("document.querySelector('#values details').open"):
        problems.append("Enter does not open a group")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(path)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    if browser.run("document.getElementById('filter').checkVisibility()"):
        problems.append("without scripts there is a field that does nothing")
    if browser.run("document.querySelectorAll('#values li').length") < 100:
        problems.append("without scripts there are no values")
    return problems


def _texts_outside(browser: Page, graphs: dict[str, Path]) -> list[str]:
    """Widths of texts are estimated; here is a real font."""
    problems = []
    for name, path in graphs.items():
        for view, dark in (("light", False), ("dark", True)):
            browser.open(path, dark=dark)
            problems += [f"{name}, {view}: `{text}` leaves its box" for text in browser.run(_OUTSIDE)]
    browser.run("document.querySelectorAll('text').forEach(one => { one.style.fontSize = '24px' })")
    return problems if browser.run(_OUTSIDE) else [*problems, "texts that leave their boxes are not noticed"]


def _unnoticed(browser: Page, path: Path, axe: str) -> list[str]:
    problems = []
    for name, (rule, script) in WORSE.items():
        browser.open(path, width=360)
        browser.run(f"{script}; 0")
        if not any(found.startswith(rule) for found in _judged(browser, axe)):
            problems.append(f"axe-core does not notice {name}")
    return problems


def _foreign_script(browser: Page, path: Path, folder: Path) -> list[str]:
    """A script that is not the page's own does not run, and nothing is loaded from elsewhere."""
    text = path.read_text(encoding="utf-8")
    hostile = "<script>document.title = 'taken'</script><img src='file:///etc/hostname' onerror='document.title = 1'>"
    changed = folder / "changed.html"
    changed.write_text(text.replace("<main", f"{hostile}<main", 1), encoding="utf-8")
    browser.open(changed)
    return [] if browser.run("document.title").endswith(", report") else ["a foreign script runs"]
