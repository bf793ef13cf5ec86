"""The generated JSON Schemas, shipped as data."""
