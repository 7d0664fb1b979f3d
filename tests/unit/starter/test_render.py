"""The starter sounds: tables and clips agree, and an interrupted render is never taken for a complete set."""

import hashlib
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.errors import AudiotagError
from audiotag.starter import render, voices
from audiotag.starter.render import StarterCounts, is_whole, render_starter

COUNTS = StarterCounts(curated=20, noisy=20, test=8)
FEW = StarterCounts(curated=7, noisy=2, test=3)
SEED, OTHER_SEED = 3, 4
FSDKAGGLE2019_NAMES = {
    "Accordion",
    "Acoustic_guitar",
    "Applause",
    "Bass_drum",
    "Bass_guitar",
    "Chirp_and_tweet",
    "Church_bell",
    "Clapping",
    "Electric_guitar",
    "Female_singing",
    "Glockenspiel",
    "Gong",
    "Harmonica",
    "Hi-hat",
    "Male_singing",
    "Marimba_and_xylophone",
    "Strum",
    "Tap",
    "Tick-tock",
    "Waves_and_surf",
}
FOLDERS = {
    "train_curated": "train_curated.csv",
    "train_noisy": "train_noisy.csv",
    "test": "test_truth.csv",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_starter(tmp_path_factory.mktemp("starter") / "whole", seed=7, counts=COUNTS, workers=1)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete set of `FEW` clips of `SEED`; tests that change it take a copy."""
    return render_starter(tmp_path_factory.mktemp("starter") / "few", seed=SEED, counts=FEW, workers=1)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with `OTHER_SEED`."""
    return render_starter(tmp_path_factory.mktemp("starter") / "other", seed=OTHER_SEED, counts=FEW, workers=1)


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _clips(folder: Path, subset: str) -> list[np.ndarray]:
    return [soundfile.read(path)[0] for path in sorted((folder / subset).glob("*.wav"))]


def _label_sets(table: pd.DataFrame) -> list[frozenset[str]]:
    return [frozenset(labels.split(",")) for labels in table["labels"]]


def test_every_table_row_has_its_clip_and_every_clip_its_row(whole: Path) -> None:
    sizes = (COUNTS.curated, COUNTS.noisy, COUNTS.test)
    names: list[str] = []
    for (folder, table), size in zip(FOLDERS.items(), sizes, strict=True):
        listed = pd.read_csv(whole / table)["fname"].tolist()
        assert listed == sorted(path.name for path in (whole / folder).iterdir())
        assert len(listed) == size
        names += listed
    assert len(set(names)) == len(names)
    assert all(len(name) == 12 and int(name[:8], 16) >= 0 for name in names)


def test_labels_are_fsdkaggle2019_names_and_columns_are_sorted(whole: Path) -> None:
    submission = pd.read_csv(whole / "sample_submission.csv")
    columns = submission.columns[1:].tolist()
    assert columns == sorted(columns) == list(voices.LABELS)
    assert len(columns) >= 16
    assert set(columns) <= FSDKAGGLE2019_NAMES
    assert (submission[columns] == 0).all(axis=None)
    assert submission["fname"].tolist() == pd.read_csv(whole / "test_truth.csv")["fname"].tolist()
    for table in [*FOLDERS.values(), "train_noisy_truth.csv"]:
        for labels in _label_sets(pd.read_csv(whole / table)):
            assert labels
            assert labels <= set(columns)


def test_clips_are_mono_16_bit_44100_hz_and_neither_clipped_nor_silent(whole: Path) -> None:
    for folder in FOLDERS:
        for path in (whole / folder).iterdir():
            info = soundfile.info(path)
            assert (info.channels, info.samplerate, info.subtype) == (1, 44100, "PCM_16")
            peak_db = 20 * np.log10(np.abs(soundfile.read(path)[0]).max())
            assert -30.0 < peak_db < -0.99


def test_curated_clips_are_mostly_short_and_noisy_ones_longer(whole: Path) -> None:
    seconds = {folder: np.array([len(x) / 44100 for x in _clips(whole, folder)]) for folder in FOLDERS}
    for lengths in seconds.values():
        assert lengths.min() >= 0.29
        assert lengths.max() <= 8.01
    assert np.median(seconds["train_curated"]) < 2.5
    assert seconds["train_noisy"].mean() > 1.3 * seconds["train_curated"].mean()


def test_about_two_noisy_label_sets_in_five_are_wrong(whole: Path) -> None:
    listed = pd.read_csv(whole / "train_noisy.csv")
    truth = pd.read_csv(whole / "train_noisy_truth.csv")
    assert listed["fname"].tolist() == truth["fname"].tolist()
    wrong = [a != b for a, b in zip(_label_sets(listed), _label_sets(truth), strict=True)]
    assert 0.3 <= np.mean(wrong) <= 0.5


def test_noise_floor_of_noisy_clips_is_higher(whole: Path) -> None:
    def floor_db(waveform: np.ndarray) -> float:
        frames = waveform[: len(waveform) // 441 * 441].reshape(-1, 441)
        rms = np.sqrt(np.mean(frames**2, axis=1))
        return float(20 * np.log10(np.quantile(rms, 0.05) / rms.max() + 1e-6))

    curated, noisy = ([floor_db(x) for x in _clips(whole, s)] for s in ("train_curated", "train_noisy"))
    assert np.median(noisy) > np.median(curated) + 6.0


def test_seed_gives_the_same_bytes_in_two_processes_and_another_seed_gives_others(
    few: Path, other: Path, tmp_path: Path
) -> None:
    parallel = render_starter(tmp_path / "parallel", seed=SEED, counts=FEW, workers=2)
    first, others = _contents(few), _contents(other)
    assert _contents(parallel) == first
    assert not set(first.values()) & {others[name] for name in others if name.endswith(".wav")}


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_render_is_not_whole_and_the_next_call_completes_it(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    folder = tmp_path / "interrupted"
    monkeypatch.setattr(render, "CLIPS_PER_TASK", 3)

    def stop_half_way(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_starter(folder, seed=SEED, counts=FEW, progress=stop_half_way, workers=workers)
    assert not is_whole(folder)
    assert len(list(folder.rglob("*.wav"))) > 0
    # As if power had failed while a clip was being written.
    next(folder.rglob("*.wav")).write_bytes(b"RIFF")
    render_starter(folder, seed=SEED, counts=FEW, workers=1)
    assert is_whole(folder)
    assert _contents(folder) == _contents(few)


def test_progress_ends_at_the_number_of_clips_and_a_whole_set_is_not_rendered_again(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        render_starter(tmp_path, seed=SEED, counts=FEW, progress=lambda *call: calls.append(call), workers=1)
    assert calls == [(10, 12), (12, 12)]


def test_another_seed_replaces_the_set_and_leaves_files_of_the_user(few: Path, other: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(few, tmp_path / "set")
    for name in ("notes.txt", "test/mine.wav", "test/0123abcd.wav"):
        (folder / name).write_text("mine")
    render_starter(folder, seed=OTHER_SEED, counts=FEW, workers=1)
    contents, expected = _contents(folder), _contents(other)
    assert set(contents) - set(expected) == {"notes.txt", "test/mine.wav", "test/0123abcd.wav"}
    assert contents | expected == contents
    assert (folder / "test" / "mine.wav").read_text() == "mine"


@pytest.mark.parametrize("manifest", ["", "{", "[]", "null"])
def test_set_with_a_damaged_manifest_is_not_whole(few: Path, tmp_path: Path, manifest: str) -> None:
    folder = shutil.copytree(few, tmp_path / "set")
    assert is_whole(folder)
    (folder / "starter.json").write_text(manifest)
    assert not is_whole(folder)


def test_set_that_lost_a_clip_is_not_whole(few: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(few, tmp_path / "set")
    assert is_whole(folder)
    next((folder / "test").iterdir()).unlink()
    assert not is_whole(folder)


def test_folder_with_other_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(AudiotagError, match="choose a new folder"):
        render_starter(tmp_path, counts=FEW, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_empty_subset_and_negative_seed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="noisy must be at least 1 clip, got 0"):
        StarterCounts(noisy=0)
    with pytest.raises(AudiotagError, match="seed must be 0 or more, got -1"):
        render_starter(tmp_path / "set", seed=-1)


def test_import_loads_neither_synthesiser_nor_scipy() -> None:
    code = (
        "import sys, audiotag.starter.render; "
        "print([m for m in ('tinysoundfont', 'scipy', 'pretty_midi', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_render_waits_for_another_into_the_same_folder_and_says_so(tmp_path: Path) -> None:
    sentences: list[str] = []
    with ExitStack() as other:

        def end_the_other(sentence: str) -> None:
            sentences.append(sentence)
            other.close()

        other.enter_context(render._lock(tmp_path, sentences.append))
        with render._lock(tmp_path, end_the_other):
            pass
    assert sentences == [f"Another audiotag renders into {tmp_path}; waiting until it has finished."]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has locks on every disk")
def test_disk_that_has_no_locks_is_rendered_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert is_whole(render_starter(tmp_path / "starter", counts=StarterCounts(1, 1, 1), workers=1))
