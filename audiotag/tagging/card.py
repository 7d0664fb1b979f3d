"""The card of an ensemble. An ensemble is a folder with ``card.json`` and one safetensors file per fold.

The card has the labels, the spectrogram and network settings, how scores become tags (thresholds, windows), where the
ensemble comes from (dataset, recipe, licence), and its out-of-fold figures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.base import NetworkSettings
from audiotag.tagging.blend_card import BlendCard
from audiotag.tagging.settings import Windows
from audiotag.tagging.single_card import SingleCard
from audiotag.trust.noise_gate import NoiseGate
from audiotag.trust.temperature import Calibration

FORMAT = 1
CARD = "card.json"
PROFILE_FIGURES = ("bandwidth_hz", "rms_dbfs")  # of the training sounds
# Fields on which no score of the folds depends: what was measured or added later, and what is chosen for tagging.
NOT_IN_SCORES = ("calibration", "noise_gate", "familiar", "overlap", "single")


@dataclass(frozen=True)
class FoldCard:
    """The weights file of one fold, and its figures on its held-out clips.

    Attributes
    ----------
    fold : int
        Its number.
    file : str
        Name of the weights file in the ensemble's folder.
    sha256 : str
        Checksum of that file.
    clips : int
        Number of held-out clips.
    lwlrap, accuracy : float
        0 to 1.
    """

    fold: int
    file: str
    sha256: str
    clips: int
    lwlrap: float
    accuracy: float


@dataclass(frozen=True)
class PartCard:
    """Training clips of one origin, and their out-of-fold figures.

    Attributes
    ----------
    name : str
        Name of the origin.
    clips : int
        Number of clips.
    licence : str
    lwlrap, accuracy : float
        0 to 1.
    """

    name: str
    clips: int
    licence: str
    lwlrap: float
    accuracy: float


@dataclass(frozen=True)
class Card:
    """The content of ``card.json``.

    Attributes
    ----------
    name, about : str
    labels : tuple[str, ...]
        The vocabulary, in the order of the logits.
    thresholds : tuple[float, ...]
        One per label, 0 to 1: a score must reach it to become a tag. Those of the best out-of-fold F1.
    spectrogram : SpectrogramSettings
    network : NetworkSettings
    windows : "mean" or "max"
        How the scores of a clip's windows are combined.
    folds : tuple[FoldCard, ...]
        Of a blend, its voters instead: a member or a stacker each, numbered from 1. Which fold held out a clip of a
        blend is not here but in `audiotag.tagging.out_of_fold.OutOfFold.folds`.
    lwlrap, accuracy : float
        Out-of-fold figures, 0 to 1: over all clips, each scored by the fold that it was held out of.
    dataset : dict
        ``name``; ``clips``, their number; ``fingerprint`` of the labelled clips.
    recipe : dict
        The recipe that it was trained by.
    licence : str
    created : str
        The date, as 2026-01-31.
    sounds : dict
        Bandwidth and level of the training sounds, see `audiotag.tagging.training_profile`; empty in older ensembles.
    out_of_fold : str
        Checksum of the file of out-of-fold scores, see `audiotag.tagging.out_of_fold`; empty without such a file.
    parts : tuple[PartCard, ...]
        The training clips by their origin; may be empty.
    known_clips : str
        Checksum of the file of training clips, see `audiotag.tagging.known_clips`; empty without such a file.
    weights : "last" or "best"
        Whether the folds have the weights of their last epoch, or of the one with the highest lwlrap on their held-out
        clips; the out-of-fold figures of the latter are too high for new clips.
    calibration : Calibration or None
        The temperature that turns scores into probabilities; None in older ensembles.
    noise_gate : NoiseGate or None
        False tags on noises and speech; None if that is not measured.
    familiar : str
        Checksum of the file about its training sounds, see `audiotag.tagging.familiar`; empty without such a file.
    blend : BlendCard or None
        Of a blend, its members and stackers; None for an ensemble of one network. The ``folds`` of a blend are its
        voters: the members, then the stackers, numbered from 1. Spectrogram, network, windows, recipe and sounds are
        those of its first member; ``known_clips`` only says whether all members know their training clips.
    overlap : float or None
        Overlap of neighbouring windows when sounds are tagged and no other is asked for, 0 to 0.95; None for 0.5. It is
        set by `audiotag.tagging.own_overlap`.
    single : SingleCard or None
        A network that learned from all folds, for fast tagging; None for an ensemble without one.
    format : int
        Version of the card's format.
    """

    name: str
    about: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    spectrogram: SpectrogramSettings
    network: NetworkSettings
    windows: Windows
    folds: tuple[FoldCard, ...]
    lwlrap: float
    accuracy: float
    dataset: dict[str, Any]
    recipe: dict[str, Any]
    licence: str
    created: str
    sounds: dict[str, Any] = field(default_factory=dict)
    out_of_fold: str = ""
    parts: tuple[PartCard, ...] = ()
    known_clips: str = ""
    weights: Literal["last", "best"] = "last"
    calibration: Calibration | None = None
    noise_gate: NoiseGate | None = None
    familiar: str = ""
    blend: BlendCard | None = None
    overlap: float | None = None
    single: SingleCard | None = None
    format: int = FORMAT

    @property
    def fold_checksums(self) -> tuple[str, ...]:
        """Checksums of the weights files, which identify the ensemble."""
        return tuple(fold.sha256 for fold in self.folds)

    @property
    def is_single(self) -> bool:
        """Whether this is the card of a single network, from `audiotag.tagging.single_network.as_single_card`."""
        return self.single is not None and self.fold_checksums == (self.single.sha256,)

    @property
    def has_figures(self) -> bool:
        """Whether there are out-of-fold figures; a blend of members with different folds has none."""
        return self.blend is None or bool(self.out_of_fold)

    @property
    def evidence_sizes(self) -> tuple[tuple[int, int], ...]:
        """Numbers of folds and of labels of the scores of a window: one pair, or for a blend one per member."""
        folds = [member.folds for member in self.blend.members] if self.blend else [len(self.folds)]
        return tuple((count, len(self.labels)) for count in folds)

    def network_folders(self, folder: Path) -> tuple[Path, ...]:
        """The folders with networks: that of the ensemble itself, or those of a blend's members."""
        return tuple(folder / member.folder for member in self.blend.members) if self.blend else (folder,)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; what was not measured is left out."""
        values = asdict(self) | {"network": self.network.to_dict(), "spectrogram": self.spectrogram.to_dict()}
        values["single"] = self.single and self.single.to_dict()
        return {name: value for name, value in values.items() if value is not None}

    def scoring_fields(self) -> dict[str, Any]:
        """The fields of `to_dict` on which scores depend: all but `NOT_IN_SCORES`."""
        return {name: value for name, value in self.to_dict().items() if name not in NOT_IN_SCORES}


def select_folds(card: Card, folds: tuple[int, ...]) -> list[FoldCard]:
    """The folds of these numbers, in the card's order; all of them if ``folds`` is empty.

    Raises
    ------
    AudiotagError
        If the card lacks one of the numbers.
    """
    known = [fold.fold for fold in card.folds]
    if unknown := sorted(set(folds) - set(known)):
        raise AudiotagError(f"folds must be among {', '.join(map(str, known))} in {card.name}, got {unknown[0]}.")
    return [fold for fold in card.folds if fold.fold in folds or not folds]
