"""The clips of a dataset with their places on the map, which sessions share until the map or the dataset changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audiotag.data.dataset import Dataset
from audiotag.inspection import statistics
from audiotag.ui import caching, dataset_cache
from audiotag.ui.dataset.clip_map import MapPoints, pack_points
from audiotag.ui.embeddings import embedding_job
from audiotag.ui.similar import DatasetClip, clip_text

if TYPE_CHECKING:
    from audiotag.similarity.embedding_job import Embeddings
    from audiotag.similarity.map_job import ClipMap, MapJob


@dataclass(frozen=True, eq=False)
class PlacedClips:
    """The clips that are on the map.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns of the index, and ``x`` and ``y``; numbered from 0.
    row_of : dict
        The row of each clip, by its text in the address.
    map : ClipMap
        Positions, and how they were found.
    points : MapPoints or None
        The same for the browser; None without a clip.
    """

    table: pd.DataFrame
    row_of: dict[str, int]
    map: ClipMap
    points: MapPoints | None


def load_placed_clips(dataset: Dataset, ensemble: Path, job: MapJob, embeddings: Embeddings) -> PlacedClips:
    """The clips of a dataset with their places; shared between sessions, so nobody may change them.

    Parameters
    ----------
    dataset : Dataset
    ensemble : Path
        Folder of the ensemble.
    job : MapJob
        That makes the map.
    embeddings : Embeddings
        Of all clips.
    """
    stamps = (job.stamp(), embedding_job(dataset, ensemble).stamp(), dataset_cache.measurement_job(dataset).stamp())
    return _placed_clips(job.folder, f"{stamps} {dataset_cache.dataset_key(dataset.root)}", job, embeddings, dataset)


@caching.cached(max_entries=4, show_spinner="Placing the clips …")
def _placed_clips(folder: Path, stamp: str, _job: MapJob, _embeddings: Embeddings, _dataset: Dataset) -> PlacedClips:
    clip_map = _job.read(_embeddings.vectors)
    return place(statistics.labelled_clips(dataset_cache.load_index(_dataset)), _embeddings, clip_map)


def place(index: pd.DataFrame, embeddings: Embeddings, clip_map: ClipMap) -> PlacedClips:
    """The clips of an index that have a place on the map.

    Parameters
    ----------
    index : pandas.DataFrame
    embeddings : Embeddings
        Whose clips have the positions of the map.
    clip_map : ClipMap
    """
    names = zip(embeddings.clips["subset"].tolist(), embeddings.clips["clip"].tolist(), strict=True)
    position_of = {name: row for row, name in enumerate(names)}
    wanted = zip(index["subset"].tolist(), index["clip"].tolist(), strict=True)
    rows = np.array([position_of.get(name, -1) for name in wanted], dtype=int)
    positions = np.full((len(index), 2), np.nan, np.float32)
    positions[rows >= 0] = clip_map.positions[rows[rows >= 0]]
    is_placed = np.isfinite(positions[:, 0])
    table = index[is_placed].assign(x=positions[is_placed, 0], y=positions[is_placed, 1]).reset_index(drop=True)
    row_of: dict[str, int] = {}
    for row, name in enumerate(zip(table["subset"], table["clip"], strict=True)):
        row_of.setdefault(clip_text(DatasetClip(*name)), row)
    points = pack_points(positions[is_placed], table["clip"].tolist(), table["labels"].tolist()) if len(table) else None
    return PlacedClips(table, row_of, clip_map, points)
