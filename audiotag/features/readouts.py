"""What spectrogram settings mean in seconds and hertz."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiotag.features.mel import empty_bands, mel_corners
from audiotag.features.settings import SpectrogramSettings


class ReadOut(NamedTuple):
    """One figure, what it means, and what to change where it warns."""

    name: str
    value: str
    help: str
    warning: str = ""


# Width of a tone's peak 6 dB below its top, in bins of the window's own length (Harris 1978, table 1): two tones that
# are nearer melt into one.
RESOLVING_BINS = {"hann": 2.0, "hamming": 1.81, "blackman": 2.35, "rectangular": 1.21}


def energy_outside(waveform: np.ndarray, settings: SpectrogramSettings) -> float:
    """Share of a waveform's energy (0 to 1) that lies below ``f_min`` or above ``f_max``; 0 for silence."""
    power = np.square(np.abs(np.fft.rfft(waveform.astype(np.float64))))
    frequencies = np.fft.rfftfreq(len(waveform), 1 / settings.sample_rate)
    seen = (frequencies >= settings.f_min) & (frequencies <= settings.f_max)
    total = float(power.sum())
    return 1 - float(power[seen].sum()) / total if total > 0 else 0.0


def read_outs(settings: SpectrogramSettings, picture: np.ndarray, waveform: np.ndarray) -> list[ReadOut]:
    """What the settings mean for a sound.

    Parameters
    ----------
    settings : SpectrogramSettings
    picture : numpy.ndarray, shape=(n_mels, frames), dB
        Of the crop; says how it fills its range.
    waveform : numpy.ndarray, shape=(samples,)
        The crop; says what lies outside the bands.
    """
    outside = energy_outside(waveform, settings)
    empty = len(empty_bands(settings))
    corners = mel_corners(settings)
    resolution_hz = RESOLVING_BINS[settings.window] * settings.sample_rate / settings.win_length
    at_floor = picture <= picture.max() - settings.top_db + 1e-3
    sounding = ~at_floor.all(axis=0)  # columns of padding are all floor and say nothing about top_db
    floored = float(at_floor[:, sounding].mean()) if sounding.any() else 1.0
    return [
        ReadOut(
            "Picture",
            " × ".join(map(str, [*[settings.channels] * (settings.channels > 1), settings.height, settings.width])),
            "Rows × columns of what the network gets, and channels where there are several.",
        ),
        ReadOut(
            "Frame step",
            f"{1000 * settings.hop_length / settings.sample_rate:.1f} ms",
            "Time from one column to the next.",
        ),
        ReadOut(
            "Resolution",
            f"{resolution_hz:.0f} Hz",
            "How near two tones may be and still be told apart: it follows from the window's length alone. "
            "A larger n_fft than the window only draws the same curve with more points.",
            "No finer than the lowest bands are apart: lengthen the window."
            if resolution_hz > 4 * (corners[2] - corners[0])
            else "",
        ),
        ReadOut("Window", f"{1000 * settings.win_length / settings.sample_rate:.1f} ms", "Sound that one column sees."),
        ReadOut("Lowest band's width", f"{corners[2] - corners[0]:.0f} Hz", "Its triangle, foot to foot."),
        ReadOut("Highest band's width", f"{corners[-1] - corners[-3]:.0f} Hz", "Its triangle, foot to foot."),
        ReadOut(
            "Empty bands",
            f"{empty}",
            "Bands so narrow that no FFT bin falls into them: rows that stay dark.",
            "Raise n_fft or f_min, or take fewer mels." if empty else "",
        ),
        ReadOut(
            "Outside the bands",
            f"{100 * outside:.1f} %",
            f"Share of this sound's energy below {settings.f_min:g} Hz or above {settings.f_max:g} Hz: never seen.",
            "Lower f_min or raise f_max, if that is sound and no rumble." if outside > 0.1 else "",
        ),
        ReadOut(
            "At the floor",
            f"{100 * floored:.0f} %",
            "Share of the sounding columns that lies so far below the loudest point that all detail is lost.",
            "Lower the floor to see quieter sound." if 0.5 < floored < 1 else "",
        ),
    ]
