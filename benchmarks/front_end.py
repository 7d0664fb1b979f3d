"""Measure how fast the front-end is on one core: ``python benchmarks/front_end.py [FOLDER]``.

The front-end turns files into log-mel spectrograms. The script reads the 44.1 kHz WAVs in the folder; without a folder
it first writes 200 files of five seconds (noise that swells, with silence around it). It runs our functions and those
of the libraries alternately in one process and prints:

- random 2 s crops of trimmed clips per second. Our index stores where the silence ends, so only the crop is read;
  fastaudio's RemoveSilence and ResizeSignal read and search the whole file;
- log-mels per second, one clip at a time and in batches of 64, compared with torchaudio's MelSpectrogram and
  AmplitudeToDB, and the operations per second of the FFT alone;
- the time of the log-mel of one clip of 2 to 30 s, compared with torchaudio's;
- the memory of the process during an epoch of 5,000 crops;
- log-mels per second of the torch version in batches, if there is a GPU.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import psutil
import soundfile
import torch
import torchaudio
from timing import shortest_seconds

from audiotag.audio.reading import read_crop, read_sound
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import PRESETS
from audiotag.features.torch_log_mel import LogMel
from audiotag.features.trimming import fit_length, trimmed_bounds
from audiotag.training.backend.fastaudio_compat import import_fastaudio

CAPSTONE = PRESETS["capstone"]
SAMPLE_RATE = 44_100
WRITTEN_CLIPS = 200
BATCH_SIZE = 64
GPU_BATCH_SIZE = 256
CLIP_LENGTHS_S = (2, 5, 10, 15, 30)
REPEATS_PER_TIMING = 20  # one log-mel takes too short a time to measure reliably
EPOCH_CROPS = 5000


def write_noise_clips(folder: Path) -> None:
    """Write 16-bit mono WAVs of five seconds, the first and the last half second silent."""
    rng = np.random.default_rng(0)
    envelope = np.pad(np.sin(np.linspace(0, np.pi, 4 * SAMPLE_RATE)), SAMPLE_RATE // 2)
    for number in range(WRITTEN_CLIPS):
        noise = rng.standard_normal(5 * SAMPLE_RATE).clip(-3, 3)
        soundfile.write(folder / f"{number:03}.wav", 0.3 * envelope * noise, SAMPLE_RATE)


def compare_crops(paths: list[Path]) -> None:
    """Print crops per second, read with the index and by fastaudio."""
    import_fastaudio()
    from fastaudio.all import AudioTensor, RemoveSilence, RemoveType, ResizeSignal

    remove_silence = RemoveSilence(RemoveType.Trim, threshold=CAPSTONE.trim_db, pad_ms=20)
    resize = ResizeSignal(round(1000 * CAPSTONE.clip_s))
    rng = np.random.default_rng(0)
    # The index stores these bounds, so finding them is not part of the measurement.
    bounds = {path: trimmed_bounds(read_sound(path).waveform, CAPSTONE) for path in paths}

    def crop_ours() -> None:
        for path in paths:
            start, end = bounds[path]
            spare = max(0, end - start - CAPSTONE.clip_samples)
            crop = read_crop(path, start + int(rng.integers(spare + 1)), min(CAPSTONE.clip_samples, end - start))
            fit_length(crop, CAPSTONE, rng.random())

    def crop_fastaudio() -> None:
        for path in paths:
            waveform = torch.from_numpy(soundfile.read(path, dtype="float32")[0])[None]
            resize(remove_silence(AudioTensor(waveform, sr=SAMPLE_RATE)))

    crop_fastaudio()  # the first call is slower: librosa compiles a part of itself
    ours_s, fastaudio_s = shortest_seconds(crop_ours, crop_fastaudio)
    print(
        f"crops: {len(paths) / ours_s:,.0f} per second, fastaudio {len(paths) / fastaudio_s:,.0f}: "
        f"{fastaudio_s / ours_s:.1f} times as fast"
    )


def torchaudio_transforms() -> tuple[torch.nn.Module, torch.nn.Module]:
    """MelSpectrogram and AmplitudeToDB with the settings of the capstone preset."""
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


def compare_log_mels(paths: list[Path]) -> None:
    """Print log-mels per second, of single clips and in batches, of both implementations and of torchaudio."""
    waveforms = np.stack([fit_length(read_sound(path).waveform, CAPSTONE) for path in paths[:BATCH_SIZE]])
    tensors = torch.from_numpy(waveforms)
    mel, to_db = torchaudio_transforms()
    torch_log_mel = LogMel(CAPSTONE)

    def compute_ours() -> None:
        np.stack([log_mel(waveform, CAPSTONE) for waveform in waveforms])

    def compute_torchaudio_singly() -> None:
        for tensor in tensors:
            to_db(mel(tensor[None]))

    with torch.inference_mode():
        ours_s, singly_s, batch_s, torch_version_s = shortest_seconds(
            compute_ours,
            compute_torchaudio_singly,
            lambda: to_db(mel(tensors)[:, None]),
            lambda: torch_log_mel(tensors),
        )
    clips = len(waveforms)
    fft_operations = clips * CAPSTONE.frames * 2.5 * CAPSTONE.n_fft * np.log2(CAPSTONE.n_fft)
    print(
        f"log-mels of single clips: {clips / ours_s:,.0f} per second, torchaudio {clips / singly_s:,.0f}: "
        f"{singly_s / ours_s:.1f} times as fast\n"
        f"  compared with torchaudio in batches of {clips} ({clips / batch_s:,.0f} per second): "
        f"{batch_s / ours_s:.1f} times as fast\n"
        f"  the torch version in batches: {clips / torch_version_s:,.0f} per second, "
        f"{batch_s / torch_version_s:.1f} times as fast as torchaudio\n"
        f"  the FFT alone: {fft_operations / ours_s / 1e9:.1f} Gflop/s (2.5 n log₂ n operations per FFT)"
    )


def compare_clip_lengths() -> None:
    """Print the time of the log-mel of one clip of each length, ours and torchaudio's."""
    mel, to_db = torchaudio_transforms()
    for length_s in CLIP_LENGTHS_S:
        waveform = 0.2 * np.random.default_rng(0).standard_normal(length_s * SAMPLE_RATE).astype(np.float32)
        tensor = torch.from_numpy(waveform)[None]

        def compute_ours(waveform: np.ndarray = waveform) -> None:
            for _ in range(REPEATS_PER_TIMING):
                log_mel(waveform, CAPSTONE)

        def compute_torchaudio(tensor: torch.Tensor = tensor) -> None:
            for _ in range(REPEATS_PER_TIMING):
                to_db(mel(tensor))

        with torch.inference_mode():
            ours_s, torchaudio_s = shortest_seconds(compute_ours, compute_torchaudio)
        ours_ms, torchaudio_ms = (1000 * seconds / REPEATS_PER_TIMING for seconds in (ours_s, torchaudio_s))
        print(
            f"log-mel of one clip of {length_s} s: {ours_ms:.2f} ms, torchaudio {torchaudio_ms:.2f} ms: "
            f"{torchaudio_s / ours_s:.1f} times as fast"
        )


