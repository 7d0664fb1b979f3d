"""Find out what each folder of a dataset without tables means: a label, a split, a fold, a group, or nothing.

Names decide first (`folder_names`), together with the folders beside them: a folder called ``train`` beside ``car`` and
``bus`` is a label, beside ``test`` it is a split. What is left over are folders with ordinary names; where they are
nested, `nested_labels` decides which of them is the label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audiotag.data.layouts.folder_names import (
    fold_of,
    has_no_label,
    is_container,
    is_group,
    is_person,
    split_and_rest,
    split_of,
)
from audiotag.data.layouts.nested_labels import MAX_EXAMPLES, Folder, NestedLabels, find_labels
from audiotag.errors import AudiotagError
from audiotag.wording import as_text

LABEL, SPLIT, FOLD, GROUP, NOTHING, UNLABELLED = "labels", "split", "fold", "group", "-", "unlabelled"
ROLES = {"label": LABEL, "split": SPLIT, "fold": FOLD, "group": GROUP, "-": NOTHING}  # by the words of the option
FOLD_CONTAINERS = ("folds", "fold", "cv")  # whose folders have numbers for names


@dataclass(frozen=True)
class Meaning:
    """What the folders around a sound say about it.

    Attributes
    ----------
    labels : tuple[str, ...]
    split : str, optional
        One of `audiotag.data.dataset.SPLITS`.
    fold : int, optional
    group : str, optional
    roles : tuple[str, ...]
        What each of the folders is, from the root down.
    is_unlabelled : bool
        Whether a folder's name says that its sounds have no label.
    """

    labels: tuple[str, ...] = ()
    split: str | None = None
    fold: int | None = None
    group: str | None = None
    roles: tuple[str, ...] = ()
    is_unlabelled: bool = False


@dataclass(frozen=True)
class FolderMeanings:
    """The meaning of every folder with sounds, and sentences about what was not used or may be read otherwise."""

    of: dict[Folder, Meaning]
    notes: tuple[str, ...] = ()

    def levels(self) -> dict[str, tuple[str, ...]]:
        """The columns of each role, for a `Reading`: ``{"split": ("folder 1",), "labels": ("folder 2",)}``."""
        found: dict[str, set[int]] = defaultdict(set)
        for meaning in self.of.values():
            for level, role in enumerate(meaning.roles, start=1):
                if role not in (NOTHING, UNLABELLED):
                    found[role].add(level)
        order = (LABEL, SPLIT, FOLD, GROUP)
        return {role: tuple(f"folder {level}" for level in sorted(found[role])) for role in order if role in found}

    def examples(self) -> dict[str, tuple[str, ...]]:
        """The first names at each level."""
        names: dict[int, dict[str, None]] = defaultdict(dict)
        for folder in sorted(self.of):
            for level, name in enumerate(folder, start=1):
                names[level][as_text(name)] = None
        return {f"folder {level}": tuple(found)[:MAX_EXAMPLES] for level, found in sorted(names.items())}


def read_folders(counts: Mapping[Folder, int], roles: str | None = None) -> FolderMeanings:
    """The meaning of folders.

    Parameters
    ----------
    counts : mapping
        The number of sounds that lie in each folder itself, not in one below it.
    roles : str, optional
        What each level means, instead of finding it out: the option ``folders`` of `OpenOptions`.

    Raises
    ------
    AudiotagError
        If ``roles`` has a word that is not a role.
    """
    if roles is not None:
        return _as_told(counts, parse_roles(roles))
    found = _roles_by_name(counts)
    splits = _SplitWords.of(found)
    ordinary: dict[Folder, int] = defaultdict(int)
    for folder, count in counts.items():
        if UNLABELLED not in found[folder]:
            ordinary[_names(folder, found[folder], LABEL)] += count
    labels = find_labels(ordinary)
    meanings, notes = {}, list(labels.notes)
    for folder, kinds in found.items():
        meanings[folder] = _meaning(folder, kinds, labels, splits)
    notes += _notes_of_groups(meanings) + _notes_of_labels(meanings)
    return FolderMeanings(meanings, tuple(notes))


def parse_roles(roles: str) -> tuple[str, ...]:
    """The roles that the option ``folders`` gives to the levels.

    >>> parse_roles("split/label")
    ('split', 'labels')
    """
    words = [word.strip().lower() for word in roles.strip().strip("/").split("/")]
    for word in words:
        if word.removesuffix("s") not in ROLES:
            raise AudiotagError(
                f"folders must be {', '.join(ROLES)} with slashes between them, from the outermost folder to the "
                f"innermost, like split/label; got {word!r} in {roles!r}."
            )
    return tuple(ROLES[word.removesuffix("s")] for word in words)


@dataclass(frozen=True)
class _SplitWords:
    """Which split each word of `SPLIT_WORDS` is, given the others that the dataset has."""

    words: frozenset[str]

    @classmethod
    def of(cls, roles: Mapping[Folder, tuple[str, ...]]) -> _SplitWords:
        names = {name for folder, kinds in roles.items() for name in _names(folder, kinds, SPLIT)}
        return cls(frozenset(word for name in names if (word := split_and_rest(name)[0])))

    def split(self, name: str) -> str | None:
        """``dev`` is validation beside ``train``, else training; ``eval`` is validation beside ``test``, else test."""
        word = split_and_rest(name)[0]
        if word == "dev":
            return "validation" if "train" in self.words else "train"
        if word == "eval":
            return "validation" if "test" in self.words else "test"
        return word


def _names(folder: Folder, kinds: tuple[str, ...], role: str) -> Folder:
    return tuple(name for name, kind in zip(folder, kinds, strict=True) if kind == role)


def _roles_by_name(counts: Mapping[Folder, int]) -> dict[Folder, tuple[str, ...]]:
    """The role of each folder on the way to the sounds; `LABEL` for every ordinary name."""
    beside: dict[Folder, set[str]] = defaultdict(set)
    at_depth: dict[int, set[str]] = defaultdict(set)
    for folder in counts:
        for depth, name in enumerate(folder):
            beside[folder[:depth]].add(name)
            at_depth[depth].add(name)
    usual = {
        depth: 2 * sum(split_of(name) is not None for name in names) >= len(names) for depth, names in at_depth.items()
    }
    roles: dict[Folder, str] = {}
    for parent, names in beside.items():
        facts = _Beside.of(names)
        are_numbered_folds = bool(parent) and parent[-1].lower() in FOLD_CONTAINERS
        for name in names:
            is_fold = are_numbered_folds and name.isdecimal()
            roles[(*parent, name)] = FOLD if is_fold else _role(name, facts, usual[len(parent)])
    return {folder: tuple(roles[folder[: depth + 1]] for depth in range(len(folder))) for folder in counts}


@dataclass(frozen=True)
class _Beside:
    """What the names of the folders in one folder have in common, found once for all of them."""

    count: int  # of those that are neither containers nor said to have no labels
    splits: dict[Folder, set[str]]  # by the other words of their names: FSD50K.dev_audio is beside FSD50K.eval_audio
    has_ordinary: bool

    @classmethod
    def of(cls, names: set[str]) -> _Beside:
        others = [name for name in names if not (is_container(name) or has_no_label(name))]
        splits: dict[Folder, set[str]] = defaultdict(set)
        for name in others:
            split, rest = split_and_rest(name)
            if split:
                splits[rest].add(split)
        special = (split_of(name) or fold_of(name) is not None or is_group(name) for name in others)
        return cls(len(others), splits, not all(special))


def _role(name: str, beside: _Beside, are_splits_usual: bool) -> str:
    """What a folder's name means beside others; ``are_splits_usual`` if half of the names at its depth are splits."""
    if has_no_label(name):
        return UNLABELLED
    if fold_of(name) is not None:
        return FOLD
    if is_group(name):
        return GROUP
    split, rest = split_and_rest(name)
    if split and (len(beside.splits.get(rest, ())) > 1 or (not rest and beside.count == 1 and are_splits_usual)):
        return SPLIT
    return NOTHING if is_container(name) and not beside.has_ordinary else LABEL


