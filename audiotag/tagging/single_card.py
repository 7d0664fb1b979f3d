"""What the card of an ensemble says of its single network, which learned from all folds and tags in their place."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from audiotag.checks import build, readable
from audiotag.errors import AudiotagError
from audiotag.state import fits
from audiotag.trust.temperature import Calibration

SAME_CLIPS_SHAPE = {
    "clips": int, "recordings": int, "folds": float, "single": float, "low?": (float, None), "high?": (float, None),
    "agreement?": lambda agreement: fits(agreement, dict) and all(fits(share, float) for share in agreement.values()),
}  # fmt: skip
SHAPE = {
    "file": str, "sha256": str, "thresholds": [float], "share": float, "created": str,
    "out_of_fold?": (SAME_CLIPS_SHAPE, None), "test?": (SAME_CLIPS_SHAPE, None),
    "speed?": ({"folds": float, "single": float, "cores": int, "clips": int}, None), "calibration?": (dict, None),
}  # fmt: skip


@dataclass(frozen=True)
class SameClips:
    """lwlrap of the folds and of the single network on the same clips.

    Attributes
    ----------
    clips : int
    recordings : int
        How many recordings the clips are of.
    folds, single : float
        lwlrap, 0 to 1.
    low, high : float or None
        Bounds of the 95 % interval of ``single`` less ``folds``, from a bootstrap over recordings; None for a single
        recording.
    agreement : dict[str, float]
        For each label that either tags a clip with: the share of these clips that both tag with it, 0 to 1.
    """

    clips: int
    recordings: int
    folds: float
    single: float
    low: float | None = None
    high: float | None = None
    agreement: dict[str, float] = field(default_factory=dict)

    def sentence(self, clips: str) -> str:
        """Both figures and their difference, where ``clips`` says which clips these are."""
        interval = "" if self.low is None else f", 95 % interval {self.low:+.4f} to {self.high:+.4f}"
        return (
            f"lwlrap on {self.clips:,} {clips}: folds {self.folds:.4f}, single network {self.single:.4f} "
            f"({self.single - self.folds:+.4f}{interval})"
        )


@dataclass(frozen=True)
class Speeds:
    """How many seconds of sound are tagged per second, decoding included.

    Attributes
    ----------
    folds, single : float
        Times real time.
    cores : int
        Processor cores of the machine.
    clips : int
        Number of sounds.
    """

    folds: float
    single: float
    cores: int
    clips: int

    def sentence(self) -> str:
        """Both speeds."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"speed on {cores}: folds {self.folds:,.0f} times real time, single network {self.single:,.0f} times"


@dataclass(frozen=True)
class SingleCard:
    """What the card of an ensemble says of its single network.

    Attributes
    ----------
    file, sha256 : str
        The weights file in the ensemble's folder, and its checksum.
    thresholds : tuple[float, ...]
        One per label, 0 to 1: those of the best out-of-fold F1 of networks that were taught in the same way, or those
        of the folds.
    share : float
        Of the teachers' scores in the targets that it learned from; the rest are the labels.
    created : str
        The date, as 2026-01-31.
    out_of_fold : SameClips or None
        Each clip scored by the fold that held it out, and by a network that was taught by this fold, on its training
        clips alone.
    test : SameClips or None
        Test clips scored by all folds together, and by the single network.
    speed : Speeds or None
    calibration : Calibration or None
        Its temperature; None for that of the folds.
    """

    file: str
    sha256: str
    thresholds: tuple[float, ...]
    share: float
    created: str
    out_of_fold: SameClips | None = None
    test: SameClips | None = None
    speed: Speeds | None = None
    calibration: Calibration | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any], labels: int) -> SingleCard:
        """Read the plain values of a card that has so many labels.

        Raises
        ------
        AudiotagError
            If a value is missing or wrong.
        """
        if not fits(values, SHAPE):
            raise AudiotagError("a field of single is missing or of another type")
        parts: dict[str, type[Any]] = {
            "out_of_fold": SameClips, "test": SameClips, "speed": Speeds, "calibration": Calibration,
        }  # fmt: skip
        built = {name: build(kind, values[name], f"single.{name}.") for name, kind in parts.items() if values.get(name)}
        thresholds = tuple(values["thresholds"])
        card = build(cls, values | built | {"thresholds": thresholds}, "single.")
        if Path(card.file).name != card.file or Path(card.file).suffix != ".safetensors":
            raise AudiotagError(f"single.file must be a safetensors file in its folder, got {readable(card.file)}")
        if len(card.thresholds) != labels or not all(0 <= threshold <= 1 for threshold in card.thresholds):
            raise AudiotagError(f"single.thresholds must be {labels} numbers from 0 to 1, got {readable(thresholds)}")
        return card

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what was not measured is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def sentences(self) -> list[str]:
        """What was measured: lwlrap out of fold and on test clips, and speed."""
        found = [self.out_of_fold.sentence("clips, out of fold")] if self.out_of_fold else []
        found += [self.test.sentence("test clips")] if self.test else []
        return found + ([self.speed.sentence()] if self.speed else [])
