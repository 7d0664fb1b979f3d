"""What spectrogram settings mean in seconds and hertz."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiotag.sound.settings import SpectrogramSettings
from audiotag.sound.spectrogram import empty_bands, mel_corners


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
    at_floor = picture <= picture.max() - settings.top_db + 1e-3
    sounding = ~at_floor.all(axis=0)  # columns of padding are all floor and say nothing about top_db
    floored = float(at_floor[:, sounding].mean()) if sounding.any() else 1.0
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
        ReadOut("Lowest band's width", f"{corners[2] - corners[0]:.0f} Hz", "Its triangle, foot to foot."),
        ReadOut("Highest band's width", f"{corners[-1] - corners[-3]:.0f} Hz", "Its triangle, foot to foot."),
        ReadOut(
            "Empty bands",
            f"{empty}",
            "Bands so narrow that no FFT bin falls into them: rows that stay dark.",
            "Raise n_fft or f_min, or take fewer mels." if empty else "",
        ),
        ReadOut(
            "At the floor",
            f"{100 * floored:.0f} %",
            "Share of the sounding columns that lies so far below the loudest point that all detail is lost.",
            "Lower the floor to see quieter sound." if 0.5 < floored < 1 else "",
        ),
    ]
