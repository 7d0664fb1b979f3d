"""Measure how well an ensemble knows which sounds it has never heard.

``python benchmarks/unknown.py TRAINED_ON KITCHEN20``, where TRAINED_ON is the dataset of the shipped ensemble, which
``models/make_starter.py`` gathers (``starter-and-esc10`` in the workspace).

Known sounds are the clips that the ensemble was trained on, each scored by the fold that held it out, and the starter
sounds' test clips. Unknown sounds are kitchen20, whose labels the ensemble does not have, speech by espeak-ng, and the
noises of the noise gate. Chopping is left out of kitchen20, because a knife on a board is a Tap.

Detectors and their settings were chosen on one half: every second class of kitchen20, a babble without words, brown
noise and hum, and a random half of the known clips (``--half tuning``). The other half is reported: other classes of
kitchen20, speech, white and pink noise, and wind.

Two tables: the area under the ROC curve of each detector, known against unknown, where one fold judges both, averaged
over the folds; and what happens to tags as they are used: how many false tags go if 95 % of the right tags, out of
fold, are kept. Intervals are of 95 %, by a bootstrap over recordings. Scores and embeddings are computed once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit
from scipy.stats import rankdata

from audiotag.audio.header import Header, Sound
from audiotag.data.layouts import open_dataset
from audiotag.tagging.familiarity_measurement import familiarity_tagger
from audiotag.tagging.tagger import Tagger
from audiotag.trust.familiarity import fit_sounds, over_folds, share_at_least, threshold_of
from audiotag.trust.noise_sounds import NOISES, SILENCE, Kind, at_level
from audiotag.trust.speech import SPEECH, babble, speech_kind
from audiotag.workspace import SHIPPED_MODELS, Workspace

FOLDER = "unknown-benchmark"  # in the workspace
TUNING_KINDS = ("babble", "brown noise", "50 Hz hum")
EXCLUDED = ("chopping",)  # of kitchen20
LEVELS_DBFS = (-60.0, -40.0, -20.0)
WINDOWS = 24  # of each kind at each level
RESAMPLES = 200
MIN_SCORE = 1e-7
FITTED = "familiarity: Mahalanobis to the nearest label, length 1"

Detector = Callable[[np.ndarray, np.ndarray], np.ndarray]  # embeddings, scores of one fold -> higher is more familiar


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of one set: for each, the window of its likeliest label.

    Attributes
    ----------
    embeddings : numpy.ndarray, shape=(folds, clips, features)
    scores : numpy.ndarray, shape=(folds, clips, labels)
    trained : numpy.ndarray, shape=(clips, folds), bool
    targets : numpy.ndarray, shape=(clips, labels), bool
    kinds : numpy.ndarray, shape=(clips,)
        Class of kitchen20, or kind of noise; empty for known clips.
    sources : numpy.ndarray, shape=(clips,)
        Recording that a clip is from.
    """

    embeddings: np.ndarray
    scores: np.ndarray
    trained: np.ndarray
    targets: np.ndarray
    kinds: np.ndarray
    sources: np.ndarray

    def of(self, rows: np.ndarray) -> Clips:
        """Some of the clips; ``rows`` is a mask."""
        return Clips(
            self.embeddings[:, rows],
            self.scores[:, rows],
            self.trained[rows],
            self.targets[rows],
            self.kinds[rows],
            self.sources[rows],
        )


