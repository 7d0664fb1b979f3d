"""How fast the shipped starter ensemble tags: ``python benchmarks/tagging.py [FOLDER]``.

Takes 200 sounds under the folder, by default those of ESC-10 beside the repository, or starter sounds that are rendered
first. Prints, in one run, with all five folds and a workspace of its own:

- the first use, which looks for the fastest engine; then a clip of 10 s on a tagger that is open, and how many times
  real time that is;
- a new ``audiotag tag`` process, from its second run on;
- all sounds in bulk, decoding included: windows of the training length without overlap, plain and with test-time
  augmentation, beside fastai's ``get_preds`` and ``tta`` with fastaudio's transforms on some of the same files with the
  same five networks, one after the other as its user would.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from audiotag.audio.reading import read_header, read_sound
from audiotag.starter.render import StarterCounts, render_starter
from audiotag.tagging.bulk import SoundFile, tag_files
from audiotag.tagging.ensemble import load_networks, read_card
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.training.backend.fastaudio_compat import import_fastaudio
from audiotag.workspace import SHIPPED_MODELS, Workspace

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10" / "audio"
STARTER = SHIPPED_MODELS / "starter"
CLIPS, STOCK_CLIPS = 200, 40
ROUNDS = 5
PROCESSES = 4
BATCH = 32


def sounds(folder: Path) -> list[Path]:
    """All readable sounds under a folder, up to `CLIPS`, evenly drawn."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".wav", ".ogg", ".flac")]
    return [paths[at] for at in np.unique(np.linspace(0, len(paths) - 1, min(CLIPS, len(paths))).astype(int))]


def best(way: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Seconds, the least of some rounds: what else runs only ever adds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        way()
        times.append(time.perf_counter() - began)
    return min(times)


def one_clip(clip: Path) -> None:
    """A clip of 10 s on a tagger that is open; opening it for the first time, too."""
    began = time.perf_counter()
    tagger = Tagger(STARTER)
    first = time.perf_counter() - began
    tagger.tag(clip)
    took = best(lambda: tagger.tag(clip))
    print(f"first use: {first:.1f} s, and {tagger.engine_name} is the fastest that agrees", flush=True)
    print(f"a clip of 10 s, warm: {1000 * took:.0f} ms to its tags, {10 / took:.0f} × real time", flush=True)


def new_process(clip: Path, cache: Path) -> None:
    """A process of its own for one clip; its modules compiled once, as Python keeps them by default."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache)}
    command = [sys.executable, "-m", "audiotag", "tag", str(clip), "--ensemble", "starter"]

    def run() -> None:
        subprocess.run(command, env=environment, check=True, capture_output=True)

    first, later = best(run, 1), [best(run, 1) for _ in range(PROCESSES)]
    print(f"a new process for it: {first:.1f} s at first, then {np.median(later):.2f} (least {min(later):.2f}) s")


def in_bulk(paths: Sequence[Path]) -> tuple[float, float]:
    """All of them, plain and with test-time augmentation; clips a second of both."""
    seconds = sum(read_header(path).duration_s for path in paths)
    rates = []
    for settings in (TagSettings(overlap=0), TagSettings(overlap=0, tta=True)):
        tagger = Tagger(STARTER, settings)
        tagger.tag(paths[0])
        began = time.perf_counter()
        outcomes = list(tag_files(tagger, [SoundFile(path, path.name) for path in paths]))
        took = time.perf_counter() - began
        windows = sum(len(outcome.tags.starts_s) for outcome in outcomes if outcome.tags)
        print(
            f"{len(paths)} clips of {seconds / len(paths):.1f} s{' with TTA' if settings.tta else ''}: "
            f"{seconds / took:.0f} × real time, {len(paths) / took:.1f} clips a second in {windows} windows",
            flush=True,
        )
        rates.append(len(paths) / took)
    return rates[0], rates[1]


def stock_learner(paths: Sequence[Path]) -> Any:
    """fastai's Learner on a DataBlock of fastaudio's with the ensemble's settings; its model is set for each fold."""
    audio = import_fastaudio()
    from fastai.data.all import DataBlock, MultiCategoryBlock, RandomSplitter
    from fastai.learner import Learner
    from fastai.losses import BCEWithLogitsLossFlat
    from fastai.optimizer import ranger

    card = read_card(STARTER)
    settings = card.spectrogram
    to_picture = audio.AudioToSpec.from_cfg(
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
            to_picture,
            audio.MaskTime(size=16),
            audio.MaskFreq(size=12),
        ],
    )
    loaders = block.dataloaders(paths[0].parent, bs=BATCH, num_workers=0)
    network = load_networks(STARTER, card)[0]
    return Learner(loaders, network, loss_func=BCEWithLogitsLossFlat(), opt_func=ranger)


def in_stock(paths: Sequence[Path]) -> tuple[float, float]:
    """Some of them by fastai and fastaudio, plain and by its ``tta``; clips a second of both."""
    stock = stock_learner(paths)
    networks = load_networks(STARTER, read_card(STARTER))
    loader = stock.dls.test_dl(list(paths))
    rates = []
    with stock.no_bar(), stock.no_logging():
        stock.get_preds(dl=loader)  # librosa compiles a part of itself at first
        for way in (stock.get_preds, stock.tta):
            began = time.perf_counter()
            scores = []
            for network in networks:
                stock.model = network
                scores.append(way(dl=loader)[0])
            torch.stack(scores).mean(dim=0)
            rates.append(len(paths) / (time.perf_counter() - began))
    return rates[0], rates[1]


def main(folder: Path | None) -> None:
    """Find or make the sounds, and compare."""
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as made:
        os.environ["AUDIOTAG_HOME"] = str(Path(made) / "home")
        if folder is None:
            counts = StarterCounts(curated=CLIPS, noisy=1, test=1)
            folder = ESC10 if ESC10.is_dir() else render_starter(Workspace().starter, counts=counts)
        paths = sounds(folder)
        print(f"{len(paths)} sounds of {folder.name}, {os.cpu_count()} cores", flush=True)
        waveforms = [read_sound(path, 44_100).waveform for path in paths[:20]]
        clip = Path(made) / "clip.wav"
        soundfile.write(clip, np.resize(np.concatenate(waveforms), 10 * 44_100), 44_100)
        one_clip(clip)
        new_process(clip, Path(made) / "compiled")
        plain, augmented = in_bulk(paths)
        stock, stock_tta = in_stock(paths[:: max(1, len(paths) // STOCK_CLIPS)])
        print(f"fastai + fastaudio: {stock:.1f} clips a second by get_preds, {stock_tta:.1f} by tta")
        print(f"ours: {plain / stock:.0f} × as fast, with test-time augmentation {augmented / stock_tta:.0f} ×")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
