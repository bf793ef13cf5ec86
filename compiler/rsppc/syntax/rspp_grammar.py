"""From `grammar/rspp.lark` to the parse tables that the reader of the text form runs on.

Lark checks the grammar and computes the tables; loading it would cost four times as much as reading a usual file, so
the tables are kept as a module of their own, `rspp_tables.py`. After a change of the grammar run

    python -m rsppc.syntax.rspp_grammar

A test proves the tables fresh.
"""

from __future__ import annotations

import json
from typing import Any

MODULE_HEAD = '''"""Parse tables of the text form, made from grammar/rspp.lark by `python -m rsppc.syntax.rspp_grammar`.

All are JSON. `ACTIONS` has a row for each state: terminal to 0 (accept), N (go to state N - 1) or -N (reduce by rule
N - 1). `GOTOS` has the states that follow a nonterminal, `RULES` nonterminal, length and action of each rule.
"""

from __future__ import annotations

'''
_LINE_MAX = 114


def python_module(grammar: str) -> str:
    """The text of the module with the tables of a grammar."""
    terminals, nonterminals, rules, actions, gotos = lalr_tables(grammar)
    return MODULE_HEAD + "\n".join(
        (
            _constant("TERMINALS", terminals),
            _constant("NONTERMINALS", nonterminals),
            _constant("RULES", rules),
            _constant("ACTIONS", actions),
            _constant("GOTOS", gotos),
        )
    )


def lalr_tables(grammar: str) -> tuple[list[str], list[str], list[Any], list[Any], list[Any]]:
    """Terminals, nonterminals, rules, actions and gotos; the same for every run, whatever order Lark finds them in."""
    table = _lark_table(grammar)
    states = _numbered_states(table)
    number = {state: index for index, state in enumerate(states)}
    found_rules = {
        argument for row in table.states.values() for action, argument in row.values() if action.name == "Reduce"
    }
    rules = sorted(found_rules, key=lambda rule: (str(rule.origin.name), _symbols(rule), _action(rule)))
    rule_number = {rule: index for index, rule in enumerate(rules)}
    nonterminals = sorted({str(rule.origin.name) for rule in rules})
    symbols = {str(symbol) for row in table.states.values() for symbol in row}
    terminals = sorted(symbols - set(nonterminals))
    actions: list[dict[int, int]] = []
    gotos: list[dict[int, int]] = []
    for state in states:
        actions.append({})
        gotos.append({})
        for symbol, (action, argument) in sorted(table.states[state].items(), key=lambda item: str(item[0])):
            name = str(symbol)
            if action.name == "Reduce":
                actions[-1][terminals.index(name)] = -1 - rule_number[argument]
            elif name in nonterminals:
                gotos[-1][nonterminals.index(name)] = number[argument]
            else:
                actions[-1][terminals.index(name)] = 1 + number[argument]
    actions[number[table.end_states["start"]]] = {terminals.index("$END"): 0}
    listed = [[nonterminals.index(str(rule.origin.name)), len(rule.expansion), _action(rule)] for rule in rules]
    _skip_renamings(listed, actions, gotos)
    return terminals, nonterminals, listed, actions, gotos


def _lark_table(grammar: str) -> Any:
    from lark import Lark
    from lark.lexer import Lexer

    class NoLexer(Lexer):  # the tokens are found elsewhere
        def __init__(self, *_: Any) -> None:
            pass

        def lex(self, *_: Any) -> Any:
            return iter(())

    # `strict` refuses a grammar with conflicts.
    made: Any = Lark(grammar, parser="lalr", lexer=NoLexer, maybe_placeholders=False, strict=True)
    return made.parser.parser._parse_table


def _numbered_states(table: Any) -> list[Any]:
    """The states in an order that depends on the grammar alone: breadth first, symbols by name."""
    states = [table.start_states["start"]]
    known = set(states)
    for state in states:
        for _, (action, argument) in sorted(table.states[state].items(), key=lambda item: str(item[0])):
            if action.name == "Shift" and argument not in known:
                known.add(argument)
                states.append(argument)
    return states


def _symbols(rule: Any) -> tuple[str, ...]:
    return tuple(str(symbol.name) for symbol in rule.expansion)


def _action(rule: Any) -> str:
    """The name of the function that builds the rule's value; empty where the value is that of the one symbol."""
    return str(rule.alias) if rule.alias else ""


def _skip_renamings(rules: list[Any], actions: list[dict[int, int]], gotos: list[dict[int, int]]) -> None:
    """Where a state only renames a value (`literal: scalar`), go at once to the state that follows the new name."""
    renamed: dict[int, int] = {}
    for state, row in enumerate(actions):
        codes = set(row.values())
        if len(codes) == 1 and not gotos[state] and (code := next(iter(codes))) < 0:
            nonterminal, length, action = rules[-code - 1]
            if length == 1 and not action:
                renamed[state] = nonterminal
    for row in gotos:
        for nonterminal, target in sorted(row.items()):
            while target in renamed:
                target = row[renamed[target]]
            row[nonterminal] = target


def _constant(name: str, value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    lines = [text[start : start + _LINE_MAX] for start in range(0, len(text), _LINE_MAX)]
    quoted = (f"    '{line}'" if '"' in line else f'    "{line}"' for line in lines)
    return "\n".join((f"{name} = (", *quoted, ")\n"))


def grammar_text() -> str:
    """The grammar as it is shipped."""
    from importlib.resources import files

    return (files("rsppc.grammar") / "rspp.lark").read_text("utf-8")


if __name__ == "__main__":
    from pathlib import Path

    Path(__file__).with_name("rspp_tables.py").write_text(python_module(grammar_text()), "utf-8")