def main() -> None:
    """Compute what is missing, then print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained_on", type=Path)
    parser.add_argument("kitchen20", type=Path)
    parser.add_argument("--half", choices=("reported", "tuning"), default="reported")
    options = parser.parse_args()
    tagger = familiarity_tagger(SHIPPED_MODELS / "starter", print)
    known = cached("known", lambda: of_dataset(tagger, options.trained_on, "curated"))
    test = cached("test", lambda: of_dataset(tagger, options.trained_on, "test"))
    kitchen = cached("kitchen20", lambda: of_dataset(tagger, options.kitchen20, "curated"))
    noises = cached("noises", lambda: of_noises(tagger))
    is_tuning = options.half == "tuning"
    classes = np.unique(kitchen.kinds)
    half = np.isin(kitchen.kinds, classes[::2] if is_tuning else classes[1::2])
    kitchen = kitchen.of(half & ~np.isin(kitchen.kinds, EXCLUDED))
    noises = noises.of(np.isin(noises.kinds, TUNING_KINDS) == is_tuning)
    speech = np.isin(noises.kinds, (SPEECH, "babble"))
    unknown = {"kitchen20": kitchen, "speech": noises.of(speech), "noises": noises.of(~speech)}
    rows = np.random.default_rng(2019).random(len(known.targets)) < 0.5
    print(f"classes of kitchen20: {', '.join(np.unique(kitchen.kinds))}")
    print({name: len(clips.kinds) for name, clips in unknown.items()}, "known", int((rows == is_tuning).sum()))
    print(markdown(areas(known, rows == is_tuning, test, unknown)))
    print(markdown(tags_held_back(tagger, known, test, unknown)))
    print(markdown(windows_with_tags(tagger, known, unknown)))


def markdown(table: pd.DataFrame) -> str:
    """A table for docs/accuracy.md."""
    lines = ["| | " + " | ".join(table.columns) + " |", "|---" * (1 + len(table.columns)) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in table.itertuples(name=None))]) + "\n"


def cached(name: str, make: Callable[[], Clips]) -> Clips:
    """A set from the workspace, or made and written there."""
    path = Workspace().root / FOLDER / f"{name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **vars(make()))
    with np.load(path) as arrays:
        return Clips(**arrays)


def of_dataset(tagger: Tagger, folder: Path, subset: str) -> Clips:
    """The clips of a subset."""
    clips = open_dataset(folder).clips
    clips = clips[clips["subset"] == subset]
    found, labels = [], tagger.card.labels
    assert tagger.known_clips is not None  # the shipped ensemble knows them
    for row in clips.itertuples():
        evidence = tagger.evidence(row.path)
        if not evidence.audible.any():
            continue
        tags = tagger.tags_of(evidence)
        window = int(tags.timeline[:, labels.index(tags.ranking[0].label)].argmax())
        source = row.clip if pd.isna(row.group) else str(row.group)
        kind = "" if set(row.labels) <= set(labels) else row.labels[0]
        trained, targets = tagger.known_clips.trained_folds(evidence.content), np.isin(labels, row.labels)
        assert evidence.embeddings is not None
        found.append((evidence.embeddings[:, window], evidence.scores[:, window], trained, targets, kind, source))
    embeddings, scores, trained, targets, kinds, sources = map(np.array, zip(*found, strict=True))
    return Clips(np.moveaxis(embeddings, 0, 1), np.moveaxis(scores, 0, 1), trained, targets, kinds, sources)


def of_noises(tagger: Tagger) -> Clips:
    """Windows of noises and speech at each level; takes of 12 windows count as recordings."""
    speech, renderer = speech_kind()
    print(f"speech by {renderer}")
    kinds = [*(kind for kind in NOISES if kind.name != SILENCE), speech, Kind("babble", babble)]
    size, rate, found = tagger.card.spectrogram.clip_samples, tagger.card.spectrogram.sample_rate, []
    for number, kind in enumerate(kinds):
        for take in range(WINDOWS // 12):
            waveform = kind.render(np.random.default_rng((7, number, take)), 12 * size, rate)
            for level in LEVELS_DBFS:
                for start in range(0, len(waveform), size):
                    window = at_level(waveform, level)[start : start + size]
                    evidence = tagger.evidence_of(Sound(kind.name, window, rate, Header(size, rate, 1, "WAV", "FLOAT")))
                    assert evidence.embeddings is not None
                    source = f"{kind.name}, take {take}, from {start}"
                    found.append((evidence.embeddings[:, 0], evidence.scores[:, 0], kind.name, source))
    embeddings, scores, names, sources = map(np.array, zip(*found, strict=True))
    none = np.zeros((len(names), scores.shape[1]), bool), np.zeros((len(names), scores.shape[2]), bool)
    return Clips(np.moveaxis(embeddings, 0, 1), np.moveaxis(scores, 0, 1), *none, names, sources)


def detectors_of(known: Clips, fold: int) -> dict[str, Detector]:
    """All detectors of one fold, fitted to the clips that it was trained on."""
    rows = known.trained[:, fold]
    reference, targets = known.embeddings[fold, rows].astype(float), known.targets[rows]
    fitted = fit_sounds(reference, targets, known.embeddings[fold, ~rows])
    unit, first = normalised(reference), targets.argmax(axis=1)
    means = np.array([reference[targets[:, label]].mean(axis=0) for label in range(targets.shape[1])])
    within, total = inverse_covariance(reference - means[first]), inverse_covariance(reference - reference.mean(axis=0))
    _, _, basis = np.linalg.svd(unit, full_matrices=False)

    def nearest(count: int) -> Detector:
        return lambda embeddings, scores: np.sort(normalised(embeddings) @ unit.T, axis=1)[:, -count:].mean(axis=1)

    def nearest_of_label(embeddings: np.ndarray, scores: np.ndarray) -> np.ndarray:
        similar = normalised(embeddings) @ unit.T
        likeliest = scores.argmax(axis=1)
        rows = zip(similar, likeliest, strict=True)
        return np.array([np.sort(row[targets[:, label]])[-5:].mean() for row, label in rows])

    def to_means(embeddings: np.ndarray) -> np.ndarray:
        away = embeddings[:, None] - means[None]
        return np.einsum("ncd,de,nce->nc", away, within, away, optimize=True).min(axis=1)

    def to_mean(embeddings: np.ndarray) -> np.ndarray:
        away = embeddings - reference.mean(axis=0)
        return np.einsum("nd,de,ne->n", away, total, away, optimize=True)

    def logits(scores: np.ndarray) -> np.ndarray:
        return logit(np.clip(scores, MIN_SCORE, 1 - MIN_SCORE))

    return {
        FITTED: lambda embeddings, scores: -fitted.distances(embeddings),
        "nearest clip, cosine": nearest(1),
        "5 nearest clips, cosine (Sun et al. 2022)": nearest(5),
        "5 nearest clips of the likeliest label": nearest_of_label,
        "Mahalanobis (Lee et al. 2018)": lambda embeddings, scores: -to_means(embeddings),
        "relative Mahalanobis (Ren et al. 2021)": lambda embeddings, scores: to_mean(embeddings) - to_means(embeddings),
        "length of the embedding": lambda embeddings, scores: np.linalg.norm(embeddings, axis=1),
        "residual outside 40 directions (as ViM)": lambda embeddings, scores: (
            -np.linalg.norm(normalised(embeddings) @ basis[40:].T, axis=1)
        ),
        "highest score": lambda embeddings, scores: scores.max(axis=1),
        "energy (Liu et al. 2020)": lambda embeddings, scores: np.logaddexp.reduce(logits(scores), axis=1),
        "joint energy (Wang et al. 2021)": lambda embeddings, scores: np.logaddexp(0, logits(scores)).sum(axis=1),
    }


def normalised(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def inverse_covariance(away: np.ndarray) -> np.ndarray:
    """Inverse covariance with a ridge of a hundredth of the mean variance."""
    covariance = np.cov(away.T)
    return np.linalg.inv(covariance + 0.01 * np.trace(covariance) / len(covariance) * np.eye(len(covariance)))


def areas(known: Clips, counted: np.ndarray, test: Clips, unknown: dict[str, Clips]) -> pd.DataFrame:
    """Area under the ROC curve of each detector against each kind of unknown sound, with intervals."""
    rng, folds = np.random.default_rng(0), range(len(known.scores))
    detectors = [detectors_of(known, fold) for fold in folds]
    is_esc10 = np.char.startswith(known.sources, "esc10-")
    sets = {
        "ESC-10, held out": [known.of(counted & is_esc10 & ~known.trained[:, fold]) for fold in folds],
        "starter test clips": [test] * len(folds),
    }
    rows = {}
    for name in detectors[0]:
        row = {}
        for known_name, clips in sets.items():
            inside = [detectors[fold][name](clips[fold].embeddings[fold], clips[fold].scores[fold]) for fold in folds]
            for unknown_name, others in unknown.items():
                outside = [detectors[fold][name](others.embeddings[fold], others.scores[fold]) for fold in folds]
                sources = [numbered(each.sources) for each in clips]
                row[f"{known_name} / {unknown_name}"] = with_interval(
                    inside, outside, sources, numbered(others.sources), rng
                )
        rows[name] = row
    return pd.DataFrame(rows).T


def with_interval(
    inside: list[np.ndarray],
    outside: list[np.ndarray],
    inside_sources: list[np.ndarray],
    outside_sources: np.ndarray,
    rng: np.random.Generator,
) -> str:
    """Mean area over the folds, and its interval by drawing recordings with replacement."""
    value = np.mean([area(*pair) for pair in zip(inside, outside, strict=True)])
    drawn = []
    for _ in range(RESAMPLES):
        rows = resampled(outside_sources, rng)
        drawn.append(
            np.mean(
                [
                    area(known[resampled(sources, rng)], unknown[rows])
                    for known, sources, unknown in zip(inside, inside_sources, outside, strict=True)
                ]
            )
        )
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def numbered(sources: np.ndarray) -> np.ndarray:
    """A number from 0 on per recording, in place of its name."""
    return np.unique(sources, return_inverse=True)[1]


def resampled(numbers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of as many recordings as there are, drawn with replacement."""
    count = int(numbers.max()) + 1
    times = np.bincount(rng.integers(0, count, count), minlength=count)
    return np.repeat(np.arange(len(numbers)), times[numbers])


