"""The lists in `pyproject.toml` name everything that has to ship."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
DATA_FOLDERS = {package: ROOT / place for package, place in SETUPTOOLS["package-dir"].items() if package}


def test_every_package_is_listed() -> None:
    top = ROOT / "compiler"
    code = {
        ".".join(file.parent.relative_to(top).parts)
        for file in (top / "rsppc").rglob("*.py")
        if "__pycache__" not in file.parts
    }
    assert sorted(SETUPTOOLS["packages"]) == sorted(code | DATA_FOLDERS.keys())


@pytest.mark.parametrize("package", sorted(DATA_FOLDERS))
def test_every_data_folder_is_a_package_that_says_what_it_is(package: str) -> None:
    text = (DATA_FOLDERS[package] / "__init__.py").read_text(encoding="utf-8")
    assert text.startswith('"""') and text.count("\n") == 1


@pytest.mark.parametrize("package", sorted(DATA_FOLDERS))
def test_every_data_file_ships(package: str) -> None:
    """A folder of data inside another one ships by itself."""
    place = DATA_FOLDERS[package]
    inside = [one for one in DATA_FOLDERS.values() if one != place and one.is_relative_to(place)]
    shipped = {file for pattern in SETUPTOOLS["package-data"][package] for file in place.glob(pattern)}
    present = {
        file
        for file in place.rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not file.name.endswith((".py", ".pyc"))
        and not any(file.is_relative_to(one) for one in inside)
    }
    assert sorted(present - shipped) == []
