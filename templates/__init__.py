"""The text of generated files, one folder per target, shipped as data."""
