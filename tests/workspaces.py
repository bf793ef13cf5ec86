"""Small workspaces for tests, and the real command run in them.

The pipeline here compiles without a single finding, so that whatever a test reports comes from what the test changed.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rsppc.cli.main import main

SECONDS_MAX = 60
"""How long a command may take on a slow machine before a test calls it hung."""

SPEC = """\
schema_version: rspp.pipeline.spec.v1
pipeline_id: line
version: v1
profile: simple/v1
nodes:
  - {node_id: mic, node_type: transport.ingress}
  - {node_id: vad, node_type: speech.vad}
  - {node_id: endpoint, node_type: speech.endpointing, config: {silence_ms: 400}}
  - {node_id: stt, node_type: speech.stt, provider: stt-house, config: {language: en-US}}
  - {node_id: llm, node_type: speech.llm, provider: llm-house}
  - {node_id: sentences, node_type: text.segmenter}
  - {node_id: tts, node_type: speech.tts, provider: tts-house}
  - {node_id: speaker, node_type: transport.egress}
edges:
  - {from: mic.audio, to: vad.audio}
  - {from: vad.activity, to: endpoint.activity}
  - {from: vad.speech, to: stt.audio}
  - {from: stt.text, to: llm.prompt}
  - {from: llm.text, to: sentences.text}
  - {from: sentences.text, to: tts.text}
  - {from: tts.audio, to: speaker.audio}
turns:
  owner: endpoint.turn
  barge_in:
    - {from: vad.barge_in, min_speech_ms: 300}
"""

PROVIDERS = """\
schema_version: rspp.extension.manifest.v1
extension_id: house_providers
version: v1
type: provider
api_version: v1
providers:
  - provider_id: stt-house
    modality: stt
    modes: [partial, final]
    confidence: true
    latency: {p50_ms: 150, p95_ms: 300}
  - {provider_id: llm-house, modality: llm, latency: {p50_ms: 200, p95_ms: 400}}
  - {provider_id: tts-house, modality: tts, latency: {p50_ms: 100, p95_ms: 150}}
"""

BUNDLE = """\
schema_version: rspp.pipeline.bundle.v1
bundle_id: line_bundle
version: v1
spec_ref: line/v1
profile_ref: simple/v1
compat_window: {runtime: {min: v1, max: v1.1}}
"""

SPEC_PATH = "pipelines/specs/line_v1.yaml"
PROVIDERS_PATH = "pipelines/extensions/house_providers_v1.yaml"
BUNDLE_PATH = "pipelines/bundles/line_bundle_v1.yaml"

CLEAN: Mapping[str, str] = {SPEC_PATH: SPEC, PROVIDERS_PATH: PROVIDERS, BUNDLE_PATH: BUNDLE}


def make(folder: Path, files: Mapping[str, str | bytes] = CLEAN, /, **more: str | bytes) -> Path:
    """Write a workspace; later ones of the same path win, so that a test names only what it changes."""
    for path, content in {**files, **more}.items():
        full = folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def environment(**changes: str) -> dict[str, str]:
    """What a command needs of the environment, and nothing that happens to be set here."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    # A bounded or killed interpreter could leave a part of a compiled module behind; the next one would trip over it.
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **changes}


def command(*arguments: str) -> list[str]:
    """The command line of the real command."""
    return [sys.executable, "-m", "rsppc", *arguments]


def limit_memory(size: int) -> None:
    """Bound this process; meant to run in a child before it becomes the command."""
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def rsppc(
    folder: Path,
    *arguments: str,
    stdin: bytes = b"",
    memory_max: int = 1024 * 2**20,
    seconds_max: float = SECONDS_MAX,
    file_size_max: int | None = None,
    umask: int = -1,
    **changes: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run the real command in a folder, with bounds on time and memory, and insist that it never shows a traceback."""

    def bound() -> None:
        limit_memory(memory_max)
        if file_size_max is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_max, file_size_max))

    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=seconds_max,
        env=environment(**changes),
        preexec_fn=bound,
        umask=umask,
        check=False,
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode(errors="replace")
    assert b"a bug of ours" not in done.stderr, done.stderr.decode(errors="replace")
    assert done.returncode != 70
    return done


def rsppc_here(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The same in this process, which is much quicker, for what does not depend on the system."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    argv = sys.argv
    sys.argv = ["rsppc", *arguments]
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = argv
        gc.enable()  # a command that ends soon lets it rest
    out.flush(), err.flush()
    said, told = out.buffer.getvalue(), err.buffer.getvalue()
    assert code != 70, told.decode(errors="replace")
    return subprocess.CompletedProcess(arguments, code, said, told)


def built_files(folder: Path) -> dict[str, bytes]:
    """Everything that a reader of an output folder finds through its links, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for link in sorted(folder.glob("*/*"))
        if not link.parent.name.startswith(".") and not link.name.startswith(".") and link.is_dir()
        for path in sorted(link.iterdir())
    }
