"""A sound that nobody expected gives a message, hides nothing else, and is read again when the cause has gone."""

import os
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from audiotag.audio import opening
from audiotag.errors import AudiotagError
from audiotag.ui import ensemble_cache, sound_cache
from audiotag.workspace import Workspace

from .conftest import beep, open_page, table_dataset, texts, wav


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception]:
    """By file name: what is raised when the file is opened."""
    errors: dict[str, Exception] = {}
    real = opening._open

    def fails(source: Any, name: str, isolated: bool) -> Any:
        if name in errors:
            raise errors[name]
        return real(source, name, isolated)

    monkeypatch.setattr(opening, "_open", fails)
    return errors


def tag_page(*names: str) -> AppTest:
    at = open_page("pages/tag.py")
    at.file_uploader[0].set_value([(name, wav(beep(0.5 + 0.1 * len(name))), "audio/wav") for name in names])
    return at.run()


def test_unexpected_exception_of_one_sound_is_its_message_and_the_other_is_tagged(
    home: Workspace, failing: dict[str, Exception]
) -> None:
    failing["bad.wav"] = IndexError("index 3 is out of bounds")
    at = tag_page("bad.wav", "good1.wav")
    for _ in range(2):  # and it stays so
        assert not at.exception
        assert any(text.startswith("bad.wav cannot be used") for text in texts(at.error))
        (table,) = [frame.value for frame in at.dataframe if "remarks" in frame.value]
        assert table["likeliest"].notna().tolist() == [False, True]
        at = at.run()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), MemoryError()], ids=["system", "memory"])
def test_failure_of_the_system_is_gone_at_the_next_run(
    home: Workspace, failing: dict[str, Exception], error: Exception
) -> None:
    name = f"{type(error).__name__}.wav"  # what the other one left in memory is not used
    failing[name] = error
    at = tag_page(name)
    assert not at.exception
    assert any(text.startswith(f"{name} ") for text in texts(at.error))
    failing.clear()
    at = at.run()
    assert not at.exception
    assert not at.error


@pytest.mark.parametrize("may_pass", [False, True])
def test_decoder_that_crashes_is_not_tried_at_each_run_but_one_that_was_killed_is(
    tiny_ensemble: Path, failing: dict[str, Exception], may_pass: bool
) -> None:
    failing["film.wav"] = AudiotagError("film.wav cannot be read.", may_pass)
    content = wav(beep(0.5))
    with pytest.raises(AudiotagError):
        ensemble_cache.load_evidence(content, "film.wav", f"content {may_pass}", tiny_ensemble)
    failing.clear()
    if not may_pass:
        with pytest.raises(AudiotagError):
            ensemble_cache.load_evidence(content, "film.wav", f"content {may_pass}", tiny_ensemble)
    else:
        assert (
            ensemble_cache.load_evidence(content, "film.wav", f"content {may_pass}", tiny_ensemble).name == "film.wav"
        )


def test_key_of_a_file_changes_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(beep(0.1)))
    stat, before = path.stat(), sound_cache.content_key(path)
    path.chmod(0o600 if stat.st_mode & 0o077 else 0o644)
    assert path.stat().st_mtime_ns == stat.st_mtime_ns
    assert sound_cache.content_key(path) != before or os.name == "nt"


def test_batch_preview_reads_a_file_again_that_was_mended(home: Workspace, tmp_path: Path) -> None:
    folder = table_dataset(tmp_path / "barks", [f"{number}.wav,{'AB'[number % 2]}" for number in range(8)])
    home.remember_dataset(folder)
    good = (folder / "3.wav").read_bytes()
    for content, is_broken in ((good, False), (b"no sound", True), (good, False)):
        (folder / "3.wav").write_bytes(content)
        at = open_page("pages/train.py", show="Training batch preview")
        assert not at.exception
        assert any("3.wav cannot be read" in text for text in texts(at.caption)) == is_broken
