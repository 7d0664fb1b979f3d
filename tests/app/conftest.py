"""What AppTest leaves behind is put back."""

import sys

import pytest


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest makes the page ``__main__`` and leaves it there; a process pool of a later test would run the page."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
