"""The house is in order: who imports whom, what the core may not do, how long things are, what the documents name.

Imports are read with `ast`, not by importing, so that imports inside functions and under `TYPE_CHECKING` count as well:
they are promises about the same picture.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from rsppc.passes.base import Pass, facts
from rsppc.passes.order import ORDER
from workspaces import CLEAN, SPEC_PATH, environment, make

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "compiler" / "rsppc"
DATA = ("grammar", "schemas", "templates", "pipelines", "pages", "manual")
"""Folders that ship as `rsppc.NAME` and hold no code."""

EVERYTHING = frozenset({"*"})

MAY_IMPORT: dict[str, frozenset[str]] = {
    room: frozenset(allowed.split()) if allowed != "*" else EVERYTHING
    for room, allowed in {
        "base": "",
        "version": "",
        "batch": "base",
        "over_dask": "base batch",
        "objects": "base",
        "resources": "grammar schemas templates pipelines pages manual",
        "diagnostics": "base",
        "model": "base",
        "workspace": "base diagnostics",
        # ir: a type expression is read into the types of `ir/types.py`. model: the text form is written and read by the
        # tables of what fields there are. grammar: `resources` would import importlib on every cold start.
        "syntax": "base diagnostics resources ir model grammar",
        "ir": "base",
        "lowering": "syntax ir model diagnostics base workspace",
        "conditions": "base",
        "passes": "ir diagnostics base conditions",
        "lint": "ir syntax diagnostics base",
        "emit": "ir model base contracts",
        "outputs": "base",
        "contracts": "base model",
        "importing": "syntax model diagnostics base",
        # syntax: JSON from outside is read strictly, with a place or a JSON Pointer for each problem.
        # turnplan: a bundle is taken in only if a runtime would load it.
        "store": "base batch model contracts diagnostics syntax turnplan objects",
        "turnplan": "base model contracts conditions",
        "codegen": "base model contracts diagnostics resources",
        "simulate": "base model conditions turnplan contracts",
        # What follows reads artifacts and evidence with their places, as `distribution` does.
        "conformance": "base model contracts diagnostics syntax lowering evidence",
        "evidence": "base version model diagnostics syntax lowering",
        "rollout": "base model contracts diagnostics syntax lowering evidence store",
        "compat": "base model contracts diagnostics syntax lowering evidence",
        "replay": "base model contracts diagnostics syntax lowering evidence conformance turnplan",
        "extensions": "base model contracts diagnostics syntax lowering ir turnplan simulate",
        "changes": "base model diagnostics syntax lowering ir emit",
        "pictures": "base resources",
        "handbook": "base diagnostics model lowering pictures resources",
        "governance": "diagnostics lowering",  # and, by name, the rooms that judge
        # evidence: points in time are written in one way. store: digests in one pass.
        "signing": "base turnplan store evidence",
        # evidence: points in time are written in one way.
        "serving": "base version store evidence diagnostics",
        "oci": "base store",
        "distribution": "base model diagnostics syntax lowering",
        "formatting": "base diagnostics syntax",
        "fixes": "base diagnostics lowering syntax",  # the driver hands it the way to compile again
        "driver": "base resources diagnostics model workspace syntax ir lowering passes lint emit conditions fixes",
        "checking": "driver governance lint lowering diagnostics base fixes",
        "caching": "base diagnostics workspace syntax lowering resources objects __init__",
        # A test compiles what stands in a page and resolves its turns, as build and runtime do.
        "spectest": "driver checking base diagnostics model workspace syntax ir lowering emit conditions turnplan",
        # A workplan is a Markdown page, read as those with tests are.
        "workplans": "base diagnostics model syntax lowering spectest",
        "scaffold": "driver base diagnostics model workspace emit",  # the driver behind a protocol of the store
        "ide": "checking driver base resources diagnostics model workspace syntax ir lowering passes lint emit"
        " conditions formatting fixes",
        "gates": "driver base resources diagnostics model workspace syntax ir lowering passes lint emit conditions"
        " store codegen turnplan simulate contracts conformance evidence rollout compat replay extensions",
        "lsp": "*",
        "cli": "*",
        "generate": "*",
        "__main__": "cli",
        "__init__": "*",
    }.items()
}
"""Room → rooms it may import, besides itself and libraries: the table of the architecture."""

CORE = ("base", "model", "syntax", "ir", "lowering", "passes", "conditions", "emit", "simulate")

SOLE_IMPORTERS = {
    "cel_expr_python": ("conditions",),
    "yaml": ("syntax",),
    "lark": ("syntax",),
    "click": ("cli",),
    "jinja2": ("cli", "codegen", "handbook", "pictures"),
    "cryptography": ("signing",),
    "pygls": ("lsp",),
    "lsprotocol": ("lsp",),
    "obstore": ("objects",),
    "distributed": ("over_dask",),
    "starlette": ("serving",),
    "uvicorn": ("serving",),
    "h11": ("serving",),
    "jsonschema": (),
    "jsonschema_rs": ("store",),
    "orjson": (),
    "dataclasses": (),
    "attrs": (),
    "pydantic": (),
    "networkx": (),
}
"""Library → rooms that may import it; nobody else, not even for types."""

OUTSIDE_WORLD = frozenset(
    {"os", "io", "pathlib", "sys", "time", "datetime", "random", "secrets", "uuid", "socket", "subprocess", "tempfile"}
    | {"shutil", "threading", "locale", "logging", "urllib", "multiprocessing", "ctypes", "glob", "importlib"}
)
"""Modules that bring files, clocks, chance or the environment; the core does without."""

WORLDLY_NAMES = frozenset({"open", "print", "input", "eval", "exec", "compile", "__import__", "globals"})
WORLDLY_METHODS = frozenset({"read_text", "read_bytes", "write_text", "write_bytes", "environ", "getenv", "popen"})

CORE_EXCEPTIONS = {
    ("syntax/type_expr.py", "open"): "reads the shipped memo of types and their grammar; pathlib is off the cold path",
    ("syntax/rspp_grammar.py", "importlib"): "reads the shipped grammar of the text form",
    ("syntax/rspp_grammar.py", "pathlib"): "reads the shipped grammar of the text form",
    ("syntax/rspp_grammar.py", "read_text"): "reads the shipped grammar of the text form",
    ("syntax/rspp_grammar.py", "write_text"): "run as a script it writes the tables that are made of the grammar",
}

LINES_MAX = 600
LONG_FILES = {
    "ir/latency.py": "one search for the longest paths, from its questions to its answers",
    "ir/types.py": "the algebra of types is one subject; its halves would import each other",
    "lowering/check_shape.py": "one check per kind of field, each with its diagnostic beside it",
    "syntax/rspp_actions.py": "one action per rule of the grammar",
    "syntax/rspp_printer.py": "one printer per rule of the grammar",
}
FUNCTION_LINES_MAX = 80
LONG_FUNCTIONS = {
    "syntax/yaml_events.py:_compose": "one loop over the parser's events, without recursion, on the hot path",
}


# --- Reading the code ------------------------------------------------------------------------------------------------


@cache
def modules() -> Mapping[str, ast.Module]:
    """Every module of the package by its path below it."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def room_of(path: str) -> str:
    """The room that a module stands in: a folder, or a file of its own."""
    return path.split("/")[0].removesuffix(".py")


