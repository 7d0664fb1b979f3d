"""The Tag page says which sounds are unlike the training sounds, and lists the tags that are held back."""

from collections.abc import Callable
from pathlib import Path

from audiotag.workspace import Workspace

from .conftest import beep, open_page, texts, wav
from .tag_page import badges, command, uploaded, words


def test_strange_sound_has_a_badge_with_its_reason_and_its_tags_can_be_held_back(
    home: Workspace, make_strange: Callable[[Path, float], None]
) -> None:
    make_strange(home.ensembles / "tiny", 0.05)
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1.0))))
    assert not at.exception
    given = [label for label in badges(at) if label in ("Bark", "Bell")]
    assert given
    assert "Unlike the sounds it was trained on" in words(at)
    assert any("its familiarity is 0.010" in text for text in texts(at.caption))
    assert "unlike the training sounds, familiarity 0.010" in words(at)
    at.toggle(key="hold-back").set_value(True).run()
    assert not at.exception
    assert all(f"{label}" in words(at) for label in given)
    assert words(at).count("held back") >= len(given)
    assert "--hold-back-unfamiliar" in command(at)


def test_ensemble_that_does_not_know_its_sounds_shows_the_command(home: Workspace) -> None:
    at = uploaded(open_page("pages/tag.py"), ("beep.wav", wav(beep(1.0))))
    assert not at.exception
    assert "familiarity" not in words(at)
    assert not [toggle for toggle in at.toggle if toggle.key == "hold-back"]
