"""The grammars of the text forms (*.lark), shipped as data."""