def area(known: np.ndarray, unknown: np.ndarray) -> float:
    """Share of pairs in which the known clip is the more familiar one; ties count half."""
    ranks = rankdata(np.concatenate([known, unknown]))
    return float((ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown)))


def judged(known: Clips, name: str, detectors: list[Detector]) -> Callable[[Clips, bool], np.ndarray]:
    """How familiar clips are by a detector as it is used: by the fold that held a clip out, or by all of them.

    Values of embeddings become shares of held-out clips, which are averaged over folds as the tagger does; detectors
    that use scores alone use the combined ones.
    """
    folds = range(len(detectors))
    if "score" in name or "energy" in name:

        def by_scores(clips: Clips, own_fold: bool) -> np.ndarray:
            scores = own_scores(clips) if own_fold else clips.scores.mean(axis=0)
            return detectors[0](clips.embeddings[0], scores)

        return by_scores

    held_out = [
        np.sort(-detector(known.embeddings[fold, rows], known.scores[fold, rows])).astype(np.float32)
        for fold, detector in enumerate(detectors)
        for rows in [~known.trained[:, fold]]
    ]

    def by_shares(clips: Clips, own_fold: bool) -> np.ndarray:
        shares = np.array(
            [
                share_at_least(held_out[fold], -detectors[fold](clips.embeddings[fold], clips.scores[fold]))
                for fold in folds
            ]
        )
        if own_fold:
            return shares[(~clips.trained).argmax(axis=1), np.arange(len(clips.kinds))]
        return over_folds(shares)

    return by_shares