def imports(tree: ast.AST, path: str) -> Iterator[tuple[str, int]]:
    """Dotted names that a module imports anywhere in it, with lines; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import; write the whole name"
            yield from ((f"{node.module}.{name.name}", node.lineno) for name in node.names)


def own_room(name: str) -> str | None:
    """The room that an imported name of ours stands in."""
    steps = name.split(".")
    return steps[1] if steps[0] == "rsppc" and len(steps) > 1 else None


def module_path(name: str) -> str | None:
    """The module of ours that an imported name stands for or stands in."""
    steps = name.split(".")[1:]
    while steps:
        for path in ("/".join(steps) + ".py", "/".join(steps) + "/__init__.py"):
            if path in modules():
                return path
        steps.pop()
    return None


def broken_table(found: Mapping[str, ast.Module], table: Mapping[str, frozenset[str]]) -> list[str]:
    """Imports that the table does not allow, and rooms that it does not know."""
    broken = []
    for path, tree in found.items():
        room = room_of(path)
        allowed = table.get(room)
        if allowed is None:
            broken.append(f"{path}: the table has no row for the room `{room}`")
            continue
        for name, line in imports(tree, path):
            target = own_room(name)
            if target is not None and target != room and allowed != EVERYTHING and target not in allowed:
                broken.append(f"{path}:{line}: `{room}` may not import `{target}`")
    return broken


def first_cycle(graph: Mapping[str, set[str]]) -> list[str] | None:
    """Some cycle of a graph, its start repeated at the end."""
    done: set[str] = set()
    for start in sorted(graph):
        route: list[str] = []
        waiting: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(graph[start])))]
        route.append(start)
        while waiting:
            node, rest = waiting[-1]
            following = next((one for one in rest if one not in done), None)
            if following is None:
                done.add(node)
                waiting.pop()
                route.pop()
            elif following in route:
                return [*route[route.index(following) :], following]
            else:
                route.append(following)
                waiting.append((following, iter(sorted(graph.get(following, ())))))
    return None


# --- Who imports whom ------------------------------------------------------------------------------------------------


def test_rooms_import_only_what_the_table_allows() -> None:
    assert broken_table(modules(), MAY_IMPORT) == []


@pytest.mark.parametrize(
    "text",
    [
        "from rsppc.syntax.reader import read",
        "import rsppc.syntax.reader",
        "def late():\n    from rsppc.syntax import reader",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rsppc.syntax.document import Document",
    ],
    ids=["plain", "whole", "inside a function", "for types only"],
)
def test_a_forbidden_import_is_found_wherever_it_hides(text: str) -> None:
    assert broken_table({"passes/one.py": ast.parse(text)}, MAY_IMPORT) != []


def test_a_room_without_a_row_is_found() -> None:
    assert "no row" in broken_table({"attic/one.py": ast.parse("")}, MAY_IMPORT)[0]


def test_rooms_do_not_import_in_circles() -> None:
    graph: dict[str, set[str]] = {}
    for path, tree in modules().items():
        own = room_of(path)
        graph.setdefault(own, set()).update(
            room for name, _ in imports(tree, path) if (room := own_room(name)) is not None and room not in (own, *DATA)
        )
    for targets in list(graph.values()):
        for target in targets:
            graph.setdefault(target, set())
    assert first_cycle(graph) is None


def test_no_import_is_hidden_in_a_function_to_dodge_a_cycle() -> None:
    graph: dict[str, set[str]] = {path: set() for path in modules()}
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = []  # records may name each other for types
        for name, _ in imports(tree, path):
            target = module_path(name)
            if target is not None and target != path:
                graph[path].add(target)
    assert first_cycle(graph) is None


def test_the_search_for_cycles_finds_one() -> None:
    assert first_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c", "b"]
    assert first_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


def test_libraries_are_imported_only_in_their_rooms() -> None:
    found = [
        f"{path}:{line}: {name}"
        for path, tree in modules().items()
        for name, line in imports(tree, path)
        if room_of(path) not in SOLE_IMPORTERS.get(name.split(".")[0], (room_of(path),))
    ]
    assert found == []


# --- What the core may not do ----------------------------------------------------------------------------------------


def worldly(tree: ast.AST, path: str) -> Iterator[tuple[str, int]]:
    """Whatever in a module touches files, clocks, chance or the environment."""
    for name, line in imports(tree, path):
        if name.split(".")[0] in OUTSIDE_WORLD:
            yield name.split(".")[0], line
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLDLY_NAMES:
            yield node.func.id, node.lineno
        elif isinstance(node, ast.Attribute) and node.attr in WORLDLY_METHODS:
            yield node.attr, node.lineno


def test_the_core_opens_no_files_and_knows_neither_clock_nor_chance_nor_environment() -> None:
    found = [
        f"{path}:{line}: {name}"
        for path, tree in modules().items()
        if room_of(path) in CORE
        for name, line in worldly(tree, path)
        if (path, name) not in CORE_EXCEPTIONS
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["import time", "from os import environ", "open('x')", "print(1)", "path.read_text()", "import random as r"],
)
def test_the_search_for_worldly_things_finds_them(text: str) -> None:
    assert list(worldly(ast.parse(text), "passes/one.py")) != []


def test_every_exception_is_still_needed() -> None:
    used = {(path, name) for path, tree in modules().items() for name, _ in worldly(tree, path)}
    assert [key for key in CORE_EXCEPTIONS if key not in used] == []
    assert [path for path in LONG_FILES if path not in modules() or lines_of(path) <= LINES_MAX] == []
    long = {f"{path}:{name}" for path, tree in modules().items() for name, lines in functions(tree) if too_long(lines)}
    assert [name for name in LONG_FUNCTIONS if name not in long] == []


# --- Length and documentation ----------------------------------------------------------------------------------------


def lines_of(path: str) -> int:
    return len((PACKAGE / path).read_text(encoding="utf-8").splitlines())


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def too_long(lines: int) -> bool:
    return lines > FUNCTION_LINES_MAX


def test_long_functions_state_a_reason() -> None:
    found = [
        f"{path}:{name} has {lines} lines"
        for path, tree in modules().items()
        for name, lines in functions(tree)
        if too_long(lines) and f"{path}:{name}" not in LONG_FUNCTIONS
    ]
    assert found == []


def test_long_files_state_a_reason() -> None:
    found = [
        f"{path} has {lines_of(path)} lines"
        for path in modules()
        if lines_of(path) > LINES_MAX and path not in LONG_FILES
    ]
    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    """An `__init__.py` without a line of code is the folder's mark, not a module."""
    found = [path for path, tree in modules().items() if tree.body and ast.get_docstring(tree) is None]
    assert found == []


