"""From what score on a clip gets a label: by number, by what out-of-fold scores allow, or as the user has kept them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.tagging.ensemble import Card
from audiotag.tagging.out_of_fold import OutOfFold
from audiotag.workspace import Workspace, read_json, write_json

OWN = "card"  # the word for an ensemble's own thresholds
AIMS = ("f1", "precision", "recall")
FORMS = "a number from 0 to 1, LABEL=0.4, f1, precision=0.9, recall=0.9 or card"


def thresholds_of(card: Card, out_of_fold: OutOfFold | None, specs: Sequence[str]) -> tuple[float, ...]:
    """One threshold a label, in the order of the card's.

    Parameters
    ----------
    card : Card
    out_of_fold : OutOfFold, optional
        On the scale that the folds are combined to, see `OutOfFold.as_combined`; needed for ``f1``, ``precision`` and
        ``recall``.
    specs : sequence of str
        At most one for all labels: a number, ``f1``, ``precision=0.9``, ``recall=0.9`` or ``card``, which is the
        default. Any number for one label, ``LABEL=0.4``, which go before it.

    Raises
    ------
    AudiotagError
        If one is none of these, names a label that the ensemble lacks, or needs scores that it has not.
    """
    of_label: dict[str, float] = {}
    for_all: list[str] = []
    for spec in specs:
        label, equals, value = spec.rpartition("=")
        if equals and (label in card.labels or label not in AIMS):
            of_label[_known(label, card)] = _number(value, spec)
        else:
            for_all.append(spec)
    if len(for_all) > 1:
        raise AudiotagError(
            f"thresholds of all labels must be said once, got {' and '.join(for_all)}; keep one of them."
        )
    thresholds = _for_all(card, out_of_fold, for_all[0] if for_all else OWN)
    return tuple(of_label.get(label, value) for label, value in zip(card.labels, thresholds, strict=True))


def saved_thresholds(workspace: Workspace, card: Card) -> tuple[float, ...] | None:
    """Those that the user has kept for this ensemble; None where there are none, or they are of another of its name.

    Raises
    ------
    AudiotagError
        If the file is damaged.
    """
    path = _path(workspace, card)
    try:
        kept = read_json(path)
        if kept is None or kept["folds"] != _folds(card) or list(kept["thresholds"]) != list(card.labels):
            return None
        return tuple(_number(str(value), f"{label}={value}") for label, value in kept["thresholds"].items())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AudiotagError(
            f"{path} does not hold thresholds as audiotag keeps them ({error}); delete it, or keep them again."
        ) from error


def save_thresholds(workspace: Workspace, card: Card, thresholds: Sequence[float]) -> None:
    """Keep the user's thresholds for this ensemble, one a label in the order of the card's."""
    for label, value in zip(card.labels, thresholds, strict=True):
        _number(str(value), f"{label}={value}")
    of_label = {label: float(value) for label, value in zip(card.labels, thresholds, strict=True)}
    write_json(_path(workspace, card), {"folds": _folds(card), "thresholds": of_label})


def forget_thresholds(workspace: Workspace, card: Card) -> None:
    """Go back to the card's."""
    _path(workspace, card).unlink(missing_ok=True)


def _for_all(card: Card, out_of_fold: OutOfFold | None, spec: str) -> tuple[float, ...]:
    if spec == OWN:
        return card.thresholds
    aim, _, value = spec.partition("=")
    if aim not in AIMS:
        return (_number(spec, spec),) * len(card.labels)
    if (aim == "f1") == bool(value):
        raise AudiotagError(f"a threshold must be {FORMS}, got {spec}.")
    least = _number(value, spec) if value else 1.0
    if out_of_fold is None:
        raise AudiotagError(
            f"{card.name} holds no out-of-fold scores, so what its {aim} would be is not known; give numbers, or "
            "publish it again."
        )
    return out_of_fold.thresholds(aim, least)


def _known(label: str, card: Card) -> str:
    if label not in card.labels:
        close = difflib.get_close_matches(label, card.labels, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it knows {', '.join(card.labels)}."
        raise AudiotagError(f"{card.name} does not know {label or 'a label without a name'}; {hint}")
    return label


def _number(text: str, spec: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise AudiotagError(f"a threshold must be {FORMS}, got {spec}.") from None
    if not 0 <= value <= 1:
        raise AudiotagError(f"a threshold must be 0 to 1, got {spec}; in per cent?")
    return value


def _folds(card: Card) -> list[str]:
    return [fold.sha256 for fold in card.folds]


def _path(workspace: Workspace, card: Card) -> Path:
    if Path(card.name).name != card.name:
        raise AudiotagError(f"an ensemble's name must be that of a folder, got {card.name!r}; change it in its card.")
    return workspace.root / "thresholds" / f"{card.name}.json"
