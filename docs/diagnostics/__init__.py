"""The generated pages of diagnostics, shipped as data."""
