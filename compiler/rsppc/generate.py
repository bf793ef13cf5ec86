"""`python -m rsppc.generate [--check]`: every file of the repository that is made from another one.

Schemas and the reference page come from the declarations in `model/`, the schema of a pilot's metadata from the pilot,
the description of the store's API from the table of its endpoints, the pages of diagnostics from the classes beside
their checks with examples from `golden/errors/`, the examples of lint rules from the pipelines that stand in the rules,
the memo of types from the shipped extension manifests, the editors' grammar from the keywords of the text form. The
files are committed, so that they can be read and shipped without running this; `--check` proves that they are fresh.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import rsppc
from rsppc.base.canonical_json import readable
from rsppc.cli.conforming import SHIPPED
from rsppc.contracts.surface import LOCK, grown, surface_of
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.diagnostics import pages as diagnostic_pages
from rsppc.diagnostics.diagnostic import kinds
from rsppc.diagnostics.visible import visible_lines
from rsppc.lint import registry
from rsppc.lint.example import workspace_of
from rsppc.model import json_schema
from rsppc.model import shape as m
from rsppc.model.contract import VERSION
from rsppc.model.contracts import CONTRACTS
from rsppc.model.documents import DOCUMENTS
from rsppc.model.kinds import BY_SCHEMA_VERSION, KINDS
from rsppc.model.python_models import python_models
from rsppc.model.reference_page import reference_page
from rsppc.resources import folder
from rsppc.serving import openapi
from rsppc.store.pilots import guide_board_schemas
from rsppc.syntax.reader import SUFFIXES, read
from rsppc.syntax.textmate import textmate_grammar
from rsppc.syntax.type_expr import build_memo

PAGES = "docs/diagnostics"
MODELS = f"compiler/rsppc/contracts/{VERSION}"
FIXTURES = "golden/contracts/shipped/input/fixtures"
OWNED = (("schemas", "*.json"), (PAGES, "*.md"))
"""Folders and patterns whose files are all generated, so that one which is not among them is a left-over."""
EXAMPLES = "golden/errors"
LINES_MAX, LINE_LENGTH_MAX = 120, 200
"""How much of an example a page shows; some of them are wrong by being too large."""


def main(arguments: list[str]) -> int:
    """Write what differs, or with `--check` only list it; 1 if there is something to list."""
    root = repository()
    if arguments not in ([], ["--check"]) or root is None:
        print("usage: python -m rsppc.generate [--check], with rsppc installed editable from its repository")
        return 2
    files = generated_files(root)
    differing, left_over = outdated(root, files)
    if arguments:
        for path in (*differing, *left_over):
            print(f"stale: {path}")
        for name in missing_examples(root):
            print(f"no example: {EXAMPLES}/{name}")
        return 1 if differing or left_over else 0
    for path in differing:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(files[path])
        print(f"wrote {path}")
    for path in left_over:
        (root / path).unlink()
        print(f"removed {path}")
    return 0


def repository() -> Path | None:
    """The repository that this package is used from; None where it is installed as a wheel."""
    root = Path(folder("schemas")).parent
    return root if (root / "pyproject.toml").is_file() else None


def generated_files(root: Path) -> dict[str, bytes]:
    """Content of every generated file, by its path below the repository."""
    files = {f"schemas/{json_schema.file_name(kind)}": readable(json_schema.schema_of(kind)) for kind in KINDS}
    for one in DOCUMENTS:
        schema = json_schema.schema_of_document(one)
        files[f"schemas/{json_schema.document_file_name(one)}"] = readable(schema)
    files |= contract_files(root)
    files[f"schemas/{guide_board_schemas.FILE_NAME}"] = readable(guide_board_schemas.METADATA)
    files[f"schemas/{openapi.FILE_NAME}"] = readable(openapi.document())
    files["editors/vscode/syntaxes/rspp.tmLanguage.json"] = readable(textmate_grammar())
    files["grammar/type_memo.json"] = build_memo(_type_texts(root))
    files["docs/reference.md"] = reference_page(KINDS, _manifests(root)).encode()
    known = diagnostic_kinds()
    files.update(_lint_cases())
    files[f"{PAGES}/README.md"] = diagnostic_pages.index(known).encode()
    for kind in known:
        failing, passing = examples(kind, root)
        page = diagnostic_pages.page(kind, failing=failing, passing=passing)
        files[f"{PAGES}/{diagnostic_pages.file_name(kind)}"] = page.encode()
    return files


def contract_files(root: Path) -> dict[str, bytes]:
    """What is made of the contracts: schemas, models, the frozen surface, and the fixtures in the one file that ships.

    The surface is written anew only where it grew. What breaks it stays out of the file, so that `rsppc contracts
    diff`, and the test that asks it, go on failing.
    """
    schemas = {
        f"schemas/{json_schema.contract_file_name(one)}": readable(json_schema.schema_of_contract(one))
        for one in CONTRACTS
    }
    models = {f"{MODELS}/{name}": text.encode() for name, text in python_models().items()}
    lock, surface = root / "schemas" / LOCK, surface_of(CONTRACTS)
    published = grown(json.loads(lock.read_bytes()), surface) if lock.is_file() else surface
    fixtures = {file.relative_to(root / FIXTURES).as_posix(): file.read_text("utf-8") for file in _fixtures(root)}
    shipped = f"schemas/{SHIPPED}"
    return {**schemas, **models, f"schemas/{LOCK}": readable(published), shipped: readable(fixtures)}


def _fixtures(root: Path) -> list[Path]:
    return sorted((root / FIXTURES).glob("*/*valid/*.json"))


def outdated(root: Path, files: dict[str, bytes]) -> tuple[list[str], list[str]]:
    """Paths that are missing or differ, and paths of files that nothing generates any more."""
    differing = [
        path
        for path, content in sorted(files.items())
        if not (root / path).is_file() or (root / path).read_bytes() != content
    ]
    present = (f"{place}/{file.name}" for place, pattern in OWNED for file in sorted((root / place).glob(pattern)))
    return differing, [path for path in present if path not in files]


def missing_examples(root: Path) -> list[str]:
    """Names of the diagnostics of which no example shows how they look."""
    return [kind.name for kind in diagnostic_kinds() if _case(kind, root) is None]


_NOT_IMPORTED = ("rsppc.__main__", "rsppc.over_dask")
"""The command itself, and what needs a library that few install; neither defines a kind of diagnostic."""


def diagnostic_kinds() -> tuple[type[Diagnostic], ...]:
    """Every kind of diagnostic that the package defines, by code."""
    for module in walk_packages(rsppc.__path__, "rsppc."):
        if module.name not in _NOT_IMPORTED:
            import_module(module.name)
    # A test may have defined kinds of its own.
    return tuple(kind for kind in kinds() if kind.__module__.startswith("rsppc."))


# --- Examples of diagnostics ------------------------------------------------------------------------------------------

_Example = diagnostic_pages.Example


def examples(kind: type[Diagnostic], root: Path) -> tuple[_Example | None, _Example | None]:
    """The file that shows a diagnostic, with what is said of it, and the file that shows how it is avoided."""
    case = _case(kind, root)
    if case is None:
        return None, None
    written, repaired = _files(case / "input"), _files(case / "passing")
    finding = _finding(kind, case)
    path = next(path for path in (*_place(finding), *repaired, *written) if path in written)
    passing = path if path in repaired else next(iter(repaired), None)
    return _example(case / "input", path, said=finding), _example(case / "passing", passing) if passing else None


def _case(kind: type[Diagnostic], root: Path) -> Path | None:
    """The case named after the diagnostic; else its first variant, `<name>--<variant>`."""
    cases = [root / EXAMPLES / kind.name, *sorted((root / EXAMPLES).glob(f"{kind.name}--*"))]
    return next((case for case in cases if _files(case / "input")), None)


def _files(top: Path) -> list[str]:
    return sorted(str(file.relative_to(top).as_posix()) for file in top.rglob("*") if file.is_file())


def _finding(kind: type[Diagnostic], case: Path) -> str:
    """The first finding of a kind, as the case expects it to be printed; empty where it is not known yet."""
    expected = case / "expected/diagnostics.txt"
    text = expected.read_text(encoding="utf-8") if expected.is_file() else ""
    found = re.search(rf"^[a-z]+\[{kind.code} .*(\n.+)*", text, re.MULTILINE)
    return found[0] if found else ""


def _place(finding: str) -> list[str]:
    return re.findall(r"^  (\S.*):\d+:\d+$", finding, re.MULTILINE)[:1]


def _example(top: Path, path: str, *, said: str = "") -> _Example:
    text = (top / path).read_bytes().decode("utf-8", "backslashreplace")
    lines = visible_lines(text.removesuffix("\n"))
    shown = [line if len(line) <= LINE_LENGTH_MAX else f"{line[:LINE_LENGTH_MAX]}…" for line in lines[:LINES_MAX]]
    return _Example(path=path, text="\n".join([*shown, "…"] if len(lines) > LINES_MAX else shown), said=said)


def _lint_cases() -> dict[str, bytes]:
    """The golden case of each lint rule: its bad pipeline, and what of its good one is another."""
    files: dict[str, bytes] = {}
    for rule in map(registry.rule, registry.names()):
        case, bad = f"{EXAMPLES}/{rule.name}", workspace_of(rule.bad)
        files.update({f"{case}/input/{path}": text.encode() for path, text in bad.items()})
        good = {path: text for path, text in workspace_of(rule.good).items() if bad.get(path) != text}
        files.update({f"{case}/passing/{path}": text.encode() for path, text in good.items()})
    return files


# --- The shipped library ----------------------------------------------------------------------------------------------


def _manifests(root: Path) -> list[tuple[str, Any]]:
    """The shipped extension manifests as they are written, with their paths below the repository."""
    files = sorted((root / "pipelines/extensions").iterdir())
    return [(f"pipelines/extensions/{file.name}", _root(file)) for file in files if file.suffix in SUFFIXES]


def _root(file: Path) -> Any:
    sink = DiagnosticSink()
    document = read(file.name, file.read_bytes(), sink)
    if document is None or document.root is None or sink.has_errors:
        raise ValueError(f"{file} cannot be read: {[one.message() for one in sink.sorted()]}")
    return document.root


def _type_texts(root: Path) -> Iterator[str]:
    """Every type expression that a shipped extension manifest holds."""
    for _, manifest in _manifests(root):
        kind = BY_SCHEMA_VERSION[manifest["schema_version"]]
        yield from _texts_of_types(manifest, m.Nested(shape=kind.shape))


def _texts_of_types(value: Any, type_: m.FieldType) -> Iterator[str]:
    match type_:
        case m.TypeText() if isinstance(value, str):
            yield value
        case m.Nested(shape=shape) if isinstance(value, dict):
            for field in shape.fields:
                yield from _texts_of_types(value.get(field.name), field.type)
        case m.Listing(item=item) if isinstance(value, list):
            for one in value:
                yield from _texts_of_types(one, item)
        case m.Table(value=inner) if isinstance(value, dict):
            for one in value.values():
                yield from _texts_of_types(one, inner)
        case m.OneOf(options=options):
            for option in options:
                yield from _texts_of_types(value, option)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
