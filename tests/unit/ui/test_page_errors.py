"""The server has uncaught errors of pages shown as sentences, and prints no traceback on its terminal."""

import argparse
import logging
from typing import Any

import pytest
import streamlit as st
from streamlit.error_util import _LOGGER

from audiotag.ui import server
from audiotag.ui.page_errors import STREAMLIT_REPORT, keep_tracebacks_off_the_terminal, show_uncaught


def test_server_shows_uncaught_errors_of_pages_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}

    class App:
        def __init__(self, script: object, **options: Any) -> None:
            made.update(options)

        def run(self, config: dict[str, Any]) -> None:
            made.update(config)

    monkeypatch.setattr(st, "App", App)
    monkeypatch.setattr(server.sys, "argv", ["server"])
    server._serve(argparse.Namespace(address="127.0.0.1", port=1, allow_host=[], no_token=True))
    assert made["on_script_error"] is show_uncaught
    assert made["logger.enableRich"] is False


def test_traceback_of_a_page_does_not_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[logging.LogRecord] = []
    monkeypatch.setattr(_LOGGER, "filters", [])
    monkeypatch.setattr(_LOGGER, "callHandlers", records.append)
    _LOGGER.error(STREAMLIT_REPORT, exc_info=KeyError("a"))
    assert len(records) == 1  # Streamlit still has this sentence
    keep_tracebacks_off_the_terminal()
    _LOGGER.error(STREAMLIT_REPORT, exc_info=KeyError("a"))
    _LOGGER.error("something else")
    assert [record.getMessage() for record in records[1:]] == ["something else"]
