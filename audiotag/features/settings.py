"""Spectrogram settings: one object for playground, training and tagging, checked once; and the published presets."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, Literal, get_args

from audiotag.checks import require
from audiotag.errors import AudiotagError

MelScale = Literal["htk", "slaney"]
MelNorm = Literal["none", "slaney"]
Window = Literal["hann", "hamming", "blackman", "rectangular"]
Padding = Literal["zeros", "zeros-after", "repeat"]
Normalise = Literal["none", "clip", "batch", "global"]
CHOICES = {  # fields that are one of a few words, with a hint for who wrote another
    "mel_scale": (get_args(MelScale), "torchaudio's default is htk, librosa's slaney"),
    "mel_norm": (get_args(MelNorm), "librosa's default is slaney, torchaudio's none"),
    "window": (get_args(Window), "hann is common"),
    "padding": (get_args(Padding), "zeros puts a short clip at a random place"),
    "normalise": (get_args(Normalise), "none leaves dB"),
}


@dataclass(frozen=True)
class SpectrogramSettings:
    """Everything between a sound file and the picture that the network gets.

    The defaults are those of the published method (preset ``capstone``): 2 s become 128 × 128.

    Attributes
    ----------
    sample_rate : int
        Hz; sounds of another rate are resampled.
    clip_s : float
        Seconds of sound in one picture.
    n_fft, win_length, hop_length : int
        Samples; the window is padded with zeros to ``n_fft``.
    n_mels : int
    f_min, f_max : float
        Hz; the feet of the lowest and the highest band.
    top_db : float
        dB below the clip's loudest point where its floor lies.
    mel_scale, mel_norm : str
        Which mels, and whether bands have a height of 1 or an area of 1 (Slaney).
    window : str
    power : float
        2 for power, 1 for amplitude in the mel bands; dB either way.
    padding : str
        What fills a clip that is too short: zeros around it, zeros after it, or the clip again.
    trim_db, trim_pad_s : float
        Silence at both ends is cut where it lies so many dB below the loudest frame, but for a pad; 0 dB cuts nothing.
    normalise : str
        "none" leaves dB; "clip" brings each picture to a mean of 0 and a deviation of 1; "batch" does so over all
        pictures of a batch; "global" takes ``mean_db`` and ``std_db``.
    mean_db, std_db : float
        For "global" alone.
    deltas : int
        Channels added: the slope along time (1), and its slope (2).
    resize : int
        Both sides of the picture in the end, by bilinear interpolation; 0 leaves bands × frames.
    """

    sample_rate: int = 44_100
    clip_s: float = 2.0
    n_fft: int = 2560
    win_length: int = 1024
    hop_length: int = 690
    n_mels: int = 128
    f_min: float = 20.0
    f_max: float = 20_000.0
    top_db: float = 60.0
    mel_scale: MelScale = "htk"
    mel_norm: MelNorm = "none"
    window: Window = "hann"
    power: float = 2.0
    padding: Padding = "zeros"
    trim_db: float = 20.0
    trim_pad_s: float = 0.02
    normalise: Normalise = "none"
    mean_db: float = 0.0
    std_db: float = 1.0
    deltas: int = 0
    resize: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), str(field.type)
            if kind == "int":
                whole = isinstance(value, Integral) and not isinstance(value, bool)
                require(whole, field.name, "be a whole number", value, "no quotes, no decimals")
            elif kind == "float" or (kind == "float | None" and value is not None):
                number = isinstance(value, Real) and not isinstance(value, bool)
                require(number, field.name, "be a number", value, "no quotes, no unit")
        half = self.sample_rate / 2
        require(8000 <= self.sample_rate <= 192_000, "sample_rate", "be 8000 to 192000 Hz", self.sample_rate, "in Hz?")
        require(0.1 <= self.clip_s <= 60, "clip_s", "be 0.1 to 60 s", self.clip_s, "in seconds?")
        require(16 <= self.win_length <= 32_768, "win_length", "be 16 to 32768 samples", self.win_length, "in samples?")
        require(
            self.win_length <= self.n_fft <= 65_536,
            "n_fft",
            f"be win_length ({self.win_length}) to 65536",
            self.n_fft,
            "raise it, or shorten the window",
        )
        require(
            1 <= self.hop_length <= self.win_length,
            "hop_length",
            f"be 1 to win_length ({self.win_length}) samples, or sound between the windows is never seen",
            self.hop_length,
            "in samples?",
        )
        shortest = max(self.win_length, self.n_fft // 2 + 1)
        require(
            self.clip_samples >= shortest,
            "clip_s",
            f"hold a window and more than half an n_fft ({shortest / self.sample_rate:.3f} s)",
            self.clip_s,
            "lengthen the clip, or shorten win_length and n_fft",
        )
        bins = self.n_fft // 2 + 1
        require(
            8 <= self.n_mels <= min(512, bins),
            "n_mels",
            f"be 8 to {min(512, bins)}" + (f", for n_fft {self.n_fft} has no more bins" if bins < 512 else ""),
            self.n_mels,
            "128 is common",
        )
        require(
            0 < self.f_max <= half,
            "f_max",
            f"be at most {half:g} Hz (half the sample rate)",
            self.f_max,
            "did you pass the sample rate?",
        )
        require(
            0 <= self.f_min < self.f_max, "f_min", f"be 0 to below f_max ({self.f_max:g} Hz)", self.f_min, "swapped?"
        )
        require(10 <= self.top_db <= 200, "top_db", "be 10 to 200 dB", self.top_db, "60 to 80 is common")
        for name, (choices, hint) in CHOICES.items():
            require(getattr(self, name) in choices, name, f"be one of {', '.join(choices)}", getattr(self, name), hint)
        require(self.power in (1, 2), "power", "be 1 (amplitude) or 2 (power)", self.power, "2 is common")
        require(
            0 <= self.trim_db <= 120,
            "trim_db",
            "be 0 (no trimming) to 120 dB",
            self.trim_db,
            "it counts down from the peak",
        )
        require(0.001 <= self.trim_pad_s <= 1, "trim_pad_s", "be 0.001 to 1 s", self.trim_pad_s, "in seconds?")
        require(0 < self.std_db <= 200, "std_db", "be above 0, at most 200 dB", self.std_db, "10 to 25 is common")
        require(-200 <= self.mean_db <= 200, "mean_db", "be -200 to 200 dB", self.mean_db, "in dB?")
        require(0 <= self.deltas <= 2, "deltas", "be 0, 1 or 2", self.deltas, "0 for the log-mel alone")
        require(
            self.resize == 0 or 16 <= self.resize <= 1024,
            "resize",
            "be 0 (as it is) or 16 to 1024 pixels",
            self.resize,
            "256 is common",
        )

    @property
    def clip_samples(self) -> int:
        """Samples of one picture."""
        return int(self.clip_s * self.sample_rate)

    @property
    def frames(self) -> int:
        """Columns of one picture."""
        return 1 + self.clip_samples // self.hop_length

    @property
    def channels(self) -> int:
        """Channels of what the network gets."""
        return 1 + self.deltas

    @property
    def height(self) -> int:
        """Rows of what the network gets."""
        return self.resize or self.n_mels

    @property
    def width(self) -> int:
        """Columns of what the network gets."""
        return self.resize or self.frames

    def squared(self) -> SpectrogramSettings:
        """With the hop that gives as many frames as there are bands, or the next fewer: a square picture."""
        return self.changed(hop_length=math.ceil(self.clip_samples / self.n_mels))

    def changed(self, **values: Any) -> SpectrogramSettings:
        """The same settings but for some; checked again."""
        return replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for TOML and JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SpectrogramSettings:
        """From plain values; an unknown field is an error that names the known ones."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise AudiotagError(f"{unknown[0]} is no spectrogram setting; there are {', '.join(known)}.")
        return cls(**values)


PRESETS: dict[str, SpectrogramSettings] = {
    "capstone": SpectrogramSettings(),
    # The competition's winner: 4 s become 128 × 256. What his report leaves open is as in capstone; he does not trim.
    "argus": SpectrogramSettings(clip_s=4.0, trim_db=0.0, padding="repeat"),
    # E. Bouteillon's warm-up pipeline, eighth (code/inference-kernel.ipynb of his repository): librosa's own mels and
    # window, silence below 60 dB cut, each picture scaled by itself.
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
