"""Measure whether the nearest clips have the same label: ``python benchmarks/retrieval.py [--starter FOLDER]``.

The queries are clips that a network has not been trained on, embedded by the shipped ensemble ``starter``:

- ESC-10: each clip by the one fold that held it out, searched among the clips that this fold held out as well;
- kitchen20: no fold has heard it; clips of the source (``usr_id``) of the query are not in the gallery, so that no
  recording finds itself;
- the test clips of the starter sounds, which no fold has heard.

AP@10 of a query is the mean of the precisions at the places of the relevant clips among its ten nearest, divided by
the number of relevant clips there could be (at most ten); a clip with a label in common is relevant. mAP@10 is the mean
over queries, with a bootstrap interval over recordings. The baseline is the mean and the deviation of each band of the
log-mel spectrogram, standardised. How folds are joined was chosen on clips that are not reported: one half of the
sources of kitchen20, and curated starter sounds by the fold that held them out.

The starter sounds are those in the workspace, or rendered first. Embeddings are cached in ``--cache FILE``.
"""

from __future__ import annotations

import argparse
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.audio.reading import read_sound
from audiotag.data.layouts import open_dataset
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import trimmed_bounds
from audiotag.starter.render import is_whole, render_starter
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace

DATA = Path(__file__).parents[2] / "shared" / "data"
NEAREST = 10
ROUNDS = 2000  # of the bootstrap
Form = Callable[[np.ndarray], np.ndarray]  # embeddings (clips, folds, features) to vectors (clips, dimensions)


