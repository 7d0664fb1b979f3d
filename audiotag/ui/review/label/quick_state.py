"""The state of labelling right after an answer, of a dataset so large that computing all of it takes too long.

Only the clips of the new verdicts change; the head, and the order of the other clips, stay as they were. Verdicts about
copies of these clips, and labels that no clip has any more, are not looked at. `audiotag.review.labelling.state` does
all that, in the background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from audiotag.data.corrections import corrected_labels, is_decided
from audiotag.data.verdicts import UNDECIDED, Verdict

if TYPE_CHECKING:
    from audiotag.review.labelling.state import LabellingState

Name = tuple[str, str]


def changed_since(before: Sequence[Verdict], now: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts that were given or taken back since."""
    same = next((at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old is not new), None)
    if same is None:
        same = min(len(before), len(now))
    return [*before[same:], *now[same:]]


def advance(
    state: LabellingState,
    rows: Mapping[Name, int],
    verdicts: Sequence[Verdict],
    changed: Sequence[Verdict],
    reviewer: str,
) -> LabellingState:
    """The state after verdicts were given or taken back.

    Parameters
    ----------
    state : LabellingState
        Before that.
    rows : mapping of (str, str) to int
        The row of each clip by its subset and name.
    verdicts : sequence of Verdict
        All there are now, oldest first.
    changed : sequence of Verdict
        Those that were given or taken back.
    reviewer : str
        Whose skipped clips come last.
    """
    from audiotag.review.labelling.order import Offer

    of_clips: dict[Name, list[Verdict]] = {}
    for verdict in changed:
        if (verdict.subset, verdict.clip) in rows:
            of_clips[verdict.subset, verdict.clip] = []
    for verdict in verdicts:
        if (verdict.subset, verdict.clip) in of_clips:
            of_clips[verdict.subset, verdict.clip].append(verdict)
    given, is_labelled, is_skipped = list(state.given), state.is_labelled.copy(), state.is_skipped.copy()
    tables, first, last = state.material.clips["labels"], [], []
    for name, own in of_clips.items():
        row = rows[name]
        labels = tables.iat[row]
        given[row], is_labelled[row] = corrected_labels(labels, own), is_decided(labels, own)
        by_reviewer = [verdict for verdict in own if verdict.reviewer == reviewer]
        is_undecided = bool(by_reviewer) and by_reviewer[-1].answer in UNDECIDED
        is_skipped[row] = is_undecided and not is_labelled[row]
        if is_skipped[row]:
            last.append(Offer(row, "You skipped this clip."))
        elif not is_labelled[row] and not state.material.is_silent[row]:
            first.append(Offer(row, "This clip has no label any more."))
    touched = {rows[name] for name in of_clips}
    offers = (*first, *(offer for offer in state.offers if offer.row not in touched), *last)
    made = {label for row in touched for label in given[row]}
    return replace(
        state,
        labels=tuple(sorted({*state.labels, *made})),
        given=tuple(given),
        is_labelled=is_labelled,
        is_skipped=is_skipped,
        offers=offers,
        until_refit=max(1, state.until_refit - int(is_labelled.sum() - state.is_labelled.sum())),
    )