ROOMS_AND_FOLDERS = re.compile(
    r"(?:compiler|grammar|schemas|templates|golden|tests|benchmarks|docs|base|diagnostics|model|syntax|ir|lowering|passes"
    r"|lint|emit|conditions|importing|store|contracts|turnplan|codegen|ide|lsp|cli|gates)/[\w./-]*"
)


def named_paths(text: str) -> list[str]:
    """Paths of the repository that a page names: targets of links, and code words that begin with a folder of ours."""
    prose = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    links = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", prose) if ":" not in target]
    words = [word for word in re.findall(r"`([^`\n]+)`", prose) if ROOMS_AND_FOLDERS.fullmatch(word)]
    return [path for path in (*links, *words) if path]


def test_every_path_that_a_page_names_exists() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in pages
        for path in named_paths(page.read_text(encoding="utf-8"))
        if not any((base / path).exists() for base in (page.parent, ROOT, PACKAGE))
    ]
    assert missing == []


def test_paths_are_found_in_prose_and_not_in_examples() -> None:
    page = "See [the order](passes/order.py#x), `passes/base.py`, `a/b`.\n```text\n`docs/none.md`\n```\n"
    assert named_paths(page) == ["passes/order.py", "passes/base.py"]


def test_every_package_ships() -> None:
    """A package that `pyproject.toml` does not list is missing from the wheel, and only there."""
    import tomllib

    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    data = {name for name in setuptools["package-dir"] if name}
    there = {
        ".".join(("rsppc", *path.parent.relative_to(PACKAGE).parts)).rstrip(".")
        for path in PACKAGE.rglob("__init__.py")
    }
    assert set(setuptools["packages"]) == there | data
    assert all((ROOT / setuptools["package-dir"][name] / "__init__.py").is_file() for name in data)


