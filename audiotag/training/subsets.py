"""The clips of one subset as a run uses them: those that can be read, with their targets and folds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from audiotag.data.dataset import has_own_folds
from audiotag.data.list_changes import TRUSTED
from audiotag.errors import AudiotagError
from audiotag.metrics import multi_hot
from audiotag.training.clip_bounds import ClipBoundsStore
from audiotag.training.clips import KINDS, Clip, LabelledClips, prepare_clips
from audiotag.training.folds import NO_FOLD, assign_folds, one_split
from audiotag.training.leaks import barred_folds
from audiotag.training.recipe import Recipe
from audiotag.training.runs import SHARED_FOLD


@dataclass(frozen=True)
class SubsetFolds:
    """Which clips of a subset each fold trains on and holds out.

    Attributes
    ----------
    subset : str
    recipe : Recipe
        Its ``fraction`` and ``seed`` are used.
    folds : numpy.ndarray, shape=(clips,), int
        The fold that holds each clip out.
    in_shared : numpy.ndarray, shape=(clips,), bool
        Whether the network that feeds all folds holds the clip out.
    barred : numpy.ndarray, shape=(clips, folds), int, or None
        The folds that neither hold the clip out nor train on it, as `audiotag.training.leaks.barred_folds` gives them:
        they are scored on a clip of another subset with the same content, or of the same recording. None for no such
        clip.
    units : numpy.ndarray, shape=(clips,), int, or None
        The number of what stays together, for each clip; None where that is not known.
    trusted : numpy.ndarray, shape=(clips,), bool, or None
        Which noisy clips the recipe's list says to trust; None for none of them.
    """

    subset: str
    recipe: Recipe
    folds: np.ndarray
    in_shared: np.ndarray
    barred: np.ndarray | None = None
    units: np.ndarray | None = None
    trusted: np.ndarray | None = None

    @property
    def kinds(self) -> np.ndarray:
        """The number in `KINDS` of each clip's kind, shape ``(clips,)``, int8."""
        own = np.full(len(self.folds), KINDS.index(self.subset), np.int8)
        return own if self.trusted is None else np.where(self.trusted, np.int8(KINDS.index("trusted")), own)

    def pool_rows(self, kind: str, fold: int) -> np.ndarray:
        """Rows that the fold draws from, of the pool of one kind; trusted clips are in the pool of noisy ones too."""
        rows = self.training_rows(fold)
        return rows[self.kinds[rows] == KINDS.index(kind)] if kind == "trusted" else rows

    def training_rows(self, fold: int) -> np.ndarray:
        """Rows that the fold trains on; of these the recipe's fraction, the same rows each time."""
        rows = np.flatnonzero(~self._is_held_out(fold) & ~self._is_barred(fold))
        fraction = self.recipe.fraction_of(self.subset)
        if fraction < 1:
            count = max(1, round(fraction * len(rows)))
            rows = np.sort(np.random.default_rng((self.recipe.seed, fold + 1)).choice(rows, count, replace=False))
        return rows

    def held_out_rows(self, fold: int) -> np.ndarray:
        """Rows that the fold is measured on."""
        return np.flatnonzero(self._is_held_out(fold))

    def unseen_rows(self, fold: int, is_shared: bool) -> np.ndarray:
        """Rows that neither the fold nor, if ``is_shared``, the network that feeds all folds was trained on.

        Each row is one of a single fold at most. A clip whose copy is held out by another fold of the scored subset
        belongs to that fold, because all others were trained on the copy.
        """
        is_unseen = self.scored_with == fold
        if is_shared:
            is_unseen &= self.in_shared | self._is_barred(SHARED_FOLD)
        return np.flatnonzero(is_unseen)

    @property
    def scored_with(self) -> np.ndarray:
        """The fold that is scored on each clip, or on a clip of the scored subset that it must stay with.

        `audiotag.training.folds.NO_FOLD` for a clip that must stay with clips of several folds: each of these was
        trained on the clips that the others hold out.
        """
        if self.barred is None:
            return self.folds
        count = (self.barred != NO_FOLD).sum(axis=1)
        return np.select([count == 0, count == 1], [self.folds, self.barred[:, 0]], NO_FOLD)

    def check_fold(self, fold: int) -> None:
        """Raise `AudiotagError` unless the fold has clips to train on and clips to hold out."""
        held_out = self._is_held_out(fold)
        if not held_out.any() or not (~held_out & ~self._is_barred(fold)).any():
            which = "the network that all folds share" if fold == SHARED_FOLD else f"fold {fold}"
            copies = int(self._is_barred(fold).sum())
            barred = f" ({copies} of them are of sounds that it is scored on)" if copies else ""
            raise AudiotagError(
                f"{which} must hold out some of the {len(self.folds)} {self.subset} clips{barred} and train on others; "
                "use other folds, or hold out fewer."
            )

    def rows(self, rows: np.ndarray) -> SubsetFolds:
        """The same of these clips alone; ``rows`` selects them, by number or by truth."""
        barred = None if self.barred is None else self.barred[rows]
        units = None if self.units is None else self.units[rows]
        trusted = None if self.trusted is None else self.trusted[rows]
        in_shared = self.in_shared[rows]
        return replace(self, folds=self.folds[rows], in_shared=in_shared, barred=barred, units=units, trusted=trusted)

    def _is_barred(self, fold: int) -> np.ndarray:
        if self.barred is None:
            return np.zeros(len(self.folds), dtype=bool)
        return (self.barred != NO_FOLD if fold == SHARED_FOLD else self.barred == fold).any(axis=1)

    def _is_held_out(self, fold: int) -> np.ndarray:
        return self.in_shared if fold == SHARED_FOLD else self.folds == fold


