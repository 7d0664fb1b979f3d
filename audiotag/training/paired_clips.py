"""Find the clips that two runs both held out, whatever their order, and say which other clips are not compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.training.held_out import HeldOutScores

ClipKey = tuple[str, str]  # subset and clip, as in `audiotag.data.dataset.Dataset.clips`
Names = tuple[str, str]  # of the two runs, in sentences


@dataclass(frozen=True, eq=False)
class PairedClips:
    """Clips that two runs held out.

    Attributes
    ----------
    keys : tuple[tuple[str, str], ...]
        Subset and clip, sorted, so that nothing depends on the order in which a run scored its clips.
    first_rows, second_rows : numpy.ndarray, shape=(clips,), int
        Row of each clip in the scores of each run.
    folds : numpy.ndarray, shape=(clips,), int, or None
        The fold that held each clip out; None if it is another one in each run.
    notes : tuple[str, ...]
        Sentences about clips that are left out.
    """

    keys: tuple[ClipKey, ...]
    first_rows: np.ndarray
    second_rows: np.ndarray
    folds: np.ndarray | None
    notes: tuple[str, ...]

    def where(self, is_used: np.ndarray) -> PairedClips:
        """The same of some clips alone; ``is_used`` has one truth value per clip."""
        keys = tuple(key for key, used in zip(self.keys, is_used, strict=True) if used)
        folds = None if self.folds is None else self.folds[is_used]
        return PairedClips(keys, self.first_rows[is_used], self.second_rows[is_used], folds, self.notes)


def pair_clips(
    first: HeldOutScores, second: HeldOutScores, known: Collection[ClipKey], left_out: Collection[ClipKey], names: Names
) -> PairedClips:
    """Pair the clips that both runs held out and that the dataset has.

    Parameters
    ----------
    first, second : HeldOutScores
    known : collection of (subset, clip)
        The clips of the dataset.
    left_out : collection of (subset, clip)
        Clips that the user left out of it.
    names : tuple[str, str]
        What the notes call the runs.

    Raises
    ------
    AudiotagError
        If there is no such clip; says why.
    """
    known, left_out = set(known), set(left_out) - set(known)
    by_run = [_rows_by_clip(held_out, known | left_out) for held_out in (first, second)]
    (rows_of_first, unclear_first), (rows_of_second, unclear_second) = by_run
    keys = sorted(set(rows_of_first) & set(rows_of_second) & known)
    if not keys:
        raise AudiotagError(_why_no_clip(first, second, set(rows_of_first) & set(rows_of_second), names))
    first_rows = np.array([rows_of_first[key] for key in keys])
    second_rows = np.array([rows_of_second[key] for key in keys])
    first_folds = first.clips["fold"].to_numpy(dtype=int)[first_rows]
    second_folds = second.clips["fold"].to_numpy(dtype=int)[second_rows]
    are_equal = np.array_equal(first_folds, second_folds)
    notes = []
    if not are_equal:
        clips = "the only clip" if len(keys) == 1 else f"the {len(keys):,} clips"
        notes.append(
            f"The folds of the two runs differ. They are compared on {clips} that both held out, clip by clip, without "
            "figures per fold."
        )
    for own, other, name in ((rows_of_first, rows_of_second, names[0]), (rows_of_second, rows_of_first, names[1])):
        if alone := len((set(own) - set(other)) & known):
            notes.append(f"{_clips(alone, 'was', 'were')} held out by finished folds of {name} alone.")
    scored = set(rows_of_first) | set(rows_of_second)
    if out := len(scored & left_out):
        notes.append(f"{_clips(out, 'is', 'are')} left out of the dataset by you, and do{'es' * (out == 1)} not count.")
    if gone := len(scored - known - left_out):
        notes.append(f"{_clips(gone, 'is', 'are')} not in the dataset any more.")
    for count, name in ((unclear_first, names[0]), (unclear_second, names[1])):
        if count:
            notes.append(f"{_clips(count, 'has', 'have')} a file name in {name} that fits several; left out.")
    return PairedClips(tuple(keys), first_rows, second_rows, first_folds if are_equal else None, tuple(notes))


def _rows_by_clip(held_out: HeldOutScores, known: set[ClipKey]) -> tuple[dict[ClipKey, int], int]:
    """The row of each clip, and the number of rows whose clip is not certain.

    Earlier versions of audiotag stored the file's name alone, which several clips may have.
    """
    by_name: dict[ClipKey, list[ClipKey]] = {}
    for subset, clip in known:
        by_name.setdefault((subset, PurePosixPath(clip).name), []).append((subset, clip))
    rows: dict[ClipKey, list[int]] = {}
    unclear = 0
    for row, (subset, clip) in enumerate(zip(held_out.clips["subset"], held_out.clips["clip"], strict=True)):
        meant = [(subset, clip)] if (subset, clip) in known else by_name.get((subset, clip), [(subset, clip)])
        if len(meant) == 1:
            rows.setdefault(meant[0], []).append(row)
        else:
            unclear += 1
    unclear += sum(len(several) for several in rows.values() if len(several) > 1)
    return {key: several[0] for key, several in rows.items() if len(several) == 1}, unclear


def _why_no_clip(first: HeldOutScores, second: HeldOutScores, common: set[ClipKey], names: Names) -> str:
    if common:
        return f"the {_clips(len(common))} that both held out are not in the dataset any more, or left out of it."
    folds = [sorted(set(held_out.clips["fold"].tolist())) for held_out in (first, second)]
    if folds[0] and folds[1] and not set(folds[0]) & set(folds[1]):
        finished = " and ".join(f"{_folds(numbers)} of {name}" for numbers, name in zip(folds, names, strict=True))
        return f"they held out no clip in common: finished are {finished}. Train the same folds of both."
    return "their finished folds held out no clip in common."


def _clips(count: int, one: str = "", several: str = "") -> str:
    return f"1 clip {one}".strip() if count == 1 else f"{count:,} clips {several}".strip()


def _folds(numbers: list[int]) -> str:
    return f"fold{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