def _meaning(folder: Folder, kinds: tuple[str, ...], labels: NestedLabels, splits: _SplitWords) -> Meaning:
    ordinary = _names(folder, kinds, LABEL)
    label = labels.labels.get(ordinary)
    positions = [at for at, kind in enumerate(kinds) if kind == LABEL]
    used = [positions[at] for at in labels.parts.get(ordinary, ())]
    roles = list(kinds)
    for at in positions:
        if at not in used:
            roles[at] = GROUP if labels.is_crossed and used and at < used[0] else NOTHING
    split_names, fold_names = _names(folder, kinds, SPLIT), _names(folder, kinds, FOLD)
    return Meaning(
        labels=(label,) if label else (),
        split=splits.split(split_names[-1]) if split_names else None,
        fold=_fold_number(fold_names[-1]) if fold_names else None,
        group=_group(folder, roles),
        roles=tuple(roles),
        is_unlabelled=UNLABELLED in kinds,
    )


def _group(folder: Folder, roles: Sequence[str]) -> str | None:
    """The names of the groups; a session below a label is another one than that of the same name below another."""
    groups = [at for at, role in enumerate(roles) if role == GROUP]
    names = [folder[at] for at in groups]
    if groups and LABEL in roles and not all(map(is_person, names)):
        names = [folder[at] for at, role in enumerate(roles) if role == GROUP or (role == LABEL and at < groups[-1])]
    return "/".join(names) or None


