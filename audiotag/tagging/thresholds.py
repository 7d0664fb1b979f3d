"""Find the score from which a clip gets a label: a number, a value from out-of-fold scores, or what the user saved."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.state import set_aside
from audiotag.tagging.card import Card
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.workspace import Workspace, read_json, write_json

OWN = "card"  # what users write for an ensemble's own thresholds
AIMS = ("f1", "precision", "recall")
FORMS = "a number from 0 to 1, LABEL=0.4, f1, precision=0.9, recall=0.9 or card"


def thresholds_of(card: Card, out_of_fold: OutOfFold | None, specs: Sequence[str]) -> tuple[float, ...]:
    """Work out one threshold per label from what the user wrote.

    Parameters
    ----------
    card : Card
    out_of_fold : OutOfFold, optional
        On the scale of the combined folds, see `OutOfFold.as_combined`; needed for ``f1``, ``precision`` and
        ``recall``.
    specs : sequence of str
        At most one for all labels: a number, ``f1``, ``precision=0.9``, ``recall=0.9`` or ``card``, the default. Any
        number of those for one label, ``LABEL=0.4``, which take precedence.

    Returns
    -------
    tuple[float, ...]
        0 to 1, in the order of the card's labels.

    Raises
    ------
    AudiotagError
        If a text is not one of these, names a label that the ensemble lacks, or needs out-of-fold scores that it lacks.
    """
    of_label: dict[str, float] = {}
    for_all: list[str] = []
    for spec in specs:
        label, equals, value = spec.rpartition("=")
        if equals and (label in card.labels or label not in AIMS):
            of_label[_require_label(label, card)] = _parse(value, spec)
        else:
            for_all.append(spec)
    if len(for_all) > 1:
        raise AudiotagError(
            f"thresholds for all labels must be given only once, got {' and '.join(for_all)}; leave out all but one."
        )
    thresholds = _thresholds_for_all(card, out_of_fold, for_all[0] if for_all else OWN)
    return tuple(of_label.get(label, value) for label, value in zip(card.labels, thresholds, strict=True))


def read_saved_thresholds(workspace: Workspace, card: Card) -> tuple[float, ...] | None:
    """Read the thresholds that the user saved for this ensemble.

    Returns
    -------
    tuple[float, ...] or None
        None if nothing is saved, or if it was saved for another ensemble of the same name.

    Raises
    ------
    AudiotagError
        If the file is damaged.
    """
    path = _path_of(workspace, card)
    try:
        saved = read_json(path)  # the user's own work: it stays where it is, and other scores would be no answer
        if (
            saved is None
            or saved["folds"] != list(card.fold_checksums)
            or list(saved["thresholds"]) != list(card.labels)
        ):
            return None
        return tuple(_parse(str(value), f"{label}={value}") for label, value in saved["thresholds"].items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AudiotagError(
            f"{path} does not hold thresholds that audiotag saved: it is damaged; save them again on the Tag page, or "
            "delete it."
        ) from error


def save_thresholds(workspace: Workspace, card: Card, thresholds: Sequence[float]) -> None:
    """Save the user's thresholds for this ensemble, 0 to 1, one per label in the order of the card.

    Raises
    ------
    AudiotagError
        If a threshold is out of range.
    """
    for label, value in zip(card.labels, thresholds, strict=True):
        _parse(str(value), f"{label}={value}")
    of_label = {label: float(value) for label, value in zip(card.labels, thresholds, strict=True)}
    path = _path_of(workspace, card)
    with locked(path):
        try:
            read_saved_thresholds(workspace, card)
        except AudiotagError:  # perhaps the user can mend it
            set_aside(path, path.read_bytes() if path.is_file() else None, "the new thresholds take its place")
        write_json(path, {"folds": card.fold_checksums, "thresholds": of_label})


def forget_thresholds(workspace: Workspace, card: Card) -> None:
    """Delete the saved thresholds, so that the card's are used again."""
    _path_of(workspace, card).unlink(missing_ok=True)


def _thresholds_for_all(card: Card, out_of_fold: OutOfFold | None, spec: str) -> tuple[float, ...]:
    if spec == OWN:
        return card.thresholds
    aim, _, value = spec.partition("=")
    if aim not in AIMS:
        return (_parse(spec, spec),) * len(card.labels)
    if (aim == "f1") == bool(value):
        raise AudiotagError(f"a threshold must be {FORMS}, got {spec}.")
    least = _parse(value, spec) if value else 1.0
    if out_of_fold is None:
        raise AudiotagError(
            f"{card.name} holds no out-of-fold scores, so its {aim} is not known; give numbers, or publish it again."
        )
    return out_of_fold.thresholds(aim, least)


def _require_label(label: str, card: Card) -> str:
    if label not in card.labels:
        close = difflib.get_close_matches(label, card.labels, n=1)
        hint = f"did you mean {close[0]}?" if close else f"its labels are {', '.join(card.labels)}."
        raise AudiotagError(f"{card.name} has no label {label or 'without a name'}; {hint}")
    return label


def _parse(text: str, spec: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise AudiotagError(f"a threshold must be {FORMS}, got {spec}.") from None
    if not 0 <= value <= 1:
        raise AudiotagError(f"a threshold must be 0 to 1, got {spec}; write 0.4 for 40 %.")
    return value


def _path_of(workspace: Workspace, card: Card) -> Path:
    if Path(card.name).name != card.name:
        raise AudiotagError(f"an ensemble's name must be a folder's name, got {card.name!r}; change it in its card.")
    name = f"{card.name}.single" if card.is_single else card.name  # the name of an ensemble has no dot
    return workspace.root / "thresholds" / f"{name}.json"
