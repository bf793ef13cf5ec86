"""Whatever is done to a workspace, in whatever order: a run with the cache says and writes what one without it does."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rsppc.caching import folder as cache_folder
from workspaces import BUNDLE, BUNDLE_PATH, PROVIDERS, PROVIDERS_PATH, SPEC, SPEC_PATH, built_files, rsppc_here

ROOT = Path(__file__).parent.parent.parent
SIMPLE = (ROOT / "pipelines" / "profiles" / "simple_v1.yaml").read_text()
MODULE = """\
schema_version: rspp.graph.module.v1
module_id: hearing
version: v1
exposes:
  inputs: [{name: audio, port: stt.audio}]
  outputs: [{name: text, port: norm.text}]
nodes:
  - {node_id: stt, node_type: speech.stt, provider: stt-house}
  - {node_id: norm, node_type: text.normalizer}
edges:
  - {from: stt.text, to: norm.text}
"""
POLICY = """\
schema_version: rspp.policy.overlay.v1
policy_id: house
version: v1
provider_rules:
  - {id: any_stt, modality: stt, use: [stt-house]}
"""
OTHER = (
    SPEC.replace("pipeline_id: line", "pipeline_id: other")
    .replace("  - {node_id: stt, node_type: speech.stt, provider: stt-house, config: {language: en-US}}\n", "")
    .replace("edges:\n", "subgraph_refs:\n  - {name: ear, module: hearing/v1}\nedges:\n", 1)
    .replace("stt.audio", "ear.audio")
    .replace("stt.text", "ear.text")
)
PROMPTED = SPEC.replace("provider: llm-house}", "provider: llm-house, config: {system_prompt: prompts/line.txt}}")
ALLOWING = SPEC.replace("  - {node_id: llm", "  # rsppc: allow double-detector — none here\n  - {node_id: llm")

VARIANTS: dict[str, tuple[str | None, ...]] = {
    SPEC_PATH: (
        SPEC,
        PROMPTED,
        ALLOWING,
        SPEC.replace("400", "900"),
        SPEC.replace("speech.vad", "speech.vda"),
        SPEC.replace("profile: simple/v1", "profile: simpel/v1"),
        SPEC.replace("profile: simple/v1", "profile: house/v1"),
        SPEC.replace("rspp.pipeline", '"rspp.pipe\\x6cine').replace("spec.v1\n", 'spec.v1"\n'),
        SPEC[:300],
        "",
        None,
    ),
    PROVIDERS_PATH: (
        PROVIDERS,
        PROVIDERS.replace("p95_ms: 300", "p95_ms: 1900"),
        PROVIDERS.replace("stt-house", "stt-other"),
        PROVIDERS.replace("rspp.ext", '"rspp.e\\x78t').replace("manifest.v1\n", 'manifest.v1"\n'),
        PROVIDERS.replace("latency", "latencie"),
        None,
    ),
    "pipelines/extensions/again/house_providers_v1.yaml": (None, PROVIDERS),
    BUNDLE_PATH: (
        BUNDLE,
        BUNDLE.replace("line/v1", "other/v1"),
        BUNDLE + "policy_refs: [house/v1]\n",
        BUNDLE + "module_refs: [hearing/v1]\n",
        BUNDLE.replace("line/v1", "gone/v1"),
        None,
    ),
    "pipelines/specs/other_v1.yaml": (None, OTHER, OTHER.replace("hearing/v1", "hearing/v2")),
    "pipelines/specs/copy/line_v1.yaml": (None, SPEC),
    "pipelines/modules/hearing_v1.yaml": (None, MODULE, MODULE.replace("stt-house", "stt-none"), MODULE + "x: 1\n"),
    "pipelines/modules/hearing_v2.yaml": (None, MODULE.replace("version: v1", "version: v2")),
    "pipelines/policies/house_v1.yaml": (None, POLICY, POLICY.replace("stt-house", "stt-nowhere")),
    "pipelines/profiles/simple_v1.yaml": (None, SIMPLE, SIMPLE.replace("1800", "1700"), "nothing\n"),
    "pipelines/profiles/house_v1.yaml": (None, SIMPLE.replace("profile_id: simple", "profile_id: house")),
    "pipelines/assets/prompts/line.txt": (None, "Be brief.\n", "Be kind.\n"),
    "rsppc.toml": (
        None,
        "strict = true\n",
        '# first\n[lint]\ndouble-detector = "error"\nno-such-rule = "off"\n',
        '[lint]\nno-such-rule = "off"\n',
        'runtime = "rspp_go/v1"\n',
        'runtime = "nobody/v1"\n',
        '# moved\n\nruntime = "nobody/v1"\n',
        "what = 1\n",
    ),
}

CHANGES = st.sampled_from(sorted(VARIANTS)).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(VARIANTS[path]))
)
STEPS = st.lists(st.tuples(st.lists(CHANGES, max_size=3), st.booleans(), st.booleans()), min_size=2, max_size=5)


@pytest.fixture(autouse=True)
def any_compiler_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that was changed a moment ago writes no cache."""
    monkeypatch.setattr(cache_folder, "_JUST_NOW_NS", -(10**20))


def put(folder: Path, path: str, text: str | None) -> None:
    full = folder / path
    if text is None:
        full.unlink(missing_ok=True)
        return
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_text(text)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_check_says_the_same_with_and_without_the_cache(
    steps: list[tuple[list[tuple[str, str | None]], bool, bool]],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, variants in VARIANTS.items():
            put(folder, path, variants[0])
        (folder / "pipelines").mkdir(exist_ok=True)
        for changes, strict, one_file in steps:
            for path, text in changes:
                put(folder, path, text)
            options = ["--strict"] * strict
            if one_file and (folder / SPEC_PATH).exists():
                options.append(SPEC_PATH)
            for format in ("text", "json"):
                plain = rsppc_here(folder, "check", "--no-cache", "--format", format, *options)
                cached = rsppc_here(folder, "check", "--cache", "--format", format, *options)
                assert (cached.returncode, cached.stdout.decode()) == (plain.returncode, plain.stdout.decode())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_build_writes_the_same_with_and_without_the_cache(
    steps: list[tuple[list[tuple[str, str | None]], bool, bool]],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, variants in VARIANTS.items():
            put(folder, path, variants[0])
        for changes, strict, spoil in steps:
            for path, text in changes:
                put(folder, path, text)
            if spoil:  # somebody edits what was built
                for built in (folder / "with").glob("line_bundle/v1/bundle.json"):
                    built.write_text("{}")
            options = ["--strict"] * strict
            shutil.rmtree(folder / "without", ignore_errors=True)
            if (folder / "with").exists():
                shutil.copytree(folder / "with", folder / "without", symlinks=True)
            plain = rsppc_here(folder, "build", "--no-cache", "--output", "without", *options)
            cached = rsppc_here(folder, "build", "--cache", "--output", "with", *options)
            said = cached.stdout.decode().replace(" with/", " without/")
            assert (cached.returncode, said) == (plain.returncode, plain.stdout.decode())
            assert built_files(folder / "with") == built_files(folder / "without")
