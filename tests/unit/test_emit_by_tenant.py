"""The distribution carries provider rules that only ask who the tenant is (contracts with the control plane)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workspaces import rsppc_here

POLICY = """schema_version: rspp.policy.overlay.v1
policy_id: talk_policy
version: v1
provider_rules:
  - {{id: special, modality: tts, when: '{when}', use: [tts-own]}}
  - {{id: any_stt, modality: stt, use: [stt-deepgram]}}
  - {{id: any_llm, modality: llm, use: [llm-anthropic]}}
  - {{id: any_tts, modality: tts, use: [tts-elevenlabs]}}
"""
MANIFEST = """schema_version: rspp.extension.manifest.v1
extension_id: own
version: v1
type: provider
api_version: v1
providers:
  - {provider_id: tts-own, modality: tts}
"""


def policy_section(folder: Path, when: str) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    assert rsppc_here(folder, "init", "w", "--name", "talk").returncode == 0
    root = folder / "w"
    (root / "pipelines" / "extensions").mkdir()
    (root / "pipelines" / "extensions" / "own_v1.yaml").write_text(MANIFEST)
    (root / "pipelines" / "policies" / "talk_policy_v1.yaml").write_text(POLICY.format(when=when))
    assert rsppc_here(root, "build").returncode == 0
    section = json.loads((root / "build" / "talk_bundle" / "v1" / "distribution.json").read_text())["policy"]
    assert isinstance(section, dict)
    return section


@pytest.mark.parametrize("when", ['tenant.id == "acme"', 'tenant.id in ["acme"]', '"acme" == tenant.id'])
def test_a_rule_that_names_tenants_is_carried_for_them(tmp_path: Path, when: str) -> None:
    section = policy_section(tmp_path, when)
    assert section["default"]["provider_bindings"]["tts"] == "tts-elevenlabs"
    assert {tenant: one["provider_bindings"]["tts"] for tenant, one in section["by_tenant"].items()} == {
        "acme": "tts-own"
    }
    assert section["by_tenant"]["acme"]["budgets"] == section["default"]["budgets"]


@pytest.mark.parametrize("when", ['tenant.id != "acme"', 'session.language == "de"', 'tenant.id.startsWith("a")'])
def test_a_rule_that_asks_for_more_is_left_out(tmp_path: Path, when: str) -> None:
    assert policy_section(tmp_path, when).keys() == {"default"}
