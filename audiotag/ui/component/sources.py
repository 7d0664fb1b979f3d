"""Read the sources of a component as Streamlit takes them: one text each of HTML, CSS and JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SHARED = ("lifetime", "sounds", "images")


def read_component(folder: Path, name: str, scripts: Sequence[str] = ()) -> dict[str, Any]:
    """HTML, CSS and JavaScript of the component ``name``, by the names of Streamlit's arguments.

    Parameters
    ----------
    folder : Path
        That of its files.
    name : str
        Of the files ``NAME.html``, ``NAME.css`` and ``NAME.js``.
    scripts : sequence of str
        Other scripts in the folder, without ``.js``. They are put before that of the component, and before them those
        that all components share.
    """
    sources = {kind: _read(folder / f"{name}.{kind}") for kind in ("html", "css")}
    paths = [*(FOLDER / f"{each}.js" for each in SHARED), *(folder / f"{each}.js" for each in (*scripts, name))]
    return sources | {"js": "\n".join(map(_read, paths))}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
