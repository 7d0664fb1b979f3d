"""Read the card of an ensemble: a folder with ``card.json`` and one safetensors file per fold.

The card has the labels, the spectrogram and network settings, how scores become tags (thresholds, windows), where the
ensemble comes from (dataset, recipe, licence), and its out-of-fold figures.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from audiotag.checks import build, readable
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.foreign import read_foreign_json
from audiotag.networks.base import NetworkSettings, check_network_input, network_from_dict
from audiotag.reasons import plain_reason
from audiotag.tagging.blend_card import BlendCard
from audiotag.tagging.settings import MAX_OVERLAP, Windows
from audiotag.tagging.single_card import SingleCard
from audiotag.trust.noise_gate import NoiseGate
from audiotag.trust.temperature import Calibration
from audiotag.wording import shortened
from audiotag.workspace import Workspace

FORMAT = 1
CARD = "card.json"
PROFILE_FIGURES = ("bandwidth_hz", "rms_dbfs")  # of the training sounds
# Fields on which no score of the folds depends: what was measured or added later, and what is chosen for tagging.
NOT_IN_SCORES = ("calibration", "noise_gate", "familiar", "overlap", "single")
MAX_NAME_CHARS = 100
MAX_LABELS = 10_000
MAX_FOLDS = 100
MAX_AUGMENTATIONS = 100
CHECKED_TYPES: dict[str, Any] = {"str": str, "int": int, "float": int | float, "dict[str, Any]": dict}


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


def read_card(folder: Path) -> Card:
    """Read and check the card of an ensemble; its weights are not read.

    Raises
    ------
    AudiotagError
        If the folder is not an ensemble or has another format, or if a field is missing or wrong; names it.
    """
    try:
        values = read_foreign_json(folder / CARD)
    except FileNotFoundError:
        raise AudiotagError(f"{folder} is not an ensemble: it has no {CARD}.") from None
    except OSError as error:
        raise AudiotagError(
            f"{folder}/{CARD} cannot be read ({plain_reason(error)}); copy the ensemble again."
        ) from error
    except AudiotagError as error:
        raise AudiotagError(
            f"{folder.name}/{CARD} is damaged ({plain_reason(error)}); copy the ensemble again."
        ) from error
    if not isinstance(values, dict):
        raise AudiotagError(f"{folder.name}/{CARD} must hold a table of fields; copy the ensemble again.")
    if values.get("format") != FORMAT:
        raise AudiotagError(
            f"{folder.name} has format {readable(values.get('format'))}, this audiotag reads format {FORMAT}; "
            "train it again, or use the version of audiotag that wrote it."
        )
    for known in fields(Card):
        if known.name not in values and known.default is MISSING and known.default_factory is MISSING:
            raise AudiotagError(f"{folder.name}/{CARD} lacks the field '{known.name}'; copy the ensemble again.")
    try:
        if unknown := [name for name in values if name not in {known.name for known in fields(Card)}]:
            raise AudiotagError(f"{readable(unknown[0])} is not a field of a card")
        card = Card(
            **values
            | {
                "labels": tuple(_list(values, "labels", str)),
                "thresholds": tuple(float(value) for value in _list(values, "thresholds", int | float)),
                "spectrogram": SpectrogramSettings.from_dict(values["spectrogram"]),
                "network": network_from_dict(values["network"]),
                "folds": tuple(build(FoldCard, fold, "folds.") for fold in _list(values, "folds", dict)),
                "parts": tuple(build(PartCard, part, "parts.") for part in _list(values, "parts", dict)),
                "calibration": _calibration(values.get("calibration")),
                "noise_gate": _noise_gate(values.get("noise_gate"), values["labels"]),
                "blend": None if values.get("blend") is None else BlendCard.from_dict(values["blend"]),
                "single": _single(values.get("single"), values["labels"]),
            }
        )
        _check(card)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = shortened(plain_reason(error), 500)
        raise AudiotagError(f"{folder.name}/{CARD} is not valid: {reason}.") from error
    if len(card.labels) != len(card.thresholds) or not card.labels or not card.folds:
        raise AudiotagError(
            f"{folder.name}/{CARD} must have labels, one threshold per label, and folds; it has "
            f"{len(card.labels)} labels, {len(card.thresholds)} thresholds and {len(card.folds)} folds."
        )
    for fold in () if card.blend else card.folds:
        if Path(fold.file).name != fold.file or Path(fold.file).suffix != ".safetensors":
            raise AudiotagError(
                f"{folder.name}/{CARD} names the file {readable(fold.file)}, which is not a safetensors file in its "
                "folder."
            )
    return card


def _calibration(values: Any) -> Calibration | None:
    return None if values is None else build(Calibration, values, "calibration.")


def _single(values: Any, labels: list[str]) -> SingleCard | None:
    return None if values is None else SingleCard.from_dict(values, len(labels))


def _noise_gate(values: Any, labels: list[str]) -> NoiseGate | None:
    return None if values is None else NoiseGate.from_dict(values, labels)


def _list(values: dict[str, Any], name: str, kind: Any) -> list[Any]:
    """A field that must be a list of values of one kind; empty where it is missing."""
    found = values.get(name, [])
    if not isinstance(found, list) or not all(isinstance(value, kind) for value in found):
        words = {str: "texts", dict: "tables"}.get(kind, "numbers")
        raise AudiotagError(f"{name} must be a list of {words}, got {readable(found)}")
    return found


def _check(card: Card) -> None:
    tables: tuple[Card | FoldCard | PartCard, ...] = (card, *card.folds, *card.parts)
    for table in tables:
        for known in fields(table):
            value, wanted = getattr(table, known.name), str(known.type)
            if wanted in CHECKED_TYPES and not isinstance(value, CHECKED_TYPES[wanted]):
                raise AudiotagError(f"{known.name} must be of type {wanted}, got {readable(value)}")
            if wanted == "float" and (value < 0 or value > 1):
                raise AudiotagError(f"{known.name} must be 0 to 1, got {readable(value)}")
    if len(card.name) > MAX_NAME_CHARS or not card.name.isprintable():
        raise AudiotagError(f"name must be at most {MAX_NAME_CHARS} plain characters, got {readable(card.name)}")
    if not isinstance(card.dataset.get("name"), str) or not isinstance(card.dataset.get("clips", 0), int):
        raise AudiotagError(f"dataset must have a name and a number of clips, got {readable(card.dataset)}")
    augment = card.recipe.get("augment", ())
    if not isinstance(augment, list | tuple) or not all(isinstance(entry, dict) for entry in augment):
        raise AudiotagError(f"augment of the recipe must be a list of tables, got {readable(augment)}")
    if len(augment) > MAX_AUGMENTATIONS:
        raise AudiotagError(f"the recipe must have at most {MAX_AUGMENTATIONS} augmentations, got {len(augment)}")
    if len(card.labels) > MAX_LABELS or len(card.folds) > MAX_FOLDS:
        raise AudiotagError(
            f"an ensemble must have at most {MAX_LABELS:,} labels and {MAX_FOLDS} folds, got {len(card.labels):,} "
            f"labels and {len(card.folds):,} folds"
        )
    if len(set(card.labels)) < len(card.labels) or not all(isinstance(label, str) for label in card.labels):
        raise AudiotagError(f"labels must be different names, got {shortened(', '.join(map(str, card.labels)))}")
    if not all(0 <= threshold <= 1 for threshold in card.thresholds):
        raise AudiotagError(f"thresholds must be 0 to 1, got {shortened(', '.join(map(str, card.thresholds)))}")
    if len({fold.fold for fold in card.folds}) < len(card.folds) or any(fold.fold < 0 for fold in card.folds):
        numbers = ", ".join(str(fold.fold) for fold in card.folds)
        raise AudiotagError(f"folds must have different numbers from 0 on, got {shortened(numbers)}")
    if len(set(card.fold_checksums)) < len(card.folds):
        raise AudiotagError("folds must have different weights, but two of them have the same checksum")
    for name in PROFILE_FIGURES if card.sounds else ():
        values = card.sounds.get(name)
        is_profile = isinstance(values, list) and len(values) == 3 and all(map(_is_finite, values))
        if not is_profile:
            raise AudiotagError(f"{name} of the training sounds must be three numbers, got {readable(values)}")
    check_network_input(card.network, card.spectrogram)
    if card.spectrogram.width < card.network.fewest_frames:
        raise AudiotagError(
            f"the spectrogram must have at least {card.network.fewest_frames} {card.spectrogram.column_unit} for its "
            f"network, got {card.spectrogram.width}"
        )
    if card.spectrogram.height < card.network.fewest_bands:
        raise AudiotagError(
            f"the spectrogram must have at least {card.network.fewest_bands} bands for its network, got "
            f"{card.spectrogram.height}"
        )
    if card.blend and len(card.folds) != len(card.blend.weights):
        raise AudiotagError(
            f"folds of a blend must be one per member and stacker ({len(card.blend.weights)}), got {len(card.folds)}"
        )
    if card.windows not in get_args(Windows):
        raise AudiotagError(f"windows must be one of {', '.join(get_args(Windows))}, got {readable(card.windows)}")
    if card.overlap is not None and not (_is_finite(card.overlap) and 0 <= card.overlap <= MAX_OVERLAP):
        raise AudiotagError(f"overlap must be 0 to {MAX_OVERLAP} of a window, got {readable(card.overlap)}")
    if card.weights not in ("last", "best"):
        raise AudiotagError(f"weights must be last or best, got {readable(card.weights)}")


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


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


def embedding_source(folder: Path, card: Card) -> tuple[Path, Card]:
    """The ensemble whose networks give the embeddings: the one in the folder itself, or the first member of a blend."""
    if card.blend is None:
        return folder, card
    first = card.network_folders(folder)[0]
    return first, read_card(first)


def ensemble_reference(folder: Path) -> str:
    """Text by which `find_ensemble` finds the ensemble in a folder from everywhere.

    That is its name if it is shipped or in the workspace, else the absolute path of the folder.
    """
    folder = folder.resolve()
    known = Workspace().ensemble_folders().get(folder.name)
    return folder.name if known is not None and known.resolve() == folder else str(folder)


def find_ensemble(ensemble: str | Path) -> Path:
    """Folder of an ensemble.

    Parameters
    ----------
    ensemble : str or Path
        A Path is a folder. Text is the name of a shipped ensemble or of one in the workspace, else a folder.

    Raises
    ------
    AudiotagError
        If there is no ensemble of this name; names those that there are.
    """
    if isinstance(ensemble, Path):
        return ensemble
    known = Workspace().ensemble_folders()
    if ensemble in known:
        return known[ensemble]
    if Path(ensemble).is_dir():
        return Path(ensemble)
    hint = f"choose one of {', '.join(known)}" if known else "there are no ensembles yet"
    raise AudiotagError(f"there is no ensemble named {ensemble}; {hint}.")
