"""However a run directory is damaged, the answer is a package or a refusal with places, and never anything else."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.store.pilots.guide_board import RunRefused, read_run
from rsppc.store.problems import StoreProblem

FIXTURE = Path(__file__).parent.parent / "fixtures/guide-board"
DOCUMENTS = ("run.json", "retention-summary.json", "reports/assessment-package.json", "reports/fragments.json")
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: its container, and the key or index."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in steps for place in ((value, key), *_places(inner))]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_run_is_read_or_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        run = Path(place, "run")
        shutil.copytree(FIXTURE, run)
        for name in data.draw(st.sets(st.sampled_from(DOCUMENTS), min_size=1, max_size=2)):
            if data.draw(st.booleans()):
                text = (run / name).read_bytes()
                at = data.draw(st.integers(0, len(text)))
                (run / name).write_bytes(text[:at] + data.draw(st.binary(max_size=3)) + text[at + 1 :])
                continue
            value = json.loads((run / name).read_bytes())
            container, key = data.draw(st.sampled_from(_places(value)))
            container[key] = data.draw(_VALUES)
            (run / name).write_text(json.dumps(value), encoding="utf-8")
        try:
            read = read_run(str(run))
        except RunRefused as refused:
            assert refused.findings and all(one.message() and one.at.source.path for one in refused.findings)
        except StoreProblem as problem:
            raise AssertionError(problem.what) from problem
        else:
            assert read.request.metadata["run_id"] and len(read.entries) >= 4
