"""What was put comes back as it was, and nothing else ever takes its place."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import INTEGER_MAX, canonical, digest_value
from rsppc.base.difference import first_difference
from rsppc.store.artifacts import Publisher
from rsppc.store.protocols import Kept, Refused, Stored
from stores import AT

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-INTEGER_MAX, INTEGER_MAX), st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~"), inner, max_size=3)
    ),
    max_size=4,
)


@pytest.fixture(scope="module")
def store() -> Any:
    with TemporaryDirectory() as folder:
        yield Publisher(root=str(Path(folder, "store")), at=AT)


NUMBERS = iter(range(10**6))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=VALUES, second=VALUES)
def test_what_was_put_comes_back_and_stays(store: Publisher, first: dict[str, Any], second: dict[str, Any]) -> None:
    """R-001-12, R-001-15, R-001-53: the same value, its digest, and the first value in which another one differs."""
    named = {"schema_version": "rspp.policy.overlay.v1", "policy_id": "quiet", "version": f"v{next(NUMBERS)}"}
    one, other = {**first, **named}, {**second, **named}
    ref = f"quiet/{named['version']}"
    assert store.put("policy", one) == Kept(ref=ref, digest=digest_value(one), changed=True)
    answer = store.put("policy", other)
    found = first_difference(one, other)
    if found is None:
        assert canonical(one) == canonical(other) and isinstance(answer, Kept) and not answer.changed
    else:
        assert isinstance(answer, Refused) and answer.pointer == found.pointer
    kept = store.get_policy_overlay(f"{ref}.0@{digest_value(one)}")
    assert isinstance(kept, Stored) and canonical(kept.value) == canonical(one)