def _notes_of_groups(meanings: Mapping[Folder, Meaning]) -> list[str]:
    """What to do if the folders that were taken for speakers or sessions are the labels."""
    if any(meaning.labels for meaning in meanings.values()):
        return []
    groups = sorted({meaning.group for meaning in meanings.values() if meaning.group})
    if not groups:
        return []
    return [
        f"The folders, like {as_text(groups[0])}, are read as groups of recordings, so no labels are known; if they "
        "are the labels, use the option folders with label."
    ]


def _notes_of_labels(meanings: Mapping[Folder, Meaning]) -> list[str]:
    """What to do if folders with numbers for names are no labels."""
    labels = sorted({label for meaning in meanings.values() for label in meaning.labels})
    if len(labels) < 2 or not all(label.isdecimal() for label in labels):
        return []
    return [
        f"The labels are numbers, like {labels[0]}; if they stand for speakers or recordings, use the option "
        "folders with group."
    ]


def _as_told(counts: Mapping[Folder, int], roles: tuple[str, ...]) -> FolderMeanings:
    meanings: dict[Folder, Meaning] = {}
    unknown: dict[str, str] = {}
    given = {folder: (roles + (NOTHING,) * len(folder))[: len(folder)] for folder in counts}
    splits = _SplitWords.of(given)
    numbers = {name: at for at, name in enumerate(sorted({n for f, k in given.items() for n in _names(f, k, FOLD)}), 1)}
    are_numbered = all(_fold_number(name) is not None for name in numbers)
    for folder, kinds in given.items():
        labels, fold_names = _names(folder, kinds, LABEL), _names(folder, kinds, FOLD)
        split_names, groups = _names(folder, kinds, SPLIT), _names(folder, kinds, GROUP)
        split = splits.split(split_names[-1]) if split_names else None
        if split_names and split is None:
            unknown[split_names[-1]] = "the name of a split: train, validation or test"
        fold = None
        if fold_names:
            fold = _fold_number(fold_names[-1]) if are_numbered else numbers[fold_names[-1]]
        meanings[folder] = Meaning(("/".join(labels),) if labels else (), split, fold, "/".join(groups) or None, kinds)
    notes = [f"{as_text(name)} is not {what}; its sounds have none." for name, what in unknown.items()]
    return FolderMeanings(meanings, tuple(notes))


def _fold_number(name: str) -> int | None:
    return int(name) if name.isdecimal() and len(name) < 10 else fold_of(name)
