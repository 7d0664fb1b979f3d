"""Store which samples of each clip training uses, so that a clip is decoded for that once.

What trimming leaves of a clip, and the length of a sound whose header does not tell it, follow from its content and
the spectrogram settings. They are found when a run, or an estimate, prepares the clips for the first time; without the
store every start would decode all of them again.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from audiotag.data.index import KEY, check_keys, write_parquet
from audiotag.disk import optional_write
from audiotag.features.settings import SpectrogramSettings
from audiotag.state import read_state
from audiotag.workspace import Workspace

EDITION = 1  # rises when trimming, decoding or resampling changes what is found
FIELDS = ("sample_rate", "trim_db", "trim_pad_s", "trim_rule", "min_s")  # of the settings, on which bounds depend
WRITE_INTERVAL_S = 20.0  # so that a stopped run does not decode the same clips again


class ClipBounds(NamedTuple):
    """The part of a clip that training uses.

    Attributes
    ----------
    start, end : int
        First sample, and the one after the last, at the settings' sample rate.
    at_rate : bool
        Whether the file has that sample rate.
    """

    start: int
    end: int
    at_rate: bool


class ClipBoundsStore:
    """Bounds of a dataset's clips by `audiotag.data.index.KEY`, for one way of trimming; threads may share it.

    Parameters
    ----------
    path : Path
        Parquet file, see `of`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[tuple, ClipBounds] = dict(_read(path))
        self._is_written, self._written_at = True, time.monotonic()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, dataset_name: str, settings: SpectrogramSettings, workspace: Workspace) -> ClipBoundsStore:
        """The store for these settings; ``dataset_name`` is from `audiotag.data.index.cache_name`."""
        values = [EDITION, *(getattr(settings, field) for field in FIELDS)]
        digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]
        return cls(workspace.indexes / f"{dataset_name}-bounds-{digest}.parquet")

    def __len__(self) -> int:
        """Number of clips whose bounds are known."""
        return len(self._known)

    def get(self, key: tuple) -> ClipBounds | None:
        """The bounds of a clip with this key; None if they are not known."""
        return self._known.get(key)

    def add(self, key: tuple, bounds: ClipBounds) -> None:
        """Remember what was found; it is on disk after `write`, or a while after it was added."""
        with self._lock:
            self._known[key] = bounds
            self._is_written = False
            is_due = time.monotonic() - self._written_at > WRITE_INTERVAL_S
        if is_due:
            self.write()

    def write(self) -> None:
        """Write what was added, beside what another process has written meanwhile."""
        with self._lock:
            if self._is_written:
                return
            self._known = {**_read(self.path), **self._known}
            rows = [(*key, *bounds) for key, bounds in self._known.items()]
            with optional_write("clips are decoded again at each start"):
                write_parquet(pd.DataFrame(rows, columns=[*KEY, *ClipBounds._fields]), self.path)
            self._is_written, self._written_at = True, time.monotonic()


def _read(path: Path) -> Mapping[tuple, ClipBounds]:
    return read_state(path, _parse, {}, "clips are decoded again")


def _parse(content: bytes) -> dict[tuple, ClipBounds]:
    table = pd.read_parquet(io.BytesIO(content))
    check_keys(table)
    if table["start"].dtype.kind not in "iu" or table["end"].dtype.kind not in "iu" or table["at_rate"].dtype != bool:
        raise ValueError("bounds have other values")
    if not ((table["start"] >= 0) & (table["start"] <= table["end"])).all():
        raise ValueError("a clip ends before it begins")
    keys = table[KEY].itertuples(index=False, name=None)
    bounds = table[list(ClipBounds._fields)].itertuples(index=False, name=None)
    return {key: ClipBounds(*each) for key, each in zip(keys, bounds, strict=True)}
