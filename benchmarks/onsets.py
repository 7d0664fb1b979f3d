"""Measure how exactly a timeline says when events begin and end: ``python benchmarks/onsets.py [--mixes 60]``.

Each mix is 40 s of quiet pink noise (-60 dBFS) with up to three recordings of ESC-10, of different labels, at known
times. Of a recording, the part within 30 dB of its loudest moment is taken, 1 to 4 s of it if it is longer. All
recordings of a mix were held out of the same fold of the starter ensemble, and this fold alone scores the mix. Windows
are scored once, 0.25 s apart, and those of lower overlaps are taken from these. The constants of
`audiotag.tagging.moments` were chosen on the mixes of ``--tuning``, which have the recordings of other folds.

For each event, the range of its label above its threshold that overlaps it most is found in the timeline. The table has
the events that were found at all, the median error of onsets and of ends, how many of all events have an onset within
0.5 s, with a 95 % bootstrap interval over mixes, and how many of those that were found. Last comes how far the clip's
scores move with the overlap.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audiotag.audio.header import Sound
from audiotag.audio.reading import read_short_sound
from audiotag.tagging.evidence import Evidence
from audiotag.tagging.moments import with_moments
from audiotag.tagging.result import Tags
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "esc10"
REPORTED_FOLDS, TUNING_FOLDS = (1, 2, 3), (4, 5)
TUNING_SEED = 11
OVERLAPS = (0.5, 0.75, 0.9, 0.95)
LABELS = {
    "Dog bark": "Bark", "Chainsaw": "Chainsaw", "Fire crackling": "Crackle", "Helicopter": "Helicopter", "Rain": "Rain",
    "Baby cry": "Baby_cry", "Clock tick": "Tick-tock", "Person sneeze": "Sneeze", "Rooster": "Rooster",
    "Sea waves": "Waves_and_surf",
}  # fmt: skip
MIX_S, MAX_EVENTS = 40.0, 3
EVENT_DBFS, NOISE_DBFS = -25.0, -60.0
ACTIVE_RANGE_DB = 30.0
GAP_S = (2.0, 6.0)
FIRST_S = 6.0  # of noise alone, more than a window, at both ends
WITHIN_S = 0.5
RESAMPLES = 10_000


class Event(NamedTuple):
    """A recording in a mix: its label, and from when to when it sounds."""

    label: str
    start_s: float
    end_s: float


class Found(NamedTuple):
    """Errors of the range that was found for an event, in seconds; NaN where none was."""

    onset: float
    end: float


def active_part(waveform: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The part of a recording that sounds, 1 to 4 s of it if it is longer."""
    step = rate // 100
    power = np.square(waveform[: len(waveform) // step * step].reshape(-1, step), dtype=np.float64).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-ACTIVE_RANGE_DB / 10))
    part = waveform[loud[0] * step : (loud[-1] + 1) * step]
    return part if len(part) <= 4 * rate else part[: round(rng.uniform(1, 4) * rate)]


def make_mix(pool: dict[str, list[Sound]], rate: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Event]]:
    """Recordings at known times in quiet pink noise."""
    spectrum = np.fft.rfft(rng.normal(size=round(MIX_S * rate)))
    mix = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)))
    mix *= 10 ** (NOISE_DBFS / 20) / mix.std()
    events, at_s = [], FIRST_S + rng.uniform(0, 3)
    for label in rng.permutation(sorted(pool))[:MAX_EVENTS]:
        recording = pool[label][rng.integers(len(pool[label]))]
        part = active_part(recording.waveform, rate, rng)
        part = part * min(10 ** (EVENT_DBFS / 20) / np.sqrt(np.mean(part**2)), 0.9 / np.abs(part).max())
        part[-rate // 100 :] *= np.linspace(1, 0, rate // 100)
        first = round(at_s * rate)
        if first + len(part) > len(mix) - FIRST_S * rate:
            break
        mix[first : first + len(part)] += part
        events.append(Event(str(label), at_s, at_s + len(part) / rate))
        at_s += len(part) / rate + rng.uniform(*GAP_S)
    return np.clip(mix, -1, 1).astype(np.float32), events


def held_out_recordings(tagger: Tagger) -> dict[int, dict[str, list[Sound]]]:
    """By the only fold that was not trained on them, the recordings of each label."""
    assert tagger.known_clips is not None
    found: dict[int, dict[str, list[Sound]]] = {}
    with open(FOLDER / "esc10.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sound = read_short_sound(FOLDER / "audio" / row["fname"], tagger.card.spectrogram.sample_rate, MIX_S)
            assert sound is not None  # it has 5 s
            untrained = np.flatnonzero(~tagger.known_clips.trained_folds(sound.content))
            if len(untrained) == 1:
                fold = found.setdefault(tagger.card.folds[untrained[0]].fold, {})
                fold.setdefault(LABELS[row["label"]], []).append(sound)
    return found


def at_overlap(evidence: Evidence, overlap: float) -> Evidence:
    """The windows that a lower overlap would have."""
    hop = round((1 - overlap) / (1 - max(OVERLAPS)))
    kept = np.unique([*range(0, len(evidence.starts_s), hop), len(evidence.starts_s) - 1])
    return replace(
        evidence,
        starts_s=evidence.starts_s[kept],
        audible=evidence.audible[kept],
        scores=evidence.scores[:, kept],
        familiarity=None,
    )


def compare(tags: Tags, column: int, threshold: float, event: Event, by_middles: bool) -> Found:
    """The errors of the range that overlaps an event most; with ``by_middles``, from the first window's middle on."""
    high = np.concatenate([[False], tags.timeline[:, column] >= threshold, [False]])
    first, last = np.flatnonzero(high[1:] & ~high[:-1]), np.flatnonzero(high[:-1] & ~high[1:]) - 1
    shift = tags.window_s / 2 if by_middles else 0.0
    starts, ends = tags.starts_s[first] + shift, tags.starts_s[last] + tags.window_s - shift
    if not len(starts):
        return Found(np.nan, np.nan)
    best = int(np.argmax(np.minimum(ends, event.end_s) - np.maximum(starts, event.start_s)))
    if min(ends[best], event.end_s) + GAP_S[0] < max(starts[best], event.start_s):
        return Found(np.nan, np.nan)
    return Found(float(starts[best] - event.start_s), float(ends[best] - event.end_s))


def print_row(name: str, overlap: float, per_mix: Sequence[list[Found]], seed: int) -> None:
    """One row of the table."""
    events = np.array([found for mix in per_mix for found in mix])
    right = np.array([sum(abs(found.onset) <= WITHIN_S for found in mix) for mix in per_mix])
    counts = np.array([len(mix) for mix in per_mix])
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    low, high = np.quantile(right[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    onset, end = np.nanmedian(np.abs(events), axis=0)
    found = np.isfinite(events[:, 0]).sum()
    print(
        f"| {name} | {overlap:g} | {found} of {len(events)} | {onset:.2f} s | {end:.2f} s | "
        f"{right.sum() / counts.sum():.2f} ({low:.2f} to {high:.2f}) | "
        f"{right.sum() / found:.2f} |",
        flush=True,
    )


def main() -> None:
    """Make and score the mixes, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixes", type=int, default=60, help="how many (default: 60)")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--tuning", action="store_true", help="the mixes that the constants were chosen on")
    options = parser.parse_args()
    if not FOLDER.is_dir():
        parser.error(f"{FOLDER} is missing")
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as temporary:
        os.environ.setdefault("AUDIOTAG_HOME", temporary)
        folds, seed = (TUNING_FOLDS, TUNING_SEED) if options.tuning else (REPORTED_FOLDS, options.seed)
        measure(Tagger("starter"), folds, options.mixes, seed)


def measure(ensemble: Tagger, folds: Sequence[int], mixes: int, seed: int) -> None:
    """Print the table, and how far the clips' scores move."""
    pools = held_out_recordings(ensemble)
    taggers = {fold: Tagger("starter", TagSettings(overlap=max(OVERLAPS), folds=(fold,))) for fold in folds}
    rate, labels = ensemble.card.spectrogram.sample_rate, ensemble.card.labels
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, float], list[list[Found]]] = {}
    drift: dict[tuple[str, float], list[np.ndarray]] = {}
    for number in range(mixes):
        fold = folds[number % len(folds)]
        tagger = taggers[fold]
        waveform, events = make_mix(pools[fold], rate, rng)
        evidence = tagger.evidence(waveform, f"mix {number}", rate)
        evidence = replace(evidence, familiarity=None)
        for overlap in OVERLAPS:
            own = at_overlap(evidence, overlap)
            windows = tagger.window_tags_of(own)
            timelines = {"windows, from start to end": windows, "windows, from middle to middle": windows}
            timelines["moments"] = with_moments(windows)
            for name, tags in timelines.items():
                if name == "moments" and tags is windows:
                    continue
                columns = [labels.index(event.label) for event in events]
                errors = [
                    compare(tags, column, tagger.thresholds[column], event, "middle" in name)
                    for column, event in zip(columns, events, strict=True)
                ]
                found.setdefault((name, overlap), []).append(errors)
            for way in ("mean", "max"):
                scores = tagger.window_tags_of(own, TagSettings(windows=way)).scores
                drift.setdefault((way, overlap), []).append(scores)
    print(
        "| timeline | overlap | found | onset, median error | end, median error | onsets within 0.5 s "
        "| of those found |"
    )
    print("|---|---|---|---|---|---|---|")
    for (name, overlap), per_mix in sorted(found.items(), key=lambda each: each[0][::-1]):
        print_row(name, overlap, per_mix, seed)
    for way in ("mean", "max"):
        moved = [np.array(drift[way, overlap]) - np.array(drift[way, OVERLAPS[0]]) for overlap in OVERLAPS]
        texts = [
            f"{overlap:g}: {by.mean():+.4f} (largest {np.abs(by).max():.3f})"
            for overlap, by in zip(OVERLAPS, moved, strict=True)
        ]
        print(
            f"\nScores of clips by the {way} of windows, minus those at overlap {OVERLAPS[0]:g}: "
            + "; ".join(texts[1:])
        )


if __name__ == "__main__":
    main()