def measure_memory(paths: list[Path]) -> None:
    """Print the memory of the process at five moments of an epoch of crops and log-mels."""
    process, rng = psutil.Process(), np.random.default_rng(0)
    sizes_mib = []
    for number in range(EPOCH_CROPS):
        crop = read_crop(paths[number % len(paths)], int(rng.integers(SAMPLE_RATE)), CAPSTONE.clip_samples)
        log_mel(fit_length(crop, CAPSTONE), CAPSTONE)
        if number % (EPOCH_CROPS // 5) == EPOCH_CROPS // 10:
            sizes_mib.append(process.memory_info().rss / 2**20)
    print(f"memory in MiB during {EPOCH_CROPS:,} crops and log-mels: {', '.join(f'{size:,.0f}' for size in sizes_mib)}")


def time_on_gpu() -> None:
    """Print log-mels per second of the torch version on the GPU, if there is one."""
    if not torch.cuda.is_available():
        print("no GPU found: the torch version was not measured on one")
        return
    waveforms = torch.randn(GPU_BATCH_SIZE, CAPSTONE.clip_samples, device="cuda") / 5
    torch_log_mel = LogMel(CAPSTONE).cuda()

    def compute() -> None:
        with torch.inference_mode():
            torch_log_mel(waveforms)
        torch.cuda.synchronize()

    compute()
    (seconds,) = shortest_seconds(compute)
    print(f"on {torch.cuda.get_device_name()}: {len(waveforms) / seconds:,.0f} log-mels per second")


def main() -> None:
    """Write the files if no folder is given, then measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="folder of 44.1 kHz WAVs (default: writes its own)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as temporary:
        folder = options.folder
        if folder is None:
            folder = Path(temporary)
            write_noise_clips(folder)
        paths = sorted(folder.rglob("*.wav"))
        if not paths:
            parser.error(f"{folder} must contain WAV files, found none")
        compare_crops(paths)
        compare_log_mels(paths)
        compare_clip_lengths()
        measure_memory(paths)
    time_on_gpu()


if __name__ == "__main__":
    main()