# --- Passes ----------------------------------------------------------------------------------------------------------


def unmet_needs(order: Sequence[Pass]) -> list[str]:
    """For each pass the facts that no earlier pass gives."""
    given: set[str] = set()
    unmet = []
    for step in order:
        unmet += [f"`{step.name}` needs `{fact}`, which no earlier pass gives" for fact in sorted(step.needs - given)]
        given |= step.gives
    return unmet


def test_each_pass_finds_what_it_needs() -> None:
    assert unmet_needs(ORDER) == []


def test_a_wrong_order_is_found() -> None:
    assert len(unmet_needs(ORDER[::-1])) >= len(ORDER) // 2
    for index, step in enumerate(ORDER):
        without = (*ORDER[:index], *ORDER[index + 1 :])
        needed = any(one.needs & step.gives for one in ORDER[index + 1 :])
        assert bool(unmet_needs(without)) == needed, step.name


def test_the_message_names_the_pass_and_the_missing_fact() -> None:
    step = Pass(name="paint", run=lambda program, _: program, needs=facts("walls dry"))
    assert unmet_needs([step]) == ["`paint` needs `walls dry`, which no earlier pass gives"]


def test_passes_have_names_of_their_own_and_facts_that_somebody_gives() -> None:
    names = [step.name for step in ORDER]
    assert len(set(names)) == len(names)
    given = [fact for step in ORDER for fact in step.gives]
    assert len(set(given)) == len(given)


