"""Generated conditions have the same value in a second, independent CEL runtime: `@bufbuild/cel`, in node.

Each pair of an expression and an input is evaluated three times: by this project, and by the other runtime once as the
expression was written and once in its canonical text. All have to be the same truth value, or all an error. Names are
bound there as variables with a dotted name, which that runtime resolves as they are; integers are its `BigInt`.

`DEPARTURES` lists where the two runtimes differ although `check` accepts the expression, with one expression for each.
The check wants each of them to be refused or to differ: what agrees again is to be generated from then on. Because of
them the generator leaves out

- `charAt`, `indexOf`, `lastIndexOf` and `substring` in expressions that have characters beyond U+FFFF in their literals
  or inputs;
- `%` by anything but a literal other than -1, and a minus before a minus.

It leaves out besides:

- names without a value: here they are an error before anything is evaluated, there only where they are read;
- what `check` refuses, such as the keys of open maps that nobody asked for.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from rsppc.base.record import Record
from rsppc.conditions import Condition, Environment, check, evaluate

from checks.cel_generator import Pair, pairs_of
from checks.outcome import Outcome, outcome
from checks.packages import call, npm_package

NAME = "cel-differential"
NEEDS = ("npm",)

PACKAGES = (
    ("@bufbuild/cel", "0.6.1"),
    ("@bufbuild/cel-spec", "0.6.1"),
    ("@bufbuild/re2", "0.6.1"),
    ("@bufbuild/protobuf", "2.17.0"),
)
"""The runtime and all that it needs."""
SEED = 20_240_611
_EXPRESSIONS = 5000
_INPUTS = 4
_PAIRS_MIN = 10_000
_EACH_MIN = 2000
"""Of pairs that are true, false or an error; fewer would mean that next to nothing is compared."""
_REFUSED_MAX = 0.25
"""Of all that is generated; more would mean that the generator no longer knows the profile."""

Answer: TypeAlias = bool | dict[str, str]
"""A truth value, or what went wrong: `{"error": …}`, or `{"unknown": …}` for what the other runtime does not have."""


class Departure(Record, kw_only=False):
    """Something that the two runtimes do differently, and an expression that shows it."""

    what: str
    written: str


DEPARTURES = (
    Departure("`charAt` counts UTF-16 units there", '"a😀b".charAt(2) == "b"'),
    Departure("`indexOf` counts UTF-16 units there", '"a😀b".indexOf("b") == 2'),
    Departure("`lastIndexOf` counts UTF-16 units there", '"a😀b".lastIndexOf("b") == 2'),
    Departure("`substring` counts UTF-16 units there", '"a😀b".substring(2) == "b"'),
    Departure("the smallest number % -1 is 0 there", "-9223372036854775808 % -1 == 0"),
    Departure("`-(-x)` is `x` there, for the smallest number, too", "[-9223372036854775808].all(x, -(-x) == x)"),
)


def run(folder: Path) -> Outcome:
    made = pairs_of(SEED, _EXPRESSIONS, _INPUTS)
    departures = list(_accepted(DEPARTURES))
    theirs = answers_of(folder, [*(_request(pair) for pair in made.pairs), *(_request(pair) for _, pair in departures)])
    seen: Counter[str] = Counter()
    problems: list[str] = []
    for pair, answers in zip(made.pairs, theirs, strict=False):
        ours = _own_answer(pair)
        seen[_kind(ours)] += 1
        problems.extend(_differences(pair, ours, answers))
    for (departure, pair), answers in zip(departures, theirs[len(made.pairs) :], strict=True):
        if not list(_differences(pair, _own_answer(pair), answers)):
            problems.append(f"no difference any more, so generate it: {departure.what}: {departure.written}")
    if len(made.pairs) < _PAIRS_MIN or any(seen[answer] < _EACH_MIN for answer in ("true", "false", "error")):
        problems.append(f"only {len(made.pairs)} pairs with {dict(seen)}: nothing is proved")
    if made.refused > _REFUSED_MAX * (made.refused + made.accepted):
        problems.append(f"{made.refused} expressions were refused and {made.accepted} accepted: the generator has aged")
    counts = ", ".join(f"{seen[answer]:,} {answer}" for answer in ("true", "false", "error"))
    return outcome(
        problems,
        f"{len(made.pairs):,} pairs of {made.accepted:,} expressions ({counts}) compared with {' '.join(PACKAGES[0])};"
        f" {len(departures)} known departures left out",
    )


def answers_of(folder: Path, requests: Sequence[dict[str, Any]]) -> list[list[Answer]]:
    """What the other runtime says to each text of each request; one process for all of them."""
    for name, version in PACKAGES:
        place = folder / "node_modules" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        npm_package(name, version, folder).rename(place)
    shutil.copy2(Path(__file__).with_name("cel_driver.mjs"), folder)
    asked, told = folder / "requests.jsonl", folder / "answers.jsonl"
    asked.write_text("".join(f"{json.dumps(request)}\n" for request in requests), "utf-8")
    call(["node", "cel_driver.mjs", asked.name, told.name], folder)
    answers = [json.loads(line) for line in told.read_text("utf-8").split("\n")[:-1]]
    if len(answers) != len(requests):
        raise ValueError(f"{len(requests)} requests have {len(answers)} answers")
    return answers


def _request(pair: Pair) -> dict[str, Any]:
    values = {name: _coded(value) for name, value in pair.values.items()}
    return {"texts": [pair.condition.text, pair.written], "values": values}


def _coded(value: object) -> Any:
    """A value as the driver reads it: JSON numbers would lose digits."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, dict):
        return {"map": {key: _coded(item) for key, item in value.items()}}
    if isinstance(value, list):
        return [_coded(item) for item in value]
    raise TypeError(f"no input has a {type(value).__name__}")


def _own_answer(pair: Pair) -> Answer:
    value = evaluate(pair.condition, pair.values)
    return value if isinstance(value, bool) else {"error": value.message}


def _differences(pair: Pair, ours: Answer, theirs: Sequence[Answer]) -> Iterator[str]:
    for text, answer in zip((pair.condition.text, pair.written), theirs, strict=True):
        if _kind(answer) != _kind(ours):
            yield f"ours: {ours}, theirs: {answer}\n    {text}\n    {pair.values!r}"


def _kind(answer: Answer) -> str:
    """What has to be the same: which truth value, or that it is an error, which each runtime tells in other words."""
    return str(answer).lower() if isinstance(answer, bool) else next(iter(answer))


def _accepted(departures: Iterable[Departure]) -> Iterator[tuple[Departure, Pair]]:
    """Those that are conditions at all: what the profile does not allow no longer has to differ."""
    for departure in departures:
        condition = check(departure.written, _EMPTY)
        if isinstance(condition, Condition):
            yield departure, Pair(written=departure.written, condition=condition, values={})


_EMPTY = Environment(place="edge", declarations=())
