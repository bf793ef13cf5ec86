"""Colours of pictures, for light and for dark, and the style sheet that is made of them.

Every text stands on its background with a contrast of at least 4.5 to 1, and every line that means something with at
least 3 to 1; a test computes it. Nothing is told by colour alone: kinds of links differ by their dashes as well.
"""

from __future__ import annotations

from typing import Literal

Theme = Literal["light", "dark", "auto"]

LIGHT = {
    "page": "#ffffff",
    "session": "#eef3fb",
    "turn": "#fdf3e3",
    "session-line": "#b9c9e6",
    "turn-line": "#e6cfa3",
    "box": "#ffffff",
    "box-line": "#5b6678",
    "text": "#171b22",
    "soft": "#515b6a",
    "data": "#1f5fbf",
    "control": "#8a3fb5",
    "telemetry": "#1b7a4b",
    "fallback": "#a8551a",
    "cancel": "#b3261e",
    "critical": "#c2185b",
    "critical-text": "#ffffff",
}
DARK = {
    "page": "#14181f",
    "session": "#1b2433",
    "turn": "#2b2417",
    "session-line": "#3d5173",
    "turn-line": "#6b5730",
    "box": "#20262f",
    "box-line": "#8d99ab",
    "text": "#eef1f6",
    "soft": "#b4becc",
    "data": "#7db1ff",
    "control": "#d49bff",
    "telemetry": "#6fd7a0",
    "fallback": "#f0a564",
    "cancel": "#ff9a90",
    "critical": "#ff7eb0",
    "critical-text": "#14181f",
}
DASHES = {"data": "", "control": "9 5", "telemetry": "2 4", "fallback": "6 4 2 4", "turn": "2 6"}
"""How lines of each kind are dashed."""

_RULES = """\
.g-page{fill:<page>}
.g-session{fill:<session>;stroke:<session-line>}
.g-turn{fill:<turn>;stroke:<turn-line>}
.g-in-session{stroke:<session>}
.g-in-turn{stroke:<turn>}
.g-box{fill:<box>;stroke:<box-line>}
.g-zone,.g-type,.g-note,.g-bound,.g-port,.g-small{fill:<soft>}
.g-name,.g-provider,.g-head{fill:<text>}
.g-when{fill:<control>}
.g-cancel{fill:<cancel>}
.g-mark{fill:<critical>}
.g-data{stroke:<data>}
.g-control{stroke:<control>}
.g-telemetry{stroke:<telemetry>}
.g-fallback{stroke:<fallback>}
.g-turns{stroke:<soft>}
.g-data-head{fill:<data>}
.g-control-head{fill:<control>}
.g-telemetry-head{fill:<telemetry>}
.g-fallback-head{fill:<box>;stroke:<fallback>}
.g-turn-head{fill:<soft>}
.g-halo{stroke:<critical>}
.g-badge{fill:<critical>}
.g-badge-text{fill:<critical-text>}
.g-critical{stroke:<critical>}
"""
_FIXED = """\
.g text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:11px}
.g .g-name{font-size:14px;font-weight:600}
.g .g-head{font-size:14px;font-weight:600}
.g .g-zone{font-size:12px;font-weight:600;stroke-width:5px;stroke-linejoin:round;paint-order:stroke}
.g .g-port{font-size:10px}
.g .g-badge-text{font-size:11px;font-weight:700}
.g .g-digits-2{font-size:9px}
.g .g-digits-3{font-size:7px}
.g .g-mark{font-weight:600}
.g-wire{fill:none;stroke-width:1.75}
.g-halo{fill:none;stroke-width:7;stroke-opacity:.28;stroke-linejoin:round}
.g-box{stroke-width:1.25}
.g-critical{stroke-width:2.5}
.g-optional{stroke-dasharray:5 4}
"""


def style(theme: Theme) -> str:
    """The style sheet of a picture; `auto` follows what the reader prefers."""
    if theme == "auto":
        return f"{_FIXED}{_colored(LIGHT)}@media (prefers-color-scheme:dark){{\n{_colored(DARK)}}}\n"
    return _FIXED + _colored(LIGHT if theme == "light" else DARK)


def _colored(colors: dict[str, str]) -> str:
    text = _RULES
    for name, color in colors.items():
        text = text.replace(f"<{name}>", color)
    return text
