"""Read and check the card of an ensemble, which may come from anybody."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

from audiotag.checks import build, readable
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.foreign import read_foreign_json
from audiotag.networks.base import check_network_input, network_from_dict
from audiotag.reasons import plain_reason
from audiotag.tagging.blend_card import BlendCard
from audiotag.tagging.card import CARD, FORMAT, PROFILE_FIGURES, Card, FoldCard, PartCard
from audiotag.tagging.settings import MAX_OVERLAP, Windows
from audiotag.tagging.single_card import SingleCard
from audiotag.trust.noise_gate import NoiseGate
from audiotag.trust.temperature import Calibration
from audiotag.wording import shortened

MAX_NAME_CHARS = 100
MAX_LABELS = 10_000
MAX_FOLDS = 100
MAX_AUGMENTATIONS = 100
CHECKED_TYPES: dict[str, Any] = {"str": str, "int": int, "float": int | float, "dict[str, Any]": dict}


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
