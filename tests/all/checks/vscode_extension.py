"""The extension for Visual Studio Code is packaged as its users get it, and what is in the package starts a server.

The editor itself is not run: the extension is, with an editor and a client that write down what is asked of them.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checks.outcome import Outcome, outcome
from checks.packages import ROOT, call

NAME = "vscode-extension"
NEEDS = ("npm",)

_VSCE = "@vscode/vsce@3.6.0"
_INSTALL = ("npm", "install", "--silent", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
_FILES = (
    "extension/package.json",
    "extension/extension.js",
    "extension/language-configuration.json",
    "extension/syntaxes/rspp.tmLanguage.json",
    "extension/node_modules/vscode-languageclient/package.json",
    "extension/node_modules/vscode-languageclient/node.js",
)


def run(folder: Path) -> Outcome:
    source, tools = folder / "vscode", folder / "tools"
    shutil.copytree(ROOT / "editors/vscode", source)
    tools.mkdir()
    call([*_INSTALL, "--omit=dev"], source)
    call([*_INSTALL, "--prefix", str(tools), _VSCE], folder)
    packed = folder / "rsppc.vsix"
    vsce = tools / "node_modules/.bin/vsce"
    call([str(vsce), "package", "--skip-license", "--allow-missing-repository", "--out", str(packed)], source)
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
        archive.extractall(folder / "installed")
    lower = {name.lower() for name in names}
    problems = [f"the package lacks {name}" for name in _FILES if name.lower() not in lower]
    problems += [f"the package has {name}" for name in sorted(names) if ".vscodeignore" in name or "/test/" in name]
    driver = Path(__file__).with_name("vscode_driver.cjs")
    told = json.loads(call(["node", str(driver), str(folder / "installed/extension")], folder))
    problems += _faults(told)
    size = packed.stat().st_size // 1024
    return outcome(problems, f"a package of {len(names)} files and {size} KiB; {len(told['clients'])} servers started")


def _faults(told: dict[str, Any]) -> Iterator[str]:
    first, second, third, fourth = told["clients"]
    if first["server"] != {"command": "rsppc", "args": ["lsp"], "transport": 0}:
        yield f"the server is started as {first['server']}"
    if first["selector"] != [{"scheme": "file", "language": one} for one in ("rspp", "yaml", "json")]:
        yield f"the server is told of {first['selector']}"
    if first["options"] != {"inlayHints": {"ports": True, "types": True, "defaults": False}}:
        yield f"the options are {first['options']}"
    if second["server"]["command"] != "/home/me/voice/.venv/bin/rsppc":
        yield f"the path becomes {second['server']['command']}"
    if second["options"]["inlayHints"]["defaults"] is not True or len(second["selector"]) != 1:
        yield "changed settings do not reach the server"
    if [one["did"] for one in (first, second, third, fourth)] != [["start", "dispose"]] * 4:
        yield f"servers are started and stopped as {[one['did'] for one in told['clients']]}"
    if len(told["errors"]) != 1 or "pip install" not in told["errors"][0]:
        yield f"a server that cannot be started is told as {told['errors']}"
    if told["opened"] != [["workbench.action.openSettings", "rsppc.path"]]:
        yield f"the message leads to {told['opened']}"
    if told["commands"] != ["rsppc.restart", "rsppc.showOutput"] or told["subscriptions"] != 4:
        yield f"{told['commands']} are registered, {told['subscriptions']} things to be disposed"
