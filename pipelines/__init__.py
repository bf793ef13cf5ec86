"""The standard library and the reference pipelines, shipped as data."""
