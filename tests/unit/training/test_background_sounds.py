"""Rendered background sounds: reproducible, varied, and never a sound that has a label."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.features.settings import SpectrogramSettings
from audiotag.training.background_sounds import (
    BACKGROUNDS,
    LEVELS_DBFS,
    background_sound,
    render_background_sounds,
    varied_hum,
    varied_noise,
)

RATE = 16_000
SETTINGS = SpectrogramSettings(
    sample_rate=RATE, clip_s=0.5, n_fft=512, win_length=512, hop_length=256, n_mels=32, f_max=8000.0
)
KINDS = {kind.name: kind for kind in BACKGROUNDS}


@pytest.mark.parametrize("kind", BACKGROUNDS, ids=lambda kind: kind.name)
def test_sounds_are_reproducible_and_differ_by_number_and_seed(kind: object) -> None:
    one, again, other, other_seed = (
        background_sound(kind, seed, number, 8000, RATE)  # type: ignore[arg-type]
        for seed, number in ((42, 1), (42, 1), (42, 3), (43, 1))
    )
    assert np.array_equal(one, again)
    assert one.dtype == np.float32
    assert np.abs(one).max() <= 1
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, other_seed)


@pytest.mark.parametrize("kind", [kind for kind in BACKGROUNDS if kind.name != "silence"], ids=lambda kind: kind.name)
def test_levels_are_spread_over_their_range(kind: object) -> None:
    sounds = [background_sound(kind, 1, number, 8000, RATE) for number in range(20)]  # type: ignore[arg-type]
    levels = [20 * np.log10(np.sqrt(np.mean(sound**2, dtype=float))) for sound in sounds]
    assert min(levels) > LEVELS_DBFS[0] - 1
    assert max(levels) < LEVELS_DBFS[1] + 1
    assert max(levels) - min(levels) > 20


def test_noise_has_many_colours_but_not_that_of_wind() -> None:
    slopes = []
    for number in range(40):
        power = np.abs(np.fft.rfft(varied_noise(np.random.default_rng(number), 4 * RATE, RATE))) ** 2
        hz = np.fft.rfftfreq(4 * RATE, 1 / RATE)
        octave_db = [10 * np.log10(power[(hz >= low) & (hz < 2 * low)].mean()) for low in (60, 120, 240, 480, 960)]
        slopes.append(np.polyfit(range(5), octave_db, 1)[0])
    median, (low, high) = np.median(slopes), np.quantile(slopes, (0.1, 0.9))
    assert low < -5 < median < 3 < high  # dB per octave; those above 3 have a lower edge


def test_hum_is_at_multiples_of_the_mains() -> None:
    for number in range(5):
        waveform = varied_hum(np.random.default_rng(number), 2 * RATE, RATE)
        power = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))) ** 2
        strongest = np.fft.rfftfreq(len(waveform), 1 / RATE)[power.argmax()]
        assert min(abs(strongest / mains - round(strongest / mains)) * mains for mains in (50, 60)) < 1.5


def test_files_are_written_once_and_held_out_ones_are_others(tmp_path: Path) -> None:
    paths = render_background_sounds(tmp_path, SETTINGS, ("Bark",), 42, 14)
    times = [path.stat().st_mtime_ns for path in paths]
    more = render_background_sounds(tmp_path, SETTINGS, ("Bark",), 42, 20)
    held_out = render_background_sounds(tmp_path, SETTINGS, ("Bark",), 42, 14, held_out=True)
    assert more[:14] == paths
    assert [path.stat().st_mtime_ns for path in paths] == times
    assert len({*more, *held_out}) == 34
    assert len({path.read_bytes() for path in [*more, *held_out] if "silence" not in path.name}) == len(
        [path for path in [*more, *held_out] if "silence" not in path.name]
    )
    waveform, rate = soundfile.read(paths[0])
    assert (len(waveform), rate) == (SETTINGS.clip_samples, RATE)


def test_kinds_that_a_label_names_are_not_rendered(tmp_path: Path) -> None:
    paths = render_background_sounds(tmp_path, SETTINGS, ("Crackling fire", "Sine_wave", "Rain"), 42, 20)
    assert {path.name.split("-")[0] for path in paths} == {"noise", "hum", "sweep", "silence"}


def test_nothing_is_rendered_where_each_kind_is_a_label(tmp_path: Path) -> None:
    labels = ("Noise", "Hum", "Tone", "Siren", "Click", "Silence")
    assert render_background_sounds(tmp_path, SETTINGS, labels, 42, 20) == []
