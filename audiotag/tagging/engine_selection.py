"""Which engine scores an ensemble fastest on this machine, measured once and written down in the workspace.

An engine is eligible when its scores are those of the reference, torch in float32, to within `AGREEMENT` on sounds made
for it. What is asked of all sounds is 0.01; of 1,450 clips the worst differed by 2.5 times what these show.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.checks import require
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging.engines import ENGINES, REFERENCE, Engine, needs_graph, open_graph, open_torch
from audiotag.tagging.ensemble import Card, checked_bytes, chosen_folds, load_networks
from audiotag.workspace import Workspace, read_json, write_bytes, write_json

if TYPE_CHECKING:
    from torch import nn

AGREEMENT = 0.004
PICTURES = 32
FEW = 2  # pictures that show whether an engine is worth the others:
FAR = 4  # times as slow with them as the leader, it is not
ROUNDS = 3
CLOSE = 1.5  # times the best time: engines within are timed in every round
VARIANTS = 4  # of each kind of sound
CHOICE, GRAPH = "choice.json", "folds.onnx"
ENGINE_VARIABLE = "AUDIOTAG_ENGINE"  # an engine's name, in place of the measured choice

Say = Callable[[str], None]


def select_engine(
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
        Hears a sentence before the measuring, which takes some seconds, and one if it cannot be written down.

    Raises
    ------
    AudiotagError
        If the ensemble's files are not what its card says, or ``AUDIOTAG_ENGINE`` names none that works here.
    """
    wanted = os.environ.get(ENGINE_VARIABLE, "")
    require(wanted in ("", *ENGINES), ENGINE_VARIABLE, f"be one of {', '.join(ENGINES)}", wanted, "or leave it unset")
    if wanted == REFERENCE:
        return wanted, open_torch(wanted, load_networks(folder, card, folds))
    kept = _kept(folder, card, folds)
    choice = read_choice(kept)
    if choice.get("machine") == machine():
        name = wanted or choice["engine"]
        if engine := _reopened(name, folder, card, folds, kept):
            return name, engine
    say(f"First use of {card.name} on this machine: looking for the fastest way to score with it …")
    tried, graph = _try_all(load_networks(folder, card, folds), card)
    chosen = min((one for one in tried if not one.why_not), key=lambda one: one.ms_a_window)
    used = next(one for one in tried if one.name == (wanted or chosen.name))
    if used.engine is None:
        raise AudiotagError(f"{ENGINE_VARIABLE} names {wanted}, which does not work here: {used.why_not}; unset it.")
    try:
        _keep(kept, chosen.name, tried, graph)
    except OSError as error:
        say(
            f"{kept.parent} cannot be written ({error.strerror}), so the next start looks for it again; "
            "let AUDIOTAG_HOME name a folder that can be."
        )
    return used.name, used.engine


def choice_of(folder: Path, card: Card, folds: tuple[int, ...] = ()) -> dict[str, Any]:
    """`read_choice` for an ensemble."""
    return read_choice(_kept(folder, card, folds))


def read_choice(kept: Path) -> dict[str, Any]:
    """What was measured and chosen; empty before that, or if the file is damaged.

    Returns
    -------
    dict
        ``engine``; ``machine`` that this holds for; ``graph``, the checksum of the one beside it; and ``measured``, a
        row an engine: ``engine``, ``ms_a_window`` and ``difference``, the largest one from the reference's scores (None
        where they are not known), and ``why_not`` where it was not eligible.
    """
    try:
        choice = read_json(kept / CHOICE)
    except (OSError, ValueError):
        return {}
    whole = isinstance(choice, dict) and {"engine", "machine", "graph", "measured"} <= choice.keys()
    if not whole or choice["engine"] not in ENGINES:
        return {}
    # audiotag 0.1 put its own version first.
    return choice | {"machine": re.sub(r"^audiotag [0-9.]+ · ", "", str(choice["machine"]))}


