"""`rsppc sign` and `rsppc verify` as they are called: keys, files, policies, and exit codes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from rsppc.base.canonical_json import canonical
from rsppc.cli.exits import INTEGRITY, OK, USAGE
from rsppc.signing.bundles import PROVENANCE, SBOM
from rsppc.version import LICENSE
from signed import NOW, REF, SEED, read_signed, signed, workspace
from signing_keys import key_file, pair
from workspaces import make, rsppc_here

ROOT = Path(__file__).parent.parent.parent
BUNDLE = f"build/{REF}"


def said(folder: Path, *words: str, code: int = OK) -> str:
    done = rsppc_here(folder, *words)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == code, text
    return text


def verify(folder: Path, *words: str, code: int = OK) -> str:
    return said(folder, "verify", BUNDLE, *words, code=code)


def policy(folder: Path, *, name: str = "trust.json", **changes: object) -> str:
    key = {"identity": "ci@example.com", "key_file": "builder.key.pub", "roles": ["builder"]}
    value = {"schema_version": "rspp.trust.policy.v1", "keys": [key], **changes}
    (folder / name).write_text(json.dumps(value))
    return name


# --- Bundles ---------------------------------------------------------------------------------------------------------


def test_a_bundle_is_signed_and_verified(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert "builder `builder.key.pub`" in verify(folder, "--key", "builder.key.pub")
    assert "builder ci@example.com" in verify(folder, "--policy", policy(folder))
    told = json.loads(verify(folder, "--policy", "trust.json", "--format", "json"))
    assert told["verified"] and told["bundle"] == REF and told["signed_by"][0]["identity"] == "ci@example.com"
    assert said(folder, "verify", REF, "--key", "builder.key.pub") == verify(folder, "--key", "builder.key.pub")


def test_signing_again_gives_the_same_bytes_wherever_it_is_done(tmp_path: Path) -> None:
    """No clock, host, user or folder."""
    first, second = workspace(tmp_path / "a"), workspace(tmp_path / "b")
    shutil.rmtree(second / f"{BUNDLE}.attestations")
    said(second, "sign", REF, "--key", "builder.key")
    assert read_signed(first / BUNDLE) == read_signed(second / BUNDLE)
    told = b"".join(read_signed(second / BUNDLE).attestations.values()) + signed().envelope().payload
    assert not any(word.encode() in told for word in (str(tmp_path), os.uname().nodename, "root"))


def test_a_time_stands_in_it_only_where_it_is_given(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert signed().verified().statement.finished_on is None
    said(folder, "sign", REF, "--key", "builder.key", "--now", "2026-02-03T04:05:06Z", "--inputs", "inputs")
    again = read_signed(folder / BUNDLE)
    assert again.verified().statement.finished_on == "2026-02-03T04:05:06Z"
    assert json.loads(again.attestations[SBOM])["metadata"]["timestamp"] == "2026-02-03T04:05:06Z"
    verify(folder, "--key", "builder.key.pub", "--rebuild", "--inputs", "inputs")


def test_a_bundle_that_the_workspace_does_not_build_is_not_signed(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    spec = folder / "pipelines/specs/line_v1.yaml"
    spec.write_text(spec.read_text().replace("silence_ms: 400", "silence_ms: 500"))
    text = said(folder, "sign", REF, "--key", "builder.key", code=INTEGRITY)
    assert "[rebuild-differs]" in text and "`resolved_spec.json` at `/" in text
    spec.write_text("nodes: [")
    said(folder, "sign", REF, "--key", "builder.key", code=1)


def test_a_second_signature_joins_the_first(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    said(folder, "sign", REF, "--key", "releaser.key")
    keys = [
        {"identity": "ci", "key_file": "builder.key.pub", "roles": ["builder"]},
        {"identity": "desk", "key_file": "releaser.key.pub", "roles": ["releaser"]},
    ]
    text = verify(folder, "--policy", policy(folder, keys=keys), "--role", "builder", "--role", "releaser")
    assert "builder ci" in text and "releaser desk" in text


REMOVED = ("bundle.json", "resolved_spec.json", "provenance.json", "distribution.json", PROVENANCE, SBOM)


@pytest.mark.parametrize("name", REMOVED)
def test_a_file_that_was_removed_is_named_and_ends_with_3(name: str, tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    place = f"{BUNDLE}.attestations" if name in (PROVENANCE, SBOM) else BUNDLE
    (folder / place / name).unlink()
    assert f"`{name}`" in verify(folder, "--key", "builder.key.pub", code=INTEGRITY)


def test_refusals_as_json_have_codes(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    (folder / BUNDLE / "extra").write_text("")
    told = json.loads(verify(folder, "--key", "builder.key.pub", "--format", "json", code=INTEGRITY))
    assert told["verified"] is False and [one["code"] for one in told["refusals"]] == ["file-not-signed"]


def test_nothing_is_verified_without_a_key(tmp_path: Path) -> None:
    """There is no way to be off by omission."""
    folder = workspace(tmp_path)
    verify(folder, code=USAGE)
    assert "[keys-missing]" in verify(folder, "--policy", policy(folder, keys=[]), code=INTEGRITY)
    verify(folder, "--key", "nowhere.pub", code=USAGE)
    verify(folder, "--policy", "nowhere.json", code=USAGE)
    verify(folder, "--key", "builder.key.pub", "--remember", code=USAGE)
    verify(folder, "--key", "builder.key.pub", "--rebuild", code=USAGE)


def test_what_is_not_there_is_told_with_what_may_be_named(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    done = rsppc_here(folder, "verify", "none.tar", "--key", "builder.key.pub")
    assert done.returncode == USAGE and b"there is no `none.tar`" in done.stderr
    assert b"or an exported package" in done.stderr


def test_keys_that_come_with_the_bundle_count_for_nothing(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    stranger = signed().signed_anew(signed().envelope().payload, pair(9))
    attestations = folder / f"{BUNDLE}.attestations"
    (attestations / PROVENANCE).write_bytes(stranger.attestations[PROVENANCE])
    for name in ("builder.key.pub", "trust.json", "key.pub"):
        (attestations / name).write_bytes(pair(9).public.pem())
    assert "[key-unknown]" in verify(folder, "--key", "builder.key.pub", code=INTEGRITY)


# --- Policies --------------------------------------------------------------------------------------------------------


def test_roles_and_expiry_of_a_policy_hold(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    key = {"identity": "ci", "key_file": "builder.key.pub", "roles": ["releaser"]}
    assert "[key-role]" in verify(folder, "--policy", policy(folder, keys=[key]), code=INTEGRITY)
    key = {**key, "roles": ["builder"], "expires": "2026-06-01T00:00:00Z"}
    stated = policy(folder, keys=[key])
    verify(folder, "--policy", stated, "--now", "2026-05-31T23:59:59Z")
    assert "[key-expired]" in verify(folder, "--policy", stated, "--now", "2026-06-01T00:00:00Z", code=INTEGRITY)
    frozen = policy(folder, valid_until="2026-03-01T00:00:00Z")
    assert "[policy-expired]" in verify(folder, "--policy", frozen, "--now", "2026-03-01T00:00:00Z", code=INTEGRITY)


def test_a_key_may_stand_in_the_policy_itself(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    inside = "".join((folder / "builder.key.pub").read_text().splitlines()[1:-1])
    verify(folder, "--policy", policy(folder, keys=[{"identity": "ci", "public_key": inside, "roles": ["builder"]}]))
    bad = policy(folder, keys=[{"identity": "ci", "public_key": "none", "roles": ["builder"]}])
    assert "[key-malformed]" in verify(folder, "--policy", bad, code=INTEGRITY)


BAD_POLICIES = {
    "an unknown key": {"roots": []},
    "an unknown role": {"keys": [{"identity": "ci", "key_file": "builder.key.pub", "roles": ["root"]}]},
    "a key without roles": {"keys": [{"identity": "ci", "key_file": "builder.key.pub"}]},
    "no role": {"keys": [{"identity": "ci", "key_file": "builder.key.pub", "roles": []}]},
    "both ways of naming a key": {
        "keys": [{"identity": "ci", "key_file": "builder.key.pub", "public_key": "x", "roles": ["builder"]}]
    },
    "no moment": {"valid_until": "2026-03-01 00:00:00 CET"},
    "an expiry of null": {"keys": [{"identity": "ci", "key_file": "b.pub", "roles": ["builder"], "expires": None}]},
}


@pytest.mark.parametrize("name", BAD_POLICIES)
def test_a_policy_that_is_not_sound_believes_nothing(name: str, tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert "trust.json:1:" in verify(folder, "--policy", policy(folder, **BAD_POLICIES[name]), code=1)


def test_one_key_in_two_entries_is_refused(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    keys = [{"identity": name, "key_file": "builder.key.pub", "roles": ["builder"]} for name in ("a", "b")]
    assert "[key-malformed] b and a are one key" in verify(
        folder, "--policy", policy(folder, keys=keys), code=INTEGRITY
    )


def test_nothing_waits_for_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    (own,) = (one for one in signed().verified().statement.inputs if one.name.endswith("line_v1.yaml"))
    kept = folder / "inputs" / own.sha256.removeprefix("sha256:")
    kept.unlink()
    for path in (folder / BUNDLE / "pipe", folder / "trust.json.sig", kept):
        os.mkfifo(path)
    assert "`pipe` was not signed" in verify(folder, "--key", "builder.key.pub", code=INTEGRITY)
    (folder / BUNDLE / "pipe").unlink()
    assert "[input-missing]" in rebuild(folder, code=INTEGRITY)
    said(folder, "verify", policy(folder), "--key", "builder.key.pub", code=INTEGRITY)


def test_what_was_verified_is_remembered_and_nothing_older_believed(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    policy(folder)
    before = (folder / "trust.json").read_bytes()
    verify(folder, "--policy", "trust.json")
    assert (folder / "trust.json").read_bytes() == before
    assert "remembered in" in verify(folder, "--policy", "trust.json", "--remember")
    kept = json.loads((folder / "trust.json").read_bytes())
    assert kept["remembered"] == {"line_bundle": {"digest": signed().verified().digest, "version": "v1"}}
    assert "remembered in" not in verify(folder, "--policy", "trust.json", "--remember")
    kept["remembered"]["line_bundle"]["version"] = "v1.2"
    (folder / "trust.json").write_text(json.dumps(kept))
    text = verify(folder, "--policy", "trust.json", "--remember", code=INTEGRITY)
    assert "[rolled-back]" in text and "line_bundle/v1.2" in text
    assert json.loads((folder / "trust.json").read_bytes()) == kept
    assert sorted(one.name for one in folder.glob("trust.json*")) == ["trust.json"]


# --- Built again -----------------------------------------------------------------------------------------------------


def test_a_policy_behind_a_link_remembers_for_all_who_read_it(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    shared = tmp_path / "shared"
    shared.mkdir()
    shutil.copy(folder / "builder.key.pub", shared)
    policy(shared)
    (shared / "trust.json").chmod(0o640)
    (folder / "trust.json").symlink_to(shared / "trust.json")
    assert "remembered in trust.json" in verify(folder, "--policy", "trust.json", "--remember")
    assert (folder / "trust.json").is_symlink()
    assert "line_bundle" in json.loads((shared / "trust.json").read_text())["remembered"]
    assert stat.S_IMODE((shared / "trust.json").stat().st_mode) == 0o640


def rebuild(folder: Path, *words: str, code: int = OK) -> str:
    return verify(folder, "--key", "builder.key.pub", "--rebuild", "--inputs", "inputs", *words, code=code)


def test_a_bundle_is_built_again_from_its_inputs_elsewhere(tmp_path: Path) -> None:
    folder, far = workspace(tmp_path), tmp_path / "elsewhere"
    shutil.copytree(folder / "build", far / "build", symlinks=True)
    shutil.copytree(folder / "inputs", far / "inputs")
    shutil.copy(folder / "builder.key.pub", far)
    assert "5 files are the same, byte for byte" in rebuild(far)


def test_a_missing_or_changed_input_is_named(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    (own,) = (one for one in signed().verified().statement.inputs if one.name.endswith("line_v1.yaml"))
    path = folder / "inputs" / own.sha256.removeprefix("sha256:")
    path.write_bytes(path.read_bytes() + b" ")
    text = rebuild(folder, code=INTEGRITY)
    assert "[input-differs]" in text and own.name in text
    path.unlink()
    text = rebuild(folder, code=INTEGRITY)
    assert "[input-missing]" in text and own.name in text


def test_another_result_is_named_by_its_first_value(tmp_path: Path) -> None:
    """A builder that was made to sign something else: everything fits, but for what the inputs build."""
    folder = workspace(tmp_path)
    files = {**signed().files}
    value = json.loads(files["provenance.json"])
    value["compiler"] = "rsppc 0.1.0 with a patch"
    files["provenance.json"] = canonical(value)
    digest = sha256(files["provenance.json"]).hexdigest()

    def fitting(statement: dict) -> None:  # type: ignore[type-arg]
        for one in statement["subject"]:
            if one["name"] == "provenance.json":
                one["digest"] = {"sha256": digest}

    place = folder / BUNDLE / "provenance.json"
    place.write_bytes(files["provenance.json"])
    envelope = signed().resigned(fitting).attestations[PROVENANCE]
    (folder / f"{BUNDLE}.attestations" / PROVENANCE).write_bytes(envelope)
    verify(folder, "--key", "builder.key.pub")
    text = rebuild(folder, code=INTEGRITY)
    assert "[rebuild-differs]" in text
    assert '`provenance.json` at `/compiler` is "rsppc 0.1.0 with a patch", and "rsppc 0.1.0" when' in text


def test_another_version_of_the_compiler_is_said_and_compared_all_the_same(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    earlier = signed().resigned(
        lambda value: value["predicate"]["runDetails"]["builder"].update(version={"rsppc": "0.0.9"})
    )
    (folder / f"{BUNDLE}.attestations" / PROVENANCE).write_bytes(earlier.attestations[PROVENANCE])
    text = rebuild(folder)
    assert "built by rsppc 0.0.9, and this is rsppc 0.1.0" in text and "byte for byte" in text


@pytest.mark.parametrize("name", ["../evil.yaml", "/tmp/evil.yaml", "pipelines/../../evil.yaml", "pipelines/nul", ""])
def test_an_input_is_never_laid_out_elsewhere(name: str, tmp_path: Path) -> None:
    folder = workspace(tmp_path)

    def named(statement: dict) -> None:  # type: ignore[type-arg]
        statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]["name"] = name

    envelope = signed().resigned(named).attestations[PROVENANCE]
    (folder / f"{BUNDLE}.attestations" / PROVENANCE).write_bytes(envelope)
    assert "[payload-malformed]" in rebuild(folder, code=INTEGRITY)


def test_inputs_that_cannot_lie_beside_each_other_are_refused(tmp_path: Path) -> None:
    folder = workspace(tmp_path)

    def inside(statement: dict) -> None:  # type: ignore[type-arg]
        inputs = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        own = [one for one in inputs if not one["name"].startswith("rsppc:")]
        own[0]["name"], own[1]["name"] = "pipelines/a", "pipelines/a/b"

    envelope = signed().resigned(inside).attestations[PROVENANCE]
    (folder / f"{BUNDLE}.attestations" / PROVENANCE).write_bytes(envelope)
    assert "cannot lie beside the others" in rebuild(folder, code=INTEGRITY)


def test_inputs_that_do_not_build_are_refused(tmp_path: Path) -> None:
    folder = workspace(tmp_path)

    def fewer(statement: dict) -> None:  # type: ignore[type-arg]
        definition = statement["predicate"]["buildDefinition"]
        definition["resolvedDependencies"] = [
            one for one in definition["resolvedDependencies"] if not one["name"].endswith("house_providers_v1.yaml")
        ]

    envelope = signed().resigned(fewer).attestations[PROVENANCE]
    (folder / f"{BUNDLE}.attestations" / PROVENANCE).write_bytes(envelope)
    assert "[rebuild-failed]" in rebuild(folder, code=INTEGRITY)


# --- Inputs and materials --------------------------------------------------------------------------------------------


def test_every_kind_of_input_is_recorded(tmp_path: Path) -> None:
    """Configuration and assets had a say as well, and are there to build from."""
    folder = workspace(tmp_path)
    spec = folder / "pipelines/specs/line_v1.yaml"
    asset = "provider: llm-house, config: {system_prompt: prompts/line.txt}"
    make(
        folder,
        {
            "rsppc.toml": "strict = true\n",
            "pipelines/assets/prompts/line.txt": "Be brief.\n",
            "pipelines/specs/line_v1.yaml": spec.read_text().replace("provider: llm-house", asset),
        },
    )
    said(folder, "pin", REF)
    said(folder, "build", "--locked")
    said(folder, "sign", REF, "--key", "builder.key", "--inputs", "inputs")
    names = [one.name for one in read_signed(folder / BUNDLE).verified().statement.inputs]
    assert "rsppc.toml" in names and "pipelines/bundles/line_bundle_v1.yaml" in names
    assert "pipelines/assets/prompts/line.txt" in names
    assert read_signed(folder / BUNDLE).verified().statement.locked and not signed().verified().statement.locked
    rebuild(folder)


def test_the_bill_of_materials_keeps_its_schema_and_names_what_runs() -> None:
    data = signed().attestations[SBOM]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode()) is None
    bill = json.loads(data)
    assert {one["name"] for one in bill["components"]} >= {"speech.vad", "rspp_std", "house_providers"}
    assert [one["name"] for one in bill["services"]] == ["llm-house", "stt-house", "tts-house"]
    licences = {one["name"]: one.get("licenses") for one in bill["components"] if one["type"] == "data"}
    assert licences == {"rspp_std": [{"license": {"name": LICENSE}}], "house_providers": None}
    assert f'license = "{LICENSE}"' in (ROOT / "pyproject.toml").read_text()
    refs = [one["bom-ref"] for one in (*bill["components"], *bill["services"])]
    assert len(set(refs)) == len(refs)


# --- Files and keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_a_file_is_signed_and_verified(algorithm: str, tmp_path: Path) -> None:
    said(tmp_path, "sign", "--generate", "k.key", "--algorithm", algorithm)
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    said(tmp_path, "sign", "file", "--key", "k.key")
    said(tmp_path, "verify", "file", "--key", "k.key.pub")
    signature = (tmp_path / "file.sig").read_bytes()
    said(tmp_path, "sign", "file", "--key", "k.key")
    assert (tmp_path / "file.sig").read_bytes() == signature
    (tmp_path / "file").write_bytes(b"x" * 2_999_999 + b"y")
    assert "[signature-wrong]" in said(tmp_path, "verify", "file", "--key", "k.key.pub", code=INTEGRITY)
    for bad in (b"", b"none", b"!" * 88, signature[:-4], signature + b"AAAA", signature + b"\n\n", b"x" * 9999):
        (tmp_path / "file.sig").write_bytes(bad)
        assert "[signature-malformed]" in said(tmp_path, "verify", "file", "--key", "k.key.pub", code=INTEGRITY)
    (tmp_path / "file.sig").unlink()
    assert "[signature-missing]" in said(tmp_path, "verify", "file", "--key", "k.key.pub", code=INTEGRITY)


def test_a_file_is_trusted_in_the_role_of_a_releaser(tmp_path: Path) -> None:
    key_file(tmp_path, "builder", SEED)
    (tmp_path / "file").write_text("text")
    said(tmp_path, "sign", "file", "--key", "builder.key")
    assert "[key-role]" in said(tmp_path, "verify", "file", "--policy", policy(tmp_path), code=INTEGRITY)
    said(tmp_path, "verify", "file", "--policy", "trust.json", "--role", "builder")
    said(tmp_path, "verify", "file", "--policy", "trust.json", "--remember", code=USAGE)


def openssl(folder: Path, *words: str) -> bytes:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout


def test_openssl_agrees_about_files_and_keys(tmp_path: Path) -> None:
    """A second implementation: signatures of P-256 are cosign's blob format, key ids are digests of SPKI."""
    key_file(tmp_path, "k", 5, "p256")
    (tmp_path / "file").write_bytes(bytes(range(256)) * 100)
    said(tmp_path, "sign", "file", "--key", "k.key")
    (tmp_path / "bare").write_bytes(base64.b64decode((tmp_path / "file.sig").read_bytes(), validate=True))
    words = ("dgst", "-sha256", "-verify", "k.key.pub", "-signature", "bare", "file")
    assert b"Verified OK" in openssl(tmp_path, *words)
    der = openssl(tmp_path, "pkey", "-pubin", "-in", "k.key.pub", "-outform", "DER")
    assert f"sha256:{sha256(der).hexdigest()}" == pair(5, "p256").public.keyid
    openssl(tmp_path, "dgst", "-sha256", "-sign", "k.key", "-out", "theirs", "file")
    (tmp_path / "file.sig").write_text(base64.b64encode((tmp_path / "theirs").read_bytes()).decode() + "\n")
    said(tmp_path, "verify", "file", "--key", "k.key.pub")


