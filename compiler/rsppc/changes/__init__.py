"""What a change does: two compiled bundles held against each other, by cause and impact, and what breaks somebody.

Values in, data out: whoever names the sides reads and compiles them (`cli/sides.py`), and `cli/commands/` prints what
is found here.
"""
