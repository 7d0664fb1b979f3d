"""Kill commands at random moments and start them again: nothing is lost, nothing comes twice, no process is left.

Each command first runs once undisturbed; what it writes is the reference. Then it is killed several times and started
again until it ends. Its result must equal the reference byte for byte, and its descendants must end with it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from attacks.mutated_files import write_mutated
from attacks.observed import Observed, Tally, audiotag, is_alive, run

SEED = 16
KILLS_PER_ROUND = 4
CLIPS_TO_TAG = 400
TRAINING = ("--recipe", "quick", "--folds", "1", "--epochs", "2,3", "--device", "cpu")


@dataclass(frozen=True)
class Target:
    """A command to kill.

    Attributes
    ----------
    name : str
    start : callable
        Starts it, the first time or again.
    result : callable
        What it has written, as names with checksums.
    reset : callable
        Removes what it has written, so that the next start is a first one.
    detached : callable, optional
        Finds the process to kill where the command starts a detached one, which outlives it by design.
    """

    name: str
    start: Callable[[], Observed]
    result: Callable[[], dict[str, str]]
    reset: Callable[[], None]
    detached: Callable[[], psutil.Process | None] = lambda: None


def attack(folder: Path, home: Path, sounds: Path, kills: dict[str, int]) -> Iterator[Tally]:
    """Kill each command as often as ``kills`` says; ``sounds`` is a small starter set."""
    targets = {
        "tag": lambda: _tagging(folder, home),
        "measure": lambda: _measuring(folder, home, sounds),
        "train": lambda: _training(folder, home, sounds),
        "publish": lambda: _publishing(folder, home, sounds),
        "demo": lambda: _rendering(folder, home),
    }
    for name, count in kills.items():
        yield _kill_app(home, sounds, count) if name == "app" else _kill(targets[name](), count)


def _kill(target: Target, kills: int) -> Tally:
    rng = np.random.default_rng(SEED)
    tally = Tally(f"kills, {target.name}")
    target.reset()
    began = time.monotonic()
    observed = target.start()
    _wait_to_end(target, observed)
    seconds = time.monotonic() - began
    reference = target.result()
    if not reference:
        tally.lost.append(f"the command wrote nothing undisturbed: {observed.ended().output[-500:]}")
        return tally
    while tally.tried < kills:
        target.reset()
        orphans = []
        for _ in range(min(KILLS_PER_ROUND, kills - tally.tried)):
            left = _start_and_kill(target, seconds * rng.uniform(0.05, 0.95))
            if left is None:  # it had finished
                target.reset()
                continue
            orphans += left
            tally.tried += 1
        observed = target.start()
        _wait_to_end(target, observed)
        result = target.result()
        tally.lost += [f"{process} outlived its parent" for process in orphans]
        if result != reference:
            different = {name for name in reference | result if reference.get(name) != result.get(name)}
            ended = observed.ended()
            tally.lost.append(f"after the kills these differ: {sorted(different)[:9]}; status {ended.status}")
            tally.lost.append(f"{ended.output[-300:]}")
    tally.survived = tally.tried - min(len(tally.lost), tally.tried)
    tally.figures = {"undisturbed_s": round(seconds, 1)}
    return tally


def _start_and_kill(target: Target, after_s: float) -> list[str] | None:
    """Start the command, kill it after some time, and describe the processes that are left; None if it had ended."""
    observed = target.start()
    has_ended = observed.wait(timeout_s=after_s)
    family = _family(target.detached())
    if has_ended and not family:
        return None
    if family:
        family[0].kill()
    observed.kill()
    left = [process.name() for process in observed.orphans(allowed=lambda process: process in family)]
    deadline = time.monotonic() + 5
    while (alive := [process for process in family if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in alive:
        left.append(" ".join(process.cmdline())[:120])
        process.kill()
    return left


def _wait_to_end(target: Target, observed: Observed) -> None:
    observed.wait()
    while (process := target.detached()) and is_alive(process):
        time.sleep(0.2)


def _family(process: psutil.Process | None) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        if process is not None and is_alive(process):
            return [process, *process.children(recursive=True)]
    return []


def _tagging(folder: Path, home: Path) -> Target:
    sounds, out = folder / "to-tag", folder / "out" / "tags.csv"
    write_mutated(sounds, CLIPS_TO_TAG)
    out.parent.mkdir(parents=True)
    return Target(
        "tag",
        lambda: Observed(audiotag("tag", sounds, "--out", out), home),
        lambda: _checksums(out.parent, "*.csv"),
        lambda: _empty(out.parent),
    )


def _measuring(folder: Path, home: Path, sounds: Path) -> Target:
    out = folder / "measures.csv"

    def result() -> dict[str, str]:
        run(audiotag("scan", sounds, "--out", out), home)  # from the measures on disk
        return {out.name: _checksum(out)}

    def reset() -> None:
        for measures in home.glob("indexes/*-measures-*"):
            shutil.rmtree(measures)

    def process() -> psutil.Process | None:
        return next((_process_in(path) for path in home.glob("indexes/*-measures-*/process.json")), None)

    start = lambda: Observed(audiotag("scan", sounds, "--measure", "--out", out), home)  # noqa: E731
    return Target("measure", start, result, reset, process)


def _training(folder: Path, home: Path, sounds: Path) -> Target:
    runs = home / "runs"

    def names() -> list[str]:
        return sorted(run.name for run in runs.iterdir() if run.is_dir()) if runs.is_dir() else []

    before = set(names())

    def current() -> str | None:
        return next((name for name in names() if name not in before), None)

    def start() -> Observed:
        again: list[object] = ["--resume", str(current())] if (runs / str(current()) / "process.json").exists() else []
        return Observed(audiotag("train", *(again or [sounds, *TRAINING])), home)

    def reset() -> None:
        before.update(names())

    def result() -> dict[str, str]:
        fold = runs / str(current()) / "fold-1"
        return _checksums(fold, "scores.safetensors") | _checksums(fold, "weights.safetensors")

    return Target("train", start, result, reset, lambda: _process_in(runs / str(current()) / "process.json"))


def _publishing(folder: Path, home: Path, sounds: Path) -> Target:
    run(audiotag("train", sounds, *TRAINING), home)
    name = max(path.name for path in (home / "runs").iterdir())
    ensemble = home / "ensembles" / "killed"

    def result() -> dict[str, str]:
        hidden = {path.name: "left behind" for path in ensemble.parent.glob(".*")}
        return _checksums(ensemble, "*.safetensors") | {"card": str((ensemble / "card.json").exists())} | hidden

    return Target(
        "publish",
        lambda: Observed(audiotag("publish", name, ensemble.name), home),
        result,
        lambda: shutil.rmtree(ensemble, ignore_errors=True),
    )


def _rendering(folder: Path, home: Path) -> Target:
    rendered = folder / "rendered"
    return Target(
        "demo",
        lambda: Observed(audiotag("demo", rendered), home),
        lambda: _checksums(rendered, "*"),
        lambda: shutil.rmtree(rendered, ignore_errors=True),
    )


def _kill_app(home: Path, sounds: Path, kills: int) -> Tally:
    """Kill the app while it starts or serves; the port must be free at once, and the next start must answer."""
    rng = np.random.default_rng(SEED)
    tally = Tally("kills, app")
    run(audiotag("scan", sounds), home)  # a dataset to show, or the starter sounds would be rendered
    for _ in range(kills):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        observed = Observed(audiotag("app", "--port", port), home)
        observed.wait(until=partial(_answers, port), timeout_s=60 if tally.tried % 2 else rng.uniform(0.2, 4))
        answered = _answers(port)
        observed.kill()
        orphans = observed.orphans()
        tally.tried += 1
        if tally.tried % 2 == 0 and not answered:
            tally.lost.append(f"the app did not answer within 60 s: {observed.ended().output[-300:]}")
        if orphans:
            tally.lost.append(f"{len(orphans)} processes outlived the app")
        if _answers(port):
            tally.lost.append(f"port {port} is still held")
    tally.survived = tally.tried - min(len(tally.lost), tally.tried)
    return tally


def _answers(port: int) -> bool:
    with suppress(OSError, urllib.error.URLError):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).status == 200
    return False


def _process_in(path: Path) -> psutil.Process | None:
    """The process that a file of state names, if that very one is still running."""
    with suppress(OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        named = json.loads(path.read_text())
        process = psutil.Process(int(named["pid"]))
        if abs(process.create_time() - named["started"]) < 2:  # another may have the same number by now
            return process
    return None


def _checksums(folder: Path, pattern: str) -> dict[str, str]:
    return {str(path.relative_to(folder)): _checksum(path) for path in sorted(folder.rglob(pattern)) if path.is_file()}


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
