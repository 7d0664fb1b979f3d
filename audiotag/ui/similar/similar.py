"""Show the clips of a dataset that sound most like a clip or another sound, below its player."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.near_duplicates import NearDuplicate, read_near_duplicates
from audiotag.ui import address, caching, dataset_cache, sound_cache
from audiotag.ui.embeddings import show_embeddings
from audiotag.ui.open_dataset.dialog import show_open_button
from audiotag.ui.similar.clip_list import ClipList, ListRow, show_clip_list
from audiotag.ui.similar.row_sounds import load_rows
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.wording import as_text
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from audiotag.similarity.embedding_job import Embeddings
    from audiotag.similarity.similar_clips import Facts, SimilarClip, SoughtSound

SIMILAR = "similar"  # key of the drawer, which is in the address
OPENED = "similar-opened"  # in the session, until the page runs again: the clip that is to be opened
CLIP = "clip"  # in the address of the Dataset page: the clip that its tab Clips shows
MAX_CONTENTS = 10_000


class DatasetClip(NamedTuple):
    """A clip of the dataset."""

    subset: str
    clip: str


@dataclass(frozen=True, eq=False)
class OtherSound:
    """A sound that need not be in the dataset.

    Attributes
    ----------
    name : str
    vector : numpy.ndarray, shape=(dimensions,), or None
        From `audiotag.similarity.vectors.clip_vector`, by the same ensemble; None where it gives none.
    content : str
        Hash of its samples; empty where it is not known.
    """

    name: str
    vector: np.ndarray | None
    content: str = ""


def show_similar(
    root: Path | None,
    ensemble: Path | None,
    of: DatasetClip | OtherSound,
    on_open: Callable[[DatasetClip], None] | None = None,
    key: str = SIMILAR,
) -> None:
    """Show a drawer with the clips that sound most like a clip or another sound; closed, it costs nothing.

    Whether it is open is in the address. A page shows at most one at a time.

    Parameters
    ----------
    root : Path or None
        The dataset in which similar clips are looked for.
    ensemble : Path or None
        Folder of the ensemble by whose embeddings clips are compared.
    of : DatasetClip or OtherSound
    on_open : callable, optional
        Called with a clip of the list that the user wants to see, before the page runs again; by default, the Dataset
        page is opened with that clip.
    key : str
        The parameter of the address. Two places of one page have two: what moves from one to the other would lose it.
    """
    drawer = st.expander("Similar clips", icon=":material/hub:", key=key, bind="query-params")
    if not drawer.open:
        return
    with drawer, messages.show_errors():
        if root is None:
            st.info("No dataset is open, so there are no clips to compare with.", icon=":material/folder_open:")
            show_open_button("open-dataset-similar")
            return
        if ensemble is None:
            st.info(
                "Clips are compared by the embeddings of an ensemble, and there is none yet. Train folds on the Train "
                "page and publish them.",
                icon=":material/sell:",
            )
            return
        if isinstance(of, OtherSound) and of.vector is None:
            st.info(f"{escape(ensemble.name)} gives no embeddings, so it cannot compare sounds.", icon=":material/hub:")
            return
        dataset = dataset_cache.load_dataset(root)
        embeddings = show_embeddings(dataset, ensemble, SIMILAR)
        if embeddings is not None:
            _show_nearest(dataset, ensemble, of, embeddings, on_open)


def clip_address(dataset: Dataset, clip: DatasetClip) -> dict[str, str]:
    """The parameters of the Dataset page's address at which it shows a clip."""
    return {"dataset": address.dataset_key(dataset.root), "tab": "Clips", CLIP: clip_text(clip)}


def clip_text(clip: DatasetClip) -> str:
    """A clip as the address names it."""
    return as_text(f"{clip.subset}/{clip.clip}")


