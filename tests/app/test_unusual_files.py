"""Pages show sounds with unusual names, lengths, rates and values, or say what is wrong with them."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from streamlit.testing.v1 import AppTest

from audiotag.ui import sound_cache
from audiotag.workspace import Workspace

from .conftest import beep, open_page, texts, wav

PAGES = ("app.py", "pages/dataset.py", "pages/spectrogram.py", "pages/train.py", "pages/tag.py", "pages/score.py")
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no file names that are not text")


def file_at(folder: Path, name: bytes, content: bytes) -> Path:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def tag_path(path: object) -> AppTest:
    at = open_page("pages/tag.py")
    at.text_input(key="tag-path").set_value(str(path))
    return next(button for button in at.button if button.label == "Tag").click().run()


def texts_of(at: AppTest) -> str:
    return " ".join([*texts(at.error), *texts(at.caption), *texts(at.header)])


@posix
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_a_dataset_of_names_that_are_not_utf_8(home: Workspace, tmp_path: Path, page: str) -> None:
    for label in (b"dog", b"caf\xe9"):
        for name in (b"a\xff.wav", b"new\nline\ttab.wav"):
            file_at(tmp_path / "in", b"s\xf6unds/" + label + b"/" + name, wav(beep(1)))
    file_at(tmp_path / "in", b"s\xf6unds/dog/bad\xe9.wav", b"no sound")
    home.remember_dataset(next((tmp_path / "in").iterdir()))
    at = open_page(page)
    assert not at.exception
    assert at.selectbox(key="dataset").options[0] == r"s\udcf6unds"


@posix
def test_folders_can_be_browsed_whatever_bytes_their_names_have(home: Workspace, tmp_path: Path) -> None:
    file_at(tmp_path / "in", b"s\xf6unds/caf\xe9/a\xff.wav", wav(beep(1)))
    at = open_page("pages/dataset.py")
    at = at.button(key="open-dataset").click().run()
    at = at.text_input(key="dataset-path").set_value(str(tmp_path / "in")).run()
    at = next(button for button in at.button if "1 sound" in button.label).click().run()
    assert not at.exception
    assert "**1 clip, 1 label**" in texts(at.markdown)
    at = at.button(key="open-path").click().run()
    assert not at.exception
    assert home.dataset_folders()[0] == next((tmp_path / "in").iterdir())


@posix
def test_files_of_a_folder_are_tagged_whatever_bytes_their_names_have(home: Workspace, tmp_path: Path) -> None:
    for name in (b"caf\xe9.wav", b"esc\x1b[31m.wav", b"new\nline.wav"):
        file_at(tmp_path / "in", name, wav(beep(1)))
    file_at(tmp_path / "in", b"bad\xe9.wav", b"no sound")
    at = tag_path(tmp_path / "in")
    assert not at.exception
    table = at.dataframe[0].value
    assert list(table["sound"]) == [r"bad\udce9.wav", r"caf\udce9.wav", "esc\x1b[31m.wav", "new\nline.wav"]
    assert table["likeliest"].notna().tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("samples", "rate", "sentence"),
    [
        (np.float32([0.1, 1e30, -1e38, 0.2]), 44_100, "has a peak of 760 dBFS, but a sound must have at most 200 dBFS"),
        (np.float32([0.1, np.nan]), 44_100, "holds 1 samples that are not numbers"),
        (np.zeros(1000, np.float32), 20, "has a sample rate of 20 Hz, but a sound must have at least 100 Hz"),
    ],
    ids=["loud", "NaN", "20 Hz"],
)
def test_what_no_sound_can_be_is_a_sentence_on_every_page_that_reads_it(
    home: Workspace, tmp_path: Path, samples: np.ndarray, rate: int, sentence: str
) -> None:
    path = tmp_path / "in" / "odd.wav"
    path.parent.mkdir()
    soundfile.write(path, samples, rate, subtype="FLOAT")
    (tmp_path / "in" / "fine.wav").write_bytes(wav(beep(1)))
    at = tag_path(path)
    assert not at.exception
    assert sentence in texts_of(at)
    (tmp_path / "in" / "fine.wav").rename(tmp_path / "in" / "zzz.wav")
    home.remember_dataset(tmp_path / "in")
    for page in PAGES:
        at = open_page(page)
        assert not at.exception, page
    assert sentence in texts_of(open_page("pages/spectrogram.py", clip="odd.wav"))


@pytest.mark.parametrize(("samples", "rate"), [(1, 44_100), (1, 192_000), (3, 100), (300, 100)])
def test_the_shortest_and_the_slowest_sounds_are_shown(
    home: Workspace, tmp_path: Path, samples: int, rate: int
) -> None:
    path = tmp_path / "in" / "short.wav"
    path.parent.mkdir()
    soundfile.write(path, np.full(samples, 0.5), rate)
    home.remember_dataset(tmp_path / "in")
    assert not tag_path(path).exception
    for page in ("pages/spectrogram.py", "pages/dataset.py"):
        assert not open_page(page).exception


def test_a_page_loads_a_part_of_a_long_sound_and_says_so(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_cache, "MAX_PLAYED_S", 2.0)
    loaded: list[int] = []
    read_part = sound_cache.read_part

    def noted(*arguments: Any) -> np.ndarray:
        waveform = read_part(*arguments)
        loaded.append(len(waveform))
        return waveform

    monkeypatch.setattr(sound_cache, "read_part", noted)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "long.wav").write_bytes(wav(beep(9)))
    home.remember_dataset(tmp_path / "in")
    at = open_page("pages/spectrogram.py")
    assert not at.exception
    assert "long.wav is long: 2 s of 9 s are shown and played." in texts_of(at)
    assert loaded == [2 * 44_100]


def test_files_of_the_years_1905_and_2300_break_no_page(home: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "odd-times"
    for label, time_s in (("dog", 10_413_792_000), ("cat", -2_050_000_000)):
        for number in range(3):
            os.utime(file_at(root, f"{label}/{number}.wav".encode(), wav(beep(1))), (time_s, time_s))
        os.utime(root / label, (time_s, time_s))
    (home.root / "submissions").mkdir()
    (home.root / "submissions" / "s.csv").write_text("fname,dog\n")
    for path in (root, home.root / "submissions" / "s.csv", *(home.ensembles / "tiny").iterdir()):
        os.utime(path, (10_413_792_000, 10_413_792_000))
    home.remember_dataset(root)
    for page in ("app.py", "pages/dataset.py", "pages/train.py", "pages/score.py"):
        at = open_page(page, score="A table of scores")
        assert not at.exception
        assert texts(at.error) == []
