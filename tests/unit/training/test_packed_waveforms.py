"""Crops of packed waveforms are those of the sounds; the file is written once, and another when a sound changes."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.training import packed_waveforms as packed_module
from audiotag.training.clips import Clip
from audiotag.training.packed_waveforms import FULL_SCALE, PackedWaveforms, pack_waveforms
from audiotag.training.preparation import Preparing, read_preparing
from audiotag.training.runs import Run
from audiotag.training.session import Session
from audiotag.workspace import Workspace

RATE = 8000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.25, n_fft=256, win_length=256, hop_length=128, n_mels=16, f_max=4000.0
)
LENGTHS = (500, 2000, 2001, 7000, 1)


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Sounds with 16 bits, shorter and longer than a crop; the last but one without its first and last 100 samples."""
    rng, made = np.random.default_rng(0), []
    for number, length in enumerate(LENGTHS):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, rng.integers(-FULL_SCALE, FULL_SCALE, length).astype(np.int16), RATE)
        trimmed = 100 if length == 7000 else 0
        made.append(Clip(path.name, path, trimmed, length - trimmed, True))
    return made


def pack(clips: list[Clip], tmp_path: Path, **changes: Any) -> PackedWaveforms:
    packed = pack_waveforms(clips, SETTINGS.with_changes(**changes), tmp_path / "packed", lambda sentence: None)
    assert packed is not None
    return packed


def crops(packed: PackedWaveforms, clips: list[Clip], starts: list[int], settings: SpectrogramSettings) -> np.ndarray:
    rows = packed.rows_of(clips)
    out = np.full((len(clips), settings.clip_samples), 12345, np.int16)
    packed.crops(rows, np.array(starts), settings, out)
    return out * packed.scales[rows][:, None]


@pytest.mark.parametrize("padding", ["zeros", "zeros-after", "repeat"])
@pytest.mark.parametrize("place", [-300, 0, 137, 6000])
def test_crops_of_16_bit_sounds_are_those_of_the_files(
    place: int, padding: Any, clips: list[Clip], tmp_path: Path
) -> None:
    settings, packed = SETTINGS.with_changes(padding=padding), pack(clips, tmp_path)
    expected = np.stack([clip.crop(settings, place) for clip in clips])
    np.testing.assert_array_equal(crops(packed, clips, [place] * len(clips), settings), expected)


@pytest.mark.parametrize("peak", [1e-3, 0.9, 3.0])
def test_other_sounds_are_rounded_to_16_bits_of_their_own_peak(peak: float, tmp_path: Path) -> None:
    path, settings = tmp_path / "loud.wav", SETTINGS
    soundfile.write(path, peak * np.random.default_rng(0).uniform(-1, 1, 4000), RATE, subtype="FLOAT")
    clip = Clip(path.name, path, 0, 4000, True)
    got = crops(pack([clip], tmp_path), [clip], [100], settings)[0]
    assert np.abs(got - clip.crop(settings, 100)).max() <= 1.01 * peak / FULL_SCALE / 2


def test_sounds_of_another_rate_are_packed_at_that_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "fast.wav"
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000), 16_000)
    clip = Clip(path.name, path, 0, RATE, False)
    got = crops(pack([clip], tmp_path), [clip], [50], SETTINGS)[0]
    np.testing.assert_allclose(got, clip.crop(SETTINGS, 50), atol=2 / FULL_SCALE)


def test_file_is_written_once_and_another_when_a_sound_has_changed(clips: list[Clip], tmp_path: Path) -> None:
    pack(clips, tmp_path)
    (first,) = (tmp_path / "packed").glob("*.i16")
    written = first.stat().st_ino
    pack(clips[::-1][::-1], tmp_path, n_mels=8)  # other settings of the spectrogram
    assert [path.stat().st_ino for path in (tmp_path / "packed").glob("*.i16")] == [written]
    os.utime(clips[0].path, ns=(1, 1))
    pack(clips, tmp_path)
    assert len(list((tmp_path / "packed").glob("*.i16"))) == 2