def _show_nearest(
    dataset: Dataset,
    ensemble: Path,
    of: DatasetClip | OtherSound,
    embeddings: Embeddings,
    on_open: Callable[[DatasetClip], None] | None,
) -> None:
    from audiotag.similarity.similar_clips import find_similar

    name = of.clip if isinstance(of, DatasetClip) else of.name
    sought = _sought_sound(dataset, of, embeddings)
    if sought is None:
        st.info(
            f"{escape(name)} cannot be compared: it has no embedding, because its sound is missing or cannot be read.",
            icon=":material/volume_off:",
        )
        return
    index = dataset_cache.load_index(dataset)
    with st.spinner("Looking for similar clips …"):  # for many clips, the first search takes a moment
        found = find_similar(sought, embeddings, index, _content_of)
    if not sought.vector.any():
        st.info(f"{escape(name)} is silent, so no clip sounds like it.", icon=":material/volume_off:")
    elif not found:
        st.info("No other clip of the dataset can be compared.", icon=":material/search_off:")
    else:
        st.caption(
            f"The most similar clips of {escape(dataset.name)} by the embeddings of {escape(ensemble.name)}. A "
            "similarity of 1 is the same sound."
        )
        _show_list(dataset, as_text(name), found, on_open)


def _sought_sound(dataset: Dataset, of: DatasetClip | OtherSound, embeddings: Embeddings) -> SoughtSound | None:
    from audiotag.similarity.similar_clips import SoughtSound, rows_by_name

    if isinstance(of, OtherSound):
        return None if of.vector is None else SoughtSound(of.vector, content=lambda: of.content)
    row = embeddings.row_of(of.subset, of.clip)
    if row < 0:
        return None
    index = dataset_cache.load_index(dataset)
    facts = rows_by_name(index[index["clip"] == of.clip]).get((of.subset, of.clip), {})
    group = facts.get("group")
    content = partial(_content_of, facts) if facts else str
    group = group if isinstance(group, str) else ""
    return SoughtSound(embeddings.vectors[row], row, content, group, _near_duplicates_of(dataset, of))


def _near_duplicates_of(dataset: Dataset, clip: DatasetClip) -> frozenset[tuple[str, str]]:
    """The clips that are of the same recording by the last search for near-duplicates."""
    pairs = _near_duplicates(dataset.root, dataset_cache.dataset_key(dataset.root))
    return frozenset(name for pair in pairs if clip in pair.names for name in pair.names if name != clip)


@caching.cached(max_entries=4, show_spinner=False)
def _near_duplicates(root: Path, stamp: str) -> list[NearDuplicate]:
    return read_near_duplicates(dataset_cache.load_dataset(root), Workspace())


def _content_of(facts: Facts) -> str:
    """The hash of a clip's samples: as measured, or computed now."""
    measured = facts.get("content")
    return measured if isinstance(measured, str) else _content(facts["path"], sound_cache.content_key(facts["path"]))


@lru_cache(maxsize=MAX_CONTENTS)
def _content(path: Path, key: str) -> str:
    from audiotag.training.clip_contents import content_of

    return content_of(path)


@st.fragment
def _show_list(
    dataset: Dataset, of: str, found: tuple[SimilarClip, ...], on_open: Callable[[DatasetClip], None] | None
) -> None:
    """The rows; a sound that the browser asks for runs this alone."""
    sounds = load_rows([(each.path, each.clip) for each in found])
    clips = [DatasetClip(each.subset, each.clip) for each in found]
    rows = [
        ListRow(
            _row_id(clip),
            as_text(each.clip),
            as_text(", ".join(each.labels)) or "no label",
            each.similarity,
            each.relation,
            f"dataset?{urlencode(clip_address(dataset, clip))}",
            sound,
        )
        for clip, each, sound in zip(clips, found, sounds, strict=True)
    ]
    by_id = {row.id: clip for row, clip in zip(rows, clips, strict=True)}

    def opened(row: str) -> None:
        st.session_state[OPENED] = by_id[row]
        if on_open is not None:
            on_open(by_id[row])

    show_clip_list(ClipList(of, tuple(rows)), "similar-clips", opened)
    if (clip := st.session_state.pop(OPENED, None)) is not None:
        if on_open is not None:
            st.rerun()
        st.switch_page("pages/dataset.py", query_params=clip_address(dataset, clip))


def _row_id(clip: DatasetClip) -> str:
    return hashlib.blake2b(f"{clip.subset}/{clip.clip}".encode(errors="surrogateescape"), digest_size=8).hexdigest()
