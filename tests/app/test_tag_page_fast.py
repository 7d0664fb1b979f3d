"""The Tag page offers fast tagging where the ensemble has a single network."""

from audiotag.workspace import Workspace

from .conftest import open_page, texts
from .tag_page import opened


def test_without_a_single_network_the_command_that_makes_one_is_shown(home: Workspace) -> None:
    at = opened(open_page("pages/tag.py"), "Options")
    assert not at.exception
    assert not [toggle for toggle in at.toggle if toggle.key == "fast"]
    assert "audiotag distil tiny" in texts(at.code)
