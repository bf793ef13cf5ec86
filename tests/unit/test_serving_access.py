"""Who is let in, to what, and what nobody is told."""

from __future__ import annotations

import hmac
import json
import os
import re
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from rsppc.serving.table import ENDPOINTS, Endpoint
from rsppc.serving.tokens import bearer, keep_token, new_token, revoke_token, tokens
from rsppc.store.problems import StoreProblem
from served import Served, served
from stores import AT, FILES
from workspaces import rsppc_here

UNKNOWN = "rsps_000000000000_" + "A" * 43
WITH_TOKEN = [one for one in ENDPOINTS if one.roles]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For requests that change nothing."""
    with served(tmp_path_factory.mktemp("shared") / "store") as one:
        yield one


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "store") as one:
        yield one


def _target(endpoint: Endpoint, **ids: str) -> str:
    target = endpoint.path.format(**{"package_id": "p", "file_id": "f", "name": "n", "schema_id": "s", **ids})
    return f"{target}?path=x" if any(one.required for one in endpoint.parameters) else target


@pytest.mark.parametrize("endpoint", WITH_TOKEN, ids=lambda one: one.name)
def test_nobody_is_let_in_without_a_token_of_the_right_role(shared: Served, endpoint: Endpoint) -> None:
    """The table says who may; here it is held against what happens."""
    method, target = endpoint.method, _target(endpoint)
    without = shared.ask(method, target, by=None)
    assert without.status == 401 and without.code == "token-missing"
    assert without.headers["www-authenticate"] == 'Bearer realm="rsppc store"'
    wrong = shared.ask(method, target, by=UNKNOWN)
    assert wrong.status == 401 and 'error="invalid_token"' in wrong.headers["www-authenticate"]
    names = {"reader": "reader", "publisher": "publisher", "retention-officer": "officer"}
    for role, by in names.items():
        answer = shared.ask(method, target, by=by)
        refused = answer.status == 403 and answer.code == "role-missing"
        assert refused is (role not in endpoint.roles), (role, answer)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic YTpi", "bearer x y", "Bearer \u00e4", "Bearer " + "x" * 9000, "Bearer ../../x"],
)
def test_what_is_no_token_is_refused_as_one(shared: Served, header: str) -> None:
    assert shared.ask("GET", "/packages", by=None, headers={"Authorization": header}).status == 401


def test_two_tokens_are_none(api: Served) -> None:
    both = [("Authorization", f"Bearer {api.tokens['reader']}"), ("Authorization", f"Bearer {api.tokens['all']}")]
    assert api.ask("GET", "/packages", by=None, headers=both).status == 400


def test_how_long_a_comparison_takes_says_nothing_of_a_token(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `hmac.compare_digest` that decides, also about what no token can be equal to."""
    asked: list[tuple[str, str]] = []

    def differs(ours: str, theirs: str) -> bool:
        asked.append((ours, theirs))
        return False

    monkeypatch.setattr(hmac, "compare_digest", differs)
    for by in ("reader", UNKNOWN, "nonsense"):
        header = {"Authorization": f"Bearer {api.tokens.get(by, by)}"}
        assert api.ask("GET", "/packages", by=None, headers=header).status == 401
    assert len(asked) == 3
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for pair in asked for one in pair)


def test_a_token_that_is_revoked_or_expired_ends_at_once(api: Served) -> None:
    text = api.token("default", "reader", expires=AT + timedelta(hours=1))
    assert api.ask("GET", "/packages", by=text).status == 200
    api.now = AT + timedelta(hours=1)
    assert api.ask("GET", "/packages", by=text).status == 401
    api.now = AT
    revoke_token(str(api.folder), text.split("_")[1])
    assert api.ask("GET", "/packages", by=text).status == 401
    revoke_token(str(api.folder), api.tokens["reader"].split("_")[1])
    assert api.ask("GET", "/packages", by="reader").status == 401


def test_without_tokens_nobody_is_let_in(api: Served) -> None:
    for token in tokens(str(api.folder)):
        revoke_token(str(api.folder), token.token_id)
    assert api.ask("GET", "/packages").status == 401
    os.rmdir(api.folder / "tokens")
    assert api.ask("GET", "/packages").status == 401


def test_a_token_file_that_is_damaged_lets_nobody_in(api: Served, capsys: pytest.CaptureFixture[str]) -> None:
    place = api.folder / "tokens" / f"{api.tokens['all'].split('_')[1]}.json"
    for damage in ("", "[]", "{}", place.read_text().replace("rspp.store.token.v1", "rspp.store.token.v2")):
        place.write_text(damage)
        answer = api.ask("GET", "/packages")
        assert answer.status == 500 and answer.value["incident"] in capsys.readouterr().err
    assert api.ask("GET", "/packages", by="reader").status == 200


