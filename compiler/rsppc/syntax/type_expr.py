"""Type expressions: text to `PortType` and back.

`grammar/types.lark` decides what is a type expression; this module decides what its words mean, so that a message can
name the attribute, codec or mode that was meant. Loading the parser generator takes longer than checking a small
workspace. The texts that the shipped library uses are therefore parsed beforehand into `grammar/type_memo.json`, which
`build_memo` generates; any other text loads the parser when it is first seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from rsppc import grammar  # type: ignore[attr-defined]  # its folder lies beside `compiler/`
from rsppc.base.record import Record
from rsppc.ir.types import (
    ANY,
    ATTRIBUTES,
    CODECS,
    MAX_VALUES,
    NUMBER_BOUNDS,
    POSITIONAL,
    TEXT_MODES,
    AnyValue,
    ConfigField,
    Domain,
    PortType,
    Product,
    Range,
    Scalar,
    Term,
    Values,
    Variable,
    attribute_fault,
    canonical_tag,
    is_name,
    is_whole_variable,
    only,
    print_type,
    range_between,
    remember,
)

if TYPE_CHECKING:
    from lark import Lark, Token, Tree, UnexpectedInput

__all__ = ["TypeSyntaxError", "build_memo", "parse_type", "print_type"]

MAX_TEXT = 10_000
"""The longest type expression, in characters."""


class TypeSyntaxError(Record):
    """What is wrong in a type expression; `start` and `end` count characters, `suggestion` would replace them."""

    start: int
    end: int
    message: str
    suggestion: str = ""


def parse_type(text: str) -> PortType | TypeSyntaxError:
    """The type that a text means, or the first thing in it that is wrong. Equal texts give the same object."""
    known = _parsed.get(text)
    return known if known is not None else remember(_parsed, text, _from_memo(text) or _parse(text))


def build_memo(texts: Iterable[str]) -> bytes:
    """The content of `grammar/type_memo.json` for these texts, one a line; a text that is not a type is left out."""
    lines: list[bytes] = []
    for text in sorted(set(texts)):
        parsed = _parse(text)
        if type(parsed) is PortType:
            lines.append(b"%s: %s" % (msgspec.json.encode(text), msgspec.json.encode(_tree_of(parsed))))
    head = b'{"generated_by": "rsppc.syntax.type_expr.build_memo",\n"types": {\n'
    return head + b",\n".join(lines) + b"\n}}\n"


# --- The memo --------------------------------------------------------------------------------------------------------

_parsed: dict[str, PortType | TypeSyntaxError] = {}
_memo: dict[str, list[Any]] = {}
_parser: Lark | None = None


def _from_memo(text: str) -> PortType | None:
    if not _memo:
        _memo.update(_resource_types())
    tree = _memo.get(text)
    return None if tree is None else _type_of_tree(tree)


def _resource_types() -> dict[str, list[Any]]:
    with open(_resource("type_memo.json"), "rb") as file:  # pathlib is not loaded on a cold start
        types: dict[str, list[Any]] = msgspec.json.decode(file.read())["types"]
    return types


def _resource(name: str) -> str:
    return str(grammar.__file__).removesuffix("__init__.py") + name


def _tree_of(port_type: PortType) -> list[Any]:
    return [[product.kind, [_tree_of_term(term) for term in product.terms]] for product in port_type.alternatives]


def _tree_of_term(term: Term) -> Any:
    match term:
        case AnyValue():
            return None
        case Values(values=values):
            return values
        case Range(low=low, high=high):
            return {"low": low, "high": high}
        case Variable(name=name, bound=bound):
            return {"variable": name, "bound": _tree_of_term(bound)}
        case ConfigField(name=name):
            return {"config": name}


def _type_of_tree(tree: list[Any]) -> PortType:
    products = [
        Product(
            kind=kind,
            terms=tuple(
                [_term_of_tree(term, name) for name, term in zip(ATTRIBUTES.get(kind, ()), terms, strict=True)]
            ),
        )
        for kind, terms in tree
    ]
    return PortType(alternatives=tuple(products))


def _term_of_tree(tree: Any, attribute: str) -> Term:
    if isinstance(tree, dict) and "config" in tree:
        return ConfigField(name=tree["config"])
    if isinstance(tree, dict) and "variable" in tree:
        return Variable(name=tree["variable"], bound=_domain_of_tree(tree["bound"], attribute))
    return _domain_of_tree(tree, attribute)


def _domain_of_tree(tree: Any, attribute: str) -> Domain:
    if tree is None:
        return ANY
    if isinstance(tree, dict):
        return Range(low=tree["low"], high=tree["high"])
    return _values(tree, attribute)


def _values(values: list[Scalar], attribute: str) -> Values:
    if len(values) == 1:
        return only(values[0], prefixed=attribute == "lang")
    return Values(values=tuple(values), prefixed=attribute == "lang")


# --- The parser ------------------------------------------------------------------------------------------------------


def _parse(text: str) -> PortType | TypeSyntaxError:
    if len(text) > MAX_TEXT:
        return TypeSyntaxError(start=MAX_TEXT, end=len(text), message=f"a type has at most {MAX_TEXT} characters")
    # Imported only for texts outside the memo: this import alone costs more than a whole small check.
    from lark import UnexpectedInput

    try:
        tree = _loaded_parser().parse(text)
    except UnexpectedInput as unexpected:
        return _syntax_error(text, unexpected)
    return _port_type(tree)


def _loaded_parser() -> Lark:
    global _parser
    if _parser is None:
        from lark import Lark  # as in `_parse`

        with open(_resource("types.lark"), encoding="utf-8") as file:  # as in `_resource_types`
            _parser = Lark(file.read(), parser="lalr", maybe_placeholders=True)
    return _parser


_TERMINALS = (
    ("VARIABLE", "a value"),
    ("EVERYTHING", "a value"),
    ("WORD", "a name"),
    ("EQUAL", "`=`"),
    ("VBAR", "`|`"),
    ("COMMA", "`,`"),
    ("MORETHAN", "`>`"),
    ("LESSTHAN", "`<`"),
    ("OR", "`or`"),
)


def _syntax_error(text: str, unexpected: UnexpectedInput) -> TypeSyntaxError:
    token = getattr(unexpected, "token", None)
    awaited = getattr(unexpected, "expected", None) or getattr(unexpected, "allowed", None) or ()
    names = list(dict.fromkeys(name for terminal, name in _TERMINALS if terminal in awaited))
    wanted = " or ".join(names[:3]) or "the end of the type"
    if token is not None and token.type == "$END":
        closing = ">" if "MORETHAN" in awaited else ""
        message = f"expected {wanted}, but the type ends here"
        return TypeSyntaxError(start=len(text), end=len(text), message=message, suggestion=closing)
    start = max(0, min(int(unexpected.pos_in_stream or 0), len(text)))
    found = str(token) if token is not None else text[start : start + 1]
    return TypeSyntaxError(start=start, end=start + len(found), message=f"expected {wanted}, found `{found[:40]}`")


# --- What the words mean ---------------------------------------------------------------------------------------------

_Argument: TypeAlias = tuple[str, Term]


def _port_type(tree: Tree[Token]) -> PortType | TypeSyntaxError:
    trees: list[Any] = tree.children
    if len(trees) > MAX_VALUES:
        word = trees[MAX_VALUES].children[0]
        return _fault(word, f"a type has at most {MAX_VALUES} alternatives")
    products: list[Product] = []
    for each in trees:
        product = _product(each, alone=len(trees) == 1)
        if type(product) is TypeSyntaxError:
            return product
        products.append(product)  # type: ignore[arg-type]  # the error is gone
    return PortType(alternatives=tuple(products))


def _product(tree: Tree[Token], *, alone: bool) -> Product | TypeSyntaxError:
    word, arguments = tree.children
    kind = str(word)
    whole = is_whole_variable(kind) and kind.isalnum()
    if not whole and kind not in ATTRIBUTES:
        return _fault(word, f"`{kind[:40]}` is not a kind of port", _closest(kind, ATTRIBUTES))
    if not alone and (whole or kind == "unchecked"):
        return _fault(word, f"`{kind[:40]}` fits everything, so it stands alone, without `or`")
    if arguments is None:
        return Product(kind=kind, terms=(ANY,) * len(ATTRIBUTES.get(kind, ())))
    if whole or not ATTRIBUTES[kind]:
        return _fault(word, f"`{kind[:40]}` has no attributes")
    return _product_with_arguments(kind, arguments)


def _product_with_arguments(kind: str, arguments: Any) -> Product | TypeSyntaxError:
    terms: dict[str, Term] = {}
    variables: dict[str, str] = {}
    for argument in arguments.children:
        name, term_tree = argument.children
        place = name if name is not None else _first_word(term_tree)
        attribute = _attribute(kind, name, place)
        if type(attribute) is TypeSyntaxError:
            return attribute
        assert isinstance(attribute, str)  # the error is gone
        if attribute in terms:
            return _fault(place, f"`{attribute}` is given twice")
        term = _term(attribute, term_tree, place)
        if type(term) is TypeSyntaxError:
            return term
        if type(term) is Variable and variables.setdefault(term.name, attribute) != attribute:
            return _fault(
                place, f"`?{term.name}` stands for `{variables[term.name]}`; `{attribute}` needs another name"
            )
        terms[attribute] = term  # type: ignore[assignment]  # the error is gone
    return Product(kind=kind, terms=tuple([terms.get(attribute, ANY) for attribute in ATTRIBUTES[kind]]))


def _attribute(kind: str, name: Token | None, place: Token) -> str | TypeSyntaxError:
    allowed = ATTRIBUTES[kind]
    if name is None:
        attribute = POSITIONAL.get(kind)
        if attribute is None:
            owner = next((each for each in allowed if attribute_fault(each, _scalar(each, str(place))) is None), "")
            suggestion = f"{owner}={place}" if owner else ""
            return _fault(place, f"`{kind}` names its attributes: {', '.join(allowed)}", suggestion)
        return attribute
    if str(name) not in allowed:
        listed = ", ".join(allowed)
        return _fault(name, f"`{kind}` has no attribute `{name[:40]}`; it has {listed}", _closest(name, allowed))
    return str(name)


def _term(attribute: str, tree: Tree[Token], place: Token) -> Term | TypeSyntaxError:
    if tree.data == "variable":
        return _variable(attribute, tree)
    if tree.data == "values" and str(tree.children[0]).startswith("config."):
        return _config_field(tree)
    return _domain(attribute, tree, place)


def _variable(attribute: str, tree: Tree[Token]) -> Term | TypeSyntaxError:
    children: list[Any] = tree.children
    word, bound_tree = children
    name = str(word)[1:]
    if not is_name(name):
        return _fault(
            word, "a variable is `?` and a small name, such as `?r`", f"?{name.lower().lstrip('0123456789_')}"
        )
    bound = ANY if bound_tree is None else _domain(attribute, bound_tree, word)
    if type(bound) is TypeSyntaxError:
        return bound
    return Variable(name=name, bound=bound)  # type: ignore[arg-type]  # the error is gone


def _config_field(tree: Tree[Token]) -> Term | TypeSyntaxError:
    words: list[Any] = tree.children
    if len(words) > 1:
        return _fault(words[1], "a config field stands alone; its value may be a list")
    name = str(words[0]).removeprefix("config.")
    if not is_name(name):
        return _fault(words[0], f"`{name[:40]}` is not the name of a config field")
    return ConfigField(name=name)


def _domain(attribute: str, tree: Tree[Token], place: Token) -> Domain | TypeSyntaxError:
    words: list[Any] = tree.children
    match tree.data:
        case "any":
            return ANY
        case "range":
            return _range(attribute, words)
        case _:
            return _value_set(attribute, words, place)


def _range(attribute: str, words: list[Token]) -> Domain | TypeSyntaxError:
    if attribute not in NUMBER_BOUNDS:
        return _fault(words[0], f"`{attribute}` has no order, so it has no range; write the values with `|`")
    ends: list[int] = []
    for word in words:
        value = _value(attribute, word)
        if type(value) is TypeSyntaxError:
            return value
        ends.append(int(value))  # type: ignore[arg-type]  # the error is gone
    between = range_between(*ends)
    return between or _fault(words[0], f"the range is empty: {ends[0]} is more than {ends[1]}")


def _value_set(attribute: str, words: list[Token], place: Token) -> Domain | TypeSyntaxError:
    if len(words) > MAX_VALUES:
        return _fault(words[MAX_VALUES], f"`{attribute}` has at most {MAX_VALUES} values")
    values: dict[Scalar, None] = {}
    for word in words:
        value = _value(attribute, word)
        if isinstance(value, TypeSyntaxError):
            return value
        if value in values:
            return _fault(word, f"`{value}` is given twice")
        values[value] = None
    return _values(list(values), attribute)


def _value(attribute: str, word: Token) -> Scalar | TypeSyntaxError:
    if str(word).startswith("config."):
        return _fault(word, "a config field stands alone; its value may be a list")
    value = _scalar(attribute, str(word))
    message = attribute_fault(attribute, value)
    if message is not None:
        return _fault(word, message, _nearest_value(attribute, str(word)))
    return canonical_tag(str(value)) or value if attribute == "lang" else value


def _scalar(attribute: str, word: str) -> Scalar:
    # Nine digits are beyond every bound, and a leading zero is no way to write a number.
    is_number = word.isdecimal() and len(word) <= 9 and (word == "0" or word[0] != "0")
    return int(word) if attribute in NUMBER_BOUNDS and is_number else word


# --- Suggestions: only for texts that are wrong -----------------------------------------------------------------------

_USUAL_NUMBERS = {
    "rate_hz": (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000, 384000),
    "channels": (1, 2, 4, 6, 8, 16, 32),
    "frame_ms": (10, 20, 40, 60, 100, 1000),
}
_UNITS = (("khz", 1000), ("hz", 1), ("ms", 1), ("k", 1000), ("ch", 1), ("s", 1000))


def _fault(word: Any, message: str, suggestion: str = "") -> TypeSyntaxError:
    return TypeSyntaxError(start=word.start_pos, end=word.end_pos, message=message, suggestion=suggestion)


def _first_word(tree: Any) -> Any:
    """The word to point at where an argument has no name."""
    return tree.children[0]


def _nearest_value(attribute: str, word: str) -> str:
    if attribute in _USUAL_NUMBERS:
        return _nearest_number(attribute, word.lower())
    known = {"codec": CODECS, "modes": TEXT_MODES}.get(attribute)
    if known is not None:
        return _closest(word.lower(), known)
    return word.lower() if attribute == "signals" and is_name(word.lower()) else ""


def _nearest_number(attribute: str, word: str) -> str:
    factor = 1
    for unit, times in _UNITS:
        if word.endswith(unit):
            word, factor = word.removesuffix(unit), times
            break
    if not (word.isascii() and word.isdecimal()):
        return ""
    # Anything longer is beyond the largest usual number anyway.
    number = int(word[:9]) * factor if len(word) <= 9 else 10**9
    low, high = NUMBER_BOUNDS[attribute]
    if low <= number <= high:
        return str(number)
    return str(min(_USUAL_NUMBERS[attribute], key=lambda usual: abs(usual - number)))


def _closest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only for texts that are wrong

    names = list(known)
    near = get_close_matches(word[:64], names, n=1, cutoff=0.6)
    # `sample_rate` looks little like `rate_hz`, but shares a word with it.
    parts = {part for part in word[:64].split("_") if len(part) > 1}
    sharing = [name for name in names if not parts.isdisjoint(name.split("_"))]
    return next(iter([*near, *sharing]), "")