def own_scores(clips: Clips) -> np.ndarray:
    """Scores of each clip by the fold that held it out."""
    return clips.scores[(~clips.trained).argmax(axis=1), np.arange(len(clips.kinds))]


def tags_held_back(tagger: Tagger, known: Clips, test: Clips, unknown: dict[str, Clips]) -> pd.DataFrame:
    """Share of tags that go where 95 % of the right tags, out of fold, are kept."""
    limits = np.array(tagger.card.thresholds)
    known, rng = known.of((~known.trained).sum(axis=1) == 1), np.random.default_rng(0)
    given = own_scores(known) >= limits
    right, wrong = (given & known.targets).sum(axis=1), (given & ~known.targets).sum(axis=1)
    test_right = ((test.scores.mean(axis=0) >= limits) & test.targets).sum(axis=1)
    fitted, rows = [detectors_of(known, fold) for fold in range(len(known.scores))], {}
    for name in fitted[0]:
        judge = judged(known, name, [of_fold[name] for of_fold in fitted])
        out_of_fold, of_test = judge(known, True), judge(test, False)
        least = threshold_of(np.repeat(out_of_fold, right))
        row = {
            "right tags of test clips kept": share(test_right, of_test >= least, test.sources, rng),
            "wrong tags out of fold held back": share(wrong, out_of_fold < least, known.sources, rng),
        }
        for unknown_name, clips in unknown.items():
            tags = (clips.scores.mean(axis=0) >= limits).sum(axis=1)
            row[f"false tags of {unknown_name} held back"] = share(
                tags, judge(clips, False) < least, clips.sources, rng
            )
        rows[name] = row
    return pd.DataFrame(rows).T


def share(tags: np.ndarray, chosen: np.ndarray, sources: np.ndarray, rng: np.random.Generator) -> str:
    """Share of tags of chosen clips, with its interval, and the number of tags."""
    drawn, numbers = [], numbered(sources)
    for _ in range(RESAMPLES):
        rows = resampled(numbers, rng)
        drawn.append(tags[rows][chosen[rows]].sum() / max(tags[rows].sum(), 1))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{tags[chosen].sum() / max(tags.sum(), 1):.1%} ({low:.0%} to {high:.0%}) of {tags.sum():,}"


def windows_with_tags(tagger: Tagger, known: Clips, unknown: dict[str, Clips]) -> pd.DataFrame:
    """The noise gate with and without the switch: share of windows with a tag, by kind of sound."""
    assert tagger.familiar is not None
    limits, rows = np.array(tagger.card.thresholds), []
    for name in ("speech", "noises"):
        clips = unknown[name]
        has_tag = (clips.scores.mean(axis=0) >= limits).any(axis=1)
        familiarity = over_folds(tagger.familiar.of_windows(clips.embeddings, range(len(clips.scores))))
        kept = has_tag & (familiarity >= tagger.familiar.threshold)
        for kind in np.unique(clips.kinds):
            of_kind = clips.kinds == kind
            rows.append((kind, of_kind.sum(), f"{has_tag[of_kind].mean():.0%}", f"{kept[of_kind].mean():.0%}"))
    columns = ["kind", "windows", "with a false tag", "with one that is not held back"]
    return pd.DataFrame(rows, columns=columns).set_index("kind")


if __name__ == "__main__":
    main()