def test_keys_are_for_their_owner_alone_and_never_written_over(tmp_path: Path) -> None:
    said(tmp_path, "sign", "--generate", "k.key")
    assert stat.S_IMODE((tmp_path / "k.key").stat().st_mode) == 0o600
    before = (tmp_path / "k.key").read_bytes()
    said(tmp_path, "sign", "--generate", "k.key", code=USAGE)
    (tmp_path / "other.key.pub").write_text("")
    said(tmp_path, "sign", "--generate", "other.key", code=USAGE)
    assert (tmp_path / "k.key").read_bytes() == before and not (tmp_path / "other.key").exists()
    (tmp_path / "k.key").chmod(0o644)
    (tmp_path / "file").write_text("")
    assert "chmod 600" in said(tmp_path, "sign", "file", "--key", "k.key")


def test_a_passphrase_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = ("--key", "k.key", "--passphrase-env", "PASS")
    monkeypatch.setenv("PASS", "secret")
    said(tmp_path, "sign", "--generate", "k.key", "--passphrase-env", "PASS")
    assert b"ENCRYPTED" in (tmp_path / "k.key").read_bytes()
    (tmp_path / "file").write_text("")
    said(tmp_path, "sign", "file", *locked)
    said(tmp_path, "sign", "file", "--key", "k.key", code=USAGE)
    monkeypatch.setenv("PASS", "other")
    said(tmp_path, "sign", "file", *locked, code=USAGE)
    monkeypatch.delenv("PASS")
    said(tmp_path, "sign", "file", *locked, code=USAGE)
    said(tmp_path, "verify", "file", "--key", "k.key.pub")


