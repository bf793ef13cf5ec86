"""Plugins that are installed: found by entry points, judged by their manifests, never imported before that.

R-001-07, R-001-29, R-001-35 and R-001-80 with F-121 to F-124: packages are versioned apart from pipelines and pinned by
digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from broken_plugins import MANIFEST_TEXT
from rsppc.extensions.discovery import content_digest, installed, offer_of
from rsppc.extensions.registry import Accepted, ExtensionRegistry, Refused

CODE = """\
from pathlib import Path

Path(__file__).with_name("imported.txt").write_text("yes")


class Greeter:
    manifest = "house_nodes/v1"
    node_type = "house.greeter"

    def open(self, context):
        self.stopped = False

    def on_event(self, event, emit):
        if event.kind == "text" and event.payload["mode"] == "final" and not self.stopped:
            emit(event.reply("text", "text", event.payload))
            emit(event.reply("greeting", "record", {"schema": "house.greeting.v1", "value": {"words": "hello"}}))

    def on_cancel(self, cancel):
        self.stopped = True

    def close(self):
        pass
"""
POINTS = "[rsppc.node_plugins]\nhouse.greeter = house_greeter:Greeter\n"


def install(
    site: Path,
    *,
    manifest: str | None = MANIFEST_TEXT,
    code: str = CODE,
    points: str = POINTS,
    name: str = "house-greeter",
    package: str = "house_greeter",
) -> Path:
    """A distribution as an installer leaves it; gives the folder of its package."""
    files = {f"{package}/__init__.py": code}
    if manifest is not None:
        files[f"{package}/rspp_extensions/house_nodes_v1.yaml"] = manifest
    info = f"{name.replace('-', '_')}-1.0.0.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n"
    files[f"{info}/entry_points.txt"] = points
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    for file, text in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text, encoding="utf-8")
    return site / package


def workspace(folder: Path, manifest: str | None = MANIFEST_TEXT) -> Path:
    place = folder / "workspace" / "pipelines" / "extensions"
    place.mkdir(parents=True)
    if manifest is not None:
        (place / "house_nodes_v1.yaml").write_text(manifest, encoding="utf-8")
    return folder / "workspace"


def run(folder: Path, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "rsppc", "extension", *arguments]
    surroundings = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False, timeout=120
    )


def test_an_installed_plugin_is_listed_and_tried(tmp_path: Path) -> None:
    package = install(tmp_path / "site")
    here = workspace(tmp_path)
    listed = run(here, tmp_path / "site", "list")
    assert "installed: node type house.greeter  house_greeter:Greeter  house-greeter 1.0.0\n" in listed.stdout
    assert "its manifest is house_nodes/v1, as here" in listed.stdout and listed.returncode == 0
    assert not (package / "imported.txt").exists(), "listing must not import"
    tried = run(here, tmp_path / "site", "try", "house.greeter", "--events", "40", "--seed", "3")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "14 passed, 0 failed, 0 not run" in tried.stdout
    assert (package / "imported.txt").exists(), "the proof above would notice an import"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trust_level: trusted": "trust_level: untrusted"}, "is untrusted"),
        (
            {
                "execution_mode: in_process": f"execution_mode: sandbox\n    digest: sha256:{'0' * 64}",
                "type: node\n": "type: external_node\n",
            },
            "runs as `sandbox`",
        ),
        ({"trust_level: trusted\n": ""}, "of no stated trust"),
    ],
    ids=["untrusted", "sandboxed", "no trust"],
)
@pytest.mark.parametrize("whose", ["workspace", "installed", "both"])
def test_code_that_is_not_let_in_is_never_imported(
    tmp_path: Path, change: dict[str, str], said: str, whose: str
) -> None:
    """R-001-74: whichever manifest forbids it; the plugin would write a file if it were imported."""
    forbidding = MANIFEST_TEXT
    for before, after in change.items():
        forbidding = forbidding.replace(before, after)
    package = install(tmp_path / "site", manifest=MANIFEST_TEXT if whose == "workspace" else forbidding)
    here = workspace(tmp_path, MANIFEST_TEXT if whose == "installed" else forbidding)
    for command in (("list",), ("list", "--json"), ("check",), ("try", "house.greeter")):
        done = run(here, tmp_path / "site", *command)
    assert done.returncode == 1 and said in done.stderr and "is not tried" in done.stderr
    assert not (package / "imported.txt").exists()


def test_what_is_installed_does_not_change_what_is_compiled(tmp_path: Path) -> None:
    """A node type that only an installed package declares is unknown."""
    install(tmp_path / "site")
    here = workspace(tmp_path, None)
    assert "so that nothing here can use it" in run(here, tmp_path / "site", "list").stdout
    done = run(here, tmp_path / "site", "try", "house.greeter")
    assert done.returncode == 2 and "no manifest in sight declares `house.greeter`" in done.stderr


def test_a_manifest_that_differs_is_shown_with_what_differs(tmp_path: Path) -> None:
    install(tmp_path / "site", manifest=MANIFEST_TEXT.replace("timeout_ms: 100", "timeout_ms: 900"))
    listed = run(workspace(tmp_path), tmp_path / "site", "list")
    assert "differs from `pipelines/extensions/house_nodes_v1.yaml`, which counts" in listed.stdout
    assert "node_types.house.greeter.timeout_ms: it was 100, and is 900" in listed.stdout


def test_a_list_as_json_says_the_same(tmp_path: Path) -> None:
    install(tmp_path / "site")
    listed = json.loads(run(workspace(tmp_path), tmp_path / "site", "list", "--json").stdout)
    (plugin,) = listed["installed"]
    assert plugin["manifest"] == "house_nodes/v1" and plugin["digest"].startswith("sha256:") and not plugin["problems"]
    (own,) = (one for one in listed["manifests"] if one["from"] != "shipped")
    assert own["holds"] == [{"kind": "node type", "name": "house.greeter"}]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"manifest": None}, "no manifest in its folder `rspp_extensions` declares it"),
        ({"manifest": "what: is this\n"}, "it is no manifest"),
        ({"manifest": MANIFEST_TEXT.replace("api_version: v1", "api_version: v2")}, "RSP8406"),
        ({"points": "[rsppc.node_plugins]\nhouse.greeter = house_greeter\n"}, "is not `MODULE:NAME`"),
        ({"points": "[rsppc.node_plugins]\nhouse.other = house_greeter:Greeter\n"}, "declares it"),
    ],
    ids=["no manifest", "no mapping of ours", "unsound", "no attribute", "not declared"],
)
def test_a_plugin_that_cannot_be_used_says_why_and_is_not_imported(
    tmp_path: Path, changes: dict[str, str | None], said: str
) -> None:
    package = install(tmp_path / "site", **changes)  # type: ignore[arg-type]
    (found,) = installed([str(tmp_path / "site")])
    assert any(said in problem for problem in found.problems), found.problems
    assert not (package / "imported.txt").exists()


def test_one_name_offered_twice_is_nobodys(tmp_path: Path) -> None:
    install(tmp_path / "site")
    install(
        tmp_path / "site",
        name="other-greeter",
        package="other_greeter",
        points=POINTS.replace("house_greeter", "other_greeter"),
    )
    found = installed([str(tmp_path / "site")])
    assert [one.distribution for one in found] == ["house-greeter 1.0.0", "other-greeter 1.0.0"]
    assert all("several distributions offer it" in one.problems for one in found)
    done = run(workspace(tmp_path), tmp_path / "site", "try", "house.greeter")
    assert done.returncode == 1 and "several distributions offer it" in done.stderr


def test_the_digest_is_of_the_code_and_neither_of_the_manifest_nor_of_the_place(tmp_path: Path) -> None:
    """R-001-47: so that a manifest can pin the code that it comes with."""
    digests = []
    for number, changes in enumerate(({}, {"manifest": MANIFEST_TEXT + "# more\n"}, {"code": CODE + "\n"})):
        install(tmp_path / str(number), **changes)
        digests.append(installed([str(tmp_path / str(number))])[0].digest)
    assert digests[0] == digests[1] != digests[2]
    assert digests[0] == content_digest([("house_greeter/__init__.py", CODE.encode())])


def test_a_registry_takes_an_installed_plugin_whose_digest_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = content_digest([("house_greeter/__init__.py", CODE.encode())])
    install(tmp_path, manifest=MANIFEST_TEXT.replace("    impl_ref", f"    digest: {digest}\n    impl_ref"))
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = installed([str(tmp_path)])
    assert found.manifest is not None
    registry = ExtensionRegistry([found.manifest])
    assert isinstance(registry.register_node_plugin(offer_of(found)), Accepted)
    (tmp_path / "house_greeter" / "__init__.py").write_text(CODE + "# changed\n")
    (found,) = installed([str(tmp_path)])
    refused = ExtensionRegistry([found.manifest]).register_node_plugin(offer_of(found))  # type: ignore[list-item]
    assert isinstance(refused, Refused) and refused.reasons[0].rule == "digest-differs"


def test_metadata_of_others_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_bytes(b"\xff\xfe\x00")
    (broken / "entry_points.txt").write_text("[rsppc.node_plugins\nnonsense")
    install(tmp_path)
    assert [one.name for one in installed([str(tmp_path)])] == ["house.greeter"]


@pytest.mark.parametrize(
    ("code", "check", "said"),
    [
        ("raise RuntimeError('at import')", "loads", "RuntimeError: at import"),
        ("import sys\nsys.exit(4)", "loads", "SystemExit: 4"),
        ("import os\nos._exit(4)", "runs", "its process ended with code 4"),
        ("Greeter = 3", "loads", "it is no node type"),
        ("", "loads", "has no attribute 'Greeter'"),
        ("print('chatty' * 9999)\n" + CODE, "", ""),
        ("while True: pass", "runs", "it did not finish within 2 s"),
        (
            CODE.replace("def close(self):\n        pass", "def close(self):\n        import time; time.sleep(60)"),
            "runs",
            "within 2 s",
        ),
        (
            CODE.replace('{"words": "hello"}', '{"words": min({"a", "b", "c", "d", "e"}, key=lambda _: 0)}'),
            "determinism",
            "two processes",
        ),
    ],
    ids=[
        "raises",
        "exits",
        "dies",
        "no class",
        "nothing there",
        "prints",
        "hangs at import",
        "hangs at close",
        "hash order",
    ],
)
def test_a_trial_outlives_its_plugin(tmp_path: Path, code: str, check: str, said: str) -> None:
    """Whatever an entry point leads to: the answer is a trial, and the command comes to its end."""
    install(tmp_path / "site", code=code)
    done = run(workspace(tmp_path), tmp_path / "site", "try", "house.greeter", "--seconds", "2", "--json")
    trial = json.loads(done.stdout)
    failed = [(one["name"], one["message"]) for one in trial["checks"] if one["status"] == "fail"]
    assert [name for name, _ in failed] == ([check] if check else []), trial
    assert done.returncode == (1 if check else 0) and "Traceback" not in done.stderr
    assert all(said in message for _, message in failed)


def test_a_file_of_the_same_name_is_not_taken_for_what_is_installed(tmp_path: Path) -> None:
    install(tmp_path / "site")
    here = workspace(tmp_path)
    for name in ("house_greeter", "rsppc"):
        (here / f"{name}.py").write_text("raise RuntimeError('not this one')")
    assert "its manifest is house_nodes/v1, as here" in run(here, tmp_path / "site", "list").stdout
    assert run(here, tmp_path / "site", "try", "house.greeter").returncode == 0


def test_a_plugin_of_the_current_folder_is_tried_by_its_name(tmp_path: Path) -> None:
    here = workspace(tmp_path)
    (here / "my_greeter.py").write_text(CODE)
    done = run(here, tmp_path, "try", "house.greeter", "--plugin", "my_greeter:Greeter")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(here, tmp_path, "try", "house.greeter", "--plugin", "my_greeter").returncode == 2
    assert run(here, tmp_path, "try", "house.greeter", "--plugin", "my greeter:x").returncode == 2


def test_a_wheel_that_pip_installed_is_found(tmp_path: Path) -> None:
    wheel = tmp_path / "house_greeter-1.0.0-py3-none-any.whl"
    package = install(tmp_path / "made")
    info = tmp_path / "made" / "house_greeter-1.0.0.dist-info"
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "RECORD").unlink()
    files = sorted(path for path in (tmp_path / "made").rglob("*") if path.is_file())
    with zipfile.ZipFile(wheel, "w") as archive:
        lines = []
        for path in files:
            data, name = path.read_bytes(), path.relative_to(tmp_path / "made").as_posix()
            archive.writestr(name, data)
            hashed = urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={hashed},{len(data)}\n")
        archive.writestr(f"{info.name}/RECORD", "".join([*lines, f"{info.name}/RECORD,,\n"]))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([*pip, str(tmp_path / "site"), str(wheel)], check=True, capture_output=True)
    (found,) = installed([str(tmp_path / "site")])
    assert found.problems == () and found.digest == content_digest([("house_greeter/__init__.py", CODE.encode())])
    assert not (package / "imported.txt").exists()


def test_a_manifest_that_cannot_be_read_is_listed_as_such_and_admits_nothing(tmp_path: Path) -> None:
    here = workspace(tmp_path, MANIFEST_TEXT.replace("type: node\n", ""))
    (here / "pipelines" / "extensions" / "half_v1.yaml").write_bytes(b"\xff\xfe")
    listed = run(here, tmp_path, "list", "--no-installed").stdout
    for name in ("half_v1", "house_nodes_v1"):
        assert f"pipelines/extensions/{name}.yaml  cannot be read as a manifest" in listed
    done = run(here, tmp_path, "try", "house.greeter", "--plugin", "a:b")
    assert done.returncode == 2 and run(here, tmp_path, "check").returncode == 1
    unsound = workspace(tmp_path / "other", MANIFEST_TEXT.replace("api_version: v1", "api_version: v7"))
    assert "admits nothing: RSP8406" in run(unsound, tmp_path, "list", "--no-installed").stdout
    done = run(unsound, tmp_path, "try", "house.greeter", "--plugin", "a:b")
    assert done.returncode == 1 and "RSP8406" in done.stderr


def test_code_beside_the_manifests_counts_into_the_digest(tmp_path: Path) -> None:
    """R-001-80: whoever pins a digest pins all code, wherever it lies and however large it is."""
    digests = set()
    for number, code in enumerate(("", "print()\n", "#" * 9_000_000)):
        site = tmp_path / str(number)
        package = install(site)
        (package / "rspp_extensions" / "more.py").write_text(code)
        with (site / "house_greeter-1.0.0.dist-info" / "RECORD").open("a") as record:
            record.write("house_greeter/rspp_extensions/more.py,,\n")
        digests.add(installed([str(site)])[0].digest)
    assert len(digests) == 3


def test_what_a_plugin_starts_ends_with_its_trial(tmp_path: Path) -> None:
    """It would go on for ever, and nobody would know where it comes from."""
    here, mark = workspace(tmp_path), tmp_path / "alive"
    child = f"import time\n    while True:\n        open({str(mark)!r}, 'a').write('x')\n        time.sleep(0.02)\n"
    (here / "forks.py").write_text(f"import os\nif os.fork() == 0:\n    {child}\n{CODE}")
    done = run(here, tmp_path, "try", "house.greeter", "--plugin", "forks:Greeter", "--seconds", "3")
    assert done.returncode == 1 and mark.stat().st_size > 0, done.stdout + done.stderr
    time.sleep(0.2)
    size = mark.stat().st_size
    time.sleep(0.3)
    assert mark.stat().st_size == size
