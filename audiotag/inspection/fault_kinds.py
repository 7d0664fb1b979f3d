"""The kinds of faults of a dataset, the worst first: what each means, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd


class FaultKind(NamedTuple):
    """What a kind of fault means, and what to do about it, as sentences."""

    meaning: str
    advice: str


KINDS = {
    "unreadable": FaultKind(
        "The file cannot be read as a sound, so the clip is not used.",
        "Copy or export the file again, or remove it from the table.",
    ),
    "missing": FaultKind(
        "The table names a file that is not there, or the other way round.",
        "Copy the file to where the sentence expects it, or correct the table.",
    ),
    "contradiction": FaultKind(
        "Clips with the same sound have different labels; a network cannot learn both.",
        "Listen, then leave out the wrong clip, or correct its labels on the Review page.",
    ),
    "leak": FaultKind(
        "A sound or a recording is in parts that must not share any, such as training and test: scores are too high.",
        "Leave out its clips in one of the parts, or give the dataset other folds.",
    ),
    "shortcut": FaultKind(
        "A property of the files tells the label, so a network may learn the file and fail on sounds from elsewhere.",
        "Bring all files to one sample rate, format and level, or add clips of the label from another source.",
    ),
    "labels": FaultKind(
        "The labels of the clip are missing or cannot be read, so the clip is not used.",
        "Correct its row in the table, or change how the table is read.",
    ),
    "listed twice": FaultKind(
        "The table has several rows for the same clip.",
        "Remove the row that is wrong.",
    ),
    "counts": FaultKind(
        "Folder and table disagree about the number of clips.",
        "Check whether files or rows are missing.",
    ),
    "truncated": FaultKind(
        "The file is shorter than its header states: its end is lost.",
        "Copy the file again from its source; what is left is used.",
    ),
    "salvaged": FaultKind(
        "A part of the file is damaged or in an unexpected place; what can be read is used.",
        "Listen whether the sound is whole, and copy the file again if it is not.",
    ),
    "silent": FaultKind(
        "The clip has no sound, but it has labels.",
        "Leave it out, unless silence is what its label means.",
    ),
    "too short": FaultKind(
        "The clip is shorter than 0.1 s, which is too little to recognise most sounds.",
        "Leave it out if the sound is not in it.",
    ),
    "clipped": FaultKind(
        "The level was too high for the recorder or the file, so peaks are cut off and sound distorted.",
        "Use a copy with a lower level if there is one; otherwise keep it, networks bear some clipping.",
    ),
    "duplicate": FaultKind(
        "Several clips have the same sound and agree in their labels or contradict each other.",
        "One of them is enough. Copies stay in one fold in training, so scores stay right.",
    ),
    "near-duplicate": FaultKind(
        "Another clip is the same recording, cut, resampled, re-encoded or at another level. If it is in another fold "
        "or in the test clips, scores are too high.",
        "Listen to both. One may be enough; if their labels differ, correct one of them on the Review page. A training "
        "keeps such clips in one fold unless you switch that off.",
    ),
    "DC": FaultKind(
        "The waveform is not centred on zero, as with a faulty recorder.",
        "Nothing needs to be done: a log-mel spectrogram without the lowest band does not have it.",
    ),
    "flagged": FaultKind(
        "The authors of the dataset marked the clip as corrupt, so it is not used.",
        "Switch on above that these clips are used anyway, if you know better.",
    ),
    "left out": FaultKind(
        "You left the clip out.",
        "Take it back with the button above.",
    ),
}
OTHER = FaultKind("The sentence in the table says what is wrong.", "Correct the file or the table.")


def describe(kind: str) -> FaultKind:
    """What a kind of fault means; a kind of a layout that is not known here has its sentence alone."""
    return KINDS.get(kind, OTHER)


def worst_first(faults: pd.DataFrame) -> pd.DataFrame:
    """The faults, those of the worst kind first; the order within a kind stays.

    Parameters
    ----------
    faults : pandas.DataFrame
        From `audiotag.inspection.faults.find_faults`.
    """
    rank = {kind: number for number, kind in enumerate(KINDS)}
    order = faults["kind"].map(lambda kind: rank.get(kind, len(rank))).sort_values(kind="stable").index
    return faults.loc[order].reset_index(drop=True)
