"""What no page expects is a sentence that names the log; the rest of the page, the server and other sessions go on."""

import pytest
from streamlit import error_util
from streamlit.runtime.scriptrunner import exec_code
from streamlit.testing.v1 import AppTest

from audiotag import crash_log
from audiotag.errors import AudiotagError
from audiotag.ui.home import doors
from audiotag.ui.page_errors import show_uncaught
from audiotag.workspace import Workspace

from .conftest import open_page, texts


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages as the server runs them: `st.App` gets `show_uncaught`, AppTest has no such option."""

    def handle(error: Exception, handler: object) -> None:
        error_util.handle_user_script_exception(error, show_uncaught)

    monkeypatch.setattr(exec_code, "handle_user_script_exception", handle)
    monkeypatch.setattr(crash_log._file, "path", None)


def home_raises(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(doors, "show_doors", fail)


def test_unexpected_error_is_a_sentence_with_the_log_and_the_next_step(
    home: Workspace, served: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_raises(monkeypatch, KeyError("a_column"))
    at = open_page("app.py")
    (path,) = (home.root / "logs").iterdir()
    assert texts(at.error) == [
        f"An unexpected error ended this page. The details are in {path}; please report it with that file. "
        "Reload the page, or choose something else on it."
    ]
    assert not at.exception
    assert "KeyError: 'a_column'" in path.read_text()
    assert len(at.title) == 1  # what was drawn before stays


def test_error_for_the_user_is_its_own_sentence(home: Workspace, served: None, monkeypatch: pytest.MonkeyPatch) -> None:
    home_raises(monkeypatch, AudiotagError("fold 3 is damaged; train it again."))
    at = open_page("app.py")
    assert texts(at.error) == ["fold 3 is damaged; train it again."]
    assert not (home.root / "logs").exists()


def test_error_in_a_callback_is_a_sentence_and_the_page_is_drawn_again_later(home: Workspace, served: None) -> None:
    def page() -> None:
        import streamlit as st

        def fail() -> None:
            raise RuntimeError("jargon")

        st.button("fail", on_click=fail)

    at = AppTest.from_function(page).run()
    at.button[0].click().run()
    (text,) = texts(at.error)
    assert text.startswith("An unexpected error ended this page.")
    assert "jargon" not in text
    assert not at.run().error


def test_tests_see_the_exception_itself(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    home_raises(monkeypatch, KeyError("a_column"))
    assert open_page("app.py").exception


def test_error_in_a_tab_leaves_the_rest_of_the_page(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from audiotag.ui.dataset import durations_tab

    def fail(*_: object) -> None:
        raise AudiotagError("this table cannot be shown; scan again.")

    monkeypatch.setattr(durations_tab, "show_durations", fail)
    at = open_page("pages/dataset.py")
    assert texts(at.error) == ["this table cannot be shown; scan again."]
    assert at.tabs[0].label == "Durations"
