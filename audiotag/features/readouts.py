"""Describe spectrogram settings in physical units: seconds, hertz and per cent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiotag.features.log_mel import network_input
from audiotag.features.mel import empty_bands, mel_corners
from audiotag.features.setting_names import input_size_text
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.whole_clip import WholeClip
from audiotag.wording import as_number


class ReadOut(NamedTuple):
    """One figure for a page.

    Attributes
    ----------
    name : str
    value : str
        With its unit.
    help : str
        What the figure means.
    warning : str
        What to change; empty unless the value is a problem.
    """

    name: str
    value: str
    help: str
    warning: str = ""


# Width of a tone's peak 6 dB below its top, in FFT bins of the window's own length (Harris 1978, table 1). Two tones
# that are closer than this appear as one.
PEAK_WIDTH_BINS = {"hann": 2.0, "hamming": 1.81, "blackman": 2.35, "rectangular": 1.21}


def energy_outside(waveform: np.ndarray, settings: SpectrogramSettings) -> float:
    """Fraction of the energy of a waveform (0 to 1) below ``f_min`` or above ``f_max``; 0 for silence."""
    power = np.square(np.abs(np.fft.rfft(waveform.astype(np.float64))))
    frequencies = np.fft.rfftfreq(len(waveform), 1 / settings.sample_rate)
    inside = (frequencies >= settings.f_min) & (frequencies <= settings.f_max)
    total = float(power.sum())
    return 1 - float(power[inside].sum()) / total if total > 0 else 0.0


def value_unit(settings: SpectrogramSettings) -> str:
    """The unit of the values of a network input: dB, standard deviations (σ), or none for a range and for samples."""
    if settings.network_input == "waveform":
        return ""
    return {"none": "dB", "range": ""}.get(settings.normalise, "σ")


def read_outs(
    settings: SpectrogramSettings, log_mel: np.ndarray, waveform: np.ndarray, whole: WholeClip | None = None
) -> list[ReadOut]:
    """List what the settings mean for one crop of a sound.

    Parameters
    ----------
    settings : SpectrogramSettings
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB
        Log-mel of the crop.
    waveform : numpy.ndarray, shape=(samples,)
        The crop.
    whole : WholeClip, optional
        The clip that the log-mel was cut from, which then has the floor and the scale.
    """
    outside = energy_outside(waveform, settings)
    empty = len(empty_bands(settings))
    corners = mel_corners(settings)
    resolution_hz = PEAK_WIDTH_BINS[settings.window] * settings.sample_rate / settings.win_length
    at_floor = log_mel <= (log_mel if whole is None else whole.log_mel).max() - settings.top_db + 1e-3
    values = waveform
    if settings.network_input == "log-mel":
        values = network_input(log_mel, settings, None if whole is None else whole.scale)[0]
    has_sound = ~at_floor.all(axis=0)  # frames of padding are completely at the floor, whatever top_db is
    floor_fraction = float(at_floor[:, has_sound].mean()) if has_sound.any() else 1.0
    return [
        ReadOut(
            "Network input",
            input_size_text(settings),
            "Rows × columns of the array that the network gets, with the channels before them if there are several; or "
            "the samples of a waveform.",
        ),
        ReadOut(
            "Values",
            f"{_number(values.min())} to {_number(values.max())} {value_unit(settings)}".rstrip(),
            "Smallest and largest value of the array: in dB re a power of 1 in a band, where the player shows dB re "
            "full scale; or normalised, in standard deviations (σ) from the mean, or between the clip's minimum and "
            "maximum. Full scale of a waveform is −1 to 1.",
        ),
        ReadOut(
            "Frame step",
            f"{1000 * settings.hop_length / settings.sample_rate:.1f} ms",
            "Time from one frame to the next.",
        ),
        ReadOut(
            "Resolution",
            f"{resolution_hz:.0f} Hz",
            "Smallest distance of two tones that appear as two. It depends only on the shape and length of the window: "
            "an n_fft above the window length gives the same curve with more points.",
            "Coarser than the lowest mel bands: lengthen the window."
            if resolution_hz > 4 * (corners[2] - corners[0])
            else "",
        ),
        ReadOut(
            "Window", f"{1000 * settings.win_length / settings.sample_rate:.1f} ms", "Length of the sound in one frame."
        ),
        ReadOut("Lowest band's width", f"{corners[2] - corners[0]:.0f} Hz", "Width of its triangle at the foot."),
        ReadOut("Highest band's width", f"{corners[-1] - corners[-3]:.0f} Hz", "Width of its triangle at the foot."),
        ReadOut(
            "Empty bands",
            f"{empty}",
            "Bands so narrow that no FFT bin falls into them; their rows stay dark.",
            "Raise n_fft or f_min, or lower n_mels." if empty else "",
        ),
        ReadOut(
            "Outside the bands",
            f"{100 * outside:.1f} %",
            f"Energy below {settings.f_min:g} Hz or above {settings.f_max:g} Hz: the network does not get it.",
            "Lower f_min or raise f_max, unless this energy is only rumble." if outside > 0.1 else "",
        ),
        ReadOut(
            "At the floor",
            f"{100 * floor_fraction:.0f} %",
            "Part of the spectrogram that is more than top_db below its loudest point, where all detail is lost. "
            "Frames of padding are not counted.",
            "Raise top_db to keep quieter sound." if 0.5 < floor_fraction < 1 else "",
        ),
    ]


def _number(value: float) -> str:
    """A value with a true minus sign, and as many decimals as it needs.

    >>> _number(-61.23), _number(-1.234), _number(-0.01)
    ('−61', '−1.2', '0')
    """
    return as_number(value, ".1f" if abs(value) < 10 else ".0f").removesuffix(".0")
