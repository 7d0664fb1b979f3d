"""Say how familiar a clip and its tags are to an ensemble, and hold back tags of what is unlike its training sounds.

A tag is as familiar as the window in which its label scores highest, and a clip as the most familiar of its tags.
Without a tag a clip is as familiar as its likeliest label.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audiotag.tagging.result import Tag, Tags
from audiotag.trust.familiarity import over_folds


def with_familiarity(
    tags: Tags, labels: tuple[str, ...], familiarity: np.ndarray, threshold: float, hold_back: bool
) -> Tags:
    """Add how familiar a clip is.

    Parameters
    ----------
    tags : Tags
    labels : tuple[str, ...]
        All labels of the ensemble, in the order of the columns of ``tags.timeline``.
    familiarity : numpy.ndarray, shape=(folds, windows)
        Of each window to each fold that votes, above 0 and at most 1; NaN for silence.
    threshold : float
        Below it a window is unlike the training sounds.
    hold_back : bool
        Whether labels that reach their threshold in such a window are no tags.
    """
    windows = over_folds(familiarity)
    best = dict(zip(labels, tags.timeline.argmax(axis=0), strict=True))
    ranking = tuple(
        _with_familiarity(tag, float(windows[best[tag.label]]), threshold, hold_back) for tag in tags.ranking
    )
    found = replace(tags, ranking=ranking, window_familiarity=windows, familiarity_threshold=threshold)
    unlike = (_difference(found),) if found.is_unlike else ()
    held_back = (held_back_note(found),) if found.held_back else ()
    return replace(found, notes=(*tags.notes, *unlike, *held_back), differences=(*unlike, *tags.differences))


def held_back_note(tags: Tags) -> str:
    """Say which tags are held back."""
    listed = ", ".join(f"{tag.label} {tag.score:.2f}" for tag in tags.held_back)
    return f"Held back, because unlike the training sounds: {listed}."


def _with_familiarity(tag: Tag, familiarity: float, threshold: float, hold_back: bool) -> Tag:
    if np.isnan(familiarity):
        return tag
    return tag._replace(familiarity=familiarity, is_held_back=hold_back and familiarity < threshold)


def _difference(tags: Tags) -> str:
    """Say that a clip is unlike the training sounds."""
    return (
        f"{tags.name} is unlike the training sounds: its familiarity is {tags.familiarity:.3f}, 95 % of right tags "
        f"have at least {tags.familiarity_threshold:.3f}; its tags are doubtful."
    )
