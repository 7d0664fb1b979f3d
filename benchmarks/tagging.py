"""Measure how fast the shipped starter ensemble tags: ``python benchmarks/tagging.py [FOLDER]``.

The script takes 200 sounds from the folder. Without a folder these are the sounds of ESC-10 beside the repository if
they are there, otherwise starter sounds that it renders first. All five folds score every window, in a temporary
workspace. It prints:

- the time of the first use, which includes choosing the fastest engine;
- the time to tag one clip of 10 s with an open tagger;
- the time of a new ``audiotag tag`` process, at first and from its second run on;
- the speed of the ensemble's single network (``--fast``) beside that of its folds, in turn in one run, with what one
  clip costs in each stage. Where the ensemble has no single network, its first fold stands in: it has the same size;
- the speed for all sounds in bulk, decoding included, with windows of the training length without overlap, plain and
  with test-time augmentation (TTA). For comparison, fastai's ``get_preds`` and ``tta`` score some of the same files
  with fastaudio's transforms and the same five networks, one network after the other, as a user of fastai would.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import torch
from timing import shortest_seconds

from audiotag.audio.reading import read_header, read_short_sound, read_sound
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.trimming import fit_length
from audiotag.starter.render import StarterCounts, render_starter
from audiotag.tagging.bulk import FileResult, tag_files
from audiotag.tagging.bulk_job import BulkJob, fingerprint_of, tag_into_journal, tag_row
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.clip_inputs import MAX_WHOLE_CLIP_S
from audiotag.tagging.export.base import ExportOptions
from audiotag.tagging.fold_networks import WINDOWS_AT_ONCE
from audiotag.tagging.journal import Journal
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.tagging.training_profile import lowest_bandwidth_hz, sound_levels
from audiotag.tagging.weights import load_networks
from audiotag.training.backend.fastaudio_compat import import_fastaudio
from audiotag.workspace import SHIPPED_MODELS, Workspace

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10" / "audio"
STARTER = SHIPPED_MODELS / "starter"
SUFFIXES = (".wav", ".ogg", ".flac")
MAX_CLIPS = 200
MAX_FASTAI_CLIPS = 40
SINGLE_CLIP_S = 10
SAMPLE_RATE = 44_100
PROCESS_RUNS = 4
FASTAI_BATCH_SIZE = 32
ROUNDS = 5
MAX_STAGE_CLIPS = 40


class Speed(NamedTuple):
    """Clips per second without and with test-time augmentation."""

    plain: float
    tta: float


def sound_paths(folder: Path) -> list[Path]:
    """At most `MAX_CLIPS` sounds in a folder, evenly spaced in the order of their paths."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(MAX_CLIPS, len(paths))).astype(int))
    return [paths[index] for index in chosen]


def write_single_clip(path: Path, sources: Sequence[Path]) -> None:
    """Write a WAV of `SINGLE_CLIP_S` seconds that joins the sources."""
    joined = np.concatenate([read_sound(source, SAMPLE_RATE).waveform for source in sources])
    soundfile.write(path, np.resize(joined, SINGLE_CLIP_S * SAMPLE_RATE), SAMPLE_RATE)


def time_single_clip(clip: Path) -> None:
    """Print the time of the first use, and the time to tag one clip with an open tagger."""
    started = time.perf_counter()
    tagger = Tagger(STARTER)
    first_use_s = time.perf_counter() - started
    tagger.tag(clip)
    (clip_s,) = shortest_seconds(lambda: tagger.tag(clip))
    print(f"first use: {first_use_s:.1f} s; the fastest engine that agrees is {tagger.engine_name}", flush=True)
    print(
        f"one clip of {SINGLE_CLIP_S} s, open tagger: {1000 * clip_s:.0f} ms, {SINGLE_CLIP_S / clip_s:.0f} × real time",
        flush=True,
    )


def time_new_process(clip: Path, bytecode_cache: Path) -> None:
    """Print the time of a new process that tags one clip.

    Its modules are compiled in the first run and read from the cache afterwards, as Python does by default.
    """
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode_cache)}
    command = [sys.executable, "-m", "audiotag", "tag", str(clip), "--ensemble", "starter"]
    times_s = []
    for _ in range(1 + PROCESS_RUNS):
        started = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        times_s.append(time.perf_counter() - started)
    first_s, later_s = times_s[0], times_s[1:]
    print(
        f"a new process for this clip: first run {first_s:.1f} s, later runs {np.median(later_s):.2f} s "
        f"(median; shortest {min(later_s):.2f} s)"
    )


