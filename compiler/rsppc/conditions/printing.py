"""The canonical text of a checked tree: one blank around binary operators, the fewest parentheses, double quotes.

Printing and checking are inverse: the printed text of a tree checks to that tree again.
"""

from __future__ import annotations

from rsppc.conditions.nodes import Tree
from rsppc.conditions.tokens import is_hidden

__all__ = ["print_tree", "quote"]


def print_tree(tree: Tree) -> str:
    """The canonical source text of a tree."""
    return _print(tree, CHOICE)


def quote(text: str) -> str:
    """A text as a CEL literal, with what a reader could not see written as an escape."""
    return '"' + "".join(_escape(character) for character in text) + '"'


# How tightly a form binds; an operand that binds less than its place demands stands in parentheses.
CHOICE, OR, AND, RELATION, SUM, PRODUCT, UNARY, MEMBER = range(8)

BINARY = {
    "_==_": ("==", RELATION),
    "_!=_": ("!=", RELATION),
    "_<_": ("<", RELATION),
    "_<=_": ("<=", RELATION),
    "_>_": (">", RELATION),
    "_>=_": (">=", RELATION),
    "@in": ("in", RELATION),
    "_+_": ("+", SUM),
    "_-_": ("-", SUM),
    "_*_": ("*", PRODUCT),
    "_/_": ("/", PRODUCT),
    "_%_": ("%", PRODUCT),
}
CHAINS = {"_&&_": ("&&", AND), "_||_": ("||", OR)}
UNARY_MARKS = {"!_": "!", "-_": "-"}


def _print(tree: Tree, place: int) -> str:
    text, binding = _form(tree)
    return text if binding >= place else f"({text})"


def _form(tree: Tree) -> tuple[str, int]:
    if "const" in tree:
        return _constant(tree["const"])
    if "name" in tree or "local" in tree:
        return str(tree.get("name", tree.get("local"))), MEMBER
    if "list" in tree:
        return "[" + ", ".join(_print(item, CHOICE) for item in tree["list"]) + "]", MEMBER
    if "map" in tree:
        entries = (f"{_print(key, CHOICE)}: {_print(value, CHOICE)}" for key, value in tree["map"])
        return "{" + ", ".join(entries) + "}", MEMBER
    return _call(tree["call"], tree.get("target"), tree["args"])


def _constant(constant: Tree) -> tuple[str, int]:
    if "bool" in constant:
        return ("true" if constant["bool"] else "false"), MEMBER
    if "int" in constant:
        number = str(constant["int"])
        return number, UNARY if number.startswith("-") else MEMBER
    return quote(constant["string"]), MEMBER


def _call(function: str, target: Tree | None, args: list[Tree]) -> tuple[str, int]:
    if function in BINARY:
        mark, binding = BINARY[function]
        return f"{_print(args[0], binding)} {mark} {_print(args[1], binding + 1)}", binding
    if function in CHAINS:
        mark, binding = CHAINS[function]
        return f" {mark} ".join(_print(argument, binding + 1) for argument in args), binding
    if function in UNARY_MARKS:
        return UNARY_MARKS[function] + _operand(args[0]), UNARY
    if function == "_?_:_":
        condition, yes, no = args
        return f"{_print(condition, OR)} ? {_print(yes, OR)} : {_print(no, CHOICE)}", CHOICE
    if function == "_[_]":
        return f"{_print(args[0], MEMBER)}[{_print(args[1], CHOICE)}]", MEMBER
    arguments = ", ".join(_print(argument, CHOICE) for argument in args)
    if target is None:
        return f"{function}({arguments})", MEMBER
    return f"{_print(target, MEMBER)}.{function}({arguments})", MEMBER


def _operand(tree: Tree) -> str:
    # The parser folds `--x` and `-5`; an operand that would fold stands in parentheses, as its author wrote it.
    folds = "const" in tree and "int" in tree["const"]
    return _print(tree, MEMBER) if not folds else f"({_print(tree, CHOICE)})"


NAMED_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(character: str) -> str:
    if character in NAMED_ESCAPES:
        return NAMED_ESCAPES[character]
    if not is_hidden(character):
        return character
    point = ord(character)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