@dataclass
class Clips:
    """Clips with what is known of each: arrays with one row per clip."""

    embeddings: np.ndarray  # (clips, folds, features), mean over windows, not normalised
    trained: np.ndarray  # (clips, folds), whether the fold was trained on the clip
    spectra: np.ndarray  # (clips, 2 * bands), mean and deviation of each band of the log-mel in dB
    targets: np.ndarray  # (clips, labels)
    groups: np.ndarray  # (clips,), the recording

    def __getitem__(self, rows: np.ndarray) -> Clips:
        return Clips(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def own_fold(self) -> np.ndarray:
        """The fold that held each clip out, where only one did."""
        return np.argmin(self.trained, axis=1)


def main() -> None:
    """Embed the clips and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esc10", type=Path, default=DATA / "esc10")
    parser.add_argument("--kitchen20", type=Path, default=DATA / "kitchen20")
    parser.add_argument("--starter", type=Path, help="folder of the starter sounds (default: rendered)")
    parser.add_argument("--cache", type=Path, help="file of embeddings, written or read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        starter = options.starter or Workspace().starter
        if not is_whole(starter):
            starter = render_starter(Path(folder) / "starter")
        cache = options.cache or Path(folder) / "embeddings.npz"
        if not cache.exists():
            sets = {"esc10": options.esc10, "kitchen20": options.kitchen20, "starter": starter}
            arrays = {f"{name}-{key}": array for name, root in sets.items() for key, array in embedded(root).items()}
            np.savez(cache, **arrays)  # type: ignore[arg-type]
        report(dict(np.load(cache)))


def embedded(root: Path) -> dict[str, np.ndarray]:
    """The arrays of `Clips`, and the subset of each clip; the 600 noisy starter sounds are left out."""
    clips = open_dataset(root).clips
    clips = clips[clips["subset"] != "noisy"].reset_index(drop=True)
    labels = sorted({label for labels in clips["labels"] for label in labels})
    tagger = Tagger("starter", keep_embeddings=True)
    embeddings, trained, spectra = [], [], []
    files = [SoundFile(path, clip) for path, clip in zip(clips["path"], clips["clip"], strict=True)]
    for result in tag_files(tagger, files):
        tags = result.tags
        assert tags is not None, result.problem
        assert tags.embeddings is not None
        audible = tags.embeddings.any(axis=(0, 2))
        assert audible.any(), f"{result.file.clip} is silent"
        embeddings.append(tags.embeddings[:, audible].mean(axis=1))
        assert tagger.known_clips is not None
        trained.append(tagger.known_clips.trained_folds(tags.content))
        spectra.append(spectrum_of(result.file.path, tagger.card.spectrogram))
    groups = clips["group"].where(clips["group"].notna(), clips["clip"]) if "group" in clips else clips["clip"]
    return {
        "embeddings": np.array(embeddings),
        "trained": np.array(trained),
        "spectra": np.array(spectra),
        "targets": np.array([[label in has for label in labels] for has in clips["labels"]]),
        "groups": pd.factorize(groups)[0],
        "sources": np.array([zlib.crc32(str(group).encode()) for group in groups]),
        "is_test": (clips["subset"] == "test").to_numpy(),
    }


def spectrum_of(path: Path, settings: SpectrogramSettings) -> np.ndarray:
    """Mean and deviation of each mel band in dB, without the silence at both ends that networks do not get either."""
    waveform = read_sound(path, settings.sample_rate).waveform
    first, last = trimmed_bounds(waveform, settings)
    decibels = log_mel(waveform[first:last], settings)
    return np.concatenate([decibels.mean(axis=1), decibels.std(axis=1)])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1 along the last axis."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def average_precisions(similarity: np.ndarray, clips: Clips, same_fold: bool = False) -> np.ndarray:
    """AP@10 of each clip, NaN where there is no relevant clip to be found.

    Parameters
    ----------
    similarity : numpy.ndarray, shape=(clips, clips)
        Any measure by which the clips of a row are ordered, the nearest first.
    clips : Clips
    same_fold : bool
        Whether a clip is searched only among those that the same fold held out.
    """
    is_relevant = clips.targets.astype(int) @ clips.targets.T.astype(int) > 0
    in_gallery = clips.groups[:, None] != clips.groups
    if same_fold:
        in_gallery &= clips.own_fold()[:, None] == clips.own_fold()
    nearest = np.argsort(-np.where(in_gallery, similarity, -np.inf), axis=1, kind="stable")[:, :NEAREST]
    hits = np.take_along_axis(is_relevant & in_gallery, nearest, axis=1)
    precisions = np.cumsum(hits, axis=1) / np.arange(1, NEAREST + 1)
    possible = np.minimum((is_relevant & in_gallery).sum(axis=1), NEAREST)
    return (precisions * hits).sum(axis=1) / np.where(possible, possible, np.nan)


def with_interval(precisions: np.ndarray, groups: np.ndarray, signed: bool = False) -> str:
    """The mean over queries, and its 95 % interval by the bootstrap over recordings."""
    valid = ~np.isnan(precisions)
    numbers = pd.factorize(groups[valid])[0]
    sums, counts = np.bincount(numbers, precisions[valid]), np.bincount(numbers)
    drawn = np.random.default_rng(0).integers(len(sums), size=(ROUNDS, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    sign = "+" if signed else ""
    return f"{precisions[valid].mean():{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def concatenated(embeddings: np.ndarray) -> np.ndarray:
    """Each fold normalised, all one after the other: the form that audiotag uses."""
    return unit(unit(embeddings).reshape(len(embeddings), -1))


def averaged(embeddings: np.ndarray) -> np.ndarray:
    """The mean of the folds' normalised embeddings, though their features are not the same."""
    return unit(unit(embeddings).mean(axis=1))


def fitted(kind: str, training: Clips) -> Form:
    """A form that is fitted, per fold, to the clips that the fold was trained on."""

    def apply(embeddings: np.ndarray) -> np.ndarray:
        folds = []
        for fold in range(embeddings.shape[1]):
            known = unit(training.embeddings[training.trained[:, fold], fold])
            centred = unit(embeddings[:, fold]) - known.mean(axis=0)
            if kind == "standardised":
                centred = centred / (known.std(axis=0) + 1e-4)
            if kind == "whitened":
                power, directions = np.linalg.eigh(np.cov(known.T))
                centred = centred @ directions / np.sqrt(power + 0.1 * power.max())
            folds.append(unit(centred))
        return unit(np.concatenate(folds, axis=1))

    return apply


def cosines(vectors: np.ndarray) -> np.ndarray:
    """The similarity of each pair of vectors of length 1."""
    return vectors @ vectors.T


def spectra_compared(clips: Clips, training: Clips, by_angle: bool) -> np.ndarray:
    """The similarity of each pair of clips by their spectra, standardised as in training clips."""
    spectra = (clips.spectra - training.spectra.mean(axis=0)) / (training.spectra.std(axis=0) + 1e-6)
    if by_angle:
        return cosines(unit(spectra))
    return 2 * spectra @ spectra.T - (spectra**2).sum(axis=1)  # orders a row like the negative distance


def report(arrays: dict[str, np.ndarray]) -> None:
    """Print the tables: first the clips on which the form was chosen, then the others."""

    def clips_of(name: str) -> Clips:
        return Clips(*(arrays[f"{name}-{field}"] for field in Clips.__dataclass_fields__))

    esc10, kitchen, starter = (clips_of(name) for name in ("esc10", "kitchen20", "starter"))
    chosen_on, is_test = arrays["kitchen20-sources"] % 2 == 0, arrays["starter-is_test"]
    embeddings, trained, spectra = (
        np.concatenate([getattr(esc10, name), getattr(starter[~is_test], name)])
        for name in ("embeddings", "trained", "spectra")
    )
    training = Clips(embeddings, trained, spectra, targets=np.empty(0), groups=np.empty(0))
    print("### Chosen on these\n")
    table({"kitchen20, half of the sources": kitchen[chosen_on]}, training)
    own_folds({"starter sounds, out of fold": starter[~is_test]}, training)
    print("\n### Reported\n")
    table({"kitchen20, the other half": kitchen[~chosen_on], "starter sounds, test": starter[is_test]}, training)
    own_folds({"ESC-10, out of fold": esc10}, training)


def table(sets: dict[str, Clips], training: Clips) -> None:
    """Print mAP@10 of clips that no fold has heard: of each form, and of the baseline."""
    forms: dict[str, Form] = {
        "folds one after the other (used)": concatenated,
        "mean of the folds": averaged,
        "the first fold alone": lambda embeddings: unit(embeddings[:, 0]),
        **{f"one after the other, {kind}": fitted(kind, training) for kind in ("centred", "standardised", "whitened")},
    }
    for name, clips in sets.items():
        baseline = average_precisions(spectra_compared(clips, training, by_angle=True), clips)
        used = average_precisions(cosines(concatenated(clips.embeddings)), clips)
        print(f"{name}: {np.isfinite(used).sum()} queries, {len(set(clips.groups))} recordings\n")
        print("| form | mAP@10 | beside the form in use |\n|---|---|---|")
        for form, make in forms.items():
            found = average_precisions(cosines(make(clips.embeddings)), clips)
            print(f"| {form} | {with_interval(found, clips.groups)} | {difference(found, used, clips.groups)} |")
        print_baseline(clips, baseline, used, training, False)


def own_folds(sets: dict[str, Clips], training: Clips) -> None:
    """Print mAP@10 of training clips, each embedded by the one fold that held it out."""
    for name, clips in sets.items():
        own = clips.own_fold()
        baseline = average_precisions(spectra_compared(clips, training, by_angle=True), clips, same_fold=True)
        forms: dict[str, Form] = {"the fold that held it out (used)": lambda embeddings: unit(embeddings)}
        forms |= {f"the same, {kind}": fitted(kind, training) for kind in ("centred", "standardised", "whitened")}
        used = None
        print(f"\n{name}: {len(own)} queries, {len(set(clips.groups))} recordings\n")
        print("| form | mAP@10 | beside the form in use |\n|---|---|---|")
        for form, make in forms.items():
            vectors = make(clips.embeddings).reshape(len(own), clips.embeddings.shape[1], -1)
            found = average_precisions(cosines(unit(vectors[np.arange(len(own)), own])), clips, same_fold=True)
            used = found if used is None else used
            print(f"| {form} | {with_interval(found, clips.groups)} | {difference(found, used, clips.groups)} |")
        assert used is not None
        print_baseline(clips, baseline, used, training, True)


def print_baseline(clips: Clips, by_angle: np.ndarray, used: np.ndarray, training: Clips, same_fold: bool) -> None:
    """Print the baseline by angle and by distance."""
    by_distance = average_precisions(spectra_compared(clips, training, by_angle=False), clips, same_fold)
    for name, found in (("angle", by_angle), ("distance", by_distance)):
        print(
            f"| log-mel statistics, by {name} | {with_interval(found, clips.groups)} | "
            f"{difference(found, used, clips.groups)} |"
        )
    print()


def difference(found: np.ndarray, used: np.ndarray, groups: np.ndarray) -> str:
    """The mean difference, paired by query, with its interval; empty where both are the same."""
    return (
        ""
        if found is used or np.array_equal(found, used, equal_nan=True)
        else with_interval(found - used, groups, True)
    )


if __name__ == "__main__":
    main()
