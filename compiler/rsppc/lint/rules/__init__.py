"""Rules: one module per rule, each exporting `RULE`. A module dropped in here is a rule.

A module holds, in this order: a docstring with what the caller hears or a public failure, the kind of finding, `BAD`
and `GOOD` (see `lint/example.py`), and `check`. The name of the rule is the name of the module.
"""
