"""How fast the front-end is on one core: ``python benchmarks/front_end.py [FOLDER]``.

Takes the 44.1 kHz WAVs under the folder, by default 200 of five seconds that are made first (a swelling noise with
silence around it), and prints, each pair by turns in one run:

- trimmed random 2 s crops a second: the index knows where the silence ends, so only the crop is read; beside
  fastaudio's RemoveSilence and ResizeSignal, which read and search the whole file;
- log-mels a second, one clip at a time and in batches of 64, beside torchaudio's MelSpectrogram and AmplitudeToDB;
- the log-mel of one whole clip of 2 to 30 s beside theirs;
- what of the least bytes and operations that is;
- how the process's memory grows over an epoch of 5,000 crops;
- on a GPU, log-mels a second of the torch twin, in batches.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
import torch
import torchaudio

from audiotag.audio.reading import read_crop, read_sound
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import PRESETS
from audiotag.features.torch_log_mel import LogMel
from audiotag.features.trimming import fit_length, trimmed_bounds
from audiotag.training.backend.fastaudio_compat import import_fastaudio

CAPSTONE = PRESETS["capstone"]
CLIPS = 200
ROUNDS = 5
BATCH = 64
LENGTHS_S = (2, 5, 10, 15, 30)
EPOCH = 5000


def make(folder: Path) -> None:
    """Write the WAVs: 16 bit, mono, five seconds, half of a second of silence at both ends."""
    rng = np.random.default_rng(0)
    swell = np.pad(np.sin(np.linspace(0, np.pi, 4 * 44_100)), 22_050)
    for number in range(CLIPS):
        soundfile.write(folder / f"{number:03}.wav", 0.3 * swell * rng.standard_normal(5 * 44_100).clip(-3, 3), 44_100)


def best(*ways: Callable[[], Any]) -> list[float]:
    """Seconds that each takes, the least of some rounds by turns: what else runs only ever adds."""
    least = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for number, way in enumerate(ways):
            began = time.perf_counter()
            way()
            least[number] = min(least[number], time.perf_counter() - began)
    return least


def compare_crops(paths: list[Path]) -> None:
    """Crops by the index and by fastaudio."""
    import_fastaudio()
    from fastaudio.all import AudioTensor, RemoveSilence, RemoveType, ResizeSignal

    remove = RemoveSilence(RemoveType.Trim, threshold=CAPSTONE.trim_db, pad_ms=20)
    resize = ResizeSignal(round(1000 * CAPSTONE.clip_s))
    rng = np.random.default_rng(0)
    bounds = {path: trimmed_bounds(read_sound(path).waveform, CAPSTONE) for path in paths}  # what the index keeps

    def ours() -> None:
        for path in paths:
            start, end = bounds[path]
            spare = max(0, end - start - CAPSTONE.clip_samples)
            crop = read_crop(path, start + int(rng.integers(spare + 1)), min(CAPSTONE.clip_samples, end - start))
            fit_length(crop, CAPSTONE, rng.random())

    def theirs() -> None:
        for path in paths:
            resize(remove(AudioTensor(torch.from_numpy(soundfile.read(path, dtype="float32")[0])[None], sr=44_100)))

    theirs()  # librosa compiles a part of itself at first
    here, there = best(ours, theirs)
    print(
        f"crops: {len(paths) / here:,.0f} a second, fastaudio {len(paths) / there:,.0f}: {there / here:.1f} × as fast"
    )


def torchaudios() -> tuple[torch.nn.Module, torch.nn.Module]:
    """MelSpectrogram and AmplitudeToDB with the capstone's settings."""
    mel = torchaudio.transforms.MelSpectrogram(
        CAPSTONE.sample_rate,
        CAPSTONE.n_fft,
        CAPSTONE.win_length,
        CAPSTONE.hop_length,
        CAPSTONE.f_min,
        CAPSTONE.f_max,
        n_mels=CAPSTONE.n_mels,
    )
    return mel, torchaudio.transforms.AmplitudeToDB("power", top_db=CAPSTONE.top_db)