# --- A quick start ---------------------------------------------------------------------------------------------------

HEAVY = (
    "yaml",
    "lark",
    "jinja2",
    "jsonschema",
    "jsonschema_rs",
    "pydantic",
    "networkx",
    "orjson",
    "cel_expr_python",
    "difflib",
    "hypothesis",
    "markdown_it",
    "cryptography",
    "obstore",
    "distributed",
    "starlette",
    "uvicorn",
    "asyncio",
    "blake3",
    "cbor2",
)


def loaded_by(arguments: Sequence[str], folder: Path) -> set[str]:
    """Modules that are loaded when a command ends, without those that every interpreter here loads by itself."""
    script = (
        "import sys\nbefore = set(sys.modules)\nsys.argv = ['rsppc', *sys.argv[1:]]\n"
        "from rsppc.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        "print('\\n'.join(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stderr.split())


def heavy(loaded: set[str], *excused: str) -> list[str]:
    return sorted({name.split(".")[0] for name in loaded} & set(HEAVY) - set(excused))


def test_the_version_is_printed_without_loading_the_compiler(tmp_path: Path) -> None:
    loaded = loaded_by(["--version"], tmp_path)
    assert heavy(loaded) == []
    assert not any(name.startswith(("rsppc.passes", "rsppc.syntax", "rsppc.lowering", "rsppc.ir")) for name in loaded)


def test_a_check_of_a_sound_spec_loads_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_by(["check", SPEC_PATH], make(tmp_path))
    assert heavy(loaded) == []
    assert not any(name.startswith(("rsppc.emit", "rsppc.store", "rsppc.generate", "rsppc.outputs")) for name in loaded)


def test_the_library_of_conditions_is_loaded_where_there_are_conditions(tmp_path: Path) -> None:
    edge = "  - {from: stt.text, to: llm.prompt}\n"
    spec = CLEAN[SPEC_PATH].replace(
        edge, "  - {from: stt.text, to: llm.prompt, when: event.confidence_milli >= 600, otherwise: drop}\n"
    )
    loaded = loaded_by(["check", SPEC_PATH], make(tmp_path, CLEAN, **{SPEC_PATH: spec}))
    assert heavy(loaded, "cel_expr_python") == []
    assert "cel_expr_python" in {name.split(".")[0] for name in loaded}
