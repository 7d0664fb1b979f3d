"""File names that are not UTF-8, with control characters, or very long: listed, indexed, exported, and opened."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.audio.reading import read_crop, read_header, read_sound, wav_bytes
from audiotag.data.index import scan, write_parquet
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.inspection.faults import find_faults
from audiotag.inspection.measurement_job import MeasurementJob, measure_clips, with_measures
from audiotag.tagging.export.rows import problem_row
from audiotag.tagging.sound_files import sound_files
from audiotag.training.clips import prepare_clips
from audiotag.wording import as_text
from audiotag.workspace import Workspace, read_json, write_json

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no file names that are not text")
NAMES = (
    b"caf\xe9.wav",
    b"\xff\xfe.wav",
    b"new\nline.wav",
    b"tab\t.wav",
    b"esc\x1b[31m.wav",
    b"\xe2\x80\xae.wav",
    b"=1+1.wav",
)


def written(folder: Path, name: bytes, content: bytes | None = None) -> Path:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_bytes(np.sin(np.arange(9000) / 5) * 0.5, 44_100) if content is None else content)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes, one of them not UTF-8, in a folder that is not either; one file is no sound."""
    for label in (b"dog", b"m\xe9ow"):
        for name in NAMES:
            written(tmp_path, b"s\xf6unds/" + label + b"/" + name)
    written(tmp_path, b"s\xf6unds/dog/bad\xe9.wav", b"no sound")
    return next(tmp_path.iterdir())


def is_text(value: object) -> bool:
    return str(value).encode() is not None  # raises for halves of surrogate pairs


def test_everything_about_a_dataset_can_be_written(root: Path, tmp_path: Path) -> None:
    dataset = open_dataset(root)
    index = scan(dataset)
    table = index.drop(columns="path")
    write_parquet(table, tmp_path / "index.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "index.parquet")[["clip"]], table[["clip"]])
    assert table.to_csv().encode()
    assert json.dumps(find_faults(dataset, index).to_dict("records"), ensure_ascii=False).encode()
    assert is_text(dataset.name)
    assert dataset.labels == ("dog", r"m\udce9ow")
    assert dataset.fingerprint == open_dataset(root).fingerprint
    assert table["clip"].is_unique
    assert list(index.loc[index["error"].notna(), "clip"]) == [r"dog/bad\udce9.wav"]


def test_files_open_after_a_round_trip_through_index_and_measures(root: Path, tmp_path: Path) -> None:
    workspace = Workspace()
    workspace.remember_dataset(root)
    assert workspace.dataset_folders() == [root]
    dataset = open_dataset(workspace.dataset_folders()[0])
    first = scan(dataset, workspace.indexes)
    calls: list[tuple[int, int]] = []
    again = scan(dataset, workspace.indexes, lambda *call: calls.append(call))
    assert not calls  # all of it was in the index
    pd.testing.assert_frame_equal(again, first)
    job = MeasurementJob.of(dataset.root, dataset.name, workspace)
    job.folder.mkdir(parents=True)
    measure_clips(job)
    measured = with_measures(again, job.table())
    good = measured[measured["error"].isna()]
    assert good["rms_dbfs"].notna().all()
    assert len(good) == 2 * len(NAMES)
    for path in good["path"]:
        assert read_header(path).frames == 9000
        np.testing.assert_array_equal(read_crop(path, 5, 100), read_sound(path).waveform[5:105])
    clips, problems = prepare_clips(measured, SpectrogramSettings(), measured)
    assert [clip is None for clip in clips] == measured["error"].notna().tolist()
    assert all(is_text(clip.name) for clip in clips if clip)
    assert all(is_text(problem.clip) and is_text(problem.reason) for problem in problems)


def test_a_path_that_is_not_utf_8_survives_json(root: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": str(root), "other": "é"})
    assert read_json(tmp_path / "a.json") == {"path": str(root), "other": "é"}
    assert "é" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("read", [read_header, read_sound, open_dataset])
def test_every_error_is_text(tmp_path: Path, read: Callable[[Path], object]) -> None:
    for path in (written(tmp_path, b"bad\xe9.pdf", b"no sound"), Path(os.fsdecode(b"/nowhere/\xe9"))):
        with pytest.raises(AudiotagError) as error:
            read(path)
        assert is_text(error.value)
        assert r"\udce9" in str(error.value)
    assert is_text(problem_row(as_text("\udce9"), "", str(AudiotagError("\udce9")))["problem"])


def test_a_name_that_is_too_long_is_an_error_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="cannot be read: File name too long; check the path"):
        open_dataset(tmp_path / ("d" * 300))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for deeply nested ones, which Python's own functions cannot remove."""
    (tmp_path / "in").mkdir()
    yield tmp_path / "in"
    subprocess.run(["rm", "-rf", tmp_path / "in"], check=True)


def nest(folder: Path, name: str, depth: int) -> None:
    """Make folders in each other, with a sound in the last, whose path may be longer than a system call takes."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        for _ in range(depth):
            os.mkdir(name)
            os.chdir(name)
        soundfile.write("end.wav", np.full(100, 0.5), 44_100)
    finally:
        os.chdir(before)


def test_folders_may_be_nested_more_deeply_than_pythons_stack(folder: Path) -> None:
    nest(folder, "d", 1200)
    written(folder, b"e.wav")
    deep, flat = sound_files([folder])
    assert (deep.clip, flat.clip) == ("d/" * 1200 + "end.wav", "e.wav")
    assert not deep.problem
    assert read_header(deep.path).frames == 100  # libsndfile itself takes no name of more than a thousand bytes


def test_a_path_that_is_too_long_is_a_sentence_and_the_rest_goes_on(folder: Path) -> None:
    nest(folder, "d" * 200, 30)
    written(folder, b"e.wav")
    deep, flat = sound_files([folder])
    assert deep.problem.endswith("d: the folder cannot be read: File name too long.")
    assert (flat.clip, flat.problem) == ("e.wav", "")


def test_empty_and_unreadable_folders_are_listed_as_before(tmp_path: Path) -> None:
    for folder in ("a.wav", "b/c.mp3", "b/d", "e.wav/f", "g.wav/h.wav"):
        (tmp_path / folder).mkdir(parents=True)
    written(tmp_path, b"e.wav/f/x.wav")
    found = {file.clip: file.problem[-20:] for file in sound_files([tmp_path])}
    assert found == {
        name: "" if name.endswith("x.wav") else "rename or remove it."
        for name in ("a.wav", "b/c.mp3", "e.wav/f/x.wav", "g.wav/h.wav")
    }


def test_the_reading_of_a_table_with_any_name_can_be_shown(folder: Path) -> None:
    sounds = [written(folder, name) for name in (b"a.wav", b"b.wav")]
    lines = ["fname,label", *(f"{path.name},{path.stem}" for path in sounds)]
    written(folder, b"caf\xe9.csv", "\n".join(lines).encode())
    (reading,) = open_dataset(folder).readings
    assert reading.source == "caf\\udce9.csv"
    json.dumps(reading.source).encode()