def test_a_store_keeps_digests_of_tokens_where_nobody_else_looks(tmp_path: Path) -> None:
    token, text = new_token(tenant="acme", roles=("reader", "reader"), at=AT)
    keep_token(str(tmp_path), token)
    (file,) = (tmp_path / "tokens").iterdir()
    assert text not in file.read_text() and text.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert bearer(str(tmp_path), text, AT) == token
    assert bearer(str(tmp_path), text[:-1] + ("A" if text[-1] != "A" else "B"), AT) is None
    other, _ = new_token(tenant="acme", roles=("reader",), at=AT)
    assert bearer(str(tmp_path), text, AT, [other]) == token and token.roles == ("reader",)
    for tenant, roles in (("a b", ("reader",)), ("acme", ()), ("acme", ("root",))):
        with pytest.raises(StoreProblem):
            new_token(tenant=tenant, roles=roles, at=AT)


def test_tokens_are_made_listed_and_revoked_by_commands(tmp_path: Path) -> None:
    rsppc_here(tmp_path, "store", "init")
    words = ("store", "token", "add", "--role", "publisher", "--role", "reader", "--name", "ci", "--tenant", "acme")
    done = rsppc_here(tmp_path, *words, "--until", "2027-01-01", "--now", "2026-01-01T00:00:00Z")
    text = done.stdout.decode().strip()
    token = bearer(str(tmp_path / "store"), text, AT)
    assert token is not None and (token.tenant, token.roles, token.name) == ("acme", ("reader", "publisher"), "ci")
    listed = rsppc_here(tmp_path, "store", "token", "list").stdout.decode()
    assert listed == f"{token.token_id}  acme  reader, publisher: ci, until 2027-01-01T00:00:00Z\n"
    assert rsppc_here(tmp_path, "store", "token", "revoke", token.token_id).returncode == 0
    assert rsppc_here(tmp_path, "store", "token", "revoke", token.token_id).returncode == 1
    assert rsppc_here(tmp_path, "store", "token", "revoke", "../../store").returncode == 1
    assert rsppc_here(tmp_path, "store", "token", "list").stdout == b""
    ended = rsppc_here(tmp_path, *words, "--until", "2025-01-01", "--now", "2026-01-01T00:00:00Z")
    assert ended.returncode == 2
    assert rsppc_here(tmp_path, "store", "token", "add", "--role", "reader", "--store", "none").returncode == 1


# --- Tenants ---------------------------------------------------------------------------------------------------------


def test_what_is_another_tenants_is_said_to_be_missing_in_the_same_words(api: Served) -> None:
    """Every endpoint that names something: what is theirs and what is nobody's cannot be told apart."""
    package = api.package(by="other", files=FILES)
    file_id = api.ask("GET", f"/packages/{package}/files", by="other").value["files"][0]["file_id"]
    api.ask("POST", f"/packages/{package}/finalize", by="other")
    api.ask("PUT", f"/packages/{package}/attestations/n", by="other", body=b"x")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "s"}
    api.ask("POST", "/metadata-schemas", by="other", said=schema)
    nobodys = "00000000-0000-5000-8000-000000000000"
    bodies = {
        "extend_retention": {"new_expires_at": "2030-01-01T00:00:00Z", "reason": "r"},
        "set_hold": {"reason": "r"},
        "release_hold": {"reason": "r"},
    }
    asked = 0
    for one in WITH_TOKEN:
        if "{" not in one.path:
            continue
        said = []
        for package_id, its_file, its_schema in ((package, file_id, "s"), (nobodys, nobodys, "t")):
            target = _target(one, package_id=package_id, file_id=its_file, schema_id=its_schema)
            answer = api.ask(one.method, target, said=bodies.get(one.name))
            named = (package_id, its_file, f"`{its_schema}`")
            text = answer.body.decode()
            for name in named:
                text = text.replace(name, "ID")
            said.append((answer.status, text, sorted(answer.headers)))
        assert said[0] == said[1] and said[0][0] == 404, one.name
        asked += 1
    assert asked > 10


def test_tenants_have_packages_of_the_same_name_and_see_their_own(api: Served) -> None:
    mine, theirs = api.package(files=FILES), api.package(by="other", files=FILES)
    assert mine != theirs
    for by, package in (("all", mine), ("other", theirs)):
        assert [one["package_id"] for one in api.ask("GET", "/packages", by=by).value["packages"]] == [package]
        assert {one["package_id"] for one in api.ask("GET", "/events", by=by).value["events"]} == {package}
        assert api.ask("GET", "/metadata-schemas", by=by).value == {"metadata_schemas": []}


def test_whether_content_is_in_the_store_already_shows_in_no_answer(api: Served) -> None:
    first, second = api.package("r1"), api.package("r1", by="other")
    answers = [
        api.ask("PUT", f"/packages/{package}/files?path=secret", by=by, body=b"x" * 1000)
        for by, package in (("all", first), ("other", second))
    ]
    assert answers[0].status == answers[1].status == 201
    shown = [json.loads(answer.body)["file"] | {"file_id": ""} for answer in answers]
    assert shown[0] == shown[1]


def test_an_event_shows_nothing_by_which_another_ones_could_be_guessed(api: Served) -> None:
    api.package(files=FILES)
    assert "previous" not in api.ask("GET", "/events").body.decode()


def test_a_tenant_cannot_be_chosen(api: Served) -> None:
    said = {"producer": "p", "run_id": "r", "subject": "s", "tenant": "acme"}
    assert api.ask("POST", "/packages", said=said).status == 422
    assert api.ask("GET", "/packages?tenant=acme").status == 400
