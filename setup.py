"""Build step: a wheel also holds the app's pages, its theme and the shipped ensemble, which lie outside the package.

They are copied to ``audiotag/bundle``; `audiotag.shipped` finds them there. Everything else is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BUNDLED = ("app.py", "pages/*.py", ".streamlit/config.toml", "models/starter/*")


class BuildWithBundle(build_py):
    """Copies `BUNDLED` beside the modules; an editable install finds the files where they are."""

    def run(self) -> None:
        """Copy the package, then what lies outside it."""
        super().run()
        if self.editable_mode:
            return
        root = Path(__file__).parent
        for pattern in BUNDLED:
            files = sorted(root.glob(pattern))
            if not files:
                raise FileNotFoundError(f"{pattern} is not there, so the wheel would lack it")
            for file in files:
                copy = Path(self.build_lib) / "audiotag" / "bundle" / file.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)


setup(cmdclass={"build_py": BuildWithBundle})
