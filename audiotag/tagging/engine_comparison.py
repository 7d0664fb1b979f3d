"""Measure how fast each engine scores an ensemble, and how close its scores are to those of the reference.

An engine is eligible if its scores of synthetic sounds differ from those of the reference, torch in float32, by at most
`MAX_SCORE_DIFFERENCE`. The aim is a difference of at most 0.01 for all sounds: of 1,450 clips the worst one differed by
2.5 times what the synthetic sounds show.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.features.crop_features import crop_features
from audiotag.features.log_mel import network_input
from audiotag.tagging.card import Card
from audiotag.tagging.engines import (
    ENGINES,
    REFERENCE,
    Engine,
    EngineError,
    join_outputs,
    needs_graph,
    open_graph,
    open_torch,
)
from audiotag.tagging.synthetic_sounds import mixtures

if TYPE_CHECKING:
    from torch import nn

MAX_SCORE_DIFFERENCE = 0.004
N_INPUTS = 32  # network inputs that an engine is timed with
N_TRIAL_INPUTS = 2  # those of a first trial, which leaves out engines that are much slower than the fastest one
MAX_TRIAL_SLOWDOWN = 4  # times the fastest trial
N_ROUNDS = 3
MAX_ROUND_SLOWDOWN = 1.5  # times the fastest engine; slower ones are timed in the first round only
N_SOUND_VARIANTS = 4

Progress = Callable[[int, int], None]


@dataclass
class MeasuredEngine:
    """An engine with its speed and accuracy.

    Attributes
    ----------
    name : str
    engine : Engine or None
        None if it does not work on this machine.
    ms_per_window : float
        Infinite if it is not known.
    difference : float
        Largest difference of an ensemble score from the reference's, 0 to 1; NaN if it is not known.
    why_not : str
        Why it must not be chosen; empty for an eligible engine.
    """

    name: str
    engine: Engine | None = None
    ms_per_window: float = math.inf
    difference: float = math.nan
    why_not: str = ""

    def compare(self, scores: np.ndarray, reference: np.ndarray) -> None:
        """Set `difference`, and `why_not` if it is too large; both arrays are ``(folds, windows, labels)``."""
        self.difference = float(np.abs(scores.mean(axis=0) - reference.mean(axis=0)).max())
        if not self.difference <= MAX_SCORE_DIFFERENCE:  # true of NaN, too
            self.why_not = f"its scores differ by {self.difference:.3f}"

    def to_row(self) -> dict[str, Any]:
        """Plain values, for JSON, which has no infinity and no NaN: they become None."""
        figures = {"ms_per_window": round(self.ms_per_window, 3), "difference": round(self.difference, 6)}
        finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        return {"engine": self.name, **finite} | ({"why_not": self.why_not} if self.why_not else {})


def compare_engines(
    networks: Sequence[nn.Module], card: Card, progress: Progress = lambda done, total: None
) -> tuple[list[MeasuredEngine], bytes]:
    """Measure all engines, one after the other.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        One per fold, in evaluation mode, on the CPU.
    card : Card
        The card of their ensemble.
    progress : callable, optional
        Is called with (steps done, steps in total).

    Returns
    -------
    tuple[list[MeasuredEngine], bytes]
        One per name in `ENGINES`, in that order; and the ONNX graph that some of them run.

    Raises
    ------
    AudiotagError
        If the scores of the reference are not finite.
    """
    settings, steps = card.spectrogram, len(ENGINES) + 2
    progress(0, steps)
    sounds = mixtures(settings, N_INPUTS, N_SOUND_VARIANTS)
    inputs = np.stack([network_input(crop_features(sound, settings), settings) for sound in sounds])
    reference = _reference_scores(open_torch(REFERENCE, networks, card.network), inputs)
    if not np.isfinite(reference).all():
        raise AudiotagError(f"{card.name} gives scores that are not numbers: its weights are damaged; train it again.")
    measured: list[MeasuredEngine] = []
    graph, fastest_trial_ms = b"", math.inf
    for number, name in enumerate(ENGINES, start=1):
        progress(number, steps)
        candidate = MeasuredEngine(name)
        try:
            if needs_graph(name):
                graph = graph or _export_graph(networks, card)
                candidate.engine = open_graph(name, graph)
            else:
                candidate.engine = open_torch(name, networks, card.network)
            candidate.engine(inputs[:N_TRIAL_INPUTS])  # the first call takes longer
            trial_ms, _ = _timed_scores(candidate.engine, inputs[:N_TRIAL_INPUTS])
            if trial_ms > MAX_TRIAL_SLOWDOWN * fastest_trial_ms:
                candidate.ms_per_window, candidate.why_not = trial_ms, "it is much slower"
            else:
                candidate.ms_per_window, scores = _timed_scores(candidate.engine, inputs)
                candidate.compare(scores, reference)
                fastest_trial_ms = fastest_trial_ms if candidate.why_not else min(fastest_trial_ms, trial_ms)
        except ImportError as error:
            candidate.engine, candidate.why_not = None, f"{error.name or 'its library'} is not installed"
        except EngineError as error:
            candidate.engine, candidate.why_not = None, str(error)
        except Exception:  # an engine may raise anything
            candidate.engine, candidate.why_not = None, "it fails on this machine"
        measured.append(candidate)
    progress(len(ENGINES) + 1, steps)
    _time_fastest_again(measured, inputs)
    return measured, graph


def _reference_scores(engine: Engine, inputs: np.ndarray) -> np.ndarray:
    """Scores of the reference, computed by several threads, each with inputs of its own."""
    with _one_torch_thread() as threads, ThreadPoolExecutor(threads) as pool:
        return join_outputs(list(pool.map(engine, np.split(inputs, N_INPUTS // N_TRIAL_INPUTS)))).scores


def _time_fastest_again(measured: list[MeasuredEngine], inputs: np.ndarray) -> None:
    """Time engines of similar speed in turns and take each one's best time: other programs can only slow them down."""
    fastest_ms = min(one.ms_per_window for one in measured if not one.why_not)
    close = [one for one in measured if not one.why_not and one.ms_per_window <= MAX_ROUND_SLOWDOWN * fastest_ms]
    for _ in range(N_ROUNDS - 1 if len(close) > 1 else 0):
        for one in close:
            assert one.engine is not None
            one.ms_per_window = min(one.ms_per_window, _timed_scores(one.engine, inputs)[0])


def _timed_scores(engine: Engine, inputs: np.ndarray) -> tuple[float, np.ndarray]:
    """Milliseconds per window, and the scores."""
    began = time.perf_counter()
    scores = engine(inputs).scores
    return 1000 * (time.perf_counter() - began) / len(inputs), scores


def _export_graph(networks: Sequence[nn.Module], card: Card) -> bytes:
    from audiotag.tagging.onnx_export import onnx_graph

    settings = card.spectrogram
    exportable = [card.network.exportable(network) for network in networks]
    with _one_torch_thread():
        return onnx_graph(exportable, card.network, (settings.channels, settings.height, settings.width))


@contextmanager
def _one_torch_thread() -> Iterator[int]:
    """Let torch compute in the calling thread alone; yields the number of threads that it would have used.

    torch's own threads wait for each other in every layer, which takes 20 times as long where other programs run.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for this thread and for those that start from now on
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
