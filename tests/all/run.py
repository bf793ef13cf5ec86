"""The heavier checks: those that need node, a browser, root, strace, other interpreters or a package registry.

    python tests/all/run.py [NAME …]

Every check ends in one of three ways: it passed, it FAILED, or it was not run, and then the table at the end says why.
What was not run has not passed. Exit 1 if a check failed.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))  # for the modules that all tests share

from checks import cel_conformance, cel_differential, dask_workers, full_disk, fuzz, json_suite  # noqa: E402, I001
from checks import docs_site, graph_texts, guide_board_s3, half_typed, pythons, report_page, sarif_schema, textmate  # noqa: E402
from checks import commit_hooks, junit, kill, shared_cache, vscode_extension, wheel, yaml_suite  # noqa: E402
from checks import dsse_library, openssl_signatures, publishers  # noqa: E402
from checks import store_api, store_server  # noqa: E402
from checks import oci_registry, store_moto, store_swift  # noqa: E402
from checks import store_errors, store_kill, store_many, store_power_cut, store_rot  # noqa: E402
from checks.needs import missing  # noqa: E402
from checks.outcome import Failed, NotRun, Outcome, Passed  # noqa: E402

CHECKS: tuple[ModuleType, ...] = (
    yaml_suite,
    json_suite,
    cel_conformance,
    cel_differential,
    sarif_schema,
    junit,
    full_disk,
    kill,
    store_kill,
    store_errors,
    store_power_cut,
    store_rot,
    store_many,
    wheel,
    commit_hooks,
    pythons,
    report_page,
    docs_site,
    textmate,
    vscode_extension,
    graph_texts,
    openssl_signatures,
    dsse_library,
    publishers,
    fuzz,
    half_typed,
    guide_board_s3,
    store_moto,
    store_swift,
    oci_registry,
    shared_cache,
    dask_workers,
    store_server,
    store_api,
)
"""Each has a `NAME`, the names of what it `NEEDS`, and `run(folder)`, which may use that empty folder as it likes."""
WORDS = {Passed: "passed", Failed: "FAILED", NotRun: "not run"}


def main(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - {check.NAME for check in CHECKS})
    if unknown:
        print(f"no such check: {', '.join(unknown)}; there are: {', '.join(check.NAME for check in CHECKS)}")
        return 2
    outcomes = {}
    for check in CHECKS:
        print(f"{check.NAME} …", flush=True)
        started = time.monotonic()
        outcomes[check.NAME] = outcome_of(check, wanted)
        print(f"  {WORDS[type(outcomes[check.NAME])]} after {time.monotonic() - started:.0f} s", flush=True)
    print_table(outcomes)
    return 1 if any(isinstance(outcome, Failed) for outcome in outcomes.values()) else 0


def outcome_of(check: ModuleType, wanted: list[str]) -> Outcome:
    if wanted and check.NAME not in wanted:
        return NotRun("not asked for")
    for need in check.NEEDS:
        reason = missing(need)
        if reason is not None:
            return NotRun(reason)
    with tempfile.TemporaryDirectory(prefix=f"rsppc-{check.NAME}-") as folder:
        try:
            outcome: Outcome = check.run(Path(folder))
        except Exception as error:  # a check that breaks has proved nothing
            return Failed(f"{type(error).__name__}: {error}", traceback.format_exc())
    return outcome


def print_table(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        if isinstance(outcome, Failed) and outcome.details:
            print(f"\n--- {name} ---\n{outcome.details.rstrip()}")
    width = max(len(name) for name in outcomes)
    print(f"\n{'check':<{width}}  outcome  what was seen, or why it was not run")
    print(f"{'-' * width}  -------  {'-' * 36}")
    for name, outcome in outcomes.items():
        print(f"{name:<{width}}  {WORDS[type(outcome)]:<7}  {outcome.summary.splitlines()[0]}")
    count = {kind: sum(type(outcome) is kind for outcome in outcomes.values()) for kind in WORDS}
    print(f"\n{count[Passed]} passed, {count[Failed]} failed, {count[NotRun]} skipped")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