def test_keys_of_other_algorithms_sign_nothing(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "k.key").write_bytes(key.private_bytes(*form))
    (tmp_path / "k.key").chmod(0o600)
    (tmp_path / "file").write_text("")
    assert "neither ed25519 nor" in said(tmp_path, "sign", "file", "--key", "k.key", code=USAGE)
    (tmp_path / "k.key").write_text("-----BEGIN")
    said(tmp_path, "sign", "file", "--key", "k.key", code=USAGE)
    said(tmp_path, "sign", "file", code=USAGE)
    said(tmp_path, "sign", "--key", "k.key", code=USAGE)
    said(tmp_path, "sign", "file", "--generate", "x.key", code=USAGE)


# --- Packages --------------------------------------------------------------------------------------------------------

AT = ("--now", "2026-01-01T00:00:00Z")


def packaged(folder: Path, *, kind: str = "run", retention_class: str | None = None) -> str:
    """A store with one package; its id."""
    from rsppc.store.config import DEFAULT_CLASSES, Config, RetentionClass
    from rsppc.store.registry import init_store, opened
    from rsppc.store.request import Entry, PackageRequest

    own = {} if retention_class is None else {retention_class: RetentionClass(days=1)}
    init_store(str(folder / "store"), Config(retention_classes={**DEFAULT_CLASSES, **own}))
    files = {name: [data] for name, data in signed().files.items()}
    files |= {f"inputs/{one.name}": [one.read_bytes()] for one in (folder / "inputs").iterdir()}
    request = PackageRequest(
        producer="rsppc", run_id="1", subject="line_bundle", kind=kind, retention_class=retention_class
    )
    with opened(str(folder / "store")) as registry:
        made = registry.create_package(request, NOW).package.package_id
        registry.ingest_files(made, [(Entry(path=path), pieces) for path, pieces in sorted(files.items())], NOW)
        registry.finalize_package(made, NOW)
        if kind == "bundle":
            for name, data in signed().attestations.items():
                registry.record_attestation(made, name, "application/json", data, NOW)
    return made


