"""Measure what similar clips cost the server: ``python benchmarks/similar_clips.py [CLIPS]``.

Clips, by default 25,000, have synthetic vectors of the shipped ensemble's length, in clusters. Prints the time to find
the ten most similar clips with their labels, the first time (which prepares the search) and later, beside a plain
matrix product; the time to read and pack the ten rows; and the bytes that the browser receives. Times are medians, with
the processor time, which depends less on what else the machine does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from audiotag.similarity.embedding_job import Embeddings
from audiotag.similarity.similar_clips import SoughtSound, find_similar
from audiotag.ui.similar.clip_list.clip_list import ClipList, ListRow, pack_list
from audiotag.ui.similar.row_sounds import load_rows

DIMENSIONS = 5 * 215
CLUSTERS = 200
QUERIES = 20
CLIP_S = 5


def main() -> None:
    """Make vectors and sounds, measure, print."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000
    rng = np.random.default_rng(0)
    embeddings, index = make_clips(rng, clips)

    def find(row: int) -> None:
        name = embeddings.clips["clip"].iloc[row]
        found = embeddings.row_of("curated", name)
        find_similar(SoughtSound(embeddings.vectors[found], found), embeddings, index, lambda facts: "")

    rows = rng.integers(clips, size=QUERIES).tolist()
    print(f"{clips:,} clips: ten similar ones, the first time: {measured([lambda: find(rows[0])])}")
    print(f"later: {measured([lambda row=row: find(row) for row in rows])}")
    as_floats = embeddings.vectors.astype(np.float32)
    print(f"a matrix product alone: {measured([lambda row=row: as_floats @ as_floats[row] for row in rows])}")
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        sounds = [[write_clip(rng, Path(folder), 10 * part + each) for each in range(10)] for part in range(5)]
        calls = [lambda each=each: load_rows(each) for each in sounds]
        print(f"rows of clips of {CLIP_S} s, read and packed: {measured(calls)}")
        print(f"the same once more: {measured(calls)}")
        loaded = load_rows(sounds[0])
    listed = [ListRow(str(at), f"{at:05}.wav", "Bark", 0.5, "", "dataset", row) for at, row in enumerate(loaded)]
    size, sound = len(pack_list(ClipList("a.wav", tuple(listed)), "here")), len(loaded[0].sound)
    print(f"the browser receives {size / 1000:.0f} kB for the list, and {sound / 1000:.0f} kB for each sound it plays")


def make_clips(rng: np.random.Generator, clips: int) -> tuple[Embeddings, pd.DataFrame]:
    """Clips with vectors in clusters, and their index."""
    centres = rng.random((CLUSTERS, DIMENSIONS), np.float32)
    vectors = centres[rng.integers(CLUSTERS, size=clips)] + 0.5 * rng.random((clips, DIMENSIONS), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"{number:05}.wav" for number in range(clips)]
    paths = [Path("sounds") / name for name in names]
    index = pd.DataFrame({"subset": "curated", "clip": names, "path": paths, "labels": [["Bark"]] * clips})
    return Embeddings(index[["subset", "clip", "path"]], vectors.astype(np.float16), 0), index.assign(group=pd.NA)


def write_clip(rng: np.random.Generator, folder: Path, number: int) -> tuple[Path, str]:
    """A clip of noise."""
    path = folder / f"{number:05}.wav"
    soundfile.write(path, 0.1 * rng.standard_normal(CLIP_S * 44_100), 44_100)
    return path, path.name


def measured(calls: list[Callable[[], object]]) -> str:
    """Median time of calls, and median processor time, in words."""
    times, processor = [], []
    for call in calls:
        began, began_processor = time.perf_counter(), time.process_time()
        call()
        times.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - began_processor))
    return f"{statistics.median(times):.0f} ms, processor {statistics.median(processor):.0f} ms"


if __name__ == "__main__":
    main()