def machine() -> str:
    """What a measurement holds for: another processor, GPU or version of an engine is measured anew."""
    parts = [platform.machine(), _processor(), f"{os.cpu_count()} cores", *_gpus()]
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


def _gpus() -> list[str]:
    """Those that torch may use, as far as it shows without importing it."""
    found = [path.name for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*"))]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if visible is None else [*found, f"of these {visible or 'none'}"]


def _kept(folder: Path, card: Card, folds: tuple[int, ...]) -> Path:
    """Where the choice and the graph of an ensemble's folds lie; other weights, or other pictures, lie elsewhere."""
    settings = card.spectrogram
    parts = [*(fold.sha256 for fold in chosen_folds(card, folds)), card.network.fingerprint(), len(card.labels)]
    parts += [settings.channels, settings.height, settings.width]
    checksum = hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()
    return Workspace().root / "compiled" / f"{folder.name}-{checksum[:16]}"


def _keep(kept: Path, chosen: str, tried: Sequence[_Tried], graph: bytes) -> None:
    """The choice last: two processes may do this at once, and it vouches for the graph beside it."""
    write_bytes(kept / GRAPH, graph)
    choice = {"engine": chosen, "machine": machine(), "graph": hashlib.sha256(graph).hexdigest()}
    write_json(kept / CHOICE, choice | {"measured": [one.row() for one in tried]})


def _reopened(name: str, folder: Path, card: Card, folds: tuple[int, ...], kept: Path) -> Engine | None:
    """An engine that was measured before; None where it does not open any more: then all are measured anew."""
    try:
        if not needs_graph(name):
            return open_torch(name, load_networks(folder, card, folds))
        for fold in chosen_folds(card, folds):
            checked_bytes(folder, fold.file, fold.sha256)  # a graph in the workspace does not excuse damaged weights
        graph = (kept / GRAPH).read_bytes()
        intact = hashlib.sha256(graph).hexdigest() == read_choice(kept).get("graph")
        return open_graph(name, graph) if intact else None
    except AudiotagError:
        raise
    except Exception:  # whatever a foreign engine raises
        return None


@dataclass
class _Tried:
    """An engine, open unless it does not work here, and how it did; what may be chosen has no ``why_not``."""

    name: str
    engine: Engine | None = None
    ms_a_window: float = math.inf
    difference: float = math.nan
    why_not: str = ""

    def compare(self, scores: np.ndarray, reference: np.ndarray) -> None:
        """Note how far scores, ``(folds, windows, labels)``, lie from those of the reference."""
        self.difference = float(np.abs(scores.mean(axis=0) - reference.mean(axis=0)).max())
        if not self.difference <= AGREEMENT:
            self.why_not = f"its scores differ by {self.difference:.3f}"

    def row(self) -> dict[str, Any]:
        """For JSON, which has no infinity."""
        figures = {"ms_a_window": round(self.ms_a_window, 3), "difference": round(self.difference, 6)}
        known = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        return {"engine": self.name, **known} | ({"why_not": self.why_not} if self.why_not else {})


def _try_all(networks: Sequence[nn.Module], card: Card) -> tuple[list[_Tried], bytes]:
    """How each engine does, and the graph that some of them read."""
    settings = card.spectrogram
    pictures = np.stack([network_input(log_mel(sound, settings), settings) for sound in _sounds(settings)])
    reference = _reference(open_torch(REFERENCE, networks), pictures)
    tried: list[_Tried] = []
    graph, ms_of_few = b"", math.inf
    for name in ENGINES:
        one = _Tried(name)
        try:
            if needs_graph(name):
                graph = graph or _graph(networks, card)
                one.engine = open_graph(name, graph)
            else:
                one.engine = open_torch(name, networks)
            one.engine(pictures[:FEW])  # what comes first takes longer
            ms, _ = _timed(one.engine, pictures[:FEW])
            if ms > FAR * ms_of_few:
                one.ms_a_window, one.why_not = ms, "it is slower by far"
            else:
                one.ms_a_window, scores = _timed(one.engine, pictures)
                one.compare(scores, reference)
                ms_of_few = ms_of_few if one.why_not else min(ms_of_few, ms)
        except Exception as error:  # whatever a foreign engine raises: it is not for this machine
            one.engine, one.why_not = None, f"{type(error).__name__}: {error}"[:300]
        tried.append(one)
    _time_again(tried, pictures)
    return tried, graph


def _reference(engine: Engine, pictures: np.ndarray) -> np.ndarray:
    """Scores of the reference, by threads that each take pictures of their own."""
    with _one_thread_each() as threads, ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(engine, np.split(pictures, PICTURES // FEW))), axis=1)


def _time_again(tried: list[_Tried], pictures: np.ndarray) -> None:
    """More rounds, by turns, of those that may yet be the fastest: what else the machine does only ever adds."""
    best = min(one.ms_a_window for one in tried if not one.why_not)
    close = [one for one in tried if not one.why_not and one.ms_a_window <= CLOSE * best]
    for _ in range(ROUNDS - 1 if len(close) > 1 else 0):
        for one in close:
            assert one.engine is not None
            one.ms_a_window = min(one.ms_a_window, _timed(one.engine, pictures)[0])


def _timed(engine: Engine, pictures: np.ndarray) -> tuple[float, np.ndarray]:
    """Milliseconds a window, and the scores."""
    began = time.perf_counter()
    scores = engine(pictures)
    return 1000 * (time.perf_counter() - began) / len(pictures), scores


def _graph(networks: Sequence[nn.Module], card: Card) -> bytes:
    from audiotag.tagging.onnx_export import onnx_graph

    settings = card.spectrogram
    exportable = [card.network.exportable(network) for network in networks]
    with _one_thread_each():
        return onnx_graph(exportable, (settings.channels, settings.height, settings.width))


@contextmanager
def _one_thread_each() -> Iterator[int]:
    """Let torch work in the thread that asks it, alone; gives the number that it would have taken.

    Its own threads wait for each other in every layer: where something else runs, that takes 20 times as long.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for this thread and for new ones
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _sounds(settings: SpectrogramSettings) -> Iterator[np.ndarray]:
    """Sounds for a picture each: sweeps, noise, clicks and chords in many mixtures, fading or not, loud and soft."""
    rng, rate = np.random.default_rng(2019), settings.sample_rate
    time_s = np.arange(settings.clip_samples) / rate
    parts = [[make(rng, time_s, rate) for _ in range(VARIANTS)] for make in (_sweep, _noise, _clicks, _chord)]
    for _ in range(PICTURES):
        chosen = np.stack([variants[rng.integers(VARIANTS)] for variants in parts])
        mixed = rng.dirichlet(np.full(len(parts), 0.4)) @ chosen
        mixed *= np.exp(-time_s * rng.choice([0, 1, 8])) * 10 ** rng.uniform(-2, 0) / np.abs(mixed).max()
        yield mixed.astype(np.float32)


def _sweep(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    low, high = np.sort(np.exp(rng.uniform(np.log(40), np.log(0.45 * rate), 2)))
    return np.sin(2 * np.pi * (low + (high - low) * time_s / (2 * time_s[-1])) * time_s)


def _noise(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    """White, or brown."""
    white = rng.normal(size=len(time_s)) / 4
    return white if rng.random() < 0.5 else np.cumsum(white - white.mean()) / 12


def _clicks(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    click = np.exp(-np.arange(0.02 * rate) / (0.002 * rate))
    clicks = np.zeros(len(time_s) + len(click))
    for at in rng.integers(len(time_s), size=rng.integers(1, 20)):
        clicks[at : at + len(click)] += click
    return clicks[: len(time_s)]


def _chord(rng: np.random.Generator, time_s: np.ndarray, rate: int) -> np.ndarray:
    lowest = np.exp(rng.uniform(np.log(60), np.log(1000)))
    return sum(np.sin(2 * np.pi * lowest * part * time_s) / part for part in range(1, 7)) / 2
