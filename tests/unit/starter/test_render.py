"""The starter sounds: tables and clips agree, the noise is as noisy as promised, and a cut-off render is never used."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.errors import AudiotagError
from audiotag.starter import clips, voices
from audiotag.starter.render import StarterCounts, is_whole, render_starter

COUNTS = StarterCounts(curated=24, noisy=32, test=16)
FEW = StarterCounts(curated=6, noisy=4, test=4)
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


def test_the_default_set_is_balanced_and_wrong_as_often_as_it_says() -> None:
    curated = [clips.sample_clip(2019, 0, i) for i in range(300)]
    noisy = [clips.sample_clip(2019, 1, i) for i in range(600)]
    test = [clips.sample_clip(2019, 2, i) for i in range(150)]
    for label in voices.LABELS:
        assert sum(label in clip.heard for clip in curated) >= 10
        assert sum(label in clip.heard for clip in test) >= 5
    assert np.mean([clip.heard != clip.listed for clip in noisy]) == pytest.approx(0.4, abs=0.01)
    assert all(clip.heard == clip.listed for clip in curated + test)
    assert np.mean([clip.is_public for clip in test]) == pytest.approx(0.25, abs=0.03)
    assert 1.1 < np.mean([len(clip.heard) for clip in curated]) < 1.3
    assert max(len(clip.voices) for clip in curated + noisy + test) == 3


def test_the_noise_floor_of_noisy_clips_is_higher(whole: Path) -> None:
    def floor_db(waveform: np.ndarray) -> float:
        frames = waveform[: len(waveform) // 441 * 441].reshape(-1, 441)
        rms = np.sqrt(np.mean(frames**2, axis=1))
        return float(20 * np.log10(np.quantile(rms, 0.05) / rms.max() + 1e-6))

    curated, noisy = ([floor_db(x) for x in _clips(whole, s)] for s in ("train_curated", "train_noisy"))
    assert np.median(noisy) > np.median(curated) + 6.0


def test_one_seed_gives_the_same_bytes_in_any_number_of_processes_and_another_seed_others(tmp_path: Path) -> None:
    first = _contents(render_starter(tmp_path / "a", seed=3, counts=FEW, workers=1))
    again = _contents(render_starter(tmp_path / "b", seed=3, counts=FEW, workers=2))
    other = _contents(render_starter(tmp_path / "c", seed=4, counts=FEW, workers=1))
    assert first == again
    assert not set(first.values()) & {other[name] for name in other if name.endswith(".wav")}


def test_a_clip_does_not_depend_on_what_was_rendered_before_it() -> None:
    in_order = [clips.render_clip(3, 1, i) for i in range(20)]
    for i in reversed(range(20)):
        clips._player.cache_clear()
        np.testing.assert_array_equal(clips.render_clip(3, 1, i), in_order[i])


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_render_is_not_whole_and_the_next_call_completes_it(
    whole: Path, tmp_path: Path, workers: int
) -> None:
    folder = tmp_path / "cut"

    def stop_half_way(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_starter(folder, seed=7, counts=COUNTS, progress=stop_half_way, workers=workers)
    assert not is_whole(folder)
    assert len(list(folder.rglob("*.wav"))) > 0
    # As if power had failed while a clip was being written.
    next(folder.rglob("*.wav")).write_bytes(b"RIFF")
    render_starter(folder, seed=7, counts=COUNTS, workers=1)
    assert is_whole(folder)
    assert _contents(folder) == _contents(whole)


def test_progress_ends_at_the_number_of_clips_and_a_whole_set_is_not_rendered_again(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    for _ in range(2):
        render_starter(tmp_path, seed=3, counts=FEW, progress=lambda *call: calls.append(call), workers=1)
    assert calls == [(10, 14), (14, 14)]


def test_another_seed_replaces_the_set_and_leaves_the_users_files(tmp_path: Path) -> None:
    render_starter(tmp_path / "set", seed=3, counts=FEW, workers=1)
    for kept in ("notes.txt", "test/mine.wav", "test/0123abcd.wav"):
        (tmp_path / "set" / kept).write_text("mine")
    render_starter(tmp_path / "set", seed=4, counts=FEW, workers=1)
    fresh = _contents(render_starter(tmp_path / "fresh", seed=4, counts=FEW, workers=1))
    assert set(_contents(tmp_path / "set")) - set(fresh) == {"notes.txt", "test/mine.wav", "test/0123abcd.wav"}
    assert (tmp_path / "set" / "test" / "mine.wav").read_text() == "mine"


def test_a_folder_with_other_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(AudiotagError, match="name a new folder"):
        render_starter(tmp_path, counts=FEW, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_set_that_lost_a_clip_is_not_whole(tmp_path: Path) -> None:
    render_starter(tmp_path, seed=3, counts=FEW, workers=1)
    assert is_whole(tmp_path)
    next((tmp_path / "test").iterdir()).unlink()
    assert not is_whole(tmp_path)


def test_an_empty_subset_and_a_negative_seed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudiotagError, match="noisy must be at least 1 clip, got 0"):
        StarterCounts(noisy=0)
    with pytest.raises(AudiotagError, match="seed must be 0 or more, got -1"):
        render_starter(tmp_path / "set", seed=-1)


def test_pauses_do_not_lower_the_active_level() -> None:
    stroke = np.sin(2 * np.pi * 1000 * np.arange(8820) / 44100)
    with_pause = np.concatenate([stroke, np.zeros(44100)])
    assert clips._active_rms(stroke) == pytest.approx(np.sqrt(0.5))
    assert clips._active_rms(with_pause) == pytest.approx(np.sqrt(0.5))


def test_noise_and_hum_are_of_unit_level_and_the_hum_lies_on_the_mains_harmonics() -> None:
    rng = np.random.default_rng(0)
    assert np.sqrt(np.mean(clips._noise(rng, 44100) ** 2)) == pytest.approx(1.0)
    hum = clips._hum(rng, 44100)
    assert np.sqrt(np.mean(hum**2)) == pytest.approx(1.0)
    power = np.abs(np.fft.rfft(hum)) ** 2
    on_mains = max(power[50:401:50].sum(), power[60:481:60].sum())
    assert on_mains == pytest.approx(power.sum())


def test_a_note_sounds_at_its_pitch() -> None:
    note = voices.Note(start_s=0.0, length_s=1.0, key=69, velocity=100)
    for tuning, expected_hz in ((0.0, 440.0), (0.5, 440.0 * 2 ** (0.5 / 12))):
        phrase = voices.Phrase(bank=0, preset=73, tuning=tuning, skip_s=0.0, notes=(note,))
        mono = voices.Player().play(phrase, 44100).mean(axis=0)
        spectrum = np.abs(np.fft.rfft(mono[11025:33075] * np.hanning(22050), 1 << 17))
        peak_hz = np.fft.rfftfreq(1 << 17, 1 / 44100)[spectrum[: 1 << 11].argmax()]
        assert peak_hz == pytest.approx(expected_hz, rel=0.01)


@pytest.mark.parametrize("voice", voices.VOICES, ids=lambda voice: "+".join(voice.labels))
def test_every_voice_is_heard_even_in_the_shortest_clip(voice: voices.Voice) -> None:
    player = voices.Player()
    for seed in range(3):
        phrase = voices.sample_phrase(np.random.default_rng(seed), voice, 0.3)
        assert np.abs(player.play(phrase, 13230)).max() > 0.01


def test_importing_it_loads_neither_synthesiser_nor_scipy() -> None:
    code = (
        "import sys, audiotag.starter.render; "
        "print([m for m in ('tinysoundfont', 'scipy', 'pretty_midi', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
