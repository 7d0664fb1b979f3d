"""The search writes the near-duplicates of a dataset; stopped and continued it reads no sound twice."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag import state
from audiotag.data.layouts import open_dataset
from audiotag.data.near_duplicates import read_near_duplicates, read_search
from audiotag.similarity import near_duplicate_job
from audiotag.similarity.energy_store import EnergyStore
from audiotag.similarity.near_duplicate_job import NearDuplicateJob, find_near_duplicates
from audiotag.workspace import Workspace

RATE = 16_000


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Four recordings of noise, a copy of one that is cut and softer, an equal file, silence, and a file of text."""
    root = tmp_path / "sounds"
    noises = [np.random.default_rng(seed).normal(0, 0.1, 3 * RATE) for seed in range(4)]
    clips = {f"{number}.wav": noise for number, noise in enumerate(noises)}
    clips |= {"cut.wav": noises[2][RATE // 2 :] / 2, "equal.wav": noises[0], "silent.wav": np.zeros(RATE)}
    root.mkdir()
    for name, waveform in clips.items():
        soundfile.write(root / name, waveform, RATE)
    (root / "text.wav").write_text("no sound")
    table = "fname,label\n" + "".join(f"{name},Hiss\n" for name in [*clips, "text.wav"])
    (root / "clips.csv").write_text(table)
    return root


@pytest.fixture
def job(sounds: Path, tiny_ensemble: Path) -> NearDuplicateJob:
    job = NearDuplicateJob.of(open_dataset(sounds), tiny_ensemble, Workspace())
    job.folder.mkdir(parents=True)
    return job


def test_copy_is_found_and_equal_files_are_left_to_the_comparison_of_contents(
    sounds: Path, job: NearDuplicateJob
) -> None:
    find_near_duplicates(job, Workspace())
    dataset = open_dataset(sounds)
    (pair,) = read_near_duplicates(dataset, Workspace())
    assert (pair.clip, pair.other_clip) == ("2.wav", "cut.wav")
    assert pair.offset_s == pytest.approx(0.5, abs=0.005)
    assert pair.similarity > 0.9
    search = read_search(dataset, Workspace())
    assert search is not None
    assert (search.ensemble, search.compared, search.problems) == ("tiny", 6, ())
    assert job.progress()["done"] == job.progress()["total"] == 7 - 1
    assert not (job.folder / "band-energies").exists()


def test_search_that_was_stopped_continues_with_the_sounds_that_it_has_not_read(
    sounds: Path, job: NearDuplicateJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def read_and_stop(path: Path, clip: str) -> np.ndarray | str:
        read.append(clip)
        if len(read) == 3:
            job.stop()
        return original(path, clip)

    original = near_duplicate_job._read
    monkeypatch.setattr(near_duplicate_job, "_read", read_and_stop)
    monkeypatch.setattr(near_duplicate_job, "CLIPS_AT_ONCE", 1)
    find_near_duplicates(job, Workspace())
    assert read_search(open_dataset(sounds), Workspace()) is None
    assert len(EnergyStore(job.folder / "band-energies").read()) == 3
    (job.folder / "stop").unlink()
    find_near_duplicates(job, Workspace())
    assert len(read) == len(set(read)) == 6
    assert len(read_near_duplicates(open_dataset(sounds), Workspace())) == 1


def test_a_sound_that_cannot_be_decoded_is_named_and_the_others_are_compared(
    sounds: Path, job: NearDuplicateJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, clip: str) -> np.ndarray:
        if clip == "3.wav":
            raise OSError(5, "Input/output error")
        return original(path, clip)

    original = near_duplicate_job.read_band_energies
    monkeypatch.setattr(near_duplicate_job, "read_band_energies", fail)
    find_near_duplicates(job, Workspace())
    search = read_search(open_dataset(sounds), Workspace())
    assert search is not None
    assert (len(search.pairs), search.compared) == (1, 5)
    assert search.problems[0].startswith("3.wav")


def test_damaged_part_of_the_band_energies_is_read_again(tmp_path: Path) -> None:
    store = EnergyStore(tmp_path)
    energies = {7: np.ones((32, 5), np.int8), 2**63 + 9: np.zeros((32, 0), np.int8), 8: np.full((32, 2), -3, np.int8)}
    store.add(energies)
    store.add({})
    found = store.read()
    assert list(found) == list(energies)
    for key, values in energies.items():
        np.testing.assert_array_equal(found[key], values)
    (part,) = tmp_path.glob("part-*")
    part.write_bytes(part.read_bytes()[:-3])
    assert store.read() == {}
    assert len(state.take_sentences()) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".damaged"]