def assign_subset_folds(
    rows: pd.DataFrame,
    subset: str,
    labels: tuple[str, ...],
    recipe: Recipe,
    scored: Mapping[int, Collection[int]] | None = None,
) -> SubsetFolds:
    """Assign each clip of a subset to the fold that holds it out.

    Of a subset that no stage of the recipe is measured on, no clip is held out, unless the dataset has folds of its
    own: every fold trains on all clips, apart from those that belong with its held-out clips.

    Parameters
    ----------
    rows : pandas.DataFrame
        Clips of the subset, as `audiotag.training.folds.assign_folds` takes them.
    subset : str
    labels : tuple[str, ...]
        The vocabulary.
    recipe : Recipe
    scored : mapping of int to collection of int, optional
        The folds that are scored on clips of each unit of another subset.
    """
    has_shared_stage = any(stage.shared and stage.subset == subset for stage in recipe.stages)
    in_shared = one_split(rows, labels, recipe) if has_shared_stage else np.zeros(len(rows), dtype=bool)
    units = rows["unit"].to_numpy(dtype=int) if "unit" in rows else None
    barred = None if units is None or not scored else barred_folds(units, scored)
    split = is_split(rows, subset, recipe)
    folds = assign_folds(rows, labels, recipe) if split else np.full(len(rows), NO_FOLD)
    trusted = rows[TRUSTED].to_numpy(dtype=bool) if TRUSTED in rows else None
    return SubsetFolds(subset, recipe, folds, in_shared, barred, units, trusted)


def is_split(rows: pd.DataFrame, subset: str, recipe: Recipe) -> bool:
    """Whether each clip of a subset is held out by a fold: a stage is measured on them, or they have their own folds.

    Otherwise stages only draw from them, and every fold trains on all of them.
    """
    return any(stage.subset == subset for stage in recipe.stages) or has_own_folds(rows)


@dataclass(frozen=True)
class SubsetClips:
    """The usable clips of one subset.

    Attributes
    ----------
    clips : list of Clip
    targets : numpy.ndarray, shape=(clips, labels), float32
    folds : SubsetFolds
    problems : tuple[str, ...]
        Why the other clips were left out.
    """

    clips: list[Clip]
    targets: np.ndarray
    folds: SubsetFolds
    problems: tuple[str, ...]

    @property
    def labelled(self) -> LabelledClips:
        """All of them, with their kinds."""
        return LabelledClips(self.clips, self.targets, self.folds.kinds)

    def train(self, fold: int) -> LabelledClips:
        """Clips that the fold trains on."""
        return self.labelled.rows(self.folds.training_rows(fold))

    def pool(self, kind: str, fold: int) -> LabelledClips:
        """Clips that the fold draws from, of the pool of one kind; all have this kind."""
        clips = self.labelled.rows(self.folds.pool_rows(kind, fold))
        return replace(clips, kinds=np.full(len(clips.clips), KINDS.index(kind), np.int8))

    def held_out(self, fold: int) -> LabelledClips:
        """Clips that the fold is measured on."""
        return self.labelled.rows(self.folds.held_out_rows(fold))

    def unseen(self, fold: int, is_shared: bool) -> LabelledClips:
        """Clips that the fold can be asked about because it was not trained on them."""
        return self.labelled.rows(self.folds.unseen_rows(fold, is_shared))


