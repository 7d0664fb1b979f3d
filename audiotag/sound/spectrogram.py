"""The log-mel spectrogram: one settings object, one implementation, for playground, training and tagging.

Conventions: frequencies in Hz, lengths in samples unless a name ends in ``_s`` or ``_ms``; a picture has shape
``(n_mels, frames)``, low frequencies first, in dB re 1.0 (a power of 1 in a mel band).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, Literal, get_args

import numpy as np

from audiotag.errors import AudiotagError, require
from audiotag.sound.audio import trim_bounds

MelScale = Literal["htk", "slaney"]
Padding = Literal["zeros", "zeros-after", "repeat"]
AMIN = 1e-10  # the power that dB are floored at, −100 dB, as torchaudio's AmplitudeToDB


@dataclass(frozen=True)
class SpectrogramSettings:
    """Everything between a sound file and the picture that the network gets.

    The defaults are those of the published method (preset ``capstone``): 2 s become 128 × 128.
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
    padding: Padding = "zeros"
    trim_db: float = 20.0  # 0 for no trimming

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
        require(
            self.clip_samples > self.n_fft // 2,
            "clip_s",
            f"be longer than half an n_fft ({self.n_fft / 2 / self.sample_rate:.3f} s)",
            self.clip_s,
            "shorten n_fft",
        )
        require(8 <= self.n_mels <= 512, "n_mels", "be 8 to 512", self.n_mels, "128 is common")
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
        require(
            self.mel_scale in get_args(MelScale),
            "mel_scale",
            f"be one of {', '.join(get_args(MelScale))}",
            self.mel_scale,
            "torchaudio's default is htk, librosa's slaney",
        )
        require(
            self.padding in get_args(Padding),
            "padding",
            f"be one of {', '.join(get_args(Padding))}",
            self.padding,
            "zeros puts a short clip at a random place",
        )
        require(
            0 <= self.trim_db <= 120,
            "trim_db",
            "be 0 (no trimming) to 120 dB",
            self.trim_db,
            "it counts down from the peak",
        )

    @property
    def clip_samples(self) -> int:
        """Samples of one picture."""
        return int(self.clip_s * self.sample_rate)

    @property
    def frames(self) -> int:
        """Columns of one picture."""
        return 1 + self.clip_samples // self.hop_length

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
}


