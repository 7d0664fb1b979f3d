"""Clips for training: known ones are not decoded, with the same result as if they were; crops match `fit_length`."""

import os
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from audiotag.audio.reading import read_sound
from audiotag.audio.streaming import LongSound, read_part, resampled_length
from audiotag.data.dataset import Problem
from audiotag.data.index import KEY, scan
from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError
from audiotag.features.measures import measure
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start, fit_length, trimmed_bounds
from audiotag.inspection.measurement_job import with_measures
from audiotag.inspection.measuring_workers import MEASURE_COLUMNS
from audiotag.remote import ahead
from audiotag.training import clips as clips_module
from audiotag.training.clip_bounds import ClipBoundsStore
from audiotag.training.clips import Clip, prepare_clips
from audiotag.workspace import Workspace

RATE = 16_000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.5, n_fft=512, win_length=512, hop_length=256, n_mels=24, f_max=8000.0
)
UNTRIMMED = SETTINGS.with_changes(trim_db=0.0)
KINDS = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS"}
SEEDS = range(4)
BROKEN = ("empty.wav", "no_sound.wav")

default_rng = np.random.default_rng


def burst(seed: int, rate: int = RATE) -> np.ndarray:
    """A fading noise of 0.1 to 1.2 s between faint noises, odd in length; the last of four has no noise around it."""
    rng = default_rng(seed)
    loud = rng.normal(size=round(rng.uniform(0.1, 1.2) * rate)) * 0.2
    loud *= np.linspace(1, rng.uniform(0.02, 1), len(loud))
    around = (0, 0) if seed == 3 else rng.integers(0, rate, 2)
    parts = [rng.normal(size=around[0]) * 0.002, loud, rng.normal(size=around[1]) * 0.002]
    return np.clip(np.concatenate(parts), -1, 1).astype(np.float32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Bursts as WAV, FLAC and OGG, one of each at another rate, a stereo one, and files that are broken."""
    root = tmp_path / "sounds"
    root.mkdir()
    for suffix, kind in KINDS.items():
        for seed in SEEDS:
            soundfile.write(root / f"{seed}.{suffix}", burst(seed), RATE, subtype=kind)
        soundfile.write(root / f"high.{suffix}", burst(9, 44_100), 44_100, subtype=kind)
    soundfile.write(root / "stereo.wav", np.stack([burst(5), burst(5) * 0.5], axis=1), RATE, subtype="PCM_24")
    soundfile.write(root / "float.wav", burst(6), RATE, subtype="FLOAT")
    soundfile.write(root / "nan.wav", np.append(burst(7), np.float32(np.nan)), RATE, subtype="FLOAT")
    (root / "empty.wav").touch()
    (root / "no_sound.wav").write_text("no sound")
    return root


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the clips that are decoded from their beginning."""
    names = []

    def noted(path: Path, *arguments: Any) -> LongSound:
        names.append(path.name)
        return LongSound(path, *arguments)

    def noted_part(path: Path, *arguments: Any) -> np.ndarray:
        names.append(path.name)
        return read_part(path, *arguments)

    monkeypatch.setattr(clips_module, "LongSound", noted)
    monkeypatch.setattr(clips_module, "read_part", noted_part)
    return names


def rows_of(root: Path) -> pd.DataFrame:
    return open_dataset(root).clips


def measured(root: Path, only: Callable[[Path], bool] = lambda path: True) -> pd.DataFrame:
    """The index with the measures of the clips for which ``only`` is true, as the second pass writes them."""
    index = scan(open_dataset(root))
    table = []
    for row in index[index["size"] > 0].itertuples():
        if only(row.path):
            try:
                figures = (*astuple(measure(row.path)), None)
            except AudiotagError as error:
                figures = (*[None] * (len(MEASURE_COLUMNS) - 1), str(error))
            table.append((row.clip, row.subset, row.size, row.modified_ns, *figures))
    return with_measures(index, pd.DataFrame(table, columns=KEY + MEASURE_COLUMNS))


def by_name(prepared: tuple[list[Clip | None], list[Problem]]) -> dict[str, Clip]:
    return {clip.name: clip for clip in prepared[0] if clip}


@pytest.mark.parametrize("settings", [SETTINGS, UNTRIMMED], ids=["trimmed", "untrimmed"])
def test_clip_has_the_samples_that_trimming_leaves(root: Path, settings: SpectrogramSettings) -> None:
    for known in (None, measured(root)):
        prepared = by_name(prepare_clips(rows_of(root), settings, known))
        assert set(prepared) == {path.name for path in root.iterdir()} - {*BROKEN, "nan.wav"}
        for clip in prepared.values():
            sound = read_sound(clip.path, RATE)
            assert (clip.start, clip.end) == trimmed_bounds(sound.waveform, settings), clip.name
            assert clip.samples == clip.end - clip.start > 0
            assert clip.at_rate == (sound.header.sample_rate == RATE)
    trimmed = [clip.name for clip in prepared.values() if clip.samples < len(read_sound(clip.path, RATE).waveform)]
    assert len(trimmed) == (0 if settings is UNTRIMMED else 14)  # all but three that are loud from end to end


@pytest.mark.parametrize("known", ["nothing", "index", "measures"])
@pytest.mark.parametrize("settings", [SETTINGS, UNTRIMMED, SETTINGS.with_changes(trim_db=30.0)])
def test_index_changes_no_clip_and_no_problem(root: Path, settings: SpectrogramSettings, known: str) -> None:
    table = {
        "nothing": lambda: None,
        "index": lambda: measured(root, lambda _: False),
        "measures": lambda: measured(root),
    }
    assert prepare_clips(rows_of(root), settings, table[known]()) == prepare_clips(rows_of(root), settings)


def test_measured_clips_at_the_wanted_rate_are_not_decoded(root: Path, decoded: list[str]) -> None:
    known = measured(root)
    prepare_clips(rows_of(root), SETTINGS, known)
    assert sorted(decoded) == ["high.flac", "high.ogg", "high.wav"]


def test_only_what_is_decoded_is_read_ahead(root: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(ahead, "read_soon", lambda path: asked.append(path.name))
    prepare_clips(rows_of(root), SETTINGS, measured(root))
    assert sorted(asked) == sorted(set(decoded))
    assert 0 < len(asked) < len(rows_of(root))


def test_without_trimming_a_file_with_a_reliable_header_is_not_decoded(root: Path, decoded: list[str]) -> None:
    prepare_clips(rows_of(root), UNTRIMMED, measured(root, lambda _: False))
    unsure = {path.name for path in root.iterdir() if path.suffix != ".wav"} | {"float.wav", "nan.wav"}
    assert set(decoded) == unsure
    decoded.clear()
    prepare_clips(rows_of(root), UNTRIMMED, measured(root))
    assert set(decoded) == {path.name for path in root.glob("*.ogg")}


@pytest.mark.parametrize("rates", [(8000, RATE), (11_025, RATE), (44_100, RATE), (RATE, 22_050), (22_050, 48_000)])
def test_length_after_resampling_is_known_without_it(rates: tuple[int, int], tmp_path: Path) -> None:
    for samples in (1, 2, 3, 1000, 30_001, 140_003):
        soundfile.write(tmp_path / "one.wav", default_rng(samples).uniform(-0.5, 0.5, samples), rates[0])
        waveform = read_sound(tmp_path / "one.wav", rates[1]).waveform
        assert resampled_length(samples, *rates) == len(waveform), samples


@pytest.mark.parametrize("changes", [{}, {"trim_db": 0.0}, {"trim_db": 60.0, "trim_rule": "librosa", "min_s": 0.5}])
def test_a_clip_is_decoded_once_and_stays_the_same(
    root: Path, tmp_path: Path, decoded: list[str], changes: dict[str, Any]
) -> None:
    settings, workspace = SETTINGS.with_changes(**changes), Workspace(tmp_path / "home")
    known = measured(root, lambda _: False)
    first = prepare_clips(rows_of(root), settings, known, None, ClipBoundsStore.of("sounds", settings, workspace))
    assert first == prepare_clips(rows_of(root), settings)
    decoded.clear()
    again = prepare_clips(rows_of(root), settings, known, None, ClipBoundsStore.of("sounds", settings, workspace))
    assert again == first
    assert set(decoded) == {"nan.wav"}  # a broken clip is looked at again: it may have been mended
    other = settings.with_changes(trim_db=35.0)
    assert len(ClipBoundsStore.of("sounds", other, workspace)) == 0
    path = root / "1.ogg"
    soundfile.write(path, burst(2), RATE, subtype="VORBIS")
    os.utime(path, ns=(1, 1))
    known = measured(root, lambda _: False)
    store = ClipBoundsStore.of("sounds", settings, workspace)
    clip = by_name(prepare_clips(rows_of(root), settings, known, None, store))
    assert (clip["1.ogg"].start, clip["1.ogg"].end) == trimmed_bounds(read_sound(path).waveform, settings)


@pytest.mark.parametrize("changes", [{"trim_db": 40.0}, {"trim_pad_s": 0.05}, {"sample_rate": 22_050}])
def test_measures_taken_otherwise_are_not_used(root: Path, decoded: list[str], changes: dict[str, float]) -> None:
    prepare_clips(rows_of(root), SETTINGS.with_changes(**changes), measured(root))
    assert set(decoded) == {path.name for path in root.iterdir()} - {*BROKEN, "nan.wav"}


def test_broken_clips_are_problems_with_their_sentence_and_known_ones_are_not_opened(
    root: Path, decoded: list[str]
) -> None:
    rows = rows_of(root)
    (root / "0.wav").unlink()
    wanted = {
        "empty.wav": "empty.wav is empty (0 bytes)",
        "no_sound.wav": "no_sound.wav cannot be read as a sound",
        "nan.wav": "nan.wav holds 1 samples that are not numbers",
        "0.wav": "0.wav does not exist",
    }
    for known in (None, measured(root)):
        decoded.clear()
        prepared, problems = prepare_clips(rows, SETTINGS, known)
        assert [clip.name if clip else None for clip in prepared] == [
            None if path.name in wanted else path.name for path in rows["path"]
        ]
        assert sorted(problem.clip for problem in problems) == sorted(wanted)
        assert all(problem.reason.startswith(wanted[problem.clip]) for problem in problems)
    assert set(decoded) & set(wanted) == {"0.wav"}


def test_measures_of_a_file_that_has_changed_are_not_used(root: Path, decoded: list[str]) -> None:
    known = measured(root)
    stat = (root / "1.wav").stat()
    soundfile.write(root / "1.wav", np.roll(burst(1), 5000), RATE, subtype="PCM_16")
    assert (root / "1.wav").stat().st_size == stat.st_size
    os.utime(root / "1.wav", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    soundfile.write(root / "2.wav", burst(0), RATE, subtype="PCM_16")
    os.utime(root / "2.wav", ns=(stat.st_atime_ns, int(known.set_index("clip").loc["2.wav", "modified_ns"])))
    soundfile.write(root / "no_sound.wav", burst(1), RATE, subtype="PCM_16")
    prepared = by_name(prepare_clips(rows_of(root), SETTINGS, known))
    assert {"1.wav", "2.wav", "no_sound.wav"} <= set(decoded)
    for name in ("1.wav", "2.wav", "no_sound.wav"):
        bounds = trimmed_bounds(read_sound(root / name).waveform, SETTINGS)
        assert (prepared[name].start, prepared[name].end) == bounds


def test_clips_that_are_not_in_the_table_are_decoded(root: Path, decoded: list[str]) -> None:
    known = measured(root)
    prepared = prepare_clips(rows_of(root), SETTINGS, known[known["clip"] != "1.flac"])
    assert "1.flac" in decoded
    assert prepared == prepare_clips(rows_of(root), SETTINGS)


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("settings", [SETTINGS, UNTRIMMED], ids=["trimmed", "untrimmed"])
def test_truncated_file_is_used_as_far_as_it_goes(root: Path, suffix: str, settings: SpectrogramSettings) -> None:
    path = root / f"1.{suffix}"
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 5])
    whole = read_sound(path).waveform
    for known in (None, measured(root, lambda _: False), measured(root)):
        clip = by_name(prepare_clips(rows_of(root), settings, known))[path.name]
        assert (clip.start, clip.end) == trimmed_bounds(whole, settings)


def test_flac_whose_header_counts_a_few_samples_too_many_is_known_by_what_it_holds(tmp_path: Path) -> None:
    """A file that lacks less than a thousandth is not reported as truncated."""
    n_samples = 12 * 4096
    noise = np.tile(default_rng(0).normal(size=1024) * 0.1, n_samples // 1024)
    soundfile.write(tmp_path / "long.flac", noise, RATE, subtype="PCM_16")
    content = bytearray((tmp_path / "long.flac").read_bytes())
    count = content.index(b"fLaC") + 8 + 10  # of STREAMINFO (RFC 9639, section 8.2)
    fields = int.from_bytes(content[count : count + 8], "big")
    assert fields & ((1 << 36) - 1) == n_samples
    content[count : count + 8] = (fields + 40).to_bytes(8, "big")
    (tmp_path / "long.flac").write_bytes(content)
    known = measured(tmp_path)
    assert known.loc[0, "frames"] == n_samples
    assert not known.loc[0, "truncated"]
    for settings in (SETTINGS, UNTRIMMED):
        prepared, _ = prepare_clips(rows_of(tmp_path), settings, known)
        assert prepared[0] is not None
        assert prepared[0].end == n_samples


@pytest.mark.parametrize("padding", ["zeros", "zeros-after", "repeat"])
@pytest.mark.parametrize("clip_s", [0.1, 0.5, 3.0])
def test_waveforms_are_the_trimmed_samples_at_the_clip_length(root: Path, padding: str, clip_s: float) -> None:
    for settings in (s.with_changes(padding=padding, clip_s=clip_s) for s in (SETTINGS, UNTRIMMED)):
        for clip in by_name(prepare_clips(rows_of(root), settings, measured(root))).values():
            trimmed = read_sound(clip.path, RATE).waveform[clip.start : clip.end]
            for at in (0, 0.25, 0.5, 1):
                crop = clip.crop(settings, crop_start(clip.samples, settings, at))
                assert crop.dtype == np.float32
                np.testing.assert_array_equal(crop, fit_length(trimmed, settings, at), f"{clip.name} at {at}")


@pytest.mark.parametrize("name", ["1.wav", "1.flac", "1.ogg", "high.flac", "stereo.wav"])
def test_crop_begins_at_the_given_start_with_zeros_around_the_clip(root: Path, name: str) -> None:
    clip = by_name(prepare_clips(rows_of(root), SETTINGS))[name]
    wanted = SETTINGS.clip_samples
    around = np.pad(read_sound(clip.path, RATE).waveform[clip.start : clip.end], 3 * wanted)
    beyond = (-2 * wanted, -wanted, 1 - wanted, -1, 0, 1, 777, clip.samples - 1, clip.samples, clip.samples + wanted)
    for settings in (SETTINGS, SETTINGS.with_changes(padding="zeros-after")):
        for start in beyond:
            expected = around[3 * wanted + start :][:wanted]
            np.testing.assert_array_equal(clip.crop(settings, start), expected, f"from {start}")


@pytest.mark.parametrize("clip_s", [0.1, 3.0])
def test_crop_of_a_repeated_clip_wraps_around(root: Path, clip_s: float) -> None:
    settings = SETTINGS.with_changes(padding="repeat", clip_s=clip_s)
    clip = by_name(prepare_clips(rows_of(root), settings))["1.wav"]
    trimmed = read_sound(clip.path, RATE).waveform[clip.start : clip.end]
    for start in (-clip.samples - 5, -3, 0, 100, clip.samples - 7, clip.samples, 2 * clip.samples + 1):
        expected = trimmed[np.arange(start, start + settings.clip_samples) % len(trimmed)]
        np.testing.assert_array_equal(clip.crop(settings, start), expected, f"from {start}")


def test_a_crop_is_read_without_the_rest(root: Path, decoded: list[str]) -> None:
    prepared = by_name(prepare_clips(rows_of(root), SETTINGS, measured(root)))
    decoded.clear()
    for clip in prepared.values():
        clip.crop(SETTINGS, 100)
    assert sorted(decoded) == ["high.flac", "high.ogg", "high.wav"]


def test_progress_counts_every_clip_known_or_not(root: Path) -> None:
    reports = []
    rows = rows_of(root)
    prepare_clips(rows, SETTINGS, measured(root), lambda done, total: reports.append((done, total)))
    assert reports == [(number, len(rows)) for number in range(1, len(rows) + 1)]


def test_empty_table_gives_no_clips_and_no_problems() -> None:
    assert prepare_clips(pd.DataFrame({"path": []}), SETTINGS) == ([], [])
