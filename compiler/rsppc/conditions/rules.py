"""What a checked expression must keep to beyond CEL itself: the portable profile, and what conditions may not do.

Runs on an expression that the library has accepted. Each rule yields complaints and knows nothing of the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.conditions.complaint import Complaint, ComplaintKind, shorten
from rsppc.conditions.cost import COST_MAX, ITEMS_ASSUMED, SIZE_MAX, TEXT_ASSUMED, cost_of
from rsppc.conditions.environment import Environment
from rsppc.conditions.library import is_valid_pattern
from rsppc.conditions.nodes import Node, as_tree, levels, walk
from rsppc.conditions.places import stretch_of, token_at
from rsppc.conditions.printing import print_tree, quote
from rsppc.conditions.refusals import describe_type, nearest
from rsppc.conditions.tokens import LEVELS_MAX, Scan

__all__ = ["complaints_about"]


def complaints_about(root: Node, scan: Scan, environment: Environment) -> tuple[Complaint, ...]:
    """Everything that keeps a checked expression from being a condition, in source order."""
    found = list(_lost_has(root, scan))
    if not found and root.type != "bool":
        message = f"A condition is true or false, and this is {describe_type(root.type)}."
        found.append(_complaint("not-bool", root, scan, message))
    if levels(root) > LEVELS_MAX:
        message = f"The condition nests more than {LEVELS_MAX} levels deep. Split it into several rules or edges."
        return (_complaint("too-deep", root, scan, message),)
    found.extend(_foreign_parts(root, scan, environment))
    if not found:
        found.extend(_bad_keys(root, scan, environment))
        found.extend(_bad_patterns(root, scan))
        found.extend(_too_costly(root, scan))
    return tuple(sorted(found, key=lambda complaint: (complaint.start, complaint.end, complaint.kind)))


def _complaint(kind: ComplaintKind, node: Node, scan: Scan, message: str, suggestion: str | None = None) -> Complaint:
    start, end = stretch_of(node, scan)
    return Complaint(kind=kind, start=start, end=end, message=message, suggestion=suggestion)


# The overloads that all runtimes have and answer alike, by the ids of the CEL specification.
PORTABLE = """
    add_int64 add_list add_string bool_to_string conditional contains_string divide_int64 ends_with_string
    equals greater_equals_int64 greater_int64 in_list in_map index_list index_map int64_to_string
    less_equals_int64 less_int64 list_join list_join_string list_size logical_and logical_not logical_or
    map_size matches_string modulo_int64 multiply_int64 negate_int64 not_equals size_list size_map
    size_string starts_with_string string_char_at_int string_index_of_string string_last_index_of_string
    string_lower_ascii string_replace_string_string string_size string_split_string string_substring_int
    string_to_string string_trim string_upper_ascii subtract_int64