def test_a_package_is_signed_and_verified_in_its_store_and_as_a_file(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    made = packaged(folder)
    stored = ("verify", made, "--store", "store")
    assert "[attestation-missing]" in said(folder, *stored, "--key", "releaser.key.pub", code=INTEGRITY)
    said(folder, "sign", made, "--store", "store", "--key", "releaser.key", *AT)
    assert "signed before" in said(folder, "sign", made, "--store", "store", "--key", "releaser.key", *AT)
    assert "is what was signed" in said(folder, *stored, "--key", "releaser.key.pub")
    assert "[key-unknown]" in said(folder, *stored, "--key", "builder.key.pub", code=INTEGRITY)
    desk = {"identity": "desk", "key_file": "releaser.key.pub", "roles": ["builder"]}
    assert "[key-role]" in said(folder, *stored, "--policy", policy(folder, keys=[desk]), code=INTEGRITY)
    said(folder, "store", "export", made, "package.tar", "--store", "store")
    assert "is what was signed" in said(folder, "verify", "package.tar", "--key", "releaser.key.pub")
    assert "[key-unknown]" in said(folder, "verify", "package.tar", "--key", "builder.key.pub", code=INTEGRITY)
    said(folder, "sign", made, "--store", "store", "--key", "builder.key", *AT)
    assert "desk" in said(folder, *stored, "--policy", policy(folder, keys=[{**desk, "roles": ["releaser"]}]))
    said(folder, *stored, "--key", "releaser.key.pub", "--rebuild", code=USAGE)


def test_a_package_in_a_file_is_believed_whatever_its_store_calls_its_retention(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    made = packaged(folder, retention_class="audit")
    said(folder, "sign", made, "--store", "store", "--key", "releaser.key", *AT)
    said(folder, "store", "export", made, "package.tar", "--store", "store")
    assert "is what was signed" in said(folder, "verify", "package.tar", "--key", "releaser.key.pub")


def test_a_package_of_a_bundle_is_built_again_from_its_own_inputs(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    made = packaged(folder, kind="bundle")
    both = ("--key", "releaser.key.pub", "--key", "builder.key.pub")
    said(folder, "sign", made, "--store", "store", "--key", "releaser.key", *AT)
    said(folder, "store", "export", made, "package.tar", "--store", "store")
    text = said(folder, "verify", "package.tar", *both, "--rebuild")
    assert "releaser" in text and "builder" in text and "byte for byte" in text
    policy(
        folder,
        keys=[
            {"identity": "desk", "key_file": "releaser.key.pub", "roles": ["releaser"]},
            {"identity": "ci", "key_file": "builder.key.pub", "roles": ["builder"]},
        ],
    )
    assert "remembered in" in said(folder, "verify", "package.tar", "--policy", "trust.json", "--remember")
    # Who trusts the releaser alone does not believe what a stranger says of the build.
    assert "[key-unknown]" in said(folder, "verify", "package.tar", "--key", "releaser.key.pub", code=INTEGRITY)


def test_a_package_of_a_bundle_without_its_provenance_is_refused(tmp_path: Path) -> None:
    from rsppc.store.registry import opened

    folder = workspace(tmp_path)
    made = packaged(folder)
    with opened(str(folder / "store")) as registry:
        assert registry.attestations(made) == []
    shutil.rmtree(folder / "store")
    made = packaged(folder, kind="bundle")
    text = said(folder, "verify", made, "--store", "store", "--key", "builder.key.pub", code=INTEGRITY)
    assert "[attestation-missing]" in text  # the package itself is not signed yet


def damaged(data: bytes, needle: bytes) -> bytes:
    at = data.index(needle)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_every_part_of_an_exported_package_counts(tmp_path: Path) -> None:
    """Manifest entry, file, attestation, index: each damaged in turn."""
    folder = workspace(tmp_path)
    made = packaged(folder)
    said(folder, "sign", made, "--store", "store", "--key", "releaser.key", *AT)
    said(folder, "store", "export", made, "package.tar", "--store", "store")
    data = (folder / "package.tar").read_bytes()
    needles = {
        "manifest entry": b"dpath" if b"dpath" in data else b"bundle.json",
        "file": signed().files["bundle.json"][:60],
        "attestation": b'{"payload":"',
        "signature": b'"sig":"',
        "index": b'"media_type"',
        "header": b"files/bundle.json",
    }
    for what, needle in needles.items():
        (folder / "package.tar").write_bytes(damaged(data, needle))
        text = said(folder, "verify", "package.tar", "--key", "releaser.key.pub", code=INTEGRITY if what != "x" else 1)
        assert "rsppc: [" in text, what
    for cut in (512, len(data) // 2, len(data) - 512, len(data) - 1):
        (folder / "package.tar").write_bytes(data[:cut])
        assert "rsppc: [" in said(folder, "verify", "package.tar", "--key", "releaser.key.pub", code=INTEGRITY)


def test_a_damaged_or_unknown_package_of_a_store_is_refused(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    made = packaged(folder)
    said(folder, "sign", made, "--store", "store", "--key", "releaser.key", *AT)
    verify_words = ("--store", "store", "--key", "releaser.key.pub")
    blob = next(one for one in sorted((folder / "store/blobs").rglob("*")) if one.is_file())
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes() + b"x")
    assert "[package-damaged]" in said(folder, "verify", made, *verify_words, code=INTEGRITY)
    assert "[package-damaged]" in said(folder, "sign", made, "--store", "store", "--key", "builder.key", code=INTEGRITY)
    said(folder, "verify", "00000000-0000-0000-0000-000000000000", *verify_words, code=INTEGRITY)
