"""A path is read as people type it or paste it."""

from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.ui.widgets.typed_path import parse_path

ASK = "Give a path."


def ways_to_write(path: Path) -> list[str]:
    text = str(path)
    return [
        text, f"  {text}\n", f'"{text}"', f"'{text}'", f"“{text}”", f"' {text} '", path.as_uri(), f'"{path.as_uri()}"',
        f"file://localhost{path.as_uri().removeprefix('file://')}", text.replace(" ", "\\ "), f"{text}/",
        f"\ufeff{text}\u00a0",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["plain", "my sounds", "it's 50%", "ä ö", "a+b#c"])
def test_every_way_to_write_a_path_gives_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for text in ways_to_write(folder):
        assert parse_path(text, ASK) == folder, text


def test_path_that_exists_with_quotes_or_backslashes_in_its_name_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("'quoted'", "back\\ slash", "file:"):
        (tmp_path / name).mkdir()
        assert parse_path(str(tmp_path / name), ASK) == tmp_path / name


def test_home_folder_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in ("~/sounds", "'~/sounds'"):
        assert parse_path(text, ASK) == tmp_path / "sounds"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ASK), (None, ASK), ("   ", ASK), ("ftp://x.org/a.wav", "is an address, not a path"),
        ("file://nas/share", "on another machine"), ("~nobody-of-this-name/a", "names a user that does not exist"),
        ("/a\0b", "no path can have"),
    ],
)  # fmt: skip
def test_text_that_cannot_be_a_path_is_refused_with_the_reason(text: str | None, reason: str) -> None:
    with pytest.raises(AudiotagError, match=reason):
        parse_path(text, ASK)


def test_name_that_is_too_long_is_given_back_for_the_reader_to_refuse() -> None:
    assert parse_path("/" + "a" * 5000, ASK).name == "a" * 5000