def measure_bulk(paths: Sequence[Path]) -> Speed:
    """Tag all sounds in bulk, plain and with test-time augmentation, and print the speed of both."""
    total_s = sum(read_header(path).duration_s for path in paths)
    clips_per_s = []
    for settings in (TagSettings(overlap=0), TagSettings(overlap=0, tta=True)):
        tagger = Tagger(STARTER, settings)
        tagger.tag(paths[0])
        started = time.perf_counter()
        results = list(tag_files(tagger, [SoundFile(path, path.name) for path in paths]))
        seconds = time.perf_counter() - started
        windows = sum(len(result.tags.starts_s) for result in results if result.tags)
        print(
            f"{len(paths)} clips of {total_s / len(paths):.1f} s{' with TTA' if settings.tta else ''}: "
            f"{total_s / seconds:.0f} × real time, {len(paths) / seconds:.1f} clips per second, {windows} windows",
            flush=True,
        )
        clips_per_s.append(len(paths) / seconds)
    return Speed(*clips_per_s)


def open_both() -> tuple[Tagger, Tagger, str]:
    """The ensemble with all folds and with one network, without overlap, and what the latter is."""
    folds = Tagger(STARTER, TagSettings(overlap=0))
    if read_card(STARTER).single is not None:
        return folds, Tagger(STARTER, TagSettings(overlap=0, fast=True)), "single network"
    first = folds.card.folds[0].fold
    return folds, Tagger(STARTER, TagSettings(overlap=0, folds=(first,))), f"fold {first}, in place of a single network"


def measure_single(paths: Sequence[Path]) -> None:
    """Print the speed of all folds and of one network in bulk, in turn, with and without the journal of a file."""
    folds, single, name = open_both()
    files = [SoundFile(path, path.name) for path in paths]
    total_s = sum(read_header(path).duration_s for path in paths)
    ways = {f"{len(folds.card.folds)} folds": folds, name: single, f"{name}, into a file's journal": single}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for number, (way, tagger) in enumerate(ways.items()):
            started = time.perf_counter()
            if number < 2:
                for _ in tag_files(tagger, files):
                    pass
            else:
                tag_with_journal(tagger, files)
            seconds[way].append(time.perf_counter() - started)
    for way, times in seconds.items():
        shown = f"{total_s / min(times):,.0f} × real time, median {total_s / np.median(times):,.0f} of {ROUNDS}"
        print(f"{len(paths)} clips in bulk, {way}: {shown}", flush=True)
    print_stages(folds, single, name, paths)


def tag_with_journal(tagger: Tagger, files: Sequence[SoundFile]) -> None:
    """Tag as ``audiotag tag --out FILE.csv`` does, up to the file itself."""
    options = ExportOptions.of(tagger.card, tagger.thresholds)
    job = BulkJob(tagger, lambda: iter(files), len(files), lambda result: tag_row(result, options))
    with (
        tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder,
        Journal(Path(folder) / "tags.csv", fingerprint_of(tagger), print) as journal,
    ):
        tag_into_journal(job, journal, lambda result: None)


