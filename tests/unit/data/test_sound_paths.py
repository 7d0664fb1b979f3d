"""A sound is found by whatever a table calls it, and never guessed."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.sound_paths import SoundPaths
from audiotag.wording import as_text

Files = Callable[..., SoundPaths]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """``files(*names)``: the paths below a folder with these empty files."""

    def make(*names: str) -> SoundPaths:
        for name in names:
            (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "root" / name).touch()
        return SoundPaths(tmp_path / "root")

    return make


def found(sounds: SoundPaths, name: str) -> str | None:
    path = sounds.find(name)
    return path.relative_to(sounds.root).as_posix() if path else None


@pytest.mark.parametrize(
    "name",
    [
        "audio/a b.wav",
        "./audio/a b.wav",
        "audio\\a b.wav",
        ".\\audio\\a b.wav",
        "../audio/a b.wav",
        "/home/ann/data/audio/a b.wav",
        "C:\\Users\\Ann\\audio\\a b.wav",
        "file:///home/ann/audio/a%20b.wav",
        "https://host.org/audio/a b.wav",
        "  audio/a b.wav ",
        '"audio/a b.wav"',
        "audio/a b",
        "a b",
        "a b.wav",
        "A B.WAV",
        "a b.flac",
        "audio/a b.MP3",
        "data//audio/./x/../a b.wav",
    ],
)
def test_every_spelling_of_a_path_finds_its_sound(files: Files, name: str) -> None:
    assert found(files("audio/a b.wav", "audio/b.wav"), name) == "audio/a b.wav"


def test_composed_and_decomposed_names_are_the_same(files: Files) -> None:
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        name = unicodedata.normalize(form, f"{form}-caf\u00e9.wav")
        sounds = files(name)
        assert found(sounds, unicodedata.normalize(other, name)) == name


def test_a_number_of_a_spreadsheet_finds_its_sound(files: Files) -> None:
    sounds = files("64760.wav", "v1.0.wav")
    assert found(sounds, "64760") == found(sounds, "64760.0") == "64760.wav"
    assert found(sounds, "v1.0") == "v1.0.wav"


def test_another_suffix_does_not_take_the_sound_of_another_name(files: Files) -> None:
    sounds = files("a.wav", "b.wav")
    assert sounds.locate(["a.mp3", "b.mp3"]) == {"a.mp3": "a.wav", "b.mp3": "b.wav"}
    assert sounds.locate(["a.wav", "./a.wav", "a.mp3", "a"]) == {
        "a.wav": "a.wav",
        "./a.wav": "a.wav",
        "a.mp3": None,
        "a": "a.wav",
    }


def test_folders_that_contradict_are_not_the_same_sound(files: Files) -> None:
    sounds = files("dog/1.wav", "dog/2.wav", "cat/2.wav")
    assert found(sounds, "cat/1.wav") is None
    assert found(sounds, "cat/2.wav") == "cat/2.wav"
    assert found(sounds, "/data/Cat/2.wav") == "cat/2.wav"


def test_several_that_fit_are_not_guessed_but_named(files: Files) -> None:
    sounds = files("x/1.wav", "y/1.wav", "b.wav", "b.flac", "c.wav", "sub/c.wav")
    assert found(sounds, "1.wav") is None
    assert "may be x/1.wav or y/1.wav in " in sounds.why_not("1.wav")
    assert found(sounds, "b") is None
    assert found(sounds, "b.flac") == "b.flac"
    assert found(sounds, "c.wav") == "c.wav"
    assert "is not in " in sounds.why_not("d.wav")


@pytest.mark.skipif(os.name == "nt", reason="Windows takes both for the same file")
def test_case_decides_only_between_sounds_that_differ_by_it(files: Files) -> None:
    sounds = files("sub/A.wav", "sub/a.wav")
    assert found(sounds, "sub/A.wav") == found(sounds, "A.wav") == found(sounds, "/x/sub/A.wav") == "sub/A.wav"
    assert found(sounds, "sub/a.wav") == found(sounds, "a.wav") == "sub/a.wav"
    assert found(sounds, "SUB/a.WAV") is None


def test_paths_of_another_machine_are_found_by_base_names_that_differ(files: Files) -> None:
    sounds = files("clips/a.wav", "clips/b.wav")
    named = sounds.find_all(["/home/ann/speech/a.wav", "/home/ann/music/b.wav"])
    assert [path and path.name for path in named.values()] == ["a.wav", "b.wav"]
    named = sounds.find_all(["/home/ann/speech/a.wav", "/home/ann/music/a.wav"])
    assert set(named.values()) == {None}
    named = sounds.find_all(["clips/a.wav", "/home/ann/music/b.wav"])
    assert [path and path.name for path in named.values()] == ["a.wav", None]


@pytest.mark.parametrize(
    "name", ["../out.wav", "/etc/passwd", "..", ".", "", "  ", "/", "\\\\", "\0", "C:", "%2e%2e/out.wav"]
)
def test_nothing_outside_the_root_is_found(files: Files, tmp_path: Path, name: str) -> None:
    (tmp_path / "out.wav").touch()
    assert files("a.wav").find(name) is None


def test_hidden_and_system_folders_are_not_entered(files: Files) -> None:
    sounds = files("a.wav", "._b.wav", ".git/c.wav", "__MACOSX/d.wav", "x/.ipynb_checkpoints/e.wav", "@eaDir/f.wav")
    assert sounds.files == ["a.wav"]


@pytest.mark.skipif(os.name == "nt", reason="links need a permission on Windows")
def test_links_to_folders_are_followed_once(files: Files, tmp_path: Path) -> None:
    sounds = files("a.wav")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/b.wav").touch()
    (sounds.root / "linked").symlink_to(tmp_path / "other")
    (sounds.root / "loop").symlink_to(sounds.root)
    (sounds.root / "gone").symlink_to(tmp_path / "nothing")
    assert sounds.sounds == ["a.wav", "linked/b.wav"]


def test_root_that_does_not_exist_has_no_sounds(tmp_path: Path) -> None:
    sounds = SoundPaths(tmp_path / "gone")
    assert sounds.find("a.wav") is None
    assert (sounds.files, sounds.unread) == ([], ())


def test_a_name_that_is_not_utf_8_is_found_as_exported_tables_spell_it(tmp_path: Path) -> None:
    names = [os.fsdecode(b"n\xfc\xdf/caf\xe9.wav"), "b.wav"]
    sounds = SoundPaths(tmp_path, names)
    assert as_text(names[0]) == r"n\udcfc\udcdf/caf\udce9.wav"
    for name in (as_text(names[0]), as_text(tmp_path / names[0]), r"caf\udce9.wav"):
        assert sounds.find(name) == tmp_path / names[0]
    assert sounds.find(r"audio\b.wav") == tmp_path / "b.wav"
