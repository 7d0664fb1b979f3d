"""The settings of a log-mel spectrogram, which pages, training and tagging share, and the published presets."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal

from audiotag.checks import OneOf, Within, build, check, readable, require

MelScale = Literal["htk", "slaney"]
MelNorm = Literal["none", "slaney"]
Window = Literal["hann", "hamming", "blackman", "rectangular"]
Padding = Literal["zeros", "zeros-after", "repeat", "minimum", "minimum-or-repeat", "zero-db-after"]
Normalise = Literal["none", "clip", "batch", "global", "range"]
Crop = Literal["waveform", "spectrogram"]
TrimRule = Literal["fastaudio", "librosa"]
DeltaFilter = Literal["slope", "savitzky-golay"]
ResizeFilter = Literal["bilinear", "nearest"]
NetworkInput = Literal["log-mel", "waveform"]

DELTA_FRAMES = 9  # that a delta is computed from
OF_SPECTROGRAMS: frozenset[Padding] = frozenset({"minimum", "minimum-or-repeat", "zero-db-after"})
# Fields of later versions. At their defaults, which mean what earlier versions did, they are not written, so that files
# and fingerprints of earlier settings stay as they are.
LATER_FIELDS = (
    "crop", "min_s", "trim_rule", "centred", "log_offset", "delta_filter", "equal_channels", "range_mean", "range_std",
    "resize_filter", "network_input",
)  # fmt: skip

MAX_VALUES_PER_S = 2**19  # 64 times as many as those of the published method; five minutes of them take 1 GB


@dataclass(frozen=True)
class SpectrogramSettings:
    """Everything between a sound file and the network input.

    The log-mel spectrogram has shape ``(n_mels, frames)``; the network input is made from it by `normalise`, `deltas`
    and `resize`, or it is the waveform itself, see `network_input`. The defaults are those of the published method
    (preset ``capstone``): 2 s become 128 × 128.

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
        How a clip that is too short is filled. Its waveform: "zeros" around it, or "zeros-after" it. The waveform or
        the spectrogram, whichever is cropped: "repeat" repeats it. The spectrogram alone, for ``crop="spectrogram"``:
        its own "minimum" around it, as in "minimum-or-repeat", which repeats half of the clips in training, by chance;
        or "zero-db-after" it.
    trim_db, trim_pad_s : float
        Silence at both ends is cut where it is more than ``trim_db`` below the loudest frame, except for a margin of
        ``trim_pad_s``; 0 dB cuts nothing.
    normalise : str
        With "none", values stay in dB; "clip" scales each spectrogram to a mean of 0 and a standard deviation of 1;
        "batch" does so over all spectrograms of a batch; "global" uses ``mean_db`` and ``std_db``; "range" scales each
        spectrogram's minimum to 0 and its maximum to 1, in 256 steps, as a picture file does.
    mean_db, std_db : float
        Used by "global" only.
    deltas : int
        Number of added channels: the first derivative along time, and the second one (see ``delta_filter``).
    resize : int
        Height and width of the network input in pixels (see ``resize_filter``). With 0 it is not resized: its size
        is bands × frames.
    crop : str
        What crops and windows are cut from. "waveform": a spectrogram is that of a part of the sound, as if there was
        nothing else. "spectrogram": it is cut, or padded, from the spectrogram of the whole trimmed clip, so that floor
        (``top_db``) and scaling ("clip", "range") are those of the whole clip.
    min_s : float
        Shortest sound in seconds that trimming leaves: a shorter one is extended on both sides, into what was cut.
        Where the file is too short for that, zeros are added at both ends if ``crop`` is "spectrogram". 0 for none.
    trim_rule : str
        How frames are compared for trimming: as fastaudio does (frames ``trim_pad_s`` apart, zeros around the sound,
        and a margin), or as librosa 0.6 does (frames 512 samples apart, the sound mirrored at its ends, no margin).
    centred : bool
        Whether a frame's time is its centre, so that the first and the last frames reach into the mirrored sound.
        Otherwise the first frame begins with the sound; that needs ``crop="spectrogram"``.
    log_offset : float
        Added to the power or amplitude in each band before the logarithm.
    delta_filter : str
        "slope": linear regression over nine frames, with repeated edge frames; the second delta is the slope of the
        first. "savitzky-golay": the derivatives of a line and of a parabola that are fitted to nine frames; at the
        ends, those of the outermost fit.
    equal_channels : int
        How many times the network gets the log-mel, as equal channels: 3 for networks that take colour pictures.
    range_mean, range_std : float
        Subtracted, and divided by, after ``normalise="range"``.
    resize_filter : str
        How ``resize`` interpolates; "nearest" repeats or leaves out values.
    network_input : str
        What the network gets: the "log-mel"; or, with "waveform", the crop itself, samples in [-1, 1] as one row of
        shape ``(1, 1, clip_samples)``. The other settings of the log-mel then say only how sounds are shown, so
        `normalise`, `deltas`, `equal_channels` and `resize` must be off. Networks declare which of the two they take.

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
    crop: Annotated[Crop, "with spectrogram, floor and scaling are those of the whole clip"] = "waveform"
    min_s: Annotated[float, Within(0.01, 60, "s", zero="no minimum"), "the unit is seconds"] = 0.0
    trim_rule: Annotated[TrimRule, "librosa leaves no margin"] = "fastaudio"
    centred: bool = True
    log_offset: Annotated[float, Within(0, 1), "0 adds nothing; 0.001 is common with amplitude"] = 0.0
    delta_filter: Annotated[DeltaFilter, "slope is librosa's delta with repeated edges"] = "slope"
    equal_channels: Annotated[int, Within(1, 3), "3 is for networks that take colour pictures"] = 1
    range_mean: Annotated[float, Within(-10, 10), "0 subtracts nothing"] = 0.0
    range_std: Annotated[float, Within(0, 10, above=True), "1 leaves the values from 0 to 1"] = 1.0
    resize_filter: Annotated[ResizeFilter, "bilinear is common"] = "bilinear"
    network_input: Annotated[NetworkInput, "waveform is for networks that take samples"] = "log-mel"

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
        self._check_crop()
        self._check_channels()
        self._check_network_input()

    def _check_crop(self) -> None:
        needed = 'set crop to "spectrogram"'
        if self.crop == "waveform":
            only = f"not be {readable(self.padding)} where crops are cut from the waveform"
            require(self.padding not in OF_SPECTROGRAMS, "padding", only, readable(self.padding), needed)
            require(self.centred, "centred", "be true where crops are cut from the waveform", self.centred, needed)

    def _check_channels(self) -> None:
        require(
            self.equal_channels == 1 or not self.deltas,
            "equal_channels",
            "be 1 where there are deltas, which are channels too",
            self.equal_channels,
            "set deltas to 0",
        )
        require(
            not self.deltas or self.delta_filter == "slope" or self.frames >= DELTA_FRAMES,
            "the spectrogram",
            f"have at least {DELTA_FRAMES} frames for this delta_filter",
            self.frames,
            "lengthen the clip, or lower hop_length",
        )

    def _check_network_input(self) -> None:
        """Raise if something changes the log-mel of a network that does not get it."""
        if self.network_input == "log-mel":
            return
        for name, off in (
            ("crop", "waveform"),
            ("normalise", "none"),
            ("deltas", 0),
            ("equal_channels", 1),
            ("resize", 0),
        ):
            value = getattr(self, name)
            rule = f"be {readable(off)} where the network gets the waveform"
            require(value == off, name, rule, readable(value), "leave it out, or set network_input to log-mel")

    @property
    def clip_samples(self) -> int:
        """Samples of one clip."""
        return int(self.clip_s * self.sample_rate)

    @property
    def frames(self) -> int:
        """Frames of one log-mel spectrogram."""
        return self.frames_of(self.clip_samples)

    def frames_of(self, samples: int) -> int:
        """Frames of the log-mel spectrogram of so many samples, of which there must be `fewest_samples`."""
        return 1 + (samples if self.centred else samples - self.win_length) // self.hop_length

    @property
    def fewest_samples(self) -> int:
        """The fewest samples that a log-mel spectrogram can be computed of."""
        return self.n_fft // 2 + 1 if self.centred else self.win_length

    @property
    def channels(self) -> int:
        """Channels of the network input."""
        return self.equal_channels + self.deltas

    @property
    def height(self) -> int:
        """Rows of the network input; a waveform is one row."""
        return 1 if self.network_input == "waveform" else self.resize or self.n_mels

    @property
    def width(self) -> int:
        """Columns of the network input: frames, or, with `resize`, pixels; of a waveform its samples."""
        return self.clip_samples if self.network_input == "waveform" else self.resize or self.frames

    @property
    def column_unit(self) -> str:
        """What the columns of the network input are, in the plural: frames or samples."""
        return "samples" if self.network_input == "waveform" else "frames"

    def with_changes(self, **values: Any) -> SpectrogramSettings:
        """The same settings with other values of some fields; checked again."""
        return replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for TOML and JSON; `LATER_FIELDS` only where they differ from their defaults."""
        later = {field.name: field.default for field in fields(self) if field.name in LATER_FIELDS}
        return {name: value for name, value in asdict(self).items() if name not in later or value != later[name]}

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
    # The competition's winner (https://github.com/lRomul/argus-freesound): 4 s become 128 × 256, with two deltas, all
    # divided by 100. Trimmed as librosa does. His code cuts what is left of a sound shorter than 0.5 s at a place that
    # forgets the silence before the sound, and so may lose it; here it is the middle of the sound.
    "argus": SpectrogramSettings(
        clip_s=4.0,
        win_length=2560,
        f_max=22_050.0,
        top_db=80.0,
        mel_scale="slaney",
        mel_norm="slaney",
        padding="minimum-or-repeat",
        trim_db=60.0,
        normalise="global",
        std_db=100.0,
        deltas=2,
        crop="spectrogram",
        min_s=0.5,
        trim_rule="librosa",
        delta_filter="savitzky-golay",
    ),
    # E. Bouteillon's warm-up pipeline, eighth (https://github.com/ebouteillon/freesound-audio-tagging-2019,
    # code/inference-kernel.ipynb): librosa's mels and window, silence below 60 dB cut, zeros up to 2 s, the clip's
    # range in 8 bits, as three equal channels.
    "warm-up": SpectrogramSettings(
        win_length=2560,
        hop_length=694,
        f_max=22_050.0,
        top_db=80.0,
        mel_scale="slaney",
        mel_norm="slaney",
        trim_db=60.0,
        normalise="range",
        crop="spectrogram",
        trim_rule="librosa",
        equal_channels=3,
    ),
}
