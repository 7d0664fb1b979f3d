"""Measure how many made copies are found as near-duplicates: ``python benchmarks/near_duplicates.py KITCHEN20 ESC10``.

Copies of random clips are made in a temporary folder: MP3 of 64 kbit/s, 6 dB softer and louder, cut by 0.7 s, at other
sample rates, and combinations. Then originals and copies are searched together, as ``audiotag duplicates`` does. A pair
of a clip and its copy is right; one of two different recordings is wrong; one of two clips of one recording is neither,
because these may overlap. Clips are KITCHEN20's and those of fold 1 of ESC10. With ``--tune`` they are those of ESC10's
other folds, on which the least similarity was chosen.

Wrong pairs are checked once more, by the correlation of their waveforms at the offset: where it is high, the datasets
themselves have a recording twice. These pairs are listed, and do not count as wrong.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from scipy.signal import correlate

from audiotag.audio.levels import SILENCE_DBFS, peak_dbfs
from audiotag.audio.reading import read_sound
from audiotag.data.layouts import open_dataset
from audiotag.similarity.band_energies import read_band_energies
from audiotag.similarity.near_duplicates import (
    MIN_SIMILARITY,
    Match,
    compare,
    nearest_pairs,
    pairs_with_common_patterns,
    patterns,
)
from audiotag.similarity.vectors import clip_vector
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.trust.intervals import wilson_interval

CUT_S = 0.7
PRECISION = 0.99
RATE = 16_000  # of the waveforms that are correlated
WINDOW_S = 0.5
SLACK_S = 0.05
SAME_WAVEFORM = 0.9  # correlation of a window from which on it is the same recording
MIN_SAME_SHARE = 0.4  # of windows; the rest may have been edited

Waveform = tuple[np.ndarray, int]  # and sample rate in Hz


@dataclass(frozen=True)
class File:
    """A clip or a copy.

    Attributes
    ----------
    path : Path
    recording : str
        Of clips of one recording the same.
    original : int
        Number of the clip; of a copy, that of its original.
    kind : str
        How the copy was made; empty for an original.
    """

    path: Path
    recording: str
    original: int
    kind: str = ""


def mp3(sound: Waveform) -> Waveform:
    """The sound after MP3 of 64 kbit/s."""
    with tempfile.NamedTemporaryFile(suffix=".mp3") as file:
        with av.open(file.name, "w") as container:
            stream = container.add_stream("mp3", rate=sound[1], layout="mono")
            stream.bit_rate = 64_000
            frame = av.AudioFrame.from_ndarray(np.clip(sound[0], -1, 1)[None], format="fltp", layout="mono")
            frame.sample_rate = sound[1]
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        decoded = read_sound(Path(file.name))
    return decoded.waveform, decoded.sample_rate


def gain(decibels: float) -> Callable[[Waveform], Waveform]:
    """The sound at another level; what is above full scale is clipped."""
    return lambda sound: (np.clip(sound[0] * np.float32(10 ** (decibels / 20)), -1, 1), sound[1])


def cut(seconds: float) -> Callable[[Waveform], Waveform]:
    """The sound without its first seconds, or its last ones if negative."""

    def apply(sound: Waveform) -> Waveform:
        samples = round(seconds * sound[1])
        return (sound[0][samples:] if samples > 0 else sound[0][:samples]), sound[1]

    return apply


def resample(rate: int) -> Callable[[Waveform], Waveform]:
    """The sound at another sample rate in Hz."""
    return lambda sound: (soxr.resample(sound[0], sound[1], rate), rate)


def chain(*steps: Callable[[Waveform], Waveform]) -> Callable[[Waveform], Waveform]:
    """Several changes one after the other."""

    def apply(sound: Waveform) -> Waveform:
        for step in steps:
            sound = step(sound)
        return sound

    return apply


KINDS: dict[str, Callable[[Waveform], Waveform]] = {
    "MP3 of 64 kbit/s": mp3,
    "6 dB softer": gain(-6),
    "6 dB louder, clipped": gain(6),
    "first 0.7 s cut": cut(CUT_S),
    "last 0.7 s cut": cut(-CUT_S),
    "resampled to 16 kHz": resample(16_000),
    "resampled to 8 kHz": resample(8_000),
    "cut, 6 dB softer, MP3": chain(cut(CUT_S), gain(-6), mp3),
    "cut, 6 dB softer, 16 kHz": chain(cut(CUT_S), gain(-6), resample(16_000)),
    "middle 1.5 s, MP3": chain(cut(1.75), cut(-1.75), mp3),
}
FIRST_S = {  # how much later than the original a copy begins
    "first 0.7 s cut": CUT_S, "cut, 6 dB softer, MP3": CUT_S, "cut, 6 dB softer, 16 kHz": CUT_S,
    "middle 1.5 s, MP3": 1.75,
}  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kitchen20", type=Path)
    parser.add_argument("esc10", type=Path)
    parser.add_argument("--tune", action="store_true", help="search folds 2 to 5 of ESC-10 instead")
    parser.add_argument("--copies", type=int, default=40, help="copies of each kind (default: 40)")
    parser.add_argument("--ensemble", default="starter")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    esc10 = originals(options.esc10, lambda fold: (fold != 1) == options.tune)
    files = esc10 if options.tune else originals(options.kitchen20, lambda _: True, len(esc10)) + esc10
    with tempfile.TemporaryDirectory() as folder:
        made = make_copies(files, options.copies, Path(folder), np.random.default_rng(options.seed))
        report([*files, *made], find_ensemble(options.ensemble))


def originals(path: Path, is_in: Callable[[int], bool], first: int = 0) -> list[File]:
    """The labelled clips of a dataset whose fold is wanted; their numbers begin with the first one."""
    clips = open_dataset(path).clips
    rows = [
        (Path(sound), f"{path.name} {group}")
        for sound, group, fold in zip(clips["path"], clips["group"], clips["fold"], strict=True)
        if is_in(fold)
    ]
    return [File(sound, recording, first + number) for number, (sound, recording) in enumerate(rows)]


def make_copies(files: list[File], count: int, folder: Path, rng: np.random.Generator) -> list[File]:
    """Copies of random clips in a folder; those that have no sound, because it was cut off, are left out."""
    made = []
    for number, (kind, change) in enumerate(KINDS.items()):
        for row in rng.permutation(len(files)):
            sound = read_sound(files[row].path)
            waveform, rate = change((sound.waveform, sound.sample_rate))
            if len(waveform) and peak_dbfs(waveform) > SILENCE_DBFS:
                path = folder / f"{number}-{row}.wav"
                soundfile.write(path, waveform, rate, subtype="PCM_16")
                made.append(File(path, files[row].recording, files[row].original, kind))
            if sum(each.kind == kind for each in made) == count:
                break
    return made


def report(files: list[File], ensemble: Path) -> None:
    """Search the files and print what was found."""
    seconds: dict[str, float] = {}  # of all threads, so that other work on the machine has little influence
    began = time.process_time()

    def lap(step: str) -> None:
        seconds[step] = time.process_time() - began - sum(seconds.values())

    tagger = Tagger(ensemble, keep_embeddings=True)
    sounds = [SoundFile(file.path, file.path.name) for file in files]
    tags = [result.tags for result in tag_files(tagger, sounds)]
    embeddings = [each.embeddings for each in tags if each is not None and each.embeddings is not None]
    vectors = np.stack([clip_vector(each) for each in embeddings])
    lap("embed")
    energies = [read_band_energies(file.path, file.path.name) for file in files]
    lap("read the band energies")
    by_embeddings = nearest_pairs(vectors)
    by_patterns = pairs_with_common_patterns([patterns(each) for each in energies])
    lap("choose pairs")
    pairs = by_embeddings | by_patterns
    matches = {pair: compare(energies[pair[0]], energies[pair[1]]) for pair in sorted(pairs)}
    lap("compare pairs")
    wrong = {pair: match for pair, match in matches.items() if files[pair[0]].recording != files[pair[1]].recording}
    real = {pair for pair, match in wrong.items() if match.similarity > 0.4 and is_same_waveform(files, pair, match)}
    wrong = {pair: match for pair, match in wrong.items() if pair not in real}
    threshold = least_similarity(files, matches, wrong)
    count = sum(file.kind == "" for file in files)
    print(f"{len(files):,} files, {count:,} of them originals; {len(pairs):,} pairs compared")
    print(f"{len(by_embeddings):,} pairs by embeddings, {len(by_patterns):,} by common patterns")
    print(
        "processor time per 1,000 files, s:",
        ", ".join(f"{step} {1000 * s / len(files):.1f}" for step, s in seconds.items()),
    )
    print_table(files, matches, by_embeddings, by_patterns, threshold)
    for title, least in (("fixed", MIN_SIMILARITY), (f"for a precision of {PRECISION:.0%}", threshold)):
        right = sum(match.similarity >= least for pair, match in matches.items() if is_copy(files, pair))
        false = sum(match.similarity >= least for match in wrong.values())
        low, high = wilson_interval([right], [right + false])
        print(
            f"least similarity {title}: {least:.2f}; right pairs {right:,}, wrong pairs {false:,}, precision "
            f"{right / (right + false):.4f} ({low[0]:.4f} to {high[0]:.4f})"
        )
    print("the most similar wrong pairs:")
    for pair, match in sorted(wrong.items(), key=lambda item: -item[1].similarity)[:6]:
        print(f"  {described(files, pair)} {match.offset_s:+.2f} s, {match.similarity:.2f}")
    print("pairs of different recordings with the same waveform:")
    for pair in sorted(real, key=lambda pair: -matches[pair].similarity):
        print(f"  {described(files, pair)} {matches[pair].offset_s:+.2f} s, {matches[pair].similarity:.2f}")


def print_table(
    files: list[File],
    matches: dict[tuple[int, int], Match],
    by_embeddings: set[tuple[int, int]],
    by_patterns: set[tuple[int, int]],
    threshold: float,
) -> None:
    """One row per kind of copies: how many there are, are candidates, and are found."""
    originals_of = {file.original: row for row, file in enumerate(files) if not file.kind}
    print(
        "| copy | copies | chosen by embeddings | by patterns | found | recall at 99 % precision | worst offset, ms |"
    )
    print("|---|---|---|---|---|---|---|")
    for kind in (*KINDS, ""):
        own = [
            (originals_of[file.original], row)
            for row, file in enumerate(files)
            if file.kind and (file.kind == kind or not kind)
        ]
        similarity = np.array([matches[pair].similarity if pair in matches else 0.0 for pair in own])
        found = int((similarity >= MIN_SIMILARITY).sum())
        low, high = wilson_interval([found], [len(own)])
        shares = [np.mean([pair in chosen for pair in own]) for chosen in (by_embeddings, by_patterns)]
        row = (
            f"| {kind or 'all'} | {len(own)} | {shares[0]:.2f} | {shares[1]:.2f} | {found / len(own):.3f} "
            f"({low[0]:.3f} to {high[0]:.3f}) | {np.mean(similarity >= threshold):.3f} | "
        )
        print(row + (f"{worst_error_ms(kind, matches, own):.0f} |" if kind else "|"))


def worst_error_ms(kind: str, matches: dict[tuple[int, int], Match], pairs: list[tuple[int, int]]) -> float:
    """The largest error of the offsets of the copies of one kind that are found."""
    offset_s = FIRST_S.get(kind, 0.0)
    found = [matches[pair] for pair in pairs if pair in matches]
    errors_s = [abs(match.offset_s - offset_s) for match in found if match.similarity >= MIN_SIMILARITY]
    return 1000 * max(errors_s, default=0.0)


def least_similarity(
    files: list[File], matches: dict[tuple[int, int], Match], wrong: dict[tuple[int, int], Match]
) -> float:
    """The least similarity with at least the wanted precision over all pairs that are at least so similar."""
    right = sorted((match.similarity for pair, match in matches.items() if is_copy(files, pair)), reverse=True)
    false = np.sort([match.similarity for match in wrong.values()])
    least = 1.0
    for count, similarity in enumerate(right, 1):
        if count / (count + len(false) - np.searchsorted(false, similarity)) >= PRECISION:
            least = similarity
    return float(least)


def is_copy(files: list[File], pair: tuple[int, int]) -> bool:
    """Whether two files are of the same clip."""
    return files[pair[0]].original == files[pair[1]].original


def is_same_waveform(files: list[File], pair: tuple[int, int], match: Match) -> bool:
    """Whether the waveforms of two files agree in enough windows at the offset, whatever their levels."""
    first, second = (read_sound(files[row].path, RATE).waveform for row in pair)
    window, slack, lag = round(WINDOW_S * RATE), round(SLACK_S * RATE), round(match.offset_s * RATE)
    correlations = []
    for start in range(0, len(second) - window + 1, window):
        part, around = second[start : start + window], first[max(0, start + lag - slack) : start + lag + window + slack]
        if len(around) >= window and start + lag + slack > 0 and np.abs(part).max() > 1e-3:
            energy = np.convolve(np.square(around, dtype=float), np.ones(window), "valid") * np.square(part).sum()
            products = np.abs(correlate(around, part, "valid", "fft"))
            correlations.append(float((products / np.sqrt(np.maximum(energy, 1e-12))).max()))
    return bool(correlations) and float(np.mean(np.array(correlations) > SAME_WAVEFORM)) >= MIN_SAME_SHARE


def described(files: list[File], pair: tuple[int, int]) -> str:
    """Both files of a pair, copies by their kind."""
    names = [f"{file.path.name} ({file.kind or file.recording})" for file in (files[row] for row in pair)]
    return " and ".join(names)


if __name__ == "__main__":
    main()
