"""Make sounds for the training tables of FSDKaggle2019, where its own 27 GB are not at hand.

Each file of the two training tables (24,785 clips, 80 labels) is written in the release's own format, 44.1 kHz, mono,
16-bit WAV, and with a duration like those of the release: curated clips of 0.3 to 30 s with a mean of 7.6 s, noisy ones
mostly of 15 s; 90 hours together. A clip is cut from a random place of a few hundred real recordings laid end to end,
at a random level, so no two clips have the same content. Links to a few hundred files would not do: clips with the same
content are kept in one fold, and their contradictory labels are left out.
"""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
from dataset import wav_header

from audiotag.audio.reading import read_sound

RATE = 44_100
RECORDINGS = 300
CURATED_MEAN_S, CURATED_S = 7.6, (0.3, 30.0)
NOISY_S, SHORT_NOISY_SHARE = 15.0, 0.07  # the others have any duration below
LEVELS_DB = (-30.0, 0.0)
FULL_SCALE = 32_767
SUBSETS = ("curated", "noisy")
NAME = "FSDKaggle2019"


def make_dataset(sounds: Path, meta: Path, root: Path) -> Path:
    """Write what is missing of the dataset at ``root``, and return it.

    Parameters
    ----------
    sounds : Path
        Folder of recordings to cut clips from.
    meta : Path
        The release's ``FSDKaggle2019.meta``; its training tables and vocabulary are copied.
    root : Path
    """
    tables = {subset: f"train_{subset}_post_competition.csv" for subset in SUBSETS}
    place = root / f"{NAME}.meta"
    place.mkdir(parents=True, exist_ok=True)
    for name in (*tables.values(), "vocabulary.csv"):
        shutil.copyfile(meta / name, place / name)
    recordings = None
    for subset, table in tables.items():
        folder = root / f"{NAME}.audio_train_{subset}"
        folder.mkdir(exist_ok=True)
        with (meta / table).open(newline="", encoding="utf-8") as file:
            names = [row["fname"] for row in csv.DictReader(file)]
        for number, name in enumerate(names):
            if not (folder / name).exists():
                if recordings is None:
                    recordings = _read_recordings(sounds)
                _write_clip(folder / name, recordings, subset, number)
    return root


def _read_recordings(sounds: Path) -> np.ndarray:
    """Recordings laid end to end, each scaled to full scale, shape ``(samples,)``, float32."""
    paths = sorted(path for path in sounds.rglob("*") if path.suffix in (".ogg", ".wav", ".flac"))
    chosen = np.random.default_rng(0).permutation(len(paths))[:RECORDINGS]
    waveforms = [read_sound(paths[row], RATE).waveform for row in chosen]
    return np.concatenate([FULL_SCALE / max(1e-3, np.abs(waveform).max()) * waveform for waveform in waveforms])


def _write_clip(path: Path, recordings: np.ndarray, subset: str, number: int) -> None:
    rng = np.random.default_rng((SUBSETS.index(subset), number))
    if subset == "curated":
        duration_s = float(np.clip(rng.exponential(CURATED_MEAN_S), *CURATED_S))
    else:
        duration_s = rng.uniform(1, NOISY_S) if rng.random() < SHORT_NOISY_SHARE else NOISY_S
    samples = int(duration_s * RATE)
    first = int(rng.integers(0, len(recordings) - samples))
    level = np.float32(10 ** (rng.uniform(*LEVELS_DB) / 20))
    temporary = path.with_suffix(".part")
    temporary.write_bytes(wav_header(samples) + (level * recordings[first : first + samples]).astype("<i2").tobytes())
    temporary.replace(path)