def test_files_of_other_runs_stay_until_they_are_not_used_for_a_day(clips: list[Clip], tmp_path: Path) -> None:
    def files() -> set[str]:
        return {str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*.i16")}

    pack_waveforms(clips, SETTINGS, tmp_path / "other", lambda sentence: None)  # another dataset
    pack(clips[:1], tmp_path)
    pack(clips[:2], tmp_path)
    both = files()
    assert len(both) == 3
    for name in both:
        os.utime(tmp_path / name, (1, 1))
    pack(clips[:1], tmp_path)  # used again
    pack(clips[:3], tmp_path)
    assert len(files() & both) == 1
    assert len(files()) == 2


def test_file_that_was_cut_off_is_written_again(clips: list[Clip], tmp_path: Path) -> None:
    pack(clips, tmp_path)
    (path,) = (tmp_path / "packed").glob("*.i16")
    size = path.stat().st_size
    os.truncate(path, size // 2)
    packed = pack(clips, tmp_path)
    assert path.stat().st_size == size
    np.testing.assert_array_equal(crops(packed, clips[:1], [0], SETTINGS)[0], clips[0].crop(SETTINGS, 0))


def test_file_that_vanishes_while_it_is_opened_is_written_again(
    clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(clips, tmp_path)
    from_file, said = np.fromfile, list[str]()

    def vanish(path: Path, *others: Any, **more: Any) -> np.ndarray:
        monkeypatch.setattr(np, "fromfile", from_file)
        path.unlink()
        return from_file(path, *others, **more)

    monkeypatch.setattr(np, "fromfile", vanish)
    assert pack_waveforms(clips, SETTINGS, tmp_path / "packed", said.append) is not None
    assert "which is written once" in said[0]


@pytest.mark.parametrize(("longest_fit", "workers"), [(0.5, 1), (3.5, 3), (100, 8)])
def test_fewer_long_clips_are_decoded_at_the_same_time(
    longest_fit: float, workers: int, clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, make_ahead = list[int](), packed_module.make_ahead

    def watched(make: Callable[[int], np.ndarray], count: int, workers: int) -> Iterator[np.ndarray]:
        seen.append(workers)
        return make_ahead(make, count, workers)

    longest_bytes = packed_module.BYTES_PER_SAMPLE * max(clip.samples for clip in clips)
    monkeypatch.setattr(packed_module, "MAX_IN_HAND_BYTES", int(longest_fit * longest_bytes))
    monkeypatch.setattr(packed_module, "usable_cpus", lambda: 8)
    monkeypatch.setattr(packed_module, "make_ahead", watched)
    pack(clips, tmp_path)
    assert seen == [workers]


def test_run_says_that_its_waveforms_are_packed_until_they_are(
    ready: Callable[..., Run], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training.fold_training import packed_clips

    run, seen, whole = ready(), list[Preparing | None](), packed_module._whole
    session = Session.open(run.settings(), workspace)

    def watched(clip: Clip, settings: SpectrogramSettings) -> np.ndarray:
        seen.append(read_preparing(run.folder))
        return whole(clip, settings)

    monkeypatch.setattr(packed_module, "_whole", watched)
    assert packed_clips(run, session, "cpu") is None
    packed = packed_clips(run, session, "cuda:0")
    assert packed is not None
    assert packed.has(session.clips("curated").clips)
    assert seen[0] == Preparing(packed_module.STEP, 0, len(seen))
    assert read_preparing(run.folder) is None


def test_full_disk_is_said_and_sounds_are_read_as_they_are(
    clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(packed_module.shutil, "disk_usage", lambda folder: usage._replace(free=10_000))
    said: list[str] = []
    assert pack_waveforms(clips, SETTINGS, tmp_path / "packed", said.append) is None
    assert "the waveforms of 5 clips take 0.0 GB" in said[0]
    assert "AUDIOTAG_HOME" in said[0]
    assert not list((tmp_path / "packed").glob("*.i16"))


def test_sound_that_cannot_be_read_is_named(clips: list[Clip], tmp_path: Path) -> None:
    clips[1].path.write_bytes(b"no sound any more")
    with pytest.raises(AudiotagError, match=r"1\.wav"):
        pack(clips, tmp_path)
    assert not list((tmp_path / "packed").glob("*.i16"))


def test_sound_that_became_shorter_ends_with_zeros(clips: list[Clip], tmp_path: Path) -> None:
    longer = replace(clips[1], end=clips[1].end + 50)
    got = crops(pack([longer], tmp_path), [longer], [50], SETTINGS)[0]
    np.testing.assert_array_equal(got, longer.crop(SETTINGS, 50))


def test_batches_are_the_same_from_the_sounds_and_packed(clips: list[Clip], tmp_path: Path) -> None:
    from audiotag.training.batches import Batches
    from audiotag.training.clips import LabelledClips
    from audiotag.training.recipe import Recipe
    from audiotag.training.stage import Stage

    labelled, stage = LabelledClips(clips, np.eye(len(clips), dtype=np.float32)), Stage("curated", 1, 1e-3)
    for whole_frames in (True, False):
        recipe = Recipe("t", "T", "t", (stage,), batch_size=2, spectrogram=SETTINGS, whole_frames=whole_frames)
        for training in (True, False):
            files, packed = (
                Batches(labelled, recipe, stage, 3, training, source) for source in (None, pack(clips, tmp_path))
            )
            made: list[Callable] = []

            def allocate(shape: tuple[int, ...], dtype: Any, made: list = made) -> np.ndarray:
                made.append(dtype)
                return np.empty(shape, dtype)

            for one, other in zip(files.epoch(1, False), packed.epoch(1, False, 2, allocate), strict=True):
                assert other.scales is not None
                np.testing.assert_array_equal(one.values, other.values * other.scales[:, None])
                np.testing.assert_array_equal(one.items, other.items)
            assert set(made) == {np.int16}
