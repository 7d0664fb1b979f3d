"""Result of an ablation: what each step of an ensemble adds to lwlrap, and its time per clip.

`audiotag.tagging.ablation_measurement` measures it; an ensemble's folder can hold one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audiotag.errors import AudiotagError
from audiotag.state import fits
from audiotag.tagging.card import Card
from audiotag.workspace import read_json, write_json

FILE = "gains.json"
FORMAT = 1
ROW_SHAPE = {
    "step": str, "lwlrap": float, "accuracy": float, "over": str, "gain": (float, None), "ms_per_clip": float,
    "low?": (float, None), "high?": (float, None),
}  # fmt: skip
SHAPE = {
    "rows": [dict], "dataset": str, "subset": str, "clips": int, "labels": int, "date": str, "folds": [str],
    "engine": str, "notes": [str], "unreadable": [str],
}  # fmt: skip
INTERVAL = ("low", "high")
OLD_KEYS = {"ms_a_clip": "ms_per_clip"}  # keys in files of audiotag 0.1, and the fields that they are now
ONE, MEAN, GEOMETRIC, WEIGHTED = "one fold", "all folds, arithmetic mean", "geometric mean", "weighted"
TTA, GEOMETRIC_TTA = "with test-time augmentation", "geometric mean with test-time augmentation"


@dataclass(frozen=True)
class AblationRow:
    """One row of the table.

    Attributes
    ----------
    step : str
    lwlrap, accuracy : float
        0 to 1.
    over : str
        The step that it is compared with; empty for the first.
    gain : float or None
        Its lwlrap minus that of ``over``.
    ms_per_clip : float
        Milliseconds per clip, from the file to the scores.
    low, high : float or None
        Bounds of the 95 % interval of ``gain``, paired by recording; None where it is not computed.
    """

    step: str
    lwlrap: float
    accuracy: float
    over: str
    gain: float | None
    ms_per_clip: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Ablation:
    """The result of an ablation, and the clips that it was measured on.

    Attributes
    ----------
    rows : tuple[AblationRow, ...]
    dataset, subset : str
        Their names; the subset may be "all".
    clips, labels : int
        Number of clips that were scored, and of labels that both the ensemble and the dataset have.
    date : str
        As 2026-01-31.
    folds : tuple[str, ...]
        Checksums of the folds' weights.
    engine : str
        Name of the engine, see `audiotag.tagging.engines`.
    notes : tuple[str, ...]
        Sentences on clips that were left out and on how to read the figures.
    unreadable : tuple[str, ...]
        One sentence per clip that cannot be read.
    """

    rows: tuple[AblationRow, ...]
    dataset: str
    subset: str
    clips: int
    labels: int
    date: str
    folds: tuple[str, ...]
    engine: str
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; intervals only where there are some."""
        rows = [
            {name: value for name, value in asdict(row).items() if name not in INTERVAL or value is not None}
            for row in self.rows
        ]
        return {"format": FORMAT} | asdict(self) | {"rows": rows}


def write_ablation(folder: Path, ablation: Ablation) -> None:
    """Write an ablation into the ensemble's folder."""
    write_json(folder / FILE, ablation.to_dict())


def read_ablation(folder: Path, card: Card) -> Ablation | None:
    """Read the ablation in an ensemble's folder.

    Returns
    -------
    Ablation or None
        None if there is none, or if it was measured with other weights.

    Raises
    ------
    AudiotagError
        If the file is damaged.
    """
    try:
        values = read_json(folder / FILE)
        if values is None:
            return None
        if values.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        if not fits(values, SHAPE):
            raise ValueError("a field is missing or has another type")
        rows = tuple(AblationRow(**{OLD_KEYS.get(key, key): row[key] for key in row}) for row in values["rows"])
        lists = {name: tuple(values[name]) for name in ("folds", "notes", "unreadable")}
        ablation = Ablation(**values | lists | {"rows": rows})
        if not fits([asdict(row) for row in rows], [ROW_SHAPE]):
            raise ValueError("a row is missing a field, or one has another type")
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise AudiotagError(
            f"{folder.name}/{FILE} is damaged or of another version; delete it, or measure again with audiotag "
            "ablation --save."
        ) from error
    return ablation if ablation.folds == card.fold_checksums else None
