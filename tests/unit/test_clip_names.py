"""Whatever reads the clips of a dataset names a broken one by its path in the dataset: two files may have one name."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audiotag.cli.main import main
from audiotag.data.dataset import Dataset
from audiotag.data.index import scan, with_keys
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.inspection.faults import find_faults
from audiotag.inspection.measurement_job import with_measures
from audiotag.inspection.measuring_workers import MEASURE_COLUMNS, Clip, measure_row
from audiotag.training.clips import prepare_clips
from audiotag.training.worker import unreadable_suspects

CLASSES = ("cat", "dog")
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "text": lambda whole: b"Dear Sir or Madam, " * 20,
    "empty": lambda whole: b"",
    "header alone": lambda whole: whole[:44],
    "cut": lambda whole: whole[:300],
    "not a number": lambda whole: whole[:80] + b"\xff" * (len(whole) - 80),
}


@pytest.fixture(scope="module", params=DAMAGES)
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, write_wav: Callable) -> Dataset:
    """Two classes, each with a broken 001.wav and a whole 002.wav."""
    root = tmp_path_factory.mktemp("same")
    for number, name in enumerate(CLASSES):
        for clip in ("001.wav", "002.wav"):
            waveform = np.random.default_rng(number).normal(0, 0.1, 4000)
            path = write_wav(root / name / clip, waveform, 8000, subtype="FLOAT")
        path.with_name("001.wav").write_bytes(DAMAGES[request.param](path.read_bytes()))
    return open_dataset(root)


def measured(dataset: Dataset) -> pd.DataFrame:
    keys = with_keys(dataset.clips)[["clip", "subset", "size", "modified_ns", "path"]]
    rows = [(*key[:-1], *measure_row(Clip(key[0], key[-1]))[:-1]) for key in keys.itertuples(index=False, name=None)]
    columns = ["clip", "subset", "size", "modified_ns", *MEASURE_COLUMNS]
    return with_measures(scan(dataset), pd.DataFrame(rows, columns=columns))


def assert_named(sentences: list[str]) -> None:
    """Each class has its sentences, and they differ by its name alone."""
    by_class = [
        [text.replace(f"{name}/001.wav", "") for text in sentences if f"{name}/001.wav" in text] for name in CLASSES
    ]
    assert by_class[0] == by_class[1] != []
    assert not any("001.wav" in text for texts in by_class for text in texts)
    assert sum(map(len, by_class)) == len(sentences)


def test_problems_of_index_and_measures_name_the_path(dataset: Dataset) -> None:
    faults = find_faults(dataset, measured(dataset))
    assert_named([text for text in faults["what"] if "The same sound" not in text])


def test_clips_that_training_leaves_out_are_named_by_their_path(dataset: Dataset) -> None:
    settings = SpectrogramSettings(
        sample_rate=8000, clip_s=0.25, n_fft=256, win_length=256, hop_length=64, n_mels=16, f_max=4000.0
    )
    for index in (None, measured(dataset)):
        clips, problems = prepare_clips(dataset.clips, settings, index)
        assert [problem.clip for problem in problems] in (["cat/001.wav", "dog/001.wav"], [])
        if problems:  # a sound that is cut short is used
            assert_named([problem.reason for problem in problems])
        assert {clip.name for clip in clips if clip} >= {"cat/002.wav", "dog/002.wav"}


def test_clip_that_becomes_unreadable_in_a_training_is_named_by_its_path(tmp_path: Path, write_wav: Callable) -> None:
    for name in CLASSES:
        write_wav(tmp_path / name / "001.wav", np.full(4000, 0.1), 8000)
    for rate in (8000, 16_000):
        settings = SpectrogramSettings(
            sample_rate=rate, clip_s=0.25, n_fft=128, win_length=128, hop_length=64, n_mels=8, f_max=2000.0
        )
        (clip, _), _ = prepare_clips(open_dataset(tmp_path).clips, settings)
        assert clip is not None
        content = clip.path.read_bytes()
        clip.path.unlink()
        with pytest.raises(AudiotagError, match=r"^cat/001\.wav does not exist"):
            clip.crop(settings, 0)
        clip.path.write_bytes(content)


def test_suspect_of_a_training_is_named_by_its_path(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    monkeypatch.setattr("audiotag.in_hand.is_suspect", lambda path: True)
    rows = dataset.subset("curated")
    session = SimpleNamespace(subsets=("curated",), rows=lambda subset: rows, left_out=())
    found = unreadable_suspects(session)  # type: ignore[arg-type]
    if found:
        assert_named(list(found.values()))


def test_tagging_a_folder_names_the_path(
    dataset: Dataset, tiny_ensemble: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["tag", str(dataset.root), "--ensemble", str(tiny_ensemble), "--json"])
    rows = json.loads(capsys.readouterr().out)
    sentences = [text for row in rows for text in [*row.get("notes", ()), row.get("problem", "")] if "001" in text]
    assert all("cat/001.wav" in text or "dog/001.wav" in text for text in sentences)
    assert len(set(sentences)) == len(sentences)


def test_case_of_two_broken_files_of_one_name(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared / "cases" / "layouts" / "same_name_broken"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    with pytest.raises(SystemExit, match=r"^1$"):
        main(["scan", os.fspath(folder), "--json"])
    problems = json.loads(capsys.readouterr().out)["problems"]
    unreadable = [problem["what"] for problem in problems if problem["kind"] == "unreadable"]
    assert len(set(unreadable)) == len(unreadable) == 2
