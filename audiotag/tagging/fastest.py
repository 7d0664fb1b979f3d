"""Which engine scores an ensemble fastest on this machine, measured once and written down in the workspace.

An engine is eligible when its scores are those of the reference, torch in float32, to within `AGREEMENT` on sounds made
for it; what is asked of all sounds is 0.01, and the half of it is kept for those that we did not try.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.sound.settings import SpectrogramSettings
from audiotag.sound.spectrogram import log_mel, network_input
from audiotag.tagging.engines import REFERENCE, Engine, engine_names, open_engine, write_graph
from audiotag.tagging.ensemble import Card, checked_bytes, chosen_folds, load_networks
from audiotag.workspace import Workspace, read_json, write_json

AGREEMENT = 0.005
PICTURES = 32
ROUNDS = 3
CHOICE = "choice.json"
ENGINE_VARIABLE = "AUDIOTAG_ENGINE"  # an engine's name, in place of the measured choice

Say = Callable[[str], None]


def fastest_engine(
    folder: Path, card: Card, folds: tuple[int, ...] = (), say: Say = lambda sentence: None
) -> tuple[str, Engine]:
    """The engine for an ensemble's folds, and its name; the first time on a machine all are measured.

    Parameters
    ----------
    folder : Path
        Of the ensemble.
    card : Card
    folds : tuple[int, ...]
        All, if empty.
    say : callable
        Hears a sentence before the measuring, which takes some seconds.

    Raises
    ------
    AudiotagError
        If the ensemble's files are not what its card says, or ``AUDIOTAG_ENGINE`` names none.
    """
    for fold in chosen_folds(card, folds):
        checked_bytes(folder, fold.file, fold.sha256)  # a graph in the workspace does not excuse damaged weights
    kept = Workspace().root / "compiled" / _key(folder, card, folds)
    choice = read_choice(kept)
    wanted = os.environ.get(ENGINE_VARIABLE, "")
    if wanted == REFERENCE:
        return REFERENCE, open_engine(REFERENCE, folder, card, folds, kept)
    if choice.get("machine") != machine():
        say(f"First use of {card.name} on this machine: looking for the fastest way to score with it …")
        choice = _measured(folder, card, folds, kept)
    known = [entry["engine"] for entry in choice["measured"]]
    if wanted and wanted not in known:
        raise AudiotagError(f"{ENGINE_VARIABLE} must be one of {', '.join(known)}, got {wanted}; or leave it unset.")
    name = wanted or choice["engine"]
    return name, open_engine(name, folder, card, folds, kept)


def read_choice(kept: Path) -> dict[str, Any]:
    """What was measured: ``engine``, ``machine``, and ``measured``, a row an engine with its milliseconds a window,
    its largest difference from the reference, and why it was not eligible, if so. Empty before that."""
    try:
        return read_json(kept / CHOICE, default={})
    except ValueError:
        return {}  # cut off by a crash of the disk: measured again


def choice_of(folder: Path, card: Card, folds: tuple[int, ...] = ()) -> dict[str, Any]:
    """`read_choice` for an ensemble."""
    return read_choice(Workspace().root / "compiled" / _key(folder, card, folds))


def machine() -> str:
    """What a measurement holds for: another processor or another version is measured anew."""
    parts = [platform.machine(), _processor(), str(os.cpu_count())]
    for package in ("torch", "openvino", "onnxruntime"):
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return " · ".join(parts)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _key(folder: Path, card: Card, folds: tuple[int, ...]) -> str:
    parts = [*(fold.sha256 for fold in chosen_folds(card, folds)), str(card.network), str(card.spectrogram.channels)]
    parts += [str(card.spectrogram.height), str(card.spectrogram.width), str(len(card.labels))]
    return f"{card.name}-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"


def _measured(folder: Path, card: Card, folds: tuple[int, ...], kept: Path) -> dict[str, Any]:
    """Measure all engines, keep the graph of the fastest that agrees, and write down how it went."""
    networks = load_networks(folder, card, folds)
    settings = card.spectrogram
    pictures = np.stack([network_input(log_mel(sound, settings), settings) for sound in _sounds(settings)])
    kept.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=kept.parent, prefix=".measuring."))
    try:
        rows: list[dict[str, Any]] = []
        reference = np.empty(0)
        for name in engine_names():
            try:
                if not name.startswith("torch"):
                    write_graph(name, networks, (settings.channels, settings.height, settings.width), aside)
                engine = open_engine(name, folder, card, folds, aside)
                scores = engine(pictures)
                rows.append({"engine": name, "ms_a_window": round(_ms_a_window(engine, pictures), 3)})
            except Exception as error:  # whatever a foreign engine raises: it is not for this machine
                if name == REFERENCE:
                    raise
                rows.append({"engine": name, "ms_a_window": None, "why_not": f"{type(error).__name__}: {error}"[:300]})
                continue
            if name == REFERENCE:
                reference = scores
            difference = float(np.abs(scores.mean(axis=0) - reference.mean(axis=0)).max())
            rows[-1]["difference"] = round(difference, 6)
            if not difference <= AGREEMENT:
                rows[-1]["why_not"] = f"its scores differ by {difference:.3f}"
        eligible = [row for row in rows if "why_not" not in row]
        choice = {
            "engine": min(eligible, key=lambda row: row["ms_a_window"])["engine"],
            "machine": machine(),
            "measured": rows,
        }
        write_json(aside / CHOICE, choice)
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(aside, kept)
    except OSError:
        if not read_choice(kept):  # unless another process was quicker with the same
            raise
        choice = read_choice(kept)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return choice


def _ms_a_window(engine: Engine, pictures: np.ndarray) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        engine(pictures)
        times.append(time.perf_counter() - began)
    return 1000 * min(times) / len(pictures)


def _sounds(settings: SpectrogramSettings) -> list[np.ndarray]:
    """Sounds of many kinds and levels for a picture each: sweeps, noise, clicks, chords."""
    draw, samples = np.random.default_rng(2019), settings.clip_samples
    time_s = np.arange(samples) / settings.sample_rate
    highest = 0.45 * settings.sample_rate
    found = []
    for number in range(PICTURES):
        low, high = np.sort(np.exp(draw.uniform(np.log(40), np.log(highest), 2)))
        sweep = np.sin(2 * np.pi * (low * time_s + (high - low) * time_s**2 / (2 * time_s[-1] + 1e-9)))
        noise = np.cumsum(draw.normal(size=samples)) / 50 if number % 2 else draw.normal(size=samples) / 4
        clicks = (draw.random(samples) < 5 / settings.sample_rate).astype(float)
        chord = sum(np.sin(2 * np.pi * low * part * time_s) / part for part in range(1, 9) if low * part < highest)
        parts = np.stack(
            [sweep, noise - noise.mean(), np.convolve(clicks, np.exp(-np.arange(800) / 80), "same"), chord]
        )
        mixed = draw.dirichlet(np.full(4, 0.4)) @ parts
        fade = np.exp(-time_s * draw.choice([0, 1, 8]))
        found.append((mixed * fade * 10 ** draw.uniform(-2, 0) / max(np.abs(mixed).max(), 1e-9)).astype(np.float32))
    return found
