"""Measure how faithful explanations are, and how long they take: ``python benchmarks/explanation.py``.

Recordings are those of ESC-10 whose likeliest label is a tag of the starter ensemble, by the folds that were not
trained on them. Then come mixes of two of them, in which the label of the quieter one is explained. For each:

- deletion: more and more of time and frequency is removed from the waveform, what the map ranks highest first, and the
  label's score is measured by tagging what is left; the lower the area under this curve, the better;
- insertion: the waveform has only that part; the higher the area, the better.

The same is done with random masks, which are as smooth as the maps and remove as much, and with the loudest parts
first, which needs no network. Differences are paired, with 95 % bootstrap intervals over recordings. The time is that
of an explanation of a 5 s clip.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from audiotag.audio.header import Sound
from audiotag.audio.reading import read_short_sound
from audiotag.features.log_mel import display_log_mel
from audiotag.features.masking import MaskableSound, TimeFrequencyMap
from audiotag.tagging.explanation import best_part, explain_section, hear_parts
from audiotag.tagging.occlusion import top_share
from audiotag.tagging.section import Section
from audiotag.tagging.section_scores import SectionScorer
from audiotag.tagging.tagger import Tagger

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10" / "audio"
SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75)
LOUDER_DB = 6.0  # by how much the other sound of a mix is louder
MAX_S = 60.0
FLOOR, MEAN = "map, covered with the floor", "map, covered with the mean"
MAX_WITH_MEAN = 30  # recordings for which both are computed
RESAMPLES = 10_000


def curves(scorer: SectionScorer, ranking: TimeFrequencyMap, column: int, before: float) -> tuple[float, float]:
    """Areas under the deletion and the insertion curve of a ranking of time and frequency."""
    section = scorer.section
    sound = MaskableSound(section.waveform, section.sample_rate)
    masks = [replace(ranking, values=top_share(ranking.values, share).astype(float)) for share in SHARES]
    only = [sound.part(mask) for mask in masks]
    scores = scorer.waveforms([*only, *(section.waveform - part for part in only)])[:, column]
    at = [0, *SHARES, 1]
    kept, left = np.split(scores, 2)
    return float(np.trapezoid([before, *left, 0], at)), float(np.trapezoid([0, *kept, before], at))


def single_sounds(tagger: Tagger, paths: Sequence[Path], count: int) -> Iterator[tuple[Sound, str]]:
    """Recordings whose likeliest label is a tag, with that label."""
    rate = tagger.card.spectrogram.sample_rate
    for path in paths:
        sound = read_short_sound(path, rate, MAX_S)
        assert sound is not None
        tags = tagger.tag_sound(sound)
        if tags.tags:
            yield sound, tags.tags[0].label
            count -= 1
        if not count:
            return


def mixes(tagger: Tagger, sounds: Sequence[tuple[Sound, str]], rng: np.random.Generator) -> Iterator[tuple[Sound, str]]:
    """Each recording below another one with another label, where it still has its tag."""
    for sound, label in sounds:
        others = [other for other, of_other in sounds if of_other != label]
        other = others[rng.integers(len(others))]
        samples = min(len(sound.waveform), len(other.waveform))
        louder = 10 ** (LOUDER_DB / 20) * at_unit_level(other.waveform[:samples])
        both = at_unit_level(sound.waveform[:samples]) + louder
        mix = replace(sound, waveform=(0.9 * both / np.abs(both).max()).astype(np.float32))
        if label in [tag.label for tag in tagger.tag_sound(mix).tags]:
            yield mix, label


def at_unit_level(waveform: np.ndarray) -> np.ndarray:
    """A waveform with an RMS of 1."""
    return waveform / (np.sqrt(np.mean(np.square(waveform, dtype=np.float64))) + 1e-9)


def measure(tagger: Tagger, sounds: Sequence[tuple[Sound, str]], seed: int) -> None:
    """Print the areas of all rankings, their differences from random masks, and the scores of the parts."""
    rate, settings = tagger.card.spectrogram.sample_rate, tagger.card.spectrogram
    rng = np.random.default_rng(seed)
    areas: dict[str, list[tuple[float, float]]] = {}
    heard: list[Any] = []
    befores: list[Any] = []
    shares: list[Any] = []
    for sound, label in sounds:
        waveform = sound.waveform[: settings.clip_samples]
        section = Section(sound.name, waveform, rate, content=sound.content)
        scorer = SectionScorer(tagger, section)
        column = tagger.card.labels.index(label)
        floor = explain_section(tagger, section)
        needed = floor.map_of(label)
        noise = gaussian_filter(rng.normal(size=needed.values.shape), np.array(needed.values.shape) / 14)
        loud = display_log_mel(waveform, settings)
        loudest = TimeFrequencyMap(loud, needed.frequencies_hz, np.arange(loud.shape[1]) * settings.hop_length / rate)
        rankings = {
            FLOOR: needed,
            "random": replace(needed, values=noise),
            "loudest first": loudest,
        }
        if len(befores) < MAX_WITH_MEAN:
            rankings[MEAN] = explain_section(tagger, section, filling="mean").map_of(label)
        for name, ranking in rankings.items():
            areas.setdefault(name, []).append(curves(scorer, ranking, column, floor.score(label)))
        part = best_part(hear_parts(tagger, floor, label))
        befores.append(floor.score(label))
        heard.append((part.only_score, part.without_score))
        shares.append(part.share)
    ours = np.array(areas[FLOOR])
    print(f"\n{len(ours)} recordings, mean score {np.mean(befores):.3f}\n")
    print("| ranking | deletion | insertion | map minus this: deletion | insertion |")
    print("|---|---|---|---|---|")
    for name, values in areas.items():
        theirs = np.array(values)
        differences = " | ".join(interval(ours[: len(theirs), kind] - theirs[:, kind], seed) for kind in (0, 1))
        name = name if len(theirs) == len(ours) else f"{name}, {len(theirs)} recordings"
        print(f"| {name} | {theirs[:, 0].mean():.3f} | {theirs[:, 1].mean():.3f} | {differences} |")
    only, without = np.array(heard).T
    print(
        f"\nThe part that is heard has {np.mean(shares):.0%} of time and frequency on average; score with only that "
        f"part {only.mean():.3f}, without it {without.mean():.3f}.",
        flush=True,
    )


def interval(differences: np.ndarray, seed: int) -> str:
    """Mean of paired differences with its 95 % bootstrap interval."""
    if not differences.any():
        return ""
    drawn = np.random.default_rng(seed).integers(len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return f"{differences.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def measure_time(tagger: Tagger, sound: Sound, label: str) -> None:
    """Print the shortest of five times of an explanation of one clip, with all that a first click does."""
    section = Section(sound.name, sound.waveform, sound.sample_rate)
    walls, processor = [], []
    for _ in range(5):
        wall, used = time.perf_counter(), time.process_time()
        explanation = explain_section(tagger, section)
        explained = time.perf_counter()
        hear_parts(tagger, explanation, label)
        walls.append((time.perf_counter() - wall, explained - wall))
        processor.append(time.process_time() - used)
    total, maps = min(walls)
    print(
        f"\n{section.duration_s:.0f} s, {len(tagger.card.folds)} folds, {1 + explanation.grid.patches} inputs, "
        f"{os.cpu_count()} cores, {tagger.engine_name}: {total:.2f} s ({maps:.2f} s for the maps of all labels, "
        f"the rest for the sounds of one), {min(processor):.2f} s of processor time",
        flush=True,
    )


def main() -> None:
    """Measure single sounds, mixes and time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ensemble", default="starter", help="name or folder of an ensemble (default: starter)")
    parser.add_argument("--recordings", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--mixes", type=int, default=30, help="how many of them are mixed with another (default: 30)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not ESC10.is_dir():
        parser.error(f"{ESC10} is missing")
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as temporary:
        os.environ.setdefault("AUDIOTAG_HOME", temporary)
        tagger = Tagger(options.ensemble)
        paths = sorted(ESC10.iterdir())
        rng = np.random.default_rng(options.seed)
        rng.shuffle(paths)
        sounds = list(single_sounds(tagger, paths, options.recordings))
        measure_time(tagger, *sounds[0])
        measure(tagger, sounds, options.seed)
        print(f"\nMixes with another recording that is {LOUDER_DB:g} dB louder:")
        measure(tagger, list(mixes(tagger, sounds[: options.mixes], rng)), options.seed)


if __name__ == "__main__":
    main()
