"""The same sources give the same bytes, wherever and however they are built; other sources give others, and only there.

R-013: no clock, host, user, absolute path, locale, hash order or directory order reaches an output.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from rsppc.cli.exits import OK
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH, built_files, environment, make, rsppc, rsppc_here

SHIPPED = Path(__file__).parent.parent / "pipelines"
PROMISED = ("bundle.json", "distribution.json", "resolved_spec.json")
"""Files whose bytes depend on what sources mean, not on how they are written."""


def copy_of_shipped(folder: Path) -> Path:
    """The shipped pipelines as a workspace of their own: every feature is used by one of them."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(SHIPPED, folder / "pipelines", ignore=shutil.ignore_patterns("examples", "__pycache__", "*.py"))
    return folder


def build(folder: Path, *, umask: int = -1, **changes: str) -> dict[str, bytes]:
    """What a build of a workspace writes."""
    done = rsppc(folder, "build", umask=umask, **changes)
    assert done.returncode == OK, done.stdout
    return built_files(folder / "build")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """What the shipped pipelines give where nothing is special."""
    files = build(copy_of_shipped(tmp_path_factory.mktemp("reference")))
    assert len(files) == 20
    return files


# --- Surroundings ----------------------------------------------------------------------------------------------------

SURROUNDINGS: dict[str, dict[str, str]] = {
    "hash seed 0, other zone": {"PYTHONHASHSEED": "0", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
    "hash seed 12345, other locale": {"PYTHONHASHSEED": "12345", "LC_ALL": "tr_TR.UTF-8", "LANG": "de_DE.UTF-8"},
    "no UTF-8, no docstrings": {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PYTHONOPTIMIZE": "2"},
    "a date": {"SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "random", "COLUMNS": "20", "HOME": "/nonexistent"},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_surroundings_change_nothing(name: str, tmp_path: Path, reference: Mapping[str, bytes]) -> None:
    folder = copy_of_shipped(tmp_path / "another place" / "mit Umlaut ü" / "deeper")
    assert build(folder, umask=0o077, **SURROUNDINGS[name]) == reference


def test_the_number_of_processors_changes_nothing(tmp_path: Path, reference: Mapping[str, bytes]) -> None:
    folder = copy_of_shipped(tmp_path)
    one = rsppc(folder, "check", "--format", "json", "--jobs", "1")
    two = rsppc(folder, "check", "--format", "json", "--jobs", "2")
    assert (one.returncode, one.stdout) == (two.returncode, two.stdout)
    assert rsppc(folder, "build", "--jobs", "2").returncode == OK
    assert built_files(folder / "build") == reference


SHUFFLED = """
import os, random, sys
chance = random.Random(sys.argv.pop(1))
def shuffled(real):
    def listing(*arguments):
        found = list(real(*arguments))
        chance.shuffle(found)
        return found
    return listing
class Scan:
    def __init__(self, entries): self.entries = iter(entries)
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def __iter__(self): return self.entries
    def __next__(self): return next(self.entries)
    def close(self): pass
scandir, os.listdir = shuffled(os.scandir), shuffled(os.listdir)
os.scandir = lambda *arguments: Scan(scandir(*arguments))
from rsppc.cli.main import main
main()
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_order_in_which_the_system_lists_files_changes_nothing(
    seed: str, tmp_path: Path, reference: Mapping[str, bytes]
) -> None:
    folder = copy_of_shipped(tmp_path)
    outputs = []
    for arguments in (["build"], ["check", "--format", "json"]):
        done = subprocess.run(
            [sys.executable, "-c", SHUFFLED, seed, *arguments],
            cwd=folder,
            env=environment(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == OK, done.stderr
        outputs.append(done.stdout)
    assert built_files(folder / "build") == reference
    assert outputs[1] == rsppc(folder, "check", "--format", "json").stdout


def test_a_build_from_a_folder_inside_or_to_another_folder_changes_nothing(
    tmp_path: Path, reference: Mapping[str, bytes]
) -> None:
    folder = copy_of_shipped(tmp_path)
    assert rsppc(folder / "pipelines" / "specs", "build", "--output", str(tmp_path / "out")).returncode == OK
    assert built_files(tmp_path / "out") == reference
    for name in sorted(path.name for path in (folder / "pipelines" / "bundles").iterdir()):
        if name.endswith((".yaml", ".json")):
            path = f"pipelines/bundles/{name}"
            assert rsppc(folder, "build", path, "--output", str(tmp_path / "single")).returncode == OK
    assert built_files(tmp_path / "single") == reference


def test_no_output_names_the_place_or_the_user(reference: Mapping[str, bytes]) -> None:
    for name, data in reference.items():
        for word in (str(Path(__file__).parent.parent), tempfile.gettempdir(), str(Path.home()), "pytest"):
            assert word.encode() not in data, name


def test_a_second_build_changes_nothing_and_says_so(tmp_path: Path) -> None:
    make(tmp_path)
    first = build(tmp_path)
    done = rsppc(tmp_path, "build")
    assert b"unchanged" in done.stdout
    assert built_files(tmp_path / "build") == first


# --- Formats ---------------------------------------------------------------------------------------------------------

TEXT_FORM = {
    f"rspp.{kind}.v1"
    for kind in (
        "pipeline.spec",
        "graph.module",
        "execution.profile",
        "policy.overlay",
        "config.layer",
        "extension.manifest",
        "pipeline.bundle",
    )
}
"""The kinds that have one; the others are YAML or JSON only."""


def translated(folder: Path, to: str) -> int:
    """Put every source of a workspace into another format; how many there were."""
    count = 0
    for path in sorted((folder / "pipelines").rglob("*")):
        if path.suffix not in (".yaml", ".json") or "assets" in path.parts or path.suffix == f".{to}":
            continue
        text = path.read_text()
        if to == "rspp" and not has_text_form(text):
            continue
        done = rsppc_here(folder, "convert", path.relative_to(folder).as_posix(), "--to", to)
        assert done.returncode == OK, (path, done.stdout[:500], done.stderr[:500])
        path.with_suffix(f".{to}").write_bytes(done.stdout)
        path.unlink()
        count += 1
    return count


def has_text_form(text: str) -> bool:
    line = next(line for line in text.splitlines() if "schema_version" in line)
    return line.replace('"', "").rstrip(",").split(": ")[1] in TEXT_FORM


@pytest.mark.parametrize("to", ["json", "rspp"])
def test_the_same_program_in_another_format_gives_the_same_bytes(
    to: str, tmp_path: Path, reference: Mapping[str, bytes]
) -> None:
    folder = copy_of_shipped(tmp_path)
    assert translated(folder, to) >= 15
    built = build(folder)
    assert {path: data for path, data in built.items() if path.endswith(PROMISED)} == {
        path: data for path, data in reference.items() if path.endswith(PROMISED)
    }


# --- What a change changes -------------------------------------------------------------------------------------------

PROMPT = "pipelines/assets/prompts/line.txt"
POLICY_PATH = "pipelines/policies/line_policy_v1.yaml"
POLICY = """\
schema_version: rspp.policy.overlay.v1
policy_id: line_policy
version: v1
provider_rules:
  - {id: any_llm, modality: llm, use: [llm-house]}
degrade_rules:
  - {id: shorter, when: pressure.data_lane_milli >= 800, set: {nodes.llm.config.max_context_turns: 2}}
"""
TWO: Mapping[str, str] = {
    **CLEAN,
    SPEC_PATH: SPEC.replace("provider: llm-house}", "config: {system_prompt: prompts/line.txt}}"),
    BUNDLE_PATH: BUNDLE + "policy_refs: [line_policy/v1]\n",
    POLICY_PATH: POLICY,
    PROMPT: "Be brief.\n",
    "pipelines/specs/other_v1.yaml": SPEC.replace("pipeline_id: line", "pipeline_id: other"),
}
"""Two pipelines that share the providers and nothing else."""

LINE, OTHER = "line_bundle/v1", "other/v1"
ALL = ("bundle.json", "distribution.json", "provenance.json", "resolved_spec.json")


def of(bundle: str, *names: str) -> set[str]:
    return {f"{bundle}/{name}" for name in names}


def replaced(path: str, old: str, new: str) -> Callable[[dict[str, str]], dict[str, str]]:
    def change(files: dict[str, str]) -> dict[str, str]:
        assert files[path].count(old) == 1
        return {**files, path: files[path].replace(old, new)}

    return change


def reordered(files: dict[str, str]) -> dict[str, str]:
    """The nodes and the keys of the spec the other way round."""
    import yaml

    root = yaml.safe_load(files[SPEC_PATH])
    root["nodes"] = [dict(reversed(node.items())) for node in reversed(root["nodes"])]
    root["edges"].reverse()
    backwards = dict(reversed(root.items()))
    return {**files, SPEC_PATH: yaml.safe_dump(backwards, sort_keys=False)}


CHANGES: dict[str, tuple[Callable[[dict[str, str]], dict[str, str]], set[str]]] = {
    "a value of a spec": (replaced(SPEC_PATH, "silence_ms: 400", "silence_ms: 401"), of(LINE, *ALL)),
    "a value of the other spec": (
        replaced("pipelines/specs/other_v1.yaml", "silence_ms: 400", "silence_ms: 401"),
        of(OTHER, *ALL),
    ),
    "a value of a policy": (replaced(POLICY_PATH, ">= 800", ">= 801"), of(LINE, *ALL)),
    # The bundle pins the bytes of assets; what runs is said by their path.
    "a letter of an asset": (replaced(PROMPT, "brief.", "brief!"), of(LINE, "bundle.json", "provenance.json")),
    "the window of a bundle": (
        replaced(BUNDLE_PATH, "max: v1.1", "max: v1.2"),
        of(LINE, "bundle.json", "provenance.json"),
    ),
    "a title": (replaced(SPEC_PATH, "nodes:\n", 'metadata: {title: "x"}\nnodes:\n'), of(LINE, "provenance.json")),
    "a comment": (replaced(SPEC_PATH, "edges:\n", "edges: # wires\n"), of(LINE, "provenance.json")),
    "a blank": (replaced(SPEC_PATH, "edges:\n", "edges:  \n"), of(LINE, "provenance.json")),
    "quotes": (replaced(SPEC_PATH, "language: en-US", 'language: "en-US"'), of(LINE, "provenance.json")),
    "another order": (reordered, of(LINE, "provenance.json")),
    "a comment of a policy": (
        replaced(POLICY_PATH, "degrade_rules:", "# less\ndegrade_rules:"),
        of(LINE, "provenance.json"),
    ),
    "a file beside": (lambda files: {**files, "pipelines/specs/notes.txt": "x", "README.md": "x"}, set()),
    "a policy nobody uses": (
        lambda files: {**files, "pipelines/policies/spare_v1.yaml": POLICY.replace("line_policy", "spare")},
        set(),
    ),
}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    return built_here(tmp_path_factory.mktemp("two"), TWO)


def built_here(folder: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    done = rsppc_here(make(folder, files), "build")
    assert done.returncode == OK, done.stdout
    return built_files(folder / "build")


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_reaches_exactly_what_depends_on_it(name: str, tmp_path: Path, two: Mapping[str, bytes]) -> None:
    change, expected = CHANGES[name]
    files = built_here(tmp_path, change(dict(TWO)))
    assert files.keys() == two.keys()
    assert {path for path in files if files[path] != two[path]} == expected


def test_every_character_of_a_value_counts(tmp_path: Path, two: Mapping[str, bytes]) -> None:
    """Each single value of the spec, changed to a neighbour that is as sound, gives another bundle."""
    changes = {
        "rate": ("node_type: transport.ingress}", "node_type: transport.ingress, config: {jitter_buffer_ms: 21}}"),
        "language": ("language: en-US", "language: en-GB"),
        "wait": ("min_speech_ms: 300", "min_speech_ms: 301"),
        "bound": ("to: tts.text}", "to: tts.text, buffer: {max_queue_items: 63}}"),
        "budget": ("node_type: text.segmenter}", "node_type: text.segmenter, budget_ms: 799}"),
        "unknown events": ("profile: simple/v1\n", "profile: simple/v1\nunknown_events: pass_through\n"),
        "delivery": ("to: vad.audio}", "to: vad.audio, delivery: unordered}"),
        "lifecycle": ("node_type: speech.vad}", "node_type: speech.vad, lifecycle: {start_timeout_ms: 1}}"),
    }
    digests = {two[f"{LINE}/bundle.json"]}
    for number, (name, (old, new)) in enumerate(changes.items()):
        files = built_here(tmp_path / str(number), replaced(SPEC_PATH, old, new)(dict(TWO)))
        assert files[f"{LINE}/bundle.json"] not in digests, name
        digests.add(files[f"{LINE}/bundle.json"])


def keys_in_order(value: object) -> Iterator[bool]:
    if isinstance(value, dict):
        yield list(value) == sorted(value)
        for one in value.values():
            yield from keys_in_order(one)
    elif isinstance(value, list):
        for one in value:
            yield from keys_in_order(one)


def test_readable_files_are_canonical_but_for_their_spaces(reference: Mapping[str, bytes]) -> None:
    """Two spaces, sorted keys, a final line break, no floats."""

    def refuse(text: str) -> float:
        raise AssertionError(text)

    for name, data in reference.items():
        value = json.loads(data, parse_float=refuse, parse_constant=refuse)
        assert data.endswith(b"\n"), name
        assert data.decode() == json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n", name
        assert all(keys_in_order(value)), name
