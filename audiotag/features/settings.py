"""The settings of a log-mel spectrogram, which pages, training and tagging share, and the published presets."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

from audiotag.checks import OneOf, Within, build, check, require

MelScale = Literal["htk", "slaney"]
MelNorm = Literal["none", "slaney"]
Window = Literal["hann", "hamming", "blackman", "rectangular"]
Padding = Literal["zeros", "zeros-after", "repeat"]
Normalise = Literal["none", "clip", "batch", "global"]

MAX_VALUES_PER_S = 2**19  # 64 times as many as those of the published method; five minutes of them take 1 GB


@dataclass(frozen=True)
class SpectrogramSettings:
    """Everything between a sound file and the network input.

    The log-mel spectrogram has shape ``(n_mels, frames)``; the network input is made from it by `normalise`, `deltas`
    and `resize`. The defaults are those of the published method (preset ``capstone``): 2 s become 128 × 128.

    Attributes
    ----------
    sample_rate : int
        Hz; sounds of another rate are resampled.
    clip_s : float
        Seconds of sound in one spectrogram.
    n_fft, win_length, hop_length : int
        Samples; the window is padded with zeros to ``n_fft``.
    n_mels : int
    f_min, f_max : float
        Hz; the lower edge of the lowest band and the upper edge of the highest.
    top_db : float
        Range of a spectrogram in dB: values further below its maximum are raised to that floor.
    mel_scale, mel_norm : str
        The mel scale, and whether each band's filter has a height of 1 or an area of 1 (Slaney).
    window : str
    power : float
        2 for power, 1 for amplitude in the mel bands; the result is in dB in both cases.
    padding : str
        How a clip that is too short is filled: zeros around it, zeros after it, or the clip repeated.
    trim_db, trim_pad_s : float
        Silence at both ends is cut where it is more than ``trim_db`` below the loudest frame, except for a margin of
        ``trim_pad_s``; 0 dB cuts nothing.
    normalise : str
        With "none", values stay in dB; "clip" scales each spectrogram to a mean of 0 and a standard deviation of 1;
        "batch" does so over all spectrograms of a batch; "global" uses ``mean_db`` and ``std_db``.
    mean_db, std_db : float
        Used by "global" only.
    deltas : int
        Number of added channels: the slope along time (1), and its slope (2).
    resize : int
        Height and width of the network input in pixels, by bilinear interpolation. With 0 it is not resized: its size
        is bands × frames.

    Raises
    ------
    AudiotagError
        If a field is out of its range, or two fields do not fit together.
    """

    sample_rate: Annotated[int, Within(8000, 192_000, "Hz"), "the unit is Hz"] = 44_100
    clip_s: Annotated[float, Within(0.1, 60, "s"), "the unit is seconds"] = 2.0
    n_fft: Annotated[int, Within(16, 65_536, "samples"), "the unit is samples"] = 2560
    win_length: Annotated[int, Within(16, 32_768, "samples"), "the unit is samples"] = 1024
    hop_length: Annotated[int, Within(1, 32_768, "samples"), "the unit is samples"] = 690
    n_mels: Annotated[int, Within(8, 512, "bands"), "128 is common"] = 128
    f_min: Annotated[float, Within(0, 96_000, "Hz"), "the unit is Hz"] = 20.0
    f_max: Annotated[float, Within(0, 96_000, "Hz", above=True), "the unit is Hz"] = 20_000.0
    top_db: Annotated[float, Within(10, 200, "dB"), "60 to 80 is common"] = 60.0
    mel_scale: Annotated[MelScale, "torchaudio's default is htk, librosa's slaney"] = "htk"
    mel_norm: Annotated[MelNorm, "librosa's default is slaney, torchaudio's none"] = "none"
    window: Annotated[Window, "hann is common"] = "hann"
    power: Annotated[float, OneOf(1, 2), "1 is amplitude, 2 is power"] = 2.0
    padding: Annotated[Padding, "zeros puts a short clip at a random place"] = "zeros"
    trim_db: Annotated[float, Within(0, 120, "dB"), "it counts down from the loudest frame; 0 trims nothing"] = 20.0
    trim_pad_s: Annotated[float, Within(0.001, 1, "s"), "the unit is seconds"] = 0.02
    normalise: Annotated[Normalise, "with none, values stay in dB"] = "none"
    mean_db: Annotated[float, Within(-200, 200, "dB"), "the unit is dB"] = 0.0
    std_db: Annotated[float, Within(0, 200, "dB", above=True), "10 to 25 is common"] = 1.0
    deltas: Annotated[int, Within(0, 2), "0 uses the log-mel alone"] = 0
    resize: Annotated[int, Within(16, 1024, "pixels", zero="no resizing"), "256 is common"] = 0

    def __post_init__(self) -> None:
        check(self)
        require(
            self.win_length <= self.n_fft,
            "n_fft",
            f"be at least win_length ({self.win_length})",
            self.n_fft,
            "raise it, or shorten the window",
        )
        require(
            self.hop_length <= self.win_length,
            "hop_length",
            f"be at most win_length ({self.win_length}), or sound between the windows is lost",
            self.hop_length,
            "the unit is samples",
        )
        shortest = max(self.win_length, self.n_fft // 2 + 1)
        require(
            self.clip_samples >= shortest,
            "clip_s",
            f"hold a window and more than half an n_fft ({shortest / self.sample_rate:.3f} s)",
            self.clip_s,
            "lengthen the clip, or shorten win_length and n_fft",
        )
        values = max(self.n_mels * self.frames, self.channels * self.height * self.width)
        require(
            values <= MAX_VALUES_PER_S * self.clip_s,
            "the spectrogram",
            f"have at most {MAX_VALUES_PER_S:,} values per second of sound",
            f"{values / self.clip_s:,.0f}",
            "raise hop_length, or lower resize, n_mels or deltas",
        )
        bins = self.n_fft // 2 + 1
        require(
            self.n_mels <= bins,
            "n_mels",
            f"be at most {bins}, the number of frequency bins for n_fft {self.n_fft}",
            self.n_mels,
            "raise n_fft",
        )
        nyquist = self.sample_rate / 2
        require(
            self.f_max <= nyquist,
            "f_max",
            f"be at most {nyquist:g} Hz (half the sample rate)",
            self.f_max,
            "did you pass the sample rate?",
        )
        require(
            self.f_min < self.f_max, "f_min", f"be below f_max ({self.f_max:g} Hz)", self.f_min, "swap the two values"
        )

    @property
    def clip_samples(self) -> int:
        """Samples of one clip."""
        return int(self.clip_s * self.sample_rate)

    @property
    def frames(self) -> int:
        """Frames of one log-mel spectrogram."""
        return 1 + self.clip_samples // self.hop_length

    @property
    def channels(self) -> int:
        """Channels of the network input."""
        return 1 + self.deltas

    @property
    def height(self) -> int:
        """Rows of the network input."""
        return self.resize or self.n_mels

    @property
    def width(self) -> int:
        """Columns of the network input."""
        return self.resize or self.frames

    def with_changes(self, **values: Any) -> SpectrogramSettings:
        """The same settings with other values of some fields; checked again."""
        return replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for TOML and JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SpectrogramSettings:
        """Settings from plain values, such as those of `to_dict`.

        Raises
        ------
        AudiotagError
            If a field is unknown, of the wrong type or out of its range.
        """
        return build(cls, values)


def square_hop_length(clip_samples: int, n_mels: int) -> int:
    """The hop in samples that gives a square spectrogram: as many frames as mel bands, or one fewer.

    >>> square_hop_length(88_200, 128)
    690
    """
    return math.ceil(clip_samples / n_mels)


PRESETS: dict[str, SpectrogramSettings] = {
    "capstone": SpectrogramSettings(),
    # The competition's winner: 4 s become 128 × 256. What his report leaves open is as in capstone; he does not trim.
    "argus": SpectrogramSettings(clip_s=4.0, trim_db=0.0, padding="repeat"),
    # E. Bouteillon's warm-up pipeline, eighth (code/inference-kernel.ipynb of his repository): librosa's own mels and
    # window, silence below 60 dB cut, each spectrogram scaled by itself.
    "warm-up": SpectrogramSettings(
        win_length=2560,
        hop_length=694,
        f_max=22_050.0,
        top_db=80.0,
        mel_scale="slaney",
        mel_norm="slaney",
        trim_db=60.0,
        normalise="clip",
    ),
}
