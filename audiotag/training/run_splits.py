"""Report whether the folds of a run can be trusted: what belongs together in its dataset, and what straddles them."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from audiotag.data.dataset import has_validation_split
from audiotag.data.list_changes import DROPPED
from audiotag.data.name_groups import find_name_groups
from audiotag.data.near_duplicates import connect, read_near_duplicates, read_search
from audiotag.training.folds import NO_FOLD
from audiotag.training.session import Session
from audiotag.training.split_report import (
    TEST,
    TITLES,
    Kind,
    KindOfGroups,
    SplitReport,
    agreement_sentence,
    count_groups,
    leak_sentence,
)

DRAW_FOLDS = "Folds that the recipe draws keep them together: “Folds from” on the Train page, or --folds-from recipe."
STRATIFY = "A recipe with stratified folds keeps them together."
KEEP_NAMES = "let drawn folds keep them together: “Keep together” on the Train page, or --keep-together names."
KEEP_NEAR_DUPLICATES = (
    "Drawn folds keep them together if you ask for it: “Keep together” on the Train page, or --keep-together "
    "near-duplicates."
)
NOT_SEARCHED = "Near-duplicates, the same recording cut, resampled or re-encoded, have not been looked for."


def report_run_splits(session: Session, draw: bool = True) -> SplitReport:
    """Report what the folds of a run keep together.

    Parameters
    ----------
    session : Session
    draw : bool
        Whether to draw folds where that is needed to count what straddles them; for thousands of clips it takes
        seconds.

    Raises
    ------
    AudiotagError
        If the run is not possible with this dataset.
    """
    names = find_name_groups(session.dataset.clips)
    keys = _known_keys(session) | {"names": names.keys}
    clips, kinds = _count(session, keys, draw)
    return SplitReport(
        folds=_describe_folds(session),
        clips=clips,
        kinds=kinds,
        advice=_advice(session, kinds, keys),
        leak=_leak(session, kinds),
        unknown=_unknown(session, keys),
        unmeasured=_count_unmeasured(session),
        patterns=names.patterns,
    )


def leak_sentences(session: Session, draw: bool = True) -> tuple[str, ...]:
    """Say what is known to belong together and the folds of a run do not keep together; empty if there is nothing.

    Parameters
    ----------
    session : Session
    draw : bool
        As `report_run_splits`.

    Raises
    ------
    AudiotagError
        If the run is not possible with this dataset.
    """
    if not session.subsets:
        return ()
    kept = _kept_together(session)
    # What folds keep together needs no index of the dataset, which a page may not have yet.
    keys = {kind: keys for kind, keys in _known_keys(session, without=kept).items() if keys.notna().any()}
    leak = _leak(session, _count(session, keys, draw)[1]) if keys else ""
    return (leak,) if leak else ()


def _known_keys(session: Session, without: Collection[Kind] = ()) -> dict[Kind, pd.Series]:
    """What is known to belong together, one value per clip of the dataset, without some kinds."""
    clips = session.dataset.clips
    keys: dict[Kind, pd.Series] = {}
    if "recordings" not in without and clips["group"].notna().any():
        keys["recordings"] = clips["group"]
    if "identical" not in without:
        keys["identical"] = session.content
    if "near-duplicates" not in without and read_search(session.dataset, session.workspace) is not None:
        keys["near-duplicates"] = connect(clips, read_near_duplicates(session.dataset, session.workspace))
    return keys


def _count(session: Session, keys: dict[Kind, pd.Series], draw: bool) -> tuple[int, tuple[KindOfGroups, ...]]:
    """How many clips the run trains on or is scored on, and the groups of each kind."""
    kept = _kept_together(session)
    may_straddle = any(kind not in kept and values.dropna().duplicated().any() for kind, values in keys.items())
    parts = _parts(session, draw=may_straddle and (draw or bool(session.dataset.own_folds)))
    clips = session.dataset.clips.assign(part=parts)
    clips = clips[_is_used(session)]
    kinds = tuple(count_groups(kind, keys[kind][clips.index], clips, kind in kept) for kind in TITLES if kind in keys)
    return int((clips["part"].astype(object) != TEST).sum()), kinds


def _are_drawn_of_units(session: Session) -> bool:
    return session.recipe.fold_method == "stratified" and not session.dataset.own_folds


def _kept_together(session: Session) -> frozenset[Kind]:
    """The kinds of groups that the folds of the run are drawn to keep together."""
    if not _are_drawn_of_units(session):
        return frozenset()
    return frozenset({"recordings", "identical", *session.settings.keep_together})


def _is_used(session: Session) -> pd.Series:
    """Whether each clip is one that the run trains on or scores, or a test clip."""
    clips = session.dataset.clips
    is_used = clips["subset"].isin([*session.subsets, "test"])
    return is_used & ~clips[DROPPED] if DROPPED in clips else is_used


def _is_test(session: Session) -> pd.Series:
    clips = session.dataset.clips
    held_out = session.settings.held_out
    is_held_out = pd.Series(False, index=clips.index) if held_out is None else (clips["fold"] == held_out).fillna(False)
    return (clips["subset"] == "test") | is_held_out.astype(bool)


def _parts(session: Session, draw: bool) -> pd.Series:
    """The part of each clip, as `count_groups` takes it; NA for a clip that cannot be used, or without ``draw``."""
    clips = session.dataset.clips
    parts = pd.Series(pd.NA, index=clips.index, dtype=object)
    if draw:
        folds = pd.concat([session.scored_with(subset) for subset in session.subsets])
        folds = folds[~folds.index.duplicated()].reindex(clips["path"]).set_axis(clips.index)
        is_split = any(has_validation_split(session.rows(subset)) for subset in session.subsets)
        for fold, rows in folds.dropna().groupby(folds.dropna()):
            number = int(fold)
            held_out = "validation" if is_split else f"fold {number}"
            parts[rows.index] = "training" if number == NO_FOLD else held_out
    parts[_is_test(session)] = TEST
    return parts


def _describe_folds(session: Session) -> str:
    if any(has_validation_split(session.rows(subset)) for subset in session.subsets):
        return "the dataset's own validation split"
    own = session.dataset.own_folds
    if own:
        return f"{len(own)} folds of the dataset's own"
    how = "drawn by the recipe" if session.recipe.fold_method == "stratified" else "shuffled by the recipe"
    return f"{session.recipe.folds} folds, {how}"


def _leak(session: Session, kinds: tuple[KindOfGroups, ...]) -> str:
    if any(has_validation_split(session.rows(subset)) for subset in session.subsets):
        sentence = leak_sentence(kinds, f"In {session.dataset.name}", "both training and validation")
    elif session.dataset.own_folds:
        sentence = leak_sentence(kinds, f"In {session.dataset.name}", "several of its own folds")
    else:
        sentence = leak_sentence(kinds, f"With recipe {session.recipe.name}", "several folds")
    return f"{sentence} {_remedy(session)}" if sentence else ""


def _remedy(session: Session) -> str:
    return DRAW_FOLDS if session.recipe.fold_method == "stratified" else STRATIFY


def _advice(session: Session, kinds: tuple[KindOfGroups, ...], keys: dict[Kind, pd.Series]) -> dict[Kind, str]:
    """What to do about each kind."""
    advice: dict[Kind, str] = {}
    for each in kinds:
        if each.kind == "names":
            agreement = agreement_sentence(keys["recordings"], keys["names"]) if "recordings" in keys else ""
            if agreement:
                advice["names"] = agreement
            elif each.straddling != 0:
                advice["names"] = f"If each of these is one recording, {KEEP_NAMES}"
        elif each.straddling and each.kind == "near-duplicates":
            advice[each.kind] = KEEP_NEAR_DUPLICATES
        elif each.straddling:
            advice[each.kind] = _remedy(session)
        elif each.with_test:
            advice[each.kind] = "Scores on these test clips are too high; leave the clips out of the test."
    return advice


def _unknown(session: Session, keys: dict[Kind, pd.Series]) -> tuple[str, ...]:
    """What is not known of the dataset yet."""
    sentences = []
    if unmeasured := _count_unmeasured(session):
        of_all = f"{unmeasured:,} of {len(session.index):,} clips are not measured"
        sentences.append(f"{of_all}: of these, copies are found only if their files are equal.")
    if "near-duplicates" not in keys:
        sentences.append(NOT_SEARCHED)
    return tuple(sentences)


def _count_unmeasured(session: Session) -> int:
    index = session.index
    return int((index["error"].isna() & index["measure_error"].isna() & index["content"].isna()).sum())