def read_subset(
    rows: pd.DataFrame,
    subset: str,
    labels: tuple[str, ...],
    recipe: Recipe,
    index: pd.DataFrame,
    left_out: Collection[Path] = (),
    scored: Mapping[int, Collection[int]] | None = None,
    progress: Callable[[int, int], None] | None = None,
    store: ClipBoundsStore | None = None,
) -> SubsetClips:
    """Find out which clips of a subset can be used.

    Parameters
    ----------
    rows : pandas.DataFrame
        The subset's clips that take part.
    subset : str
    labels : tuple[str, ...]
        The vocabulary.
    recipe : Recipe
    index : pandas.DataFrame
        The dataset's index with its measures; what it says of a clip is not decoded again.
    left_out : collection of Path
        Clips that are left out since the run began. The others stay in their folds.
    scored : mapping of int to collection of int, optional
        As `assign_subset_folds`.
    progress, store
        As `audiotag.training.clips.prepare_clips`.
    """
    is_out = rows["path"].isin(list(left_out)).to_numpy(dtype=bool)
    prepared, problems = prepare_clips(rows[~is_out], recipe.spectrogram, index, progress, store)
    if problems and len(problems) == len(prepared):
        raise none_usable(rows[~is_out], subset, problems[0].reason)
    has_fold = is_out.copy()
    has_fold[~is_out] = [clip is not None for clip in prepared]
    rows, is_out = rows[has_fold].reset_index(drop=True), is_out[has_fold]
    folds = assign_subset_folds(rows, subset, labels, recipe, scored)
    return SubsetClips(
        [clip for clip in prepared if clip is not None],
        multi_hot(list(rows["labels"][~is_out]), labels),
        folds.rows(~is_out),
        tuple(problem.reason for problem in problems),
    )


def require_usable(rows: pd.DataFrame, subset: str, index: pd.DataFrame) -> None:
    """Raise `AudiotagError` if the index knows each of a subset's clips to be broken or missing."""
    known = index[index["path"].isin(list(rows["path"]))]
    reasons = known["error"].fillna(known["measure_error"])
    if len(rows) and len(known) == len(rows) and reasons.notna().all():
        raise none_usable(rows, subset, reasons.iloc[0])


def none_usable(rows: pd.DataFrame, subset: str, reason: str) -> AudiotagError:
    """The error to raise if no clip of a subset can be used.

    Parameters
    ----------
    rows : pandas.DataFrame
        The subset's clips, at least one.
    subset : str
    reason : str
        Why the first of them cannot be used.
    """
    count = f"the only {subset} sound" if len(rows) == 1 else f"none of the {len(rows):,} {subset} sounds"
    if not any(path.exists() for path in rows["path"]):
        verb = "is not" if len(rows) == 1 else "are"
        return AudiotagError(
            f"{count} {verb} where the dataset says, like {rows['path'].iloc[0]}; put them back, or open the dataset "
            "from its new place."
        )
    can = "cannot be used" if len(rows) == 1 else "can be used"
    return AudiotagError(f"{count} {can}; the first one: {reason}")


def fingerprint(subsets: Mapping[str, SubsetClips], labels: tuple[str, ...], negatives: Sequence[Clip] = ()) -> str:
    """SHA-256 of all clips, their targets and folds: a run can be resumed only with the clips that it began with."""
    digest = hashlib.sha256(repr(labels).encode())
    for name, subset in sorted(subsets.items()):
        clips = [(PurePath(clip.name).name, clip.start, clip.end) for clip in subset.clips]  # as of earlier versions
        digest.update(repr((name, clips)).encode())
        folds = subset.folds
        digest.update(subset.targets.tobytes() + folds.folds.tobytes() + folds.in_shared.tobytes())
        if folds.barred is not None and folds.barred.any():
            digest.update(folds.barred.tobytes())
        if folds.trusted is not None and folds.trusted.any():
            digest.update(folds.trusted.tobytes())
    if negatives:
        digest.update(repr([(clip.name, clip.start, clip.end) for clip in negatives]).encode())
    return digest.hexdigest()