def log_mel(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """Log-mel spectrogram in dB re 1.0; ``top_db`` floors the clip that far below its own loudest bin.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,), float32 in [-1, 1]
        Longer than half of ``settings.n_fft``; any length beyond that.
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(n_mels, 1 + samples // hop_length), float32, dB

    Raises
    ------
    AudiotagError
        If the waveform is too short to be mirrored at its ends.

    Notes
    -----
    Equal to torchaudio's ``MelSpectrogram`` (centred frames, ends mirrored, Hann window of ``win_length`` padded to
    ``n_fft``, power) and ``AmplitudeToDB``. Only the window's samples are framed, the zeros around it add nothing but
    a phase; and the mel matrix, 98 % zeros, is a sparse product.
    """
    import scipy.fft

    before = settings.n_fft // 2 - (settings.n_fft - settings.win_length) // 2  # window samples left of the centre
    if len(waveform) <= settings.n_fft // 2:
        raise AudiotagError(
            f"the waveform must be longer than half of n_fft ({settings.n_fft // 2} samples), got {len(waveform)}; "
            "pad it to the clip length first."
        )
    padded = np.pad(np.asarray(waveform, dtype=np.float32), (before, settings.win_length - before), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, settings.win_length)[:: settings.hop_length]
    frames = frames[: 1 + len(waveform) // settings.hop_length] * _hann(settings.win_length)
    spectrum = scipy.fft.rfft(frames, n=settings.n_fft, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = mel_matrix(settings) @ power.T
    picture = 10 * np.log10(np.maximum(mel, AMIN))
    return np.maximum(picture, picture.max() - settings.top_db, dtype=np.float32)


def kept_bounds(waveform: np.ndarray, settings: SpectrogramSettings) -> tuple[int, int]:
    """First sample, and the one after the last, that the settings' trimming keeps of ``(samples,)``."""
    if not settings.trim_db:
        return 0, len(waveform)
    return trim_bounds(waveform, settings.sample_rate, settings.trim_db)


def crop_start(samples: int, settings: SpectrogramSettings, at: float = 0.5) -> int:
    """First sample of the crop that `fit_length` takes; negative where zeros come before a shorter clip."""
    if samples < settings.clip_samples and settings.padding != "zeros":
        return 0
    return round(at * (samples - settings.clip_samples))


def fit_length(waveform: np.ndarray, settings: SpectrogramSettings, at: float = 0.5) -> np.ndarray:
    """Cut or pad a waveform to the clip length.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(samples,)
    settings : SpectrogramSettings
        Its ``clip_s`` and ``padding`` are used.
    at : float
        0 to 1: where the crop lies in a longer clip, or a shorter clip between its zeros; training draws it at
        random, pages and tagger take the middle.

    Returns
    -------
    numpy.ndarray, shape=(settings.clip_samples,), float32
    """
    wanted, have = settings.clip_samples, len(waveform)
    start = crop_start(have, settings, at)
    if have >= wanted:
        return waveform[start : start + wanted]
    if settings.padding == "repeat" and have:
        return np.resize(waveform, wanted)
    return np.pad(waveform, (-start, wanted - have + start))


def mel_frequencies(settings: SpectrogramSettings) -> np.ndarray:
    """Centre frequency of each mel band in Hz, shape ``(n_mels,)``."""
    return mel_corners(settings)[1:-1]


def empty_bands(settings: SpectrogramSettings) -> np.ndarray:
    """Indices of mel bands that no FFT bin falls into: rows of the picture that stay dark."""
    return np.flatnonzero(np.asarray(mel_matrix(settings).sum(axis=1)).ravel() == 0)


def hz_to_mel(frequency_hz: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Mels of frequencies in Hz.

    ``htk`` is O'Shaughnessy's 2595·log10(1 + f/700); ``slaney`` (Auditory Toolbox, 1998) is linear to 1 kHz at
    3 mel a 200 Hz, then logarithmic with 27 mel an octave-like factor of 6.4.
    """
    frequency_hz = np.asarray(frequency_hz, dtype=np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + frequency_hz / 700)
    logarithmic = 15 + 27 * np.log(np.maximum(frequency_hz, 1000) / 1000) / np.log(6.4)
    return np.where(frequency_hz < 1000, frequency_hz * 3 / 200, logarithmic)


def mel_to_hz(mel: np.ndarray | float, scale: MelScale) -> np.ndarray:
    """Frequencies in Hz of mels; the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((np.maximum(mel, 15) - 15) / 27))


def mel_corners(settings: SpectrogramSettings) -> np.ndarray:
    """The ``n_mels + 2`` corners of the triangles, in Hz."""
    lowest, highest = hz_to_mel(np.array([settings.f_min, settings.f_max]), settings.mel_scale)
    return mel_to_hz(np.linspace(lowest, highest, settings.n_mels + 2), settings.mel_scale)


@lru_cache(maxsize=32)
def _hann(win_length: int) -> np.ndarray:
    """The periodic Hann window, as torch's."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win_length) / win_length)).astype(np.float32)


@lru_cache(maxsize=32)
def mel_matrix(settings: SpectrogramSettings) -> Any:  # scipy.sparse.csr_array
    """Triangles of height 1 (HTK) or area 1 (Slaney) over the FFT's bins, shape ``(n_mels, n_fft // 2 + 1)``."""
    import scipy.sparse

    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    edges = mel_corners(settings)
    widths = np.diff(edges)
    rising = (bins - edges[:-2, None]) / widths[:-1, None]
    falling = (edges[2:, None] - bins) / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    if settings.mel_scale == "slaney":
        triangles *= 2 / (edges[2:] - edges[:-2])[:, None]
    return scipy.sparse.csr_array(triangles.astype(np.float32))
