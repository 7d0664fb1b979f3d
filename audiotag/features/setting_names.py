"""Name spectrogram settings in plain words with their units, and say how two of them differ."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NamedTuple

from audiotag.features.settings import SpectrogramSettings
from audiotag.wording import as_number

NAMES: dict[str, tuple[str, str]] = {  # of every field: its name and its unit
    "sample_rate": ("Sample rate", "Hz"),
    "clip_s": ("Clip length", "s"),
    "n_fft": ("FFT length", "samples"),
    "win_length": ("Window", "samples"),
    "hop_length": ("Hop", "samples"),
    "n_mels": ("Mel bands", ""),
    "f_min": ("Lowest frequency", "Hz"),
    "f_max": ("Highest frequency", "Hz"),
    "top_db": ("Floor below the loudest point", "dB"),
    "mel_scale": ("Mel scale", ""),
    "mel_norm": ("Filter height", ""),
    "window": ("Window shape", ""),
    "power": ("Band values", ""),
    "padding": ("Padding of short clips", ""),
    "trim_db": ("Trim below the peak", "dB"),
    "trim_pad_s": ("Trim margin", "s"),
    "normalise": ("Normalise", ""),
    "mean_db": ("Mean", "dB"),
    "std_db": ("Deviation", "dB"),
    "deltas": ("Deltas", ""),
    "resize": ("Resize to", "pixels"),
    "crop": ("Crops are cut from", ""),
    "min_s": ("Shortest sound after trimming", "s"),
    "trim_rule": ("Trimming as in", ""),
    "centred": ("Frames centred", ""),
    "log_offset": ("Added before the logarithm", ""),
    "delta_filter": ("Delta filter", ""),
    "equal_channels": ("Equal channels", ""),
    "range_mean": ("Range mean", ""),
    "range_std": ("Range deviation", ""),
    "resize_filter": ("Resize by", ""),
    "network_input": ("Network gets", ""),
}
# Fields that change which time and frequency range, and which values, a spectrogram of the same moment shows.
CHANGES_PICTURE = frozenset(NAMES) - {
    "clip_s", "trim_db", "trim_pad_s", "padding", "mean_db", "std_db", "min_s",
    "trim_rule", "range_mean", "range_std", "network_input",
}  # fmt: skip


class Difference(NamedTuple):
    """A setting that two settings do not share: its field, its name, and its value in each, in words."""

    field: str
    name: str
    value: str
    other: str


def value_text(field: str, value: Any) -> str:
    """A setting's value in words, with its unit.

    >>> value_text("f_max", 20_000.0), value_text("power", 1.0), value_text("trim_db", 0.0), value_text("resize", 0)
    ('20,000 Hz', 'amplitude', 'no trimming', 'no resizing')
    """
    words = {
        ("power", 2): "power",
        ("power", 1): "amplitude",
        ("trim_db", 0): "no trimming",
        ("resize", 0): "no resizing",
        ("mel_norm", "none"): "height 1",
        ("mel_norm", "slaney"): "area 1 (slaney)",
        ("normalise", "none"): "no",
        ("deltas", 0): "none",
        ("min_s", 0): "no minimum",
        ("centred", True): "yes",
        ("centred", False): "no",
    }
    if (field, value) in words:
        return words[field, value]
    number = as_number(value, ",.10g") if isinstance(value, int | float) else str(value)
    return f"{number} {NAMES[field][1]}".rstrip()


def input_size_text(settings: SpectrogramSettings) -> str:
    """The size of a network input in words, with its channels if there are several.

    >>> input_size_text(SpectrogramSettings(deltas=2)), input_size_text(SpectrogramSettings(network_input="waveform"))
    ('3 × 128 × 128', '88,200 samples')
    """
    if settings.network_input == "waveform":
        return f"{settings.width:,} samples"
    sizes = [*[settings.channels] * (settings.channels > 1), settings.height, settings.width]
    return " × ".join(map(str, sizes))


def differences(settings: SpectrogramSettings, other: SpectrogramSettings) -> list[Difference]:
    """The settings that differ, in the order of the fields.

    Mean and deviation are left out where neither settings use them.
    """
    unused = {"mean_db", "std_db"} if "global" not in (settings.normalise, other.normalise) else set()
    return [
        Difference(name, NAMES[name][0], *(value_text(name, getattr(each, name)) for each in (settings, other)))
        for name in changed_fields(settings, other)
        if name not in unused
    ]


def changed_fields(settings: SpectrogramSettings, other: SpectrogramSettings) -> list[str]:
    """Names of the fields whose values differ."""
    names = [field.name for field in fields(SpectrogramSettings)]
    return [name for name in names if getattr(settings, name) != getattr(other, name)]


def most_different(settings: SpectrogramSettings, candidates: dict[str, SpectrogramSettings]) -> str | None:
    """Name of the candidate whose spectrograms differ most from these settings', by the number of settings.

    A setting that changes the picture of a moment counts more than all those that only choose another moment or fill
    it up differently. None where all candidates have the same settings.
    """

    def distance(name: str) -> tuple[int, int]:
        changed = changed_fields(settings, candidates[name])
        return len(CHANGES_PICTURE.intersection(changed)), len(changed)

    best = max(candidates, key=distance, default=None)
    return best if best is not None and distance(best) > (0, 0) else None
