"""The text of generated files, one folder per target, and a script to copy; shipped as data."""
