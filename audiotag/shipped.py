"""Paths of the app's files and of the shipped ensembles.

In the repository they are folders at its top; in an installed wheel the build has put them into ``audiotag/bundle``.
"""

from pathlib import Path

_BUNDLE = Path(__file__).parent / "bundle"
SHIPPED = _BUNDLE if _BUNDLE.is_dir() else Path(__file__).parents[1]
APP = SHIPPED / "app.py"  # Streamlit takes its settings from the folder `.streamlit` beside it
SHIPPED_MODELS = SHIPPED / "models"
