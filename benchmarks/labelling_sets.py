"""The sets of clips on which labelling from nothing is simulated: embeddings, true labels and sources.

- kitchen20: 741 clips of kitchen20, which no fold of the shipped ensemble was trained on; the other 329, whose sources
  have their first clip in one of the published folds 1 and 2, are kitchen20-tuning
- starter: 450 clips that the renderer makes with another seed than that of the training clips, with 1 to 3 labels
- esc10-1 … esc10-5: the recordings of ESC-10 that one fold of the shipped ensemble was not trained on, about 80,
  embedded by that fold alone: the ensemble was trained on ESC-10, and vectors of different folds cannot be compared
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from esc10 import ESC10

from audiotag.data.contents import connect_rows
from audiotag.data.layouts import open_dataset
from audiotag.metrics import multi_hot
from audiotag.similarity.vectors import clip_vector
from audiotag.starter.render import render_starter
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace, write_bytes

ENSEMBLE = Path(__file__).parents[1] / "models" / "starter"
KITCHEN20 = ESC10.parent / "kitchen20"
STARTER_SEED = 7
ESC10_FOLDS = (1, 2, 3, 4, 5)
TUNING_FOLDS = 2  # kitchen20-tuning has the sources that begin in the published folds 1 to 2
SETS = ("kitchen20", "kitchen20-tuning", "starter", *(f"esc10-{fold}" for fold in ESC10_FOLDS))


@dataclass(frozen=True, eq=False)
class LabelledVectors:
    """Clips with known labels.

    Attributes
    ----------
    vectors : numpy.ndarray, shape=(clips, dimensions), float32
    truth : numpy.ndarray, shape=(clips, labels)
    labels : tuple[str, ...]
    sources : numpy.ndarray, shape=(clips,), int
        The number of the recording, or of the clip where that is not known.
    folds : numpy.ndarray, shape=(clips,), int
        The published fold; 0 where there is none.
    """

    vectors: np.ndarray
    truth: np.ndarray
    labels: tuple[str, ...]
    sources: np.ndarray
    folds: np.ndarray

    def rows(self, rows: np.ndarray) -> LabelledVectors:
        """The same of some clips."""
        return LabelledVectors(self.vectors[rows], self.truth[rows], self.labels, self.sources[rows], self.folds[rows])


def load_set(name: str) -> LabelledVectors:
    """The clips of a set; they are embedded the first time."""
    base = name.partition("-")[0]
    if base == "starter":
        folder = render_starter(Workspace().root / "labelling-benchmark" / f"starter-{STARTER_SEED}", STARTER_SEED)
    else:
        folder = {"kitchen20": KITCHEN20, "esc10": ESC10}[base]
    dataset = open_dataset(folder)
    clips = dataset.clips[dataset.clips["subset"] != "noisy"].reset_index(drop=True)
    embeddings, trained = _embeddings_of(base, clips["path"].tolist(), clips["clip"].tolist())
    truth = multi_hot(clips["labels"].tolist(), dataset.labels)
    folds = clips["fold"].fillna(0).to_numpy(dtype=int)
    if base == "esc10":
        fold = int(name.partition("-")[2]) - 1
        rows = np.flatnonzero(~trained[:, fold])
        vectors = np.stack([clip_vector(embeddings[row, fold : fold + 1, None]) for row in rows])
        clips, truth, folds = clips.iloc[rows].reset_index(drop=True), truth[rows], folds[rows]
    else:
        assert not trained.any(), f"the ensemble was trained on clips of {name}"
        vectors = np.stack([clip_vector(embeddings[row, :, None]) for row in range(len(clips))])
    found = LabelledVectors(vectors, truth, dataset.labels, connect_rows(clips["group"]), folds)
    if base == "kitchen20":
        first = folds[np.unique(found.sources, return_index=True)[1]]
        is_tuning = first[found.sources] <= TUNING_FOLDS
        found = found.rows(np.flatnonzero(is_tuning == name.endswith("tuning")))
    return found


def _embeddings_of(name: str, paths: list[Path], clips: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The embeddings of clips, ``(clips, folds, features)``, and whether each fold was trained on each clip."""
    from safetensors.numpy import load_file, save

    file = Workspace().root / "labelling-benchmark" / f"{name}.safetensors"
    if not file.exists():
        tagger = Tagger(ENSEMBLE, keep_embeddings=True)
        sounds = [SoundFile(path, clip) for path, clip in zip(paths, clips, strict=True)]
        embedded, trained = [], []
        with closing(tag_files(tagger, sounds)) as results:
            for result in results:
                assert result.tags is not None, result.problem
                assert result.tags.embeddings is not None
                windows = result.tags.embeddings
                is_audible = (windows != 0).any(axis=(0, 2))
                embedded.append(windows[:, is_audible].mean(axis=1) if is_audible.any() else 0 * windows[:, 0])
                known = tagger.known_clips
                assert known is not None
                trained.append(known.trained_folds(result.tags.content))
        arrays = {"embeddings": np.stack(embedded).astype(np.float32), "trained": np.stack(trained)}
        write_bytes(file, save(arrays))
    arrays = load_file(file)
    return arrays["embeddings"], arrays["trained"]
