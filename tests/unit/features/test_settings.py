"""Spectrogram settings that cannot work are refused with field, rule, value and fix; JSON brings back the same ones."""

import json
import math
from dataclasses import fields
from typing import Any

import pytest

from audiotag.checks import readable, rules_of
from audiotag.errors import AudiotagError
from audiotag.features.settings import LATER_FIELDS, PRESETS, SpectrogramSettings, square_hop_length


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample_rate", 44.1),
        ("sample_rate", 1_000_000),
        ("sample_rate", "44100"),
        ("clip_s", 2000),
        ("clip_s", math.nan),
        ("clip_s", None),
        ("n_fft", 512),
        ("n_fft", 100_000),
        ("n_fft", 2560.5),
        ("win_length", 8),
        ("win_length", True),
        ("hop_length", 0),
        ("hop_length", 1025),
        ("hop_length", 15.6),
        ("n_mels", 4),
        ("n_mels", 1000),
        ("n_mels", 64.5),
        ("f_min", -1),
        ("f_min", 20_000),
        ("f_max", 44_100),
        ("f_max", 0),
        ("f_max", math.inf),
        ("f_max", "20 kHz"),
        ("top_db", -60),
        ("top_db", math.nan),
        ("mel_scale", "HTK"),
        ("mel_scale", 1),
        ("padding", "zero"),
        ("trim_db", -20),
        ("trim_db", "none"),
        ("trim_pad_s", 0),
        ("window", "hanning"),
        ("mel_norm", "area"),
        ("power", 3.0),
        ("normalise", "yes"),
        ("mean_db", math.nan),
        ("std_db", 0),
        ("deltas", 3),
        ("resize", 8),
        ("crop", "picture"),
        ("padding", "minimum"),
        ("min_s", -1),
        ("trim_rule", "sox"),
        ("centred", "no"),
        ("centred", False),
        ("log_offset", 2),
        ("delta_filter", "sobel"),
        ("equal_channels", 4),
        ("range_std", 0),
        ("resize_filter", "cubic"),
        ("network_input", "picture"),
    ],
)
def test_a_wrong_field_is_refused_by_name_and_value(field: str, value: object) -> None:
    with pytest.raises(AudiotagError, match=rf"^{field} must ") as error:
        SpectrogramSettings.from_dict({field: value})
    assert f", got {readable(value)}; " in str(error.value)


@pytest.mark.parametrize(
    ("win_length", "n_fft", "shortest"), [(1024, 16_384, r"0\.186"), (8192, 8192, r"0\.186"), (9000, 9000, r"0\.204")]
)
def test_a_clip_shorter_than_a_window_or_half_an_fft_is_refused(win_length: int, n_fft: int, shortest: str) -> None:
    match = rf"^clip_s must hold a window and more than half an n_fft \({shortest} s\), got 0\.15"
    with pytest.raises(AudiotagError, match=match):
        SpectrogramSettings(clip_s=0.15, n_fft=n_fft, win_length=win_length)


def test_more_mels_than_bins_are_refused() -> None:
    with pytest.raises(
        AudiotagError, match=r"^n_mels must be at most 129, .* bins for n_fft 256, got 130; raise n_fft"
    ):
        SpectrogramSettings(n_fft=256, win_length=256, hop_length=128, n_mels=130)


def test_every_field_has_a_rule() -> None:
    assert list(rules_of(SpectrogramSettings)) == [field.name for field in fields(SpectrogramSettings)]


@pytest.mark.parametrize(("clip_s", "n_mels"), [(2.0, 128), (1.0, 64), (3.3, 100), (5.0, 256)])
def test_a_squared_spectrogram_has_about_as_many_frames_as_bands(clip_s: float, n_mels: int) -> None:
    settings = SpectrogramSettings(clip_s=clip_s, n_mels=n_mels, win_length=2048)
    square = settings.with_changes(hop_length=square_hop_length(settings.clip_samples, n_mels))
    assert square.frames in (n_mels, n_mels - 1, n_mels + 1)


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({}, (1, 128, 128)),
        ({"deltas": 2}, (3, 128, 128)),
        ({"resize": 256}, (1, 256, 256)),
        ({"clip_s": 4.0}, (1, 128, 256)),
        ({"network_input": "waveform"}, (1, 1, 88_200)),
    ],
)
def test_the_network_input_has_the_shape_that_the_settings_give(
    changes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    settings = SpectrogramSettings(**changes)
    assert (settings.channels, settings.height, settings.width) == shape


def test_an_unknown_field_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AudiotagError, match=r"^n_mel is not a known field; the fields are .*n_mels"):
        SpectrogramSettings.from_dict({"n_mel": 64})


@pytest.mark.parametrize(
    "settings",
    [*PRESETS.values(), SpectrogramSettings(trim_db=0, deltas=1, normalise="global", mean_db=-30.0, std_db=15.0)],
)
def test_json_brings_back_the_same_settings(settings: SpectrogramSettings) -> None:
    assert SpectrogramSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_settings_of_earlier_versions_are_written_as_these_wrote_them() -> None:
    """Cards, runs, journals and embeddings of earlier versions are found by such values."""
    values = PRESETS["capstone"].to_dict()
    assert list(values) == [
        "sample_rate", "clip_s", "n_fft", "win_length", "hop_length", "n_mels", "f_min", "f_max", "top_db",
        "mel_scale", "mel_norm", "window", "power", "padding", "trim_db", "trim_pad_s", "normalise", "mean_db",
        "std_db", "deltas", "resize",
    ]  # fmt: skip
    assert {field.name for field in fields(SpectrogramSettings)} == {*values, *LATER_FIELDS}
    changed = PRESETS["capstone"].with_changes(crop="spectrogram").to_dict()
    assert changed == values | {"crop": "spectrogram"}


def test_deltas_of_a_fit_need_nine_frames_and_equal_channels_no_deltas() -> None:
    short = {"clip_s": 0.1, "n_fft": 2560, "deltas": 1}
    assert SpectrogramSettings(**short).frames == 7
    with pytest.raises(
        AudiotagError, match=r"^the spectrogram must have at least 9 frames for this delta_filter, got 7"
    ):
        SpectrogramSettings(**short, delta_filter="savitzky-golay")
    with pytest.raises(AudiotagError, match=r"^equal_channels must be 1 where there are deltas"):
        SpectrogramSettings(deltas=1, equal_channels=3)


@pytest.mark.parametrize(
    "change", [{"crop": "spectrogram"}, {"normalise": "clip"}, {"deltas": 1}, {"equal_channels": 3}, {"resize": 128}]
)
def test_what_changes_a_log_mel_is_refused_where_the_network_gets_the_waveform(change: dict[str, Any]) -> None:
    [(field, value)] = change.items()
    with pytest.raises(AudiotagError, match=rf"^{field} must be .* the waveform, got {readable(value)}; leave it out"):
        SpectrogramSettings(**change, network_input="waveform")


def test_changed_settings_are_checked_again() -> None:
    assert PRESETS["capstone"].with_changes(n_mels=64).n_mels == 64
    with pytest.raises(AudiotagError, match=r"^n_mels must"):
        PRESETS["capstone"].with_changes(n_mels=1)