"""
PORTABLE_OVERLOADS = frozenset(PORTABLE.split())

REASONS = {
    "string_to_int64": "Runtimes disagree on which texts are numbers (blanks, `0x`): `int(…)` takes no text.",
    "string_to_bool": "Runtimes disagree on which texts are true: `bool(…)` takes no text.",
    "strings_quote": "`strings.quote` is not part of the portable profile.",
    "string_format": "Runtimes print fractions and lists differently, so `format` is not part of the profile.",
    "matches": "Not every runtime has `matches` as a function: write `text.matches(pattern)`.",
    "string_reverse": "Not every runtime has `reverse`.",
    "string_substring_int_int": "Runtimes disagree about ends: `substring` takes a start only.",
    "string_index_of_string_int": "Runtimes disagree about a start at the end of the text: `indexOf` takes none.",
    "string_last_index_of_string_int": "Runtimes disagree about a start: `lastIndexOf` takes none.",
    "string_replace_string_string_int": "Runtimes disagree about limits: `replace` replaces all.",
    "string_split_string_int": "Runtimes disagree about limits: `split` divides at every place.",
    "type": "Types are no values in a condition: each name has one fixed type.",
    "to_dyn": "`dyn` hides a type, and each name of a condition has one fixed type.",
}


def _lost_has(root: Node, scan: Scan) -> Iterator[Complaint]:
    """Each `has(…)` that the checker has resolved to the plain value of a dotted name."""
    kept = {node.at for node in walk(root) if node.kind == "has"}
    for index, token in enumerate(scan.tokens[1:], start=1):
        before = scan.tokens[index - 1]
        if token.text == "(" and before.kind == "word" and before.text == "has" and token.start not in kept:
            end = scan.tokens[scan.partners[index]].end
            message = "`has` is not part of conditions: a name that can be read always has a value."
            yield Complaint(kind="has-macro", start=before.start, end=end, message=message)


def _foreign_parts(root: Node, scan: Scan, environment: Environment) -> Iterator[Complaint]:
    known = {declaration.name for declaration in environment.declarations}
    roots = {name.partition(".")[0] for name in known}
    variables: set[int] = set()
    locals_: set[str] = set()
    for node in walk(root):
        if id(node) in variables:
            continue
        match node.kind:
            case "macro":
                variable = node.args[0]
                variables.add(id(variable))
                locals_.add(str(variable.value))
                yield from _foreign_macro(node, scan, roots)
            case "has":
                yield _has(node, scan)
            case "name" if node.value not in known and node.value not in locals_:
                message = f"`{node.value}` is a type or a constant of CEL, not a name that a condition can read."
                yield _complaint("not-portable", node, scan, message)
            case "call" if not PORTABLE_OVERLOADS.issuperset(node.overload.split()):
                yield _complaint("not-portable", node, scan, _foreign_call(node))
            case "call" if node.value in ("replace", "split") and not _is_written_out(node.args[0]):
                message = f"Runtimes disagree about the empty text: what `{node.value}` looks for must stand here."
                yield _complaint("not-portable", node, scan, message)
            case "list":
                if len({item.type for item in node.args}) > 1:
                    message = "The entries of a list must be of one kind."
                    yield _complaint("not-portable", node, scan, message)
            case "map":
                yield from _foreign_map(node, scan)
            case "foreign":
                message = "This is not part of the portable profile: use text, whole numbers, true and false."
                yield _complaint("not-portable", node, scan, message)
            case _ if "dyn" in node.type:
                yield _complaint("not-portable", node, scan, "Nothing says of which kind this value is.")


def _is_written_out(node: Node) -> bool:
    """Whether a text stands there literally and is not empty."""
    return node.kind == "const" and node.value != ""


def _foreign_macro(node: Node, scan: Scan, roots: set[str]) -> Iterator[Complaint]:
    assert node.target is not None
    variable = str(node.args[0].value)
    if variable in roots:
        opening = token_at(node.at, scan)
        token = scan.tokens[opening + 1 if opening is not None else 0]
        message = f"The loop variable `{variable}` hides names that begin with `{variable}`; call it otherwise."
        yield Complaint(kind="not-portable", start=token.start, end=token.end, message=message)
    if node.value in ("map", "filter") and node.target.type.startswith("map"):
        message = f"A map has no order, so what `{node.value}` makes of it differs from run to run."
        yield _complaint("not-portable", node, scan, message)


def _has(node: Node, scan: Scan) -> Complaint:
    assert node.target is not None
    key = quote(str(node.args[0].value))
    target = _text(node.target)
    if not node.target.type.startswith("map"):
        message = f"`has` is not part of conditions, and `{shorten(target)}` is no map."
        return _complaint("has-macro", node, scan, message)
    question = f"{key} in {target}"
    message = f"`has` is not part of conditions; ask whether the key is there with `{shorten(question)}`."
    return _complaint("has-macro", node, scan, message, question)


def _foreign_call(node: Node) -> str:
    if node.overload in REASONS:
        return REASONS[node.overload]
    if node.value in ("_<_", "_<=_", "_>_", "_>=_"):
        return "Only whole numbers are ordered the same in every runtime; texts and truth values are not."
    if any("dyn" in child.type for child in node.children()):
        return "Nothing says of which kind these values are."
    return f"`{node.value}` is not part of the portable profile for these values."


def _foreign_map(node: Node, scan: Scan) -> Iterator[Complaint]:
    keys, values = node.args[::2], node.args[1::2]
    texts = [key.value for key in keys if key.kind == "const" and key.type == "string"]
    if len(texts) < len(keys):
        yield _complaint("not-portable", node, scan, "The keys of a map are texts that stand there literally.")
    elif len(set(texts)) < len(texts):
        yield _complaint("not-portable", node, scan, "A key of this map stands twice.")
    if len({value.type for value in values}) > 1:
        yield _complaint("not-portable", node, scan, "The values of a map must be of one kind.")


CONNECTIVES = frozenset({"_&&_", "_||_", "!_", "_?_:_"})


def _bad_keys(root: Node, scan: Scan, environment: Environment) -> Iterator[Complaint]:
    total = {each.name: each.keys for each in environment.declarations if each.keys is not None}
    if any(node.overload == "index_map" or node.value in total for node in walk(root)):
        yield from _Keys(scan, total).check(root, frozenset(), root)


class _Keys:
    """The walk that knows, at each part, which keys are known to be there."""

    def __init__(self, scan: Scan, total: dict[str, tuple[str, ...]]) -> None:
        self.scan = scan
        self.total = total

    def check(self, node: Node, present: frozenset[str], claim: Node) -> Iterator[Complaint]:
        """`present` holds texts such as `"k" in m`; `claim` is the innermost comparison around the node."""
        if node.kind == "call" and node.value == "_[_]" and node.overload == "index_map":
            yield from self._check_index(node, present, claim)
        elif node.kind == "call" and node.value == "@in" and self._is_total(node.args[1]):
            yield from self._check_literal_key(node, node.args[0], node.args[1])
        elif self._is_total(node):
            message = f"`{node.value}` has one entry for each declared provider: select one with a literal key."
            yield _complaint("computed-key", node, self.scan, message)
            return
        if node.kind == "macro" and node.target is not None and self._is_total(node.target):
            yield from self.check(node.target, present, claim)
            return
        for child, facts in self._children(node, present):
            inner = child if node.kind == "macro" or node.value in CONNECTIVES else claim
            if node.kind == "call" and node.value in ("_[_]", "@in") and self._is_total(child):
                continue
            yield from self.check(child, facts, inner)

    def _is_total(self, node: Node) -> bool:
        return node.kind == "name" and node.value in self.total

    def _children(self, node: Node, present: frozenset[str]) -> Iterator[tuple[Node, frozenset[str]]]:
        if node.kind == "macro":
            assert node.target is not None
            yield node.target, present
            variable = str(node.args[0].value)
            # Facts about an outer variable of the same name do not hold inside.
            inner = frozenset(fact for fact in present if not fact.startswith(f"{variable} in "))
            if node.target.type.startswith("map"):
                inner |= {f"{variable} in {_text(node.target)}"}
            for argument in node.args[1:]:
                yield argument, inner
            return
        for child, facts in zip(node.children(), _facts_for_operands(node), strict=True):
            yield child, present | facts

    def _check_index(self, node: Node, present: frozenset[str], claim: Node) -> Iterator[Complaint]:
        map_, key = node.args
        if self._is_total(map_):
            yield from self._check_literal_key(node, key, map_)
            return
        if map_.kind == "map" and key.kind == "const":
            if not any(known.value == key.value for known in map_.args[::2]):
                yield _complaint("unknown-key", node, self.scan, f"This map has no key {shorten(_text(key))}.")
            return
        guard = f"{_text(key)} in {_text(map_)}"
        if guard in present:
            return
        message = (
            f"`{shorten(_text(map_))}` need not have the key {shorten(_text(key))}, and without it this condition"
            f" fails: ask `{shorten(guard)}` first."
        )
        suggestion = None
        if claim.type == "bool" and _is_plain(key):
            suggestion = f"{guard} && {_text(claim)}"
            # An entry that is itself a truth value may stand behind `!`.
            suggestion = f"({suggestion})" if claim is node else suggestion
        yield _complaint("open-map-index", claim if suggestion else node, self.scan, message, suggestion)

    def _check_literal_key(self, node: Node, key: Node, map_: Node) -> Iterator[Complaint]:
        declared = self.total[str(map_.value)]
        if key.kind != "const":
            message = f"`{map_.value}` takes a provider written out as text, so that it can be checked here."
            yield _complaint("computed-key", node, self.scan, message)
            return
        if key.value in declared:
            return
        guess = nearest(str(key.value), declared)
        hint = f"; did you mean `{guess}`?" if guess else "."
        message = f"No provider `{shorten(str(key.value))}` is declared{hint}"
        suggestion = None
        if guess and node.value == "_[_]":
            suggestion = f"{map_.value}[{quote(guess)}]"
        elif guess:
            suggestion = f"{quote(guess)} in {map_.value}"
        yield _complaint("unknown-key", node, self.scan, message, suggestion)


def _is_plain(key: Node) -> bool:
    """Whether a key reads the same outside all loops."""
    return all(part.kind == "const" for part in walk(key))


def _facts_for_operands(node: Node) -> list[frozenset[str]]:
    """For each operand, which keys are there whenever it decides the value of its operator.

    `&&` absorbs the error of one operand when another is false, `||` when another is true, in any order.
    """
    nothing: frozenset[str] = frozenset()
    if node.value == "_?_:_":
        return [nothing, _facts(node.args[0], True), _facts(node.args[0], False)]
    if node.value not in ("_&&_", "_||_"):
        return [nothing] * len(node.children())
    own = [_facts(argument, node.value == "_&&_") for argument in node.args]
    before, after = [nothing], [nothing]
    for facts, later in zip(own, reversed(own), strict=True):
        before.append(before[-1] | facts)
        after.append(after[-1] | later)
    return [before[at] | after[len(own) - 1 - at] for at in range(len(own))]


def _facts(node: Node, outcome: bool) -> frozenset[str]:
    """The keys that are there if this node has this outcome."""
    if node.kind != "call":
        return frozenset()
    match node.value:
        case "@in" if outcome and node.overload == "in_map":
            return frozenset({f"{_text(node.args[0])} in {_text(node.args[1])}"})
        case "!_":
            return _facts(node.args[0], not outcome)
        case "_&&_" | "_||_":
            facts = [_facts(argument, outcome) for argument in node.args]
            if (node.value == "_&&_") == outcome:
                return frozenset().union(*facts)
            return facts[0].intersection(*facts[1:])
        case _:
            return frozenset()


def _text(node: Node) -> str:
    return print_tree(as_tree(node))


PATTERN_LENGTH_MAX = 256
REPEATS_MAX = 100


def _bad_patterns(root: Node, scan: Scan) -> Iterator[Complaint]:
    for node in walk(root):
        if node.kind == "call" and node.value == "matches":
            pattern = node.args[-1]
            reason = _fault_of_pattern(pattern)
            if reason is not None:
                yield _complaint("bad-pattern", pattern, scan, reason)


def _fault_of_pattern(pattern: Node) -> str | None:
    if pattern.kind != "const":
        return "A pattern must stand here literally, so that it can be checked before a call."
    text = str(pattern.value)
    if len(text) > PATTERN_LENGTH_MAX:
        return f"A pattern has at most {PATTERN_LENGTH_MAX} characters."
    if _repeats_nest(text):
        return "A repetition inside a repetition can take a runtime very long; write the pattern without it."
    if _repeats_too_often(text):
        return f"A pattern repeats a part at most {REPEATS_MAX} times."
    if not is_valid_pattern(text):
        return "This is not a pattern in RE2's syntax (no look-around, no back-references)."
    return None


def _repeats_nest(pattern: str) -> bool:
    """Whether `*`, `+` or `{…}` applies to a group that itself contains one."""
    open_: list[bool] = []
    contains = closed = False
    at = 0
    while at < len(pattern):
        mark = pattern[at]
        repeats = mark in "*+{"
        if repeats and closed:
            return True
        closed = False
        if mark == "\\":
            at += 1
        elif mark == "[":
            at = _end_of_class(pattern, at)
        elif mark == "(":
            open_.append(contains)
            contains = False
        elif mark == ")":
            closed = contains
            contains = (open_.pop() if open_ else False) or contains
        elif repeats:
            contains = True
        at += 1
    return False


def _end_of_class(pattern: str, at: int) -> int:
    """The index of the bracket that closes a character class; a bracket right after the opening is a member."""
    at += 1
    if pattern[at : at + 1] == "^":
        at += 1
    if pattern[at : at + 1] == "]":
        at += 1
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\":
            at += 1
        elif pattern.startswith("[:", at):
            end = pattern.find(":]", at)
            at = end + 1 if end > 0 else at
        at += 1
    return at


def _repeats_too_often(pattern: str) -> bool:
    for part in pattern.split("{")[1:]:
        bounds = part.partition("}")[0].split(",")
        if any(bound.isdecimal() and (len(bound) > 3 or int(bound) > REPEATS_MAX) for bound in bounds):
            return True
    return False


def _too_costly(root: Node, scan: Scan) -> Iterator[Complaint]:
    cost = cost_of(root)
    if cost.peak > SIZE_MAX:
        message = f"A value in this condition can grow beyond {SIZE_MAX:,} characters or entries."
        yield _complaint("too-costly", root, scan, message)
    elif cost.steps > COST_MAX:
        message = (
            f"This condition can take {cost.steps:,} steps, and {COST_MAX:,} are allowed (counting {ITEMS_ASSUMED}"
            f" entries for a list and {TEXT_ASSUMED:,} characters for a text). Loop over less."
        )
        yield _complaint("too-costly", root, scan, message)
