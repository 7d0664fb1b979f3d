"""What the lists of a recipe (`audiotag.data.clip_lists`) change in a dataset.

Sounds and tables stay as they are. Labels are changed for training and for measuring alike. What reviewers decided
about a clip takes precedence over the lists.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from audiotag.data.clip_lists import SUFFIX, ClipLists, file_stamp, list_path
from audiotag.data.corrections import SHAPE as CORRECTION_SHAPE
from audiotag.data.corrections import Correction, apply_corrections
from audiotag.data.dataset import Dataset
from audiotag.data.tables import FILE_COLUMNS, LABEL_COLUMNS, column_of, read_table, split_labels
from audiotag.errors import AudiotagError
from audiotag.state import fits
from audiotag.wording import shortened

MAX_NAMED = 3  # labels in an error
TRUSTED = "is_trusted"  # column of a dataset's clips: whether a list says to trust the labels of a noisy clip
DROPPED = "is_dropped"  # column of a dataset's clips: whether a list leaves the clip out
FOR_BOTH = "in training and in held-out clips alike"

ClipName = tuple[str, str]  # subset and clip


def read_clip_list(name: str, with_labels: bool) -> dict[str, tuple[str, ...]]:
    """The clips of a list and, if it relabels, their labels.

    Raises
    ------
    AudiotagError
        If there is no such list, or its file lacks a column.
    """
    return _read(*file_stamp(list_path(name)), with_labels)


@functools.lru_cache(maxsize=16)
def _read(path: str, size: int, modified: int, with_labels: bool) -> dict[str, tuple[str, ...]]:
    file = Path(path)
    table = read_table(file)
    clips = table[column_of(table, FILE_COLUMNS, file)]
    labels = table[column_of(table, LABEL_COLUMNS, file)].map(split_labels) if with_labels else [()] * len(table)
    return {clip: own for clip, own in zip(clips, labels, strict=True) if isinstance(clip, str)}


@dataclass(frozen=True)
class ListChanges:
    """What the lists of a recipe change in a dataset.

    Attributes
    ----------
    relabelled : tuple[Correction, ...]
        Clips that get other labels.
    trusted : tuple[ClipName, ...]
        Noisy clips whose labels are trusted.
    dropped : tuple[ClipName, ...]
        Clips that are left out.
    restored : tuple[str, ...]
        Clips that the dataset's authors marked as wrong and that are there when folds are drawn; see `restored_by`.
    sentences : tuple[str, ...]
        What each list does, in words.
    """

    relabelled: tuple[Correction, ...] = ()
    trusted: tuple[ClipName, ...] = ()
    dropped: tuple[ClipName, ...] = ()
    restored: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The changes as plain values, of the shape `CHANGES_SHAPE`."""
        return asdict(self) | {"relabelled": [correction.to_dict() for correction in self.relabelled]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ListChanges:
        """Read the plain values of `to_dict`."""
        return cls(
            tuple(map(Correction.from_dict, values["relabelled"])),
            tuple((subset, clip) for subset, clip in values["trusted"]),
            tuple((subset, clip) for subset, clip in values["dropped"]),
            tuple(values["restored"]),
            tuple(values["sentences"]),
        )

    def apply(self, dataset: Dataset, corrections: Sequence[Correction] = ()) -> Dataset:
        """The dataset with the labels of the lists and, before these, the corrected ones of reviewers.

        ``clips`` then also has the columns `TRUSTED` and `DROPPED`, where there is such a clip. Dropped clips stay, so
        that folds are drawn as if they were used.
        """
        changed = apply_corrections(dataset.with_flagged(self.restored), [*self.relabelled, *corrections])
        names = list(zip(changed.clips["subset"].tolist(), changed.clips["clip"].tolist(), strict=True))
        columns = {
            column: [name in chosen for name in names]
            for column, chosen in ((TRUSTED, set(self.trusted)), (DROPPED, set(self.dropped)))
            if chosen
        }
        return replace(changed, clips=changed.clips.assign(**columns)) if columns else changed


def _is_clip_name(value: object) -> bool:
    return fits(value, [str]) and len(value) == 2  # type: ignore[arg-type]


CHANGES_SHAPE = {
    "relabelled": [CORRECTION_SHAPE], "trusted": [_is_clip_name], "dropped": [_is_clip_name], "restored": [str],
    "sentences": [str],
}  # fmt: skip


def restored_by(dataset: Dataset, lists: ClipLists) -> tuple[str, ...]:
    """The flagged clips that come back: all for training, where a list relabels or drops clips; else none.

    They are there when folds are drawn, so that recipes with different lists draw the same folds. Those that no list
    relabels are then dropped.
    """
    flagged = dataset.flagged_clips
    if flagged is None or not (lists.relabel or lists.drop):
        return ()
    return tuple(flagged.loc[flagged["subset"] != "test", "clip"])


def find_list_changes(dataset: Dataset, lists: ClipLists, reviewed: Collection[ClipName] = ()) -> ListChanges:
    """Find out what lists change in a dataset.

    Parameters
    ----------
    dataset : Dataset
        With the labels of its tables.
    lists : ClipLists
    reviewed : collection of ClipName
        Clips about whose labels reviewers decided: the lists change nothing about them.

    Raises
    ------
    AudiotagError
        If there is no such list, its file lacks a column, or it gives a clip of the dataset a label that the dataset
        does not have.
    """
    restored = restored_by(dataset, lists)
    clips = dataset.with_flagged(restored).clips
    clips = clips[clips["subset"] != "test"]
    named: dict[str, list[tuple[ClipName, tuple[str, ...]]]] = {}
    columns = (clips[column].tolist() for column in ("subset", "clip", "labels"))
    for subset, clip, labels in zip(*columns, strict=True):
        named.setdefault(clip, []).append(((subset, clip), labels))
    kept = set(reviewed)
    relabel, drop, trust = _read_relabel(lists), _read_names(lists.drop), _read_names(lists.trust)
    _check_labels(lists.relabel, {label for clip in relabel.keys() & named.keys() for label in relabel[clip]}, dataset)
    dropped = [name for clip in drop for name, _ in named.get(clip, ()) if name not in kept]
    relabelled = []
    for clip, after in relabel.items():
        for name, before in named.get(clip, ()):
            if name in kept or clip in drop:
                continue
            if not after:
                dropped.append(name)
            elif set(after) != set(before):
                relabelled.append(Correction(*name, tuple(before), after))
    gone = dict.fromkeys(dropped)
    trusted = [name for clip in trust for name, _ in named.get(clip, ()) if name[0] == "noisy" and name not in gone]
    emptied = sum(clip not in drop for _, clip in gone)
    unnamed = _flagged_names(dataset, set(restored) - relabel.keys() - drop.keys())
    sentences = []
    for list_name, listed, does in (
        (lists.relabel, relabel, f"relabels {_clips(len(relabelled))} and leaves {emptied:,} out, {FOR_BOTH}"),
        (lists.trust, trust, f"trusts the labels of {_clips(len(trusted), 'noisy ')}"),
        (lists.drop, drop, f"leaves {_clips(len(gone) - emptied)} out"),
    ):
        if list_name:
            sentence = f"List {_title(list_name)} {does}."
            if lacking := len(listed.keys() - named.keys()):
                sentence += f" It names {_clips(lacking)} that {dataset.name} does not have."
            if left := sum(name in kept for clip in listed for name, _ in named.get(clip, ())):
                sentence += f" It changes nothing about {_clips(left)} whose labels reviewers decided."
            sentences.append(sentence)
    return ListChanges(tuple(relabelled), tuple(trusted), (*gone, *unnamed), restored, tuple(sentences))


def _flagged_names(dataset: Dataset, clips: Collection[str]) -> list[ClipName]:
    """The flagged clips of these names; another subset may have clips of the same names."""
    if dataset.flagged_clips is None:
        return []
    chosen = dataset.flagged_clips[dataset.flagged_clips["clip"].isin(clips)]
    return list(zip(chosen["subset"].tolist(), chosen["clip"].tolist(), strict=True))


def _clips(count: int, kind: str = "") -> str:
    return f"1 {kind}clip" if count == 1 else f"{count:,} {kind}clips"


def without_dropped(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without those that a list of the recipe leaves out."""
    return rows[~rows[DROPPED]].reset_index(drop=True) if DROPPED in rows else rows


def _read_relabel(lists: ClipLists) -> dict[str, tuple[str, ...]]:
    return read_clip_list(lists.relabel, True) if lists.relabel else {}


def _read_names(name: str) -> dict[str, tuple[str, ...]]:
    return read_clip_list(name, False) if name else {}


def _check_labels(name: str, labels: Collection[str], dataset: Dataset) -> None:
    """Raise if a list gives clips of the dataset labels that the dataset does not have."""
    if unknown := sorted(set(labels) - set(dataset.labels)):
        shown = ", ".join(map(shortened, unknown[:MAX_NAMED])) + (", …" if len(unknown) > MAX_NAMED else "")
        raise AudiotagError(
            f"the labels in {_title(name)} must be among those of {dataset.name}, got {shown}; correct the list, or "
            "leave it out of the recipe."
        )


def _title(name: str) -> str:
    """A list as sentences name it: shipped ones by their name, others by their file."""
    return Path(name).name if name.endswith(SUFFIX) else name
