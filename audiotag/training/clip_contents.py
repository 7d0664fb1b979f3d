"""Find the content hashes of clips: from the measures, or by decoding the clips that are not measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from audiotag.audio.streaming import LongSound
from audiotag.data.dataset import Dataset
from audiotag.data.index import scan
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.processors import usable_cpus
from audiotag.remote.ahead import FetchAhead
from audiotag.workspace import Workspace


def with_contents(clips: pd.DataFrame, dataset: Dataset, workspace: Workspace) -> pd.DataFrame:
    """Add ``content``, as `audiotag.audio.content` defines it, to clips of a dataset.

    Parameters
    ----------
    clips : pandas.DataFrame
        With ``subset`` and ``clip``.
    dataset : Dataset
    workspace : Workspace
        Has the measures.

    Returns
    -------
    pandas.DataFrame
        Without the clips that the dataset does not have any more, or that cannot be read.
    """
    measures = MeasurementJob.of(dataset.root, dataset.name, workspace).table()
    index = with_measures(scan(dataset, workspace.indexes), measures)
    clips = clips.merge(index[["subset", "clip", "path", "content"]], on=["subset", "clip"])
    unmeasured = clips["content"].isna()
    paths = clips.loc[unmeasured, "path"].to_list()
    ahead = FetchAhead(paths, whole=True)

    def content_at(number: int) -> str:
        ahead.reached(number)
        return content_of(paths[number])

    with ThreadPoolExecutor(usable_cpus()) as pool:
        clips["content"] = clips["content"].astype(object)
        clips.loc[unmeasured, "content"] = list(pool.map(content_at, range(len(paths))))
    return clips[clips["content"] != ""]


def content_of(path: Path) -> str:
    """Hash of a clip's samples, which are decoded for it; empty for a clip that cannot be read."""
    sound = LongSound(path, hashed=True)
    try:
        for _ in sound.blocks():
            pass
    except Exception:  # whatever is wrong with the clip: it cannot be tagged either
        return ""
    return sound.content
