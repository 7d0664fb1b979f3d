"""Choose the engine that scores an ensemble fastest on this machine.

All engines are measured when an ensemble is first used. The choice, and the ONNX graph of the folds, are written into
the workspace, so that the next start only opens the chosen engine. ``python -m audiotag.tagging.engine_selection
FOLDER`` does that for the ensemble in a folder; what needs the ensemble meanwhile waits for the choice.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from audiotag.checks import require
from audiotag.disk import disk_problem, locked
from audiotag.errors import AudiotagError
from audiotag.jobs import end_with_parent
from audiotag.state import fits, json_parser, read_state
from audiotag.tagging.card import Card, select_folds
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_comparison import MeasuredEngine, Progress, compare_engines
from audiotag.tagging.engines import ENGINES, Engine, EngineError, needs_graph, open_graph, open_torch
from audiotag.tagging.weights import load_networks, read_checked
from audiotag.workspace import Workspace, write_bytes, write_json

CHOICE, GRAPH = "choice.json", "folds.onnx"
MEASURING = "measuring"  # name of the lock that a process holds while it measures
MAX_WAIT_S = 60.0  # for another process that measures
ROW_SHAPE = {"engine": str, "ms_per_window": (float, None), "difference?": (float, None), "why_not?": str}
OLD_ROW_KEYS = {"ms_a_window": "ms_per_window"}  # keys in files of audiotag 0.1, and what they are now
ENGINE_VARIABLE = "AUDIOTAG_ENGINE"  # environment variable: the name of an engine to use instead of the fastest

Say = Callable[[str], None]


def select_engine(
    folder: Path,
    card: Card,
    folds: tuple[int, ...] = (),
    say: Say = lambda sentence: None,
    progress: Progress = lambda done, total: None,
) -> tuple[str, Engine]:
    """Open the fastest engine for an ensemble's folds; on its first use on a machine all engines are measured.

    Parameters
    ----------
    folder : Path
        The ensemble's folder.
    card : Card
    folds : tuple[int, ...]
        Numbers of the folds; empty for all.
    say : callable, optional
        Is called with a sentence before engines are measured, which takes some seconds, and if the choice cannot be
        written.
    progress : callable, optional
        Is called with (steps done, steps in total) while engines are measured.

    Returns
    -------
    tuple[str, Engine]
        Its name, one of `ENGINES`, and the engine.

    Raises
    ------
    AudiotagError
        If the ensemble's files do not match its card, or ``AUDIOTAG_ENGINE`` names an engine that does not exist or
        does not work on this machine.
    """
    wanted = os.environ.get(ENGINE_VARIABLE, "")
    require(wanted in ("", *ENGINES), ENGINE_VARIABLE, f"be one of {', '.join(ENGINES)}", wanted, "or leave it unset")
    if wanted and not needs_graph(wanted):
        with suppress(EngineError, ImportError):  # measuring says why it does not work
            return wanted, open_torch(wanted, load_networks(folder, card, folds), card.network)
    place = _choice_folder(folder, card, folds)
    choice = read_choice(place)
    if opened := _open_choice(choice, wanted, folder, card, folds):
        return opened
    with ExitStack() as stack:
        with suppress(AudiotagError):  # the other process takes too long
            stack.enter_context(locked(place / MEASURING, MAX_WAIT_S))
        before, choice = choice, read_choice(place)
        if choice != before and (opened := _open_choice(choice, wanted, folder, card, folds)):
            return opened
        say(f"First use of {card.name} on this machine: looking for the fastest way to score with it …")
        return _measure_engines(wanted, folder, card, folds, say, progress)


def _open_choice(
    choice: dict[str, Any], wanted: str, folder: Path, card: Card, folds: tuple[int, ...]
) -> tuple[str, Engine] | None:
    """Open the engine of a choice, or the wanted one; None if all engines must be measured."""
    if choice.get("machine") != machine():
        return None
    name = wanted or choice["engine"]
    engine = _open_measured_engine(name, folder, card, folds, _choice_folder(folder, card, folds))
    return (name, engine) if engine else None


def _measure_engines(
    wanted: str, folder: Path, card: Card, folds: tuple[int, ...], say: Say, progress: Progress
) -> tuple[str, Engine]:
    """Measure all engines and write which one is the fastest; returns that one, or the wanted one."""
    measured, graph = compare_engines(load_networks(folder, card, folds), card, progress)
    fastest = min((one for one in measured if not one.why_not), key=lambda one: one.ms_per_window)
    used = next(one for one in measured if one.name == (wanted or fastest.name))
    if used.engine is None:
        raise AudiotagError(f"{ENGINE_VARIABLE} names {wanted}, which does not work here: {used.why_not}; unset it.")
    try:
        _write_choice(_choice_folder(folder, card, folds), fastest.name, measured, graph)
    except OSError as error:
        say(f"{disk_problem(error)} Each start measures again until then, or until AUDIOTAG_HOME names another folder.")
    return used.name, used.engine


def is_measured(folder: Path, card: Card) -> bool:
    """Whether the engines were measured for all folds of an ensemble, on this machine as it is now."""
    if card.blend is not None:
        return all(is_measured(member, read_card(member)) for member in card.network_folders(folder))
    return bool(choice_of(folder, card).get("machine") == machine())


def choice_of(folder: Path, card: Card, folds: tuple[int, ...] = ()) -> dict[str, Any]:
    """`read_choice` for the ensemble in a folder."""
    return read_choice(_choice_folder(folder, card, folds))


def read_choice(place: Path) -> dict[str, Any]:
    """Read which engine was chosen, and what was measured.

    Parameters
    ----------
    place : Path
        The folder that the choice was written into.

    Returns
    -------
    dict
        ``engine``, its name; ``machine``, the text of `machine` that the choice is valid for; ``graph``, the checksum
        of the graph beside it; ``measured``, one row per engine: ``engine``, ``ms_per_window``, ``difference`` from the
        reference's scores (both None if not known), and ``why_not`` if it is not eligible. Empty if there is no choice
        or its file is damaged.
    """
    nothing: dict[str, Any] = {}
    choice = read_state(place / CHOICE, _parse_choice, nothing, "the engines are measured again")
    return choice if choice.get("engine") in ENGINES else {}


def _parse_choice(content: bytes) -> dict[str, Any]:
    choice = json_parser({"engine": str, "machine": str, "graph": str, "measured": [dict]})(content)
    measured = [{OLD_ROW_KEYS.get(key, key): value for key, value in row.items()} for row in choice["measured"]]
    if not fits(measured, [ROW_SHAPE]):
        raise ValueError("a row is not that of an engine")
    # audiotag 0.1 put its own version first.
    return choice | {"machine": re.sub(r"^audiotag [0-9.]+ · ", "", choice["machine"]), "measured": measured}


def machine() -> str:
    """The processor, the GPUs and the versions of the engines: if one changes, engines are measured again."""
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
    """GPUs that torch may use, as far as they can be found without importing it."""
    found = [path.name for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*"))]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return found if visible is None else [*found, f"of these {visible or 'none'}"]


def _choice_folder(folder: Path, card: Card, folds: tuple[int, ...]) -> Path:
    """The folder for choice and graph; its name has a checksum of the weights and the shape of the network inputs."""
    settings = card.spectrogram
    parts = [*(fold.sha256 for fold in select_folds(card, folds)), card.network.fingerprint(), len(card.labels)]
    parts += [settings.channels, settings.height, settings.width]
    checksum = hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()
    return Workspace().root / "compiled" / f"{folder.name}-{checksum[:16]}"


def _write_choice(place: Path, name: str, measured: Sequence[MeasuredEngine], graph: bytes) -> None:
    """Write the choice after the graph, whose checksum it has, both under one lock."""
    choice = {"engine": name, "machine": machine(), "graph": hashlib.sha256(graph).hexdigest()}
    with locked(place / CHOICE):
        write_bytes(place / GRAPH, graph)
        write_json(place / CHOICE, choice | {"measured": [one.to_row() for one in measured]})


def _open_measured_engine(name: str, folder: Path, card: Card, folds: tuple[int, ...], place: Path) -> Engine | None:
    """Open an engine that was measured before; None if that fails, and all engines must be measured again."""
    try:
        if not needs_graph(name):
            return open_torch(name, load_networks(folder, card, folds), card.network)
        for fold in select_folds(card, folds):
            read_checked(folder, fold.file, fold.sha256)  # damaged weights are an error even if the graph is intact
        graph = (place / GRAPH).read_bytes()
        intact = hashlib.sha256(graph).hexdigest() == read_choice(place).get("graph")
        return open_graph(name, graph) if intact else None
    except AudiotagError:
        raise
    except Exception:  # an engine may raise anything
        return None


def main() -> None:
    """Measure the engines for the ensemble in the folder of the first argument."""
    end_with_parent()
    folder = Path(sys.argv[1])
    for networks in read_card(folder).network_folders(folder):
        select_engine(networks, read_card(networks))


if __name__ == "__main__":
    main()
