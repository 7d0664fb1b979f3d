"""An ensemble is a folder: ``card.json`` and one safetensors file a fold. Loading it never unpickles anything.

The card says what the ensemble knows (labels), how it sees (spectrogram), what it is (network), how its scores become
tags (thresholds, windows), where it comes from (dataset, recipe, licence) and how good it was measured to be.
"""

from __future__ import annotations

import hashlib
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.networks.base import NetworkSettings, network_from_dict
from audiotag.tagging.settings import Windows
from audiotag.workspace import Workspace, read_json

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
CARD = "card.json"
PROFILED = ("bandwidth_hz", "rms_dbfs")  # of the training sounds
KINDS: dict[str, Any] = {"str": str, "int": int, "float": int | float, "dict[str, Any]": dict}


@dataclass(frozen=True)
class FoldCard:
    """One fold's weights file and how it did on the clips that it never saw."""

    fold: int
    file: str
    sha256: str
    clips: int
    lwlrap: float
    accuracy: float


@dataclass(frozen=True)
class PartCard:
    """Training sounds of one origin, and how their clips were tagged by the folds that never saw them."""

    name: str
    clips: int
    licence: str
    lwlrap: float
    accuracy: float


@dataclass(frozen=True)
class Card:
    """What is written in ``card.json``.

    Attributes
    ----------
    lwlrap, accuracy : float
        Out of fold: every clip scored by the fold that never saw it, all together.
    thresholds : tuple[float, ...]
        A label's score must reach its threshold to become a tag; best F1 out of fold.
    windows : "mean" or "max"
        How the scores of a long clip's windows become the clip's.
    dataset : dict
        ``name``, ``clips``, ``fingerprint`` of the labelled clips.
    sounds : dict
        What the training sounds are like, see `audiotag.tagging.training_profile`; empty for an ensemble of older make.
    parts : tuple[PartCard, ...]
        What it was trained on, by where the sounds come from; empty where that is not told apart.
    out_of_fold : str
        Checksum of the file of out-of-fold scores, see `audiotag.tagging.out_of_fold`; empty where there is none.
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
    format: int = FORMAT

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"network": self.network.to_dict()}


def read_card(folder: Path) -> Card:
    """The card of an ensemble, checked; its weights are not touched.

    Raises
    ------
    AudiotagError
        If the folder is no ensemble, is of another format, or a field is missing or wrong; says which.
    """
    try:
        values = read_json(folder / CARD)
    except ValueError as error:
        raise AudiotagError(f"{folder.name}/{CARD} is damaged (no JSON): {error}; copy the ensemble again.") from error
    if not isinstance(values, dict):
        raise AudiotagError(f"{folder} is no ensemble: it has no {CARD}.")
    if values.get("format") != FORMAT:
        raise AudiotagError(
            f"{folder.name} has format {values.get('format')}, this audiotag reads format {FORMAT}; "
            "train it again, or use the audiotag that made it."
        )
    for known in fields(Card):
        if known.name not in values and known.default is MISSING and known.default_factory is MISSING:
            raise AudiotagError(f"{folder.name}/{CARD} lacks the field '{known.name}'; copy the ensemble again.")
    try:
        card = Card(
            **values
            | {
                "labels": tuple(values["labels"]),
                "thresholds": tuple(float(value) for value in values["thresholds"]),
                "spectrogram": SpectrogramSettings.from_dict(values["spectrogram"]),
                "network": network_from_dict(values["network"]),
                "folds": tuple(FoldCard(**fold) for fold in values["folds"]),
                "parts": tuple(PartCard(**part) for part in values.get("parts", ())),
            }
        )
        _check(card)
    except (TypeError, ValueError) as error:
        raise AudiotagError(f"{folder.name}/{CARD} is not as it should be: {str(error).rstrip('.')}.") from error
    if len(card.labels) != len(card.thresholds) or not card.labels or not card.folds:
        raise AudiotagError(
            f"{folder.name}/{CARD} must have labels, a threshold for each, and folds; it has "
            f"{len(card.labels)} labels, {len(card.thresholds)} thresholds and {len(card.folds)} folds."
        )
    for fold in card.folds:
        if Path(fold.file).name != fold.file or Path(fold.file).suffix != ".safetensors":
            raise AudiotagError(
                f"{folder.name}/{CARD} names the file {fold.file!r}, which is no safetensors file in its folder."
            )
    return card


def _check(card: Card) -> None:
    tables: tuple[Card | FoldCard | PartCard, ...] = (card, *card.folds, *card.parts)
    for part in tables:
        for known in fields(part):
            value, kind = getattr(part, known.name), str(known.type)
            if kind in KINDS and not isinstance(value, KINDS[kind]):
                raise AudiotagError(f"{known.name} must be of kind {kind}, got {value!r}")
    if len(set(card.labels)) < len(card.labels) or not all(isinstance(label, str) for label in card.labels):
        raise AudiotagError(f"labels must be names, no two alike, got {', '.join(map(str, card.labels))}")
    if not all(0 <= threshold <= 1 for threshold in card.thresholds):
        raise AudiotagError(f"thresholds must be 0 to 1, got {', '.join(map(str, card.thresholds))}")
    if len({fold.fold for fold in card.folds}) < len(card.folds):
        raise AudiotagError(f"folds must be numbered, no two alike, got {', '.join(str(f.fold) for f in card.folds)}")
    for name in PROFILED if card.sounds else ():
        edges = card.sounds.get(name)
        if not (isinstance(edges, list) and len(edges) == 3 and all(isinstance(edge, int | float) for edge in edges)):
            raise AudiotagError(f"{name} of the training sounds must be three numbers, got {edges!r}")
    if card.windows not in get_args(Windows):
        raise AudiotagError(f"windows must be one of {', '.join(get_args(Windows))}, got {card.windows!r}")


def load_networks(folder: Path, card: Card, folds: tuple[int, ...] = ()) -> list[nn.Module]:
    """The networks of the chosen folds, or of all, in evaluation mode on the CPU.

    Raises
    ------
    AudiotagError
        If a weights file is missing, is not the one that the card was written for, or does not fit the network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    networks = []
    for fold in chosen_folds(card, folds):
        content = checked_bytes(folder, fold.file, fold.sha256)
        try:
            weights = {
                name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load(content).items()
            }
        except SafetensorError as error:
            raise AudiotagError(f"{folder.name}/{fold.file} is no safetensors file: {error}.") from error
        network = card.network.for_inference(card.network.build(len(card.labels), card.spectrogram.channels))
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise AudiotagError(f"{folder.name}/{fold.file} does not fit the network of its card: {error}") from error
        networks.append(network.eval())
    return networks


def chosen_folds(card: Card, folds: tuple[int, ...]) -> list[FoldCard]:
    """The card's folds of these numbers, all if none is given; a number that it lacks is an error."""
    known = [fold.fold for fold in card.folds]
    if unknown := sorted(set(folds) - set(known)):
        raise AudiotagError(f"folds must be among {', '.join(map(str, known))} in {card.name}, got {unknown[0]}.")
    return [fold for fold in card.folds if fold.fold in folds or not folds]


def checked_bytes(folder: Path, file: str, sha256: str) -> bytes:
    """A file of the ensemble, which must be the one that the card was written for."""
    path = folder / file
    if not path.is_file():
        raise AudiotagError(f"{folder.name} lacks {file}; copy the ensemble again.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AudiotagError(
            f"{folder.name}/{file} is damaged: its checksum is not the card's; copy the ensemble again."
        )
    return content


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
    raise AudiotagError(f"there is no ensemble named {ensemble}; there are {', '.join(known) or 'none'}.")
