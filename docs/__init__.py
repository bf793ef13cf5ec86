"""The pages of the manual, shipped as data."""
