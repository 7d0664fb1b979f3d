"""Where the figures and the scores of trained folds are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy_results import RESULTS, read_results
from fold_scores import ClipScores

OLD_KEYS = {"picture": "network_input"}  # keys of results that audiotag 0.1 recorded, and what they are now


@dataclass(frozen=True)
class Split:
    """The fold that a training is scored on, and the fold that takes no part in it.

    Attributes
    ----------
    fold : int
    held_out : int or None
        As `audiotag.training.runs.RunSettings.held_out`.
    """

    fold: int
    held_out: int | None = None

    def __str__(self) -> str:
        return f"fold {self.fold}" if self.held_out is None else f"fold {self.fold} without fold {self.held_out}"

    def key(self) -> dict[str, int]:
        """What a result says of the split."""
        return {"fold": self.fold} | ({} if self.held_out is None else {"held_out": self.held_out})


@dataclass(frozen=True)
class Records:
    """Where figures and scores of trainings are.

    Attributes
    ----------
    name : str
        Of the file of results and of the folder of scores.
    folder : Path
        The folder that both are in.
    """

    name: str
    folder: Path = RESULTS

    @property
    def file(self) -> Path:
        """The file with one line per fold."""
        return self.folder / f"{self.name}.jsonl"

    def rows(self) -> list[dict[str, Any]]:
        """All results, oldest first, with today's keys."""
        return [{OLD_KEYS.get(key, key): value for key, value in row.items()} for row in read_results(self.file)]

    def scores_path(self, row: dict[str, Any]) -> Path:
        """The file with the scores of the clips that a fold held out; ``row`` is its result, or the key of it."""
        parts = [row[name] for name in ("set", "recipe", "settings", "seed", "held_out", "fold") if name in row]
        return self.folder / self.name / f"{'-'.join(map(str, parts))}.npz"

    def scores_of(self, rows: Sequence[dict[str, Any]]) -> dict[tuple[int, Split], ClipScores]:
        """The scores of these results by seed and split, as far as they are stored."""
        found = {(row["seed"], Split(row["fold"], row.get("held_out"))): self.scores_path(row) for row in rows}
        return {key: ClipScores.load(path) for key, path in sorted(found.items(), key=str) if path.exists()}