def compare_whole_clips() -> None:
    """The log-mel of one clip as long as clips are, beside torchaudio's."""
    mel, to_db = torchaudios()
    for seconds in LENGTHS_S:
        waveform = 0.2 * np.random.default_rng(0).standard_normal(seconds * 44_100).astype(np.float32)
        tensor = torch.from_numpy(waveform)[None]

        def ours(waveform: np.ndarray = waveform) -> None:
            for _ in range(20):
                log_mel(waveform, CAPSTONE)

        def theirs(tensor: torch.Tensor = tensor) -> None:
            for _ in range(20):
                to_db(mel(tensor))

        with torch.inference_mode():
            here, there = best(ours, theirs)
        print(
            f"log-mel of one clip of {seconds} s: {50 * here:.2f} ms, torchaudio {50 * there:.2f}: {there / here:.1f} ×"
        )


def compare_log_mels(paths: list[Path]) -> None:
    """The log-mel, beside torchaudio's, one clip and batches."""
    waveforms = np.stack([fit_length(read_sound(path).waveform, CAPSTONE) for path in paths[:BATCH]])
    tensors = torch.from_numpy(waveforms)
    mel, to_db = torchaudios()
    twin = LogMel(CAPSTONE)

    def ours() -> None:
        np.stack([log_mel(waveform, CAPSTONE) for waveform in waveforms])

    def theirs_by_one() -> None:
        for tensor in tensors:
            to_db(mel(tensor[None]))

    with torch.inference_mode():
        here, one, batch, twins = best(ours, theirs_by_one, lambda: to_db(mel(tensors)[:, None]), lambda: twin(tensors))
    clips = len(waveforms)
    print(f"log-mels, one clip: {clips / here:,.0f} a second, torchaudio {clips / one:,.0f}: {one / here:.1f} ×")
    print(f"log-mels, batches of {clips}: torchaudio {clips / batch:,.0f} a second: {batch / here:.1f} ×; ")
    print(f"  the torch twin {clips / twins:,.0f}: {batch / twins:.1f} × torchaudio")
    flops = CAPSTONE.frames * 2.5 * CAPSTONE.n_fft * np.log2(CAPSTONE.n_fft)
    print(f"  {flops * clips / here / 1e9:.1f} Gflop/s of the FFT alone (2.5 n log₂ n each)")


def watch_memory(paths: list[Path]) -> None:
    """Growth of the process over an epoch of crops and log-mels."""
    process, rng = psutil.Process(), np.random.default_rng(0)
    sizes = []
    for number in range(EPOCH):
        crop = read_crop(paths[number % len(paths)], int(rng.integers(44_100)), CAPSTONE.clip_samples)
        log_mel(fit_length(crop, CAPSTONE), CAPSTONE)
        if number % (EPOCH // 5) == EPOCH // 10:
            sizes.append(process.memory_info().rss / 2**20)
    print(f"memory over {EPOCH:,} crops and log-mels, MiB: {', '.join(f'{size:,.0f}' for size in sizes)}")


def on_gpu() -> None:
    """The torch twin where there is a GPU."""
    if not torch.cuda.is_available():
        print("no GPU here: the twin was not timed on one")
        return
    waveforms = torch.randn(256, CAPSTONE.clip_samples, device="cuda") / 5
    twin = LogMel(CAPSTONE).cuda()

    def run() -> None:
        with torch.inference_mode():
            twin(waveforms)
        torch.cuda.synchronize()

    run()
    (took,) = best(run)
    print(f"on {torch.cuda.get_device_name()}: {len(waveforms) / took:,.0f} log-mels a second")


def main(folder: Path | None) -> None:
    """Make the files where none are named, and compare."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as made:
        if folder is None:
            folder = Path(made)
            make(folder)
        paths = sorted(folder.rglob("*.wav"))
        compare_crops(paths)
        compare_log_mels(paths)
        compare_whole_clips()
        watch_memory(paths)
    on_gpu()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
