"""A service that fails while a store lists, looks, collects or exports: it ends with a sentence; nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from object_service import ObjectService, object_service
from rsppc.store.beginning import begin_store
from rsppc.store.config import Config
from rsppc.store.gc import collect
from rsppc.store.log import Log
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry
from rsppc.store.transfer import export_package
from stores import AT, FILES, published

pytest.importorskip("obstore")
from rsppc.objects.s3 import Limits
from rsppc.store.backends.s3 import open_backend

URL = "s3://bucket/team"
PATIENT = Limits(connect_ms=2_000, request_ms=20_000, operation_ms=20_000, retries=1)
SHORT = Limits(connect_ms=300, request_ms=300, operation_ms=500, retries=0)
"""Where nothing is going to come."""


@pytest.fixture
def service() -> Iterator[ObjectService]:
    with object_service() as started:
        yield started


@pytest.fixture
def registry(service: ObjectService, tmp_path: Path) -> Iterator[Registry]:
    folder, config = str(tmp_path / "st"), Config(backend=URL)
    begin_store(folder, config, settings(service))
    with Registry(folder, config, Log.open(folder), open_backend(URL, folder, settings(service), PATIENT)) as opened:
        yield opened


def settings(service: ObjectService) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": service.address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hush"}


def _listing(registry: Registry, _: Path) -> object:
    return list(registry.backend.listed("blobs"))


def _size(registry: Registry, _: Path) -> object:
    return registry.backend.size(registry.files(registry.packages()[0].package_id)[0].digest_primary)


def _collecting(registry: Registry, _: Path) -> object:
    return collect(registry, AT, delete=True)


def _export(registry: Registry, folder: Path) -> object:
    return export_package(registry, registry.packages()[0].package_id, str(folder / "run.tar"), lambda _: None)


@pytest.mark.parametrize(
    ("does", "act"),
    [
        ("hangs", _listing),
        ("hangs", _export),
        ("refuses", _listing),
        ("refuses", _size),
        ("refuses", _collecting),
        ("refuses", _export),
        ("answers 500", _listing),
        ("answers 500", _size),
        ("answers 500", _collecting),
        ("answers 500", _export),
    ],
)
def test_every_question_to_a_failing_service_ends_with_a_sentence(
    registry: Registry, service: ObjectService, tmp_path: Path, does: str, act: Callable[[Registry, Path], object]
) -> None:
    published(registry)
    registry.backend.put([b"of nobody"])
    before, head = dict(service.objects), registry.log.head()
    service.does = does
    well = registry.backend
    if does == "hangs":
        registry.backend = open_backend(URL, registry.folder, settings(service), SHORT)
    with pytest.raises(StoreProblem) as refused:
        act(registry, tmp_path)
    assert refused.value.kind == "environment" and refused.value.what
    service.does, registry.backend = "", well
    assert service.objects == before and registry.log.head() == head
    assert list(tmp_path.glob("run.tar*")) == []
    act(registry, tmp_path)  # and when it is well again, the same is done


@pytest.mark.parametrize("does", ["refuses to delete", "fails at deleting"])
def test_what_a_service_does_not_delete_is_not_said_to_be_deleted(
    registry: Registry, service: ObjectService, does: str
) -> None:
    """Also where it answers 200, and says in the body that it did not."""
    there = published(registry)
    registry.backend.put([b"of nobody"])
    before = dict(service.objects)
    service.does = does
    with pytest.raises(StoreProblem) as refused:
        collect(registry, AT, delete=True)
    assert refused.value.kind == "environment"
    assert service.objects == before
    service.does = ""
    assert collect(registry, AT, delete=True).contents == 1
    assert {file.path: b"".join(registry.content(file)) for file in registry.files(there)} == FILES