def print_stages(folds: Tagger, single: Tagger, name: str, paths: Sequence[Path]) -> None:
    """Print the processor time of each stage per clip, each alone on one core; a network runs on all cores."""
    card, rate = folds.card, folds.card.spectrogram.sample_rate
    chosen = paths[:: max(1, len(paths) // MAX_STAGE_CLIPS)]
    sounds = [read_short_sound(path, rate, MAX_WHOLE_CLIP_S) for path in chosen]
    waveforms = [fit_length(sound.waveform, card.spectrogram) for sound in sounds if sound is not None]
    log_mels = [log_mel(waveform, card.spectrogram) for waveform in waveforms]
    inputs = [network_input(decibels, card.spectrogram) for decibels in log_mels]
    batch = np.stack((inputs * -(-WINDOWS_AT_ONCE // len(inputs)))[:WINDOWS_AT_ONCE])
    evidence = [single.evidence(path) for path in chosen]
    options = ExportOptions.of(card, card.thresholds)
    results = [
        FileResult(SoundFile(path, path.name), single.tags_of(each))
        for path, each in zip(chosen, evidence, strict=True)
    ]
    stages: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
        "decoder alone (libsndfile)": (lambda path: soundfile.read(path, dtype="float32"), chosen),
        "decoding, with checks and content hash": (lambda path: read_short_sound(path, rate, MAX_WHOLE_CLIP_S), chosen),
        "levels against the training profile": (
            lambda waveform: sound_levels(waveform, rate, lowest_bandwidth_hz(card.sounds)), waveforms,
        ),
        "the same with the exact bandwidth": (lambda waveform: sound_levels(waveform, rate), waveforms),
        "log-mel": (lambda waveform: log_mel(waveform, card.spectrogram), waveforms),
        "normalising": (lambda decibels: network_input(decibels, card.spectrogram), log_mels),
        "tags from scores": (single.tags_of, evidence),
        "row of a file": (lambda result: tag_row(result, options), results),
    }  # fmt: skip
    for stage, (run, items) in stages.items():
        seconds = min(shortest_seconds(partial(run_all, run, items)))
        print(f"  {stage}: {1000 * seconds / len(items):.2f} ms per clip", flush=True)
    for network, tagger in (("all folds", folds), (name, single)):
        seconds = min(shortest_seconds(partial(tagger.networks.run, batch)))
        print(f"  network, {network}: {1000 * seconds / len(batch):.2f} ms per window on all cores", flush=True)


def run_all(run: Callable[[Any], object], items: Sequence[Any]) -> None:
    """Call a function on each item."""
    for item in items:
        run(item)


def fastai_learner(paths: Sequence[Path]) -> Any:
    """fastai's Learner on a DataBlock of fastaudio with the ensemble's settings; the caller sets its model per fold."""
    audio = import_fastaudio()
    import fastai.callback.progress  # noqa: F401  # gives Learner its no_bar
    from fastai.data.all import DataBlock, MultiCategoryBlock, RandomSplitter
    from fastai.learner import Learner
    from fastai.losses import BCEWithLogitsLossFlat
    from fastai.optimizer import ranger

    card = read_card(STARTER)
    settings = card.spectrogram
    to_spectrogram = audio.AudioToSpec.from_cfg(
        audio.AudioConfig.BasicMelSpectrogram(
            sample_rate=settings.sample_rate,
            n_fft=settings.n_fft,
            win_length=settings.win_length,
            hop_length=settings.hop_length,
            n_mels=settings.n_mels,
            f_min=settings.f_min,
            f_max=settings.f_max,
        )
    )
    block = DataBlock(
        blocks=(audio.AudioBlock(sample_rate=settings.sample_rate), MultiCategoryBlock(vocab=list(card.labels))),
        get_items=lambda _: list(paths),
        get_y=lambda path: [card.labels[0]],
        splitter=RandomSplitter(0.1, seed=0),
        item_tfms=[
            audio.RemoveSilence(),
            audio.ResizeSignal(round(1000 * settings.clip_s)),
            to_spectrogram,
            audio.MaskTime(size=16),
            audio.MaskFreq(size=12),
        ],
    )
    loaders = block.dataloaders(paths[0].parent, bs=FASTAI_BATCH_SIZE, num_workers=0)
    network = load_networks(STARTER, card)[0]
    return Learner(loaders, network, loss_func=BCEWithLogitsLossFlat(), opt_func=ranger)


def measure_fastai(paths: Sequence[Path]) -> Speed:
    """Score sounds with fastai and fastaudio, by ``get_preds`` and by ``tta``."""
    fastai = fastai_learner(paths)
    networks = load_networks(STARTER, read_card(STARTER))
    loader = fastai.dls.test_dl(list(paths))
    clips_per_s = []
    with fastai.no_bar(), fastai.no_logging():
        fastai.get_preds(dl=loader)  # the first call is slower: librosa compiles a part of itself
        for predict in (fastai.get_preds, fastai.tta):
            started = time.perf_counter()
            scores = []
            for network in networks:
                fastai.model = network
                scores.append(predict(dl=loader)[0])
            torch.stack(scores).mean(dim=0)
            clips_per_s.append(len(paths) / (time.perf_counter() - started))
    return Speed(*clips_per_s)


def main() -> None:
    """Find or render the sounds, then measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="folder of sounds (default: ESC-10 or starter sounds)")
    parser.add_argument("--without-fastai", action="store_true", help="leave out the comparison with fastai")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as temporary:
        os.environ["AUDIOTAG_HOME"] = str(Path(temporary) / "home")
        folder = options.folder
        if folder is None:
            counts = StarterCounts(curated=MAX_CLIPS, noisy=1, test=1)
            folder = ESC10 if ESC10.is_dir() else render_starter(Workspace().starter, counts=counts)
        paths = sound_paths(folder)
        if not paths:
            parser.error(f"{folder} must contain WAV, OGG or FLAC files, found none")
        print(f"{len(paths)} sounds of {folder.name}, {os.cpu_count()} cores", flush=True)
        clip = Path(temporary) / "clip.wav"
        write_single_clip(clip, paths[:20])
        time_single_clip(clip)
        time_new_process(clip, Path(temporary) / "compiled")
        ours = measure_bulk(paths)
        measure_single(paths)
        if options.without_fastai:
            return
        fastai = measure_fastai(paths[:: max(1, len(paths) // MAX_FASTAI_CLIPS)])
        print(f"fastai + fastaudio: {fastai.plain:.1f} clips per second by get_preds, {fastai.tta:.1f} by tta")
        print(f"ours: {ours.plain / fastai.plain:.0f} times as fast, with TTA {ours.tta / fastai.tta:.0f} times")


if __name__ == "__main__":
    main()
