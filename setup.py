"""What `pyproject.toml` cannot say: a build begins with an empty folder.

setuptools copies the packages into `build/lib` and packs what lies there. What an earlier build left behind would ship
although its source is gone.
"""

from __future__ import annotations

import shutil

from setuptools import setup
from setuptools.command.build import build


class FreshBuild(build):
    """Forget earlier builds, then build."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(cmdclass={"build": FreshBuild})
