"""Names of files in packages: what means the same file on every system, whoever brings it."""

from __future__ import annotations

import pytest
from rsppc.store import manifest
from rsppc.store.hashing import digests_of
from rsppc.store.manifest_form import read_manifest
from rsppc.store.paths import path_fault, twin_key
from rsppc.store.problems import StoreProblem

DATA = digests_of(b"x")


def made(*paths: str) -> bytes:
    """The manifest of a package with files of these names, in all else as it should be."""
    package = {"package_id": manifest.package_id_of("default", "p", "r"), "tenant": "default", "kind": "run"}
    package |= {"producer": "p", "run_id": "r", "subject": "s"}
    said = {"role": "file", "media_type": "text/plain", "size": 1, "location": manifest.location_of(DATA.primary)}
    said |= {"digest_primary": DATA.primary, "digest_sha256": DATA.sha256}
    files = [{**said, "path": path, "file_id": manifest.file_id_of(package["package_id"], path)} for path in paths]
    return manifest.encode(manifest.manifest_of(package, files, "standard", {}))


@pytest.mark.parametrize("path", ["a", "raw/log.txt", "ü/ß.txt", ".hidden", "a b/c", "a" * 255, "con1", "null", "日本"])
def test_ordinary_names_are_taken(path: str) -> None:
    assert path_fault(path) is None
    assert [file.path for file in read_manifest(made(path)).files] == [path]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "empty"),
        ("../x", "`..`"),
        ("a/../../x", "`..`"),
        ("a/./x", "`.`"),
        ("a//x", "empty name"),
        ("a/", "empty name"),
        ("/etc/passwd", "absolute"),
        ("C:\\x", "U+003A"),
        ("C:x", "U+003A"),
        ("\\\\host\\share", "U+005C"),
        ("a\\..\\x", "U+005C"),
        ("a\0b", "U+0000"),
        ("a\nb", "U+000A"),
        ("a\x7fb", "U+007F"),
        ("x.", "ends with a dot"),
        ("a /x", "ends with a dot or a blank"),
        ("NUL", "device"),
        ("nul.txt", "device"),
        ("a/Com1.log.gz", "device"),
        ("lpt9", "device"),
        ("a" * 300, "255 bytes"),
        ("ü" * 128, "255 bytes"),
        ("a/" * 256 + "b", "512 bytes"),
        ("e\u0301", "NFC"),
        ("a\u202eb", "nobody sees"),
        ("a\u200bb", "nobody sees"),
        ("a\u2028b", "nobody sees"),
        ("?", "U+003F"),
        ("a|b", "U+007C"),
    ],
)
def test_names_that_lead_elsewhere_or_are_something_else_are_refused(path: str, fault: str) -> None:
    """In a folder that is walked, and in a manifest that is imported, pulled, or found when a registry is made anew."""
    assert fault in (path_fault(path) or "")
    with pytest.raises(StoreProblem, match="cannot stand in a package") as refused:
        read_manifest(made(path))
    assert refused.value.kind == "malformed"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Readme", "readme"),
        ("A/x", "a/x"),
        ("straße", "strasse"),
        ("\u212a", "k"),  # the sign of Kelvin
        ("ﬁ", "fi"),
        ("Å", "å"),
    ],
)
def test_twins_are_refused(one: str, other: str) -> None:
    """Two names of which one system makes one file."""
    assert twin_key(one) == twin_key(other)
    with pytest.raises(StoreProblem, match=r"one file where case|cannot stand"):
        read_manifest(made(one, other))


def test_a_lone_surrogate_is_no_name() -> None:
    assert path_fault("a\udcff") == "it holds a lone surrogate"
