"""What spectrogram settings mean in seconds and hertz."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiotag.sound.spectrogram import SpectrogramSettings, empty_bands, mel_corners


class ReadOut(NamedTuple):
    """One figure, what it means, and what to change where it warns."""

    name: str
    value: str
    help: str
    warning: str = ""


def read_outs(settings: SpectrogramSettings, picture: np.ndarray) -> list[ReadOut]:
    """What the settings mean, and how the picture (dB, shape ``(n_mels, frames)``) fills its range."""
    empty = len(empty_bands(settings))
    corners = mel_corners(settings)
    # A Hann window's main lobe is four bins of its own length wide between zeros, two at half its height.
    resolution_hz = 2 * settings.sample_rate / settings.win_length
    floored = float(np.mean(picture <= picture.min() + 1e-3))
    return [
        ReadOut("Picture", f"{settings.n_mels} × {settings.frames}", "Mel bands × frames: what the network gets."),
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
        ),
        ReadOut("Window", f"{1000 * settings.win_length / settings.sample_rate:.1f} ms", "Sound that one column sees."),
        ReadOut("Lowest band", f"{corners[2] - corners[0]:.0f} Hz wide", "From corner to corner of its triangle."),
        ReadOut("Highest band", f"{corners[-1] - corners[-3]:.0f} Hz wide", "From corner to corner of its triangle."),
        ReadOut(
            "Empty bands",
            f"{empty}",
            "Bands so narrow that no FFT bin falls into them: rows that stay dark.",
            "Raise n_fft or f_min, or take fewer mels." if empty else "",
        ),
        ReadOut(
            "At the floor",
            f"{100 * floored:.0f} %",
            "Share of the picture that is top_db below its loudest point, where all detail is lost.",
            "Raise top_db to see quieter sound." if floored > 0.5 else "",
        ),
    ]
