"""What docs/extensions.md shows is true: its plugin is tried, its test passes, its registry lets in what it says."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from broken_plugins import MANIFEST_TEXT
from rsppc.extensions.harness import CHECKS
from rsppc.extensions.registry import INJECTED
from rsppc.model.extension import ADAPTER_PROMISES
from test_extension_installed import CODE, install
from workspaces import environment, rsppc

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extensions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def written(folder: Path) -> Path:
    """The files of the page, with the shipped manifest beside them."""
    for _, text in BLOCKS:
        first, _, rest = text.partition("\n")
        if first.startswith("# file: "):
            (folder / first.removeprefix("# file: ")).write_text(rest, encoding="utf-8")
    shutil.copy(ROOT / "pipelines" / "extensions" / "custom_sentiment_node_v1.yaml", folder)
    (folder / "pipelines").mkdir()
    return folder


def test_the_plugin_of_the_page_passes_the_trial_of_the_page(tmp_path: Path) -> None:
    """R-001-80 and R-002-31: the shipped example of a custom node, with a plugin that keeps what it promises."""
    (shown,) = (text for language, text in BLOCKS if language == "console")
    command, _, expected = shown.removeprefix("$ rsppc ").partition("\n")
    done = rsppc(written(tmp_path), *command.split())
    assert (done.stdout.decode(), done.returncode) == (expected, 0), done.stderr


def test_the_test_of_the_page_passes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sentiment_lexicon.py"],
        cwd=written(tmp_path),
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_the_registry_of_the_page_lets_an_installed_plugin_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (lines,) = (text for language, text in BLOCKS if language == "python" and "ExtensionRegistry" in text)
    install(
        tmp_path,
        package="page_greeter",
        points="[rsppc.node_plugins]\nhouse.greeter = page_greeter:Greeter\n",
        code=CODE,
    )
    (tmp_path / "house_nodes_v1.yaml").write_text(MANIFEST_TEXT)
    monkeypatch.syspath_prepend(str(tmp_path))
    with contextlib.chdir(tmp_path):
        exec(compile(lines, "extensions.md", "exec"), {})
    assert capsys.readouterr().out == "['house.greeter']\n"


def test_the_tables_of_the_page_are_complete() -> None:
    table = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert [name for name in table if name in CHECKS] == list(CHECKS)
    assert all(f"`{promise}`" in PAGE for promise in (*ADAPTER_PROMISES, *INJECTED))


def test_the_golden_workspace_holds_the_plugin_of_the_page() -> None:
    code = next(text for _, text in BLOCKS if text.startswith("# file: sentiment_lexicon.py"))
    place = ROOT / "golden" / "extension" / "mood_of_a_caller" / "input" / "sentiment_lexicon.py"
    renamed = code.replace("custom_sentiment_node/v1", "house_moods/v1").replace("custom.", "house.")
    assert place.read_text("utf-8").endswith(renamed.partition("\n")[2].replace("house.sentiment", "house.mood"))
