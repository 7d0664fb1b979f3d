"""The clips of a dataset that sound most like a sound, each with its labels and what it has to do with that sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from audiotag.similarity.embedding_job import Embeddings

COUNT = 10
SAME_SOUND = 0.99  # clips that are less similar cannot have the same samples, so their contents are not compared

Relation = Literal["", "same sound", "same recording"]
Facts = dict[str, Any]  # a row of an index


@dataclass(frozen=True, eq=False)
class SoughtSound:
    """The sound that others are compared with.

    Attributes
    ----------
    vector : numpy.ndarray, shape=(dimensions,)
        From `audiotag.similarity.vectors.clip_vector`; 0 for silence.
    row : int
        Its row in the embeddings, which is not found; -1 for a sound that is not in the dataset.
    content : callable
        Gives the hash of its samples, empty where it is not known; called only where another clip may be the same.
    group : str
        The recording that it is from, as the dataset says; empty where it does not.
    near_duplicates : frozenset of (subset, clip)
        Clips that were found to be of the same recording.
    """

    vector: np.ndarray
    row: int = -1
    content: Callable[[], str] = str
    group: str = ""
    near_duplicates: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class SimilarClip:
    """A clip that was found.

    Attributes
    ----------
    subset, clip : str
    path : Path
    labels : tuple[str, ...]
    similarity : float
        0 (nothing in common) to 1 (the same).
    relation : str
        "same sound" where all samples are equal; "same recording" where both are of one recording, as the dataset or a
        search for near-duplicates says; else empty.
    """

    subset: str
    clip: str
    path: Path
    labels: tuple[str, ...]
    similarity: float
    relation: Relation = ""


def find_similar(
    sought: SoughtSound,
    embeddings: Embeddings,
    index: pd.DataFrame,
    content_of: Callable[[Facts], str],
) -> tuple[SimilarClip, ...]:
    """At most `COUNT` clips that sound most like a sound, the most similar first; silent ones are not among them.

    Parameters
    ----------
    sought : SoughtSound
    embeddings : Embeddings
        Of the dataset, by the ensemble that gave the vector of the sound.
    index : pandas.DataFrame
        Of the dataset. A clip that it does not have any more is left out.
    content_of : callable(row)
        Gives the hash of the samples of a clip, by its row in the index; empty for one that cannot be read.
    """
    rows, values = embeddings.nearest.find(sought.vector, COUNT, [sought.row] if sought.row >= 0 else [])
    names = embeddings.clips.iloc[rows]
    known = rows_by_name(index[index["clip"].isin(names["clip"])])
    found = []
    for (subset, clip), value in zip(zip(names["subset"], names["clip"], strict=True), values, strict=True):
        if (facts := known.get((subset, clip))) is None:
            continue
        similarity = min(max(float(value), 0.0), 1.0)
        path, labels = Path(facts["path"]), tuple(facts["labels"])
        relation = _relation(sought, facts, similarity, content_of)
        found.append(SimilarClip(subset, clip, path, labels, similarity, relation))
    return tuple(found)


def rows_by_name(index: pd.DataFrame) -> dict[tuple[str, str], Facts]:
    """The rows of an index by subset and clip; the first of several with the same name."""
    rows = reversed(index.to_dict("records"))
    return {(row["subset"], row["clip"]): row for row in rows}


def _relation(sought: SoughtSound, facts: Facts, similarity: float, content_of: Callable[[Facts], str]) -> Relation:
    if similarity >= SAME_SOUND and (content := sought.content()) and content == content_of(facts):
        return "same sound"
    is_of_group = bool(sought.group) and facts.get("group") == sought.group
    return "same recording" if is_of_group or (facts["subset"], facts["clip"]) in sought.near_duplicates else ""
