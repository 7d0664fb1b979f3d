"""Find what is wrong with the clips of a dataset: one row per fault, with its kind and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.audio.levels import SILENCE_DBFS
from audiotag.data.contents import same_content
from audiotag.data.dataset import Dataset
from audiotag.data.leaks import find_leaks
from audiotag.data.near_duplicates import NearDuplicate, connect
from audiotag.errors import AudiotagError, clip_problem
from audiotag.inspection import shortcuts
from audiotag.inspection.contradictions import find_contradictions
from audiotag.inspection.near_duplicate_faults import find_near_duplicate_faults, without_copies
from audiotag.inspection.statistics import is_absent, measured_clips, readable_clips
from audiotag.wording import as_number

MIN_DURATION_S = 0.1
MAX_CLIPPED_SHARE = 0.001
MAX_DC_OFFSET = 0.01  # of full scale
MAX_NAMED_DUPLICATES = 10  # in a sentence: a thousand equal clips make a thousand rows already
KINDS_THAT_ARE_USED = (
    "contradiction", "leak", "shortcut", "salvaged", "truncated", "silent", "clipped", "DC", "duplicate",
    "near-duplicate", "too short", "counts",
)  # fmt: skip
COLUMNS_THAT_ARE_CHECKED = (
    "clip", "subset", "size", "modified_ns", "error", "duration_s", "measure_error", "truncated", "peak_dbfs",
    "rms_dbfs", "clipped_share", "mix_note", "dc", "note", "decode_note",
)  # fmt: skip
Row = tuple[str, str, str, str]


def find_faults(
    dataset: Dataset,
    index: pd.DataFrame,
    checksums: Path | None = None,
    near_duplicates: Sequence[NearDuplicate] = (),
) -> pd.DataFrame:
    """Find the faults of a dataset's clips.

    Headers show which clips are missing, unreadable or too short, and of which only a part can be used. Measures show
    which are truncated, silent, clipped or have a DC offset. Clips with the same content are duplicates, and some of
    them contradictions or leaks. A shortcut is a fault of the dataset and names no clip. Clips of a subset without any
    sounds are not listed, because ``dataset.missing`` has a sentence about them. Clips that are measured to be silent
    are not listed as duplicates, because digital silence of one length is always the same.

    Parameters
    ----------
    dataset : Dataset
    index : pandas.DataFrame
        From `audiotag.data.index.scan`, with or without measures.
    checksums : Path, optional
        Where checksums of files are cached; see `audiotag.data.contents.cache_path`.
    near_duplicates : sequence of NearDuplicate
        From `audiotag.data.near_duplicates.read_near_duplicates`.

    Returns
    -------
    pandas.DataFrame
        One row per fault, worst kinds first: ``kind``, ``clip``, ``subset``, ``what`` (a sentence).
    """
    content = same_content(index, checksums)
    near_duplicates = without_copies(near_duplicates, index, content)
    relations = find_contradictions(dataset.root, index, content)
    relations += [("leak", *leak) for leak in find_leaks(index, content, connect(index, near_duplicates))]
    relations += [(shortcuts.KIND, "", "", str(shortcut)) for shortcut in shortcuts.find_shortcuts(index)]
    copies = _duplicates(index[["clip", "subset"]].assign(content=content))
    copies += find_near_duplicate_faults(index, near_duplicates)
    # Without the other columns, because each selection of rows copies all columns.
    index = index[[name for name in COLUMNS_THAT_ARE_CHECKED if name in index]]
    rows = [(problem.kind, problem.clip, "", problem.reason) for problem in dataset.listed_problems]
    gone = is_absent(index)
    rows += _rows_with_reasons("missing", index[gone & ~_is_in_missing_subset(dataset, index, gone)], "error")
    rows += _rows_with_reasons("unreadable", index[index["error"].notna() & ~gone], "error")
    if "measure_error" in index:
        undecodable = index["measure_error"].notna() & index["error"].isna()
        rows += _rows_with_reasons("unreadable", index[undecodable], "measure_error")
    rows += relations
    clips = readable_clips(index)
    short = clips[clips["duration_s"] < MIN_DURATION_S]
    rows += _rows("too short", short, "duration_s", lambda clip, length_s: f"{clip} lasts {1000 * length_s:.0f} ms.")
    rows += _salvaged(clips)
    if "rms_dbfs" in index:
        rows += _measured_faults(measured_clips(index))
    rows += copies
    return pd.DataFrame(rows, columns=["kind", "clip", "subset", "what"])


def _is_in_missing_subset(dataset: Dataset, index: pd.DataFrame, gone: pd.Series) -> pd.Series:
    """Whether each clip is of a subset without any sounds that the dataset reports as missing."""
    if not dataset.missing or not gone.any():
        return pd.Series(False, index=index.index)
    return ~index["subset"].isin(index.loc[~gone, "subset"].unique())


def _salvaged(clips: pd.DataFrame) -> list[Row]:
    """Clips of which something is lost, salvaged or in an unexpected place, unless they are listed as truncated."""
    notes = clips["note"] if "note" in clips else pd.Series(pd.NA, index=clips.index, dtype="string")
    if "decode_note" in clips:  # decoding shows more than the header
        notes = clips["decode_note"].where(clips["decode_note"].fillna("") != "", notes)
        notes = notes.mask(clips["truncated"].fillna(False).astype(bool))
    return _rows_with_reasons("salvaged", clips.assign(what=notes)[notes.notna()], "what")


def _truncation_sentences(clips: pd.DataFrame) -> list[str]:
    notes = clips.get("decode_note", pd.Series("", index=clips.index))
    return [
        note if isinstance(note, str) and note else f"{clip} is shorter than its header states."
        for clip, note in zip(clips["clip"], notes, strict=True)
    ]


def _measured_faults(clips: pd.DataFrame) -> list[Row]:
    truncated = clips[clips["truncated"].astype(bool)]
    rows = _rows_with_reasons("truncated", truncated.assign(what=_truncation_sentences(truncated)), "what")
    silent = clips["peak_dbfs"] < SILENCE_DBFS
    quiet = clips[silent] if "mix_note" in clips else clips[silent].assign(mix_note="")
    rows += _rows("silent", quiet, "mix_note", _silence_sentence)
    clipped = clips[clips["clipped_share"] > MAX_CLIPPED_SHARE]
    rows += _rows(
        "clipped",
        clipped,
        "clipped_share",
        lambda clip, share: f"{100 * share:.1f} % of the samples of {clip} are clipped.",
    )
    shifted = clips[clips["dc"].abs() > MAX_DC_OFFSET]
    rows += _rows("DC", shifted, "dc", lambda clip, dc: f"{clip} has a DC offset of {dc:+.3f} of full scale.")
    return rows


def _silence_sentence(clip: str, mix_note: object) -> str:
    if isinstance(mix_note, str) and mix_note:
        return clip_problem(clip, AudiotagError(mix_note))
    return f"{clip} has no sample above {as_number(SILENCE_DBFS, 'g')} dBFS."


def _duplicates(clips: pd.DataFrame) -> list[Row]:
    """Clips with the same content, those of one sound after each other."""
    duplicates = clips[clips["content"].notna()]
    number, _ = pd.factorize(duplicates["content"])
    duplicates = duplicates.iloc[np.argsort(number, kind="stable")]
    groups: dict[int, list[str]] = {}
    for content, clip in zip(duplicates["content"].tolist(), duplicates["clip"].tolist(), strict=True):
        groups.setdefault(content, []).append(clip)
    sentences = {content: _same_sound_sentence(names) for content, names in groups.items()}
    return _rows("duplicate", duplicates, "content", lambda _, content: sentences[content])


def _same_sound_sentence(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED_DUPLICATES:,} more" if len(names) > MAX_NAMED_DUPLICATES else ""
    return f"The same sound: {', '.join(names[:MAX_NAMED_DUPLICATES])}{more}."


def _rows_with_reasons(kind: str, clips: pd.DataFrame, column: str) -> list[Row]:
    """One row per clip, with the sentence in ``column``."""
    return _rows(kind, clips, column, lambda _, reason: reason)


def _rows(kind: str, clips: pd.DataFrame, column: str, sentence: Callable[..., str]) -> list[Row]:
    """One row per clip; ``sentence`` makes the text of the clip's name and its value in ``column``."""
    names = clips["clip"].tolist()
    whats = map(sentence, names, clips[column].tolist())
    return list(zip(repeat(kind, len(names)), names, clips["subset"].tolist(), whats, strict=True))
