"""What the tests of the Tag page share: add sounds to it, press its buttons, read what it shows."""

import re
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from audiotag.ui.tag import dropped_sounds

from .conftest import texts, wav


def uploaded(at: AppTest, *files: tuple[str, bytes]) -> AppTest:
    at.file_uploader[0].set_value([(name, content, "audio/wav") for name, content in files])
    return at.run()


def noise(seconds: float = 1.0, seed: int = 0) -> bytes:
    return wav(0.1 * np.random.default_rng(seed).standard_normal(round(44_100 * seconds)).clip(-4, 4))


def badges(at: AppTest, icon: str = "check") -> list[str]:
    """Labels in the badges that have this icon."""
    return [label for text in texts(at.markdown) for label in re.findall(rf"material/{icon}: ([\w-]+)", text)]


def words(at: AppTest) -> str:
    return "\n".join(texts(at.markdown))


def row(at: AppTest, place: int) -> dict[str, Any]:
    """A row of the table of sounds."""
    (table,) = [frame.value for frame in at.dataframe if "remarks" in frame.value]
    return dict(table.iloc[place])


def selected(at: AppTest, place: int) -> AppTest:
    at.session_state[dropped_sounds.TABLE] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    return at.run()


def pressed(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def given_path(at: AppTest, path: object) -> AppTest:
    at.text_input(key="tag-path").set_value(str(path))
    return pressed(at, "Tag")


def opened(at: AppTest, tab: str) -> AppTest:
    """The page with this tab of the settings."""
    at.session_state["drawer"], at.session_state["settings"] = True, tab
    return at.run()


def command(at: AppTest) -> str:
    return next(code.value for code in at.code if code.value.startswith("audiotag tag"))
