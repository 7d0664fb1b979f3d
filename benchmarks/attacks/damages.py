"""Damage the files of a workspace, one at a time: no page crashes, no command shows a traceback.

A workspace is made with everything that audiotag writes: datasets, an index, measures, presets, a finished and a
stopped run, an ensemble with thresholds and its ablation, estimates, compiled engines, verdicts, scores. Then each file
is halved, emptied or zeroed in a copy of it, and every page and command is tried there.
"""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import re
import shutil
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attacks.observed import Observed, Tally, audiotag, run

if TYPE_CHECKING:
    from audiotag.workspace import Workspace

SEED = 17
FILES = 45
TRIED_PER_POOL = 24
KINDS = ("halved", "emptied", "zeroed")
PAGES = (
    "app.py", "pages/dataset.py", "pages/spectrogram.py", "pages/train.py", "pages/tag.py", "pages/review.py",
    "pages/score.py",
)  # fmt: skip
TRAINING = ("--recipe", "quick", "--epochs", "1,1", "--device", "cpu")
ENSEMBLE, PRESET, AGAIN = "mine", "my-preset", "again"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Damage:
    """One damaged file: its path relative to the workspace, and what was done to it."""

    file: str
    kind: str


@dataclass(frozen=True)
class Setting:
    """Where damages are tried: the whole workspace, the dataset, the names of the finished and the stopped run."""

    workspace: Path
    sounds: Path
    finished: str
    stopped: str


def attack(folder: Path, sounds: Path, files: int = FILES, processes: int = 2, only: str = "") -> Tally:
    """Try ``files`` files with each kind of damage; ``sounds`` is a small starter set.

    With ``only`` just the files whose path matches this regular expression.
    """
    setting = make_workspace(folder / "whole", sounds)
    chosen = [file for file in _chosen_files(setting, files) if re.search(only, file)]
    damages = [Damage(file, kind) for file in chosen for kind in KINDS]
    tally = Tally("damaged state", tried=len(damages))
    context = multiprocessing.get_context("spawn")
    places = [folder / f"copy-{number:03}" for number in range(len(damages))]
    # New processes now and then, for memory; Python 3.11 hangs when a pool is to renew them by itself.
    for at in range(0, len(damages), TRIED_PER_POOL):
        some = damages[at : at + TRIED_PER_POOL]
        with ProcessPoolExecutor(processes, context, initializer=_prepare) as pool:
            for damage, (faults, sentences) in zip(
                some, pool.map(_try_damage, [setting] * len(some), some, places[at:]), strict=True
            ):
                tally.survived += not faults
                tally.named += not faults and sentences > 0
                tally.lost += [f"{damage.file} {damage.kind}: {fault}" for fault in faults]
                print(f"{damage.file} {damage.kind}: {'; '.join(faults) or 'survived'}", file=sys.stderr, flush=True)
    return tally


def make_workspace(home: Path, sounds: Path) -> Setting:
    """Make a workspace with one of every kind of file."""
    from audiotag.features.presets import save_preset
    from audiotag.features.settings import SpectrogramSettings
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.thresholds import save_thresholds
    from audiotag.training.run_progress import epochs_done
    from audiotag.training.runs import find_run
    from audiotag.workspace import Workspace

    def do(*arguments: object) -> None:
        ended = run(audiotag(*arguments), home)
        if ended.status not in (0, 1):
            raise RuntimeError(f"audiotag {arguments[0]} ended with {ended.status}: {ended.output[-500:]}")

    workspace = Workspace(home)
    do("scan", sounds, "--measure")
    give_verdict(sounds, workspace)
    do("train", sounds, *TRAINING, "--folds", "1,2", "--publish", ENSEMBLE)
    finished = max(path.name for path in (home / "runs").iterdir())
    training = Observed(audiotag("train", sounds, "--recipe", "quick", "--epochs", "200,200", "--device", "cpu"), home)
    while not (checkpoints := list((home / "runs").glob("*/fold-*/checkpoint*"))):
        time.sleep(0.2)
    stopped = checkpoints[0].parents[1].name
    while len(epochs_done(find_run(workspace, stopped).events())) < 2:  # so that there are two checkpoints
        time.sleep(0.2)
    find_run(workspace, stopped).stop()
    training.wait()
    do("estimate", sounds, "--recipe", "quick", "--device", "cpu", "--rates")
    do("doubts", sounds, "--ensemble", ENSEMBLE)
    do("tag", sounds / "test", "--ensemble", ENSEMBLE, "--out", home.parent / "tags.csv")
    do("ablation", ENSEMBLE, sounds, "--save")
    save_preset(PRESET, SpectrogramSettings(n_mels=64), workspace)
    card = read_card(home / "ensembles" / ENSEMBLE)
    save_thresholds(workspace, card, [0.5] * len(card.labels))
    return Setting(home, sounds, finished, stopped)


def give_verdict(sounds: Path, workspace: Workspace) -> None:
    """A verdict that removes the first label of the first curated clip, so that runs use corrected labels."""
    from audiotag.data.layouts import open_dataset
    from audiotag.data.verdicts import Verdict, VerdictJournal

    clip = open_dataset(sounds).subset("curated").iloc[0]
    label, *others = clip["labels"]
    verdict = Verdict("curated", clip["clip"], label, "wrong", tuple(clip["labels"]), tuple(others), "reviewer")
    VerdictJournal.of(sounds, workspace).append([verdict])


def _chosen_files(setting: Setting, count: int) -> list[str]:
    """Files of the workspace without sounds; of more than ``count`` a random selection that has one of each name."""
    rng = np.random.default_rng(SEED)
    files = sorted(
        path.relative_to(setting.workspace).as_posix()
        for path in setting.workspace.rglob("*")
        if path.is_file() and path.stat().st_size and path.suffix not in (".lock", ".wav")
    )
    by_name: dict[tuple[str, str], list[str]] = {}
    for file in files:
        by_name.setdefault((file.split("/")[0], Path(file).name), []).append(file)
    chosen = [rng.choice(same) for same in by_name.values()]
    rest = sorted(set(files) - set(chosen))
    chosen += list(rng.permutation(rest)[: max(count - len(chosen), 0)])
    return sorted(map(str, chosen))[:count]


def _try_damage(setting: Setting, damage: Damage, place: Path) -> tuple[list[str], int]:
    """Damage one file in a copy of the workspace, try all; what went wrong, and how often a sentence names the file."""
    shutil.copytree(setting.workspace, place)
    _damage(place / damage.file, damage.kind)
    os.environ["AUDIOTAG_HOME"] = str(place)
    logs = {path: path.stat().st_size for path in place.rglob("log.txt")}
    faults: list[str] = []
    said = ""
    for page in PAGES:
        said += _open_page(page, faults)
    for arguments in _commands(setting, damage, place):
        said += _run_command(arguments, faults)
    for path in place.rglob("log.txt"):
        if "Traceback" in path.read_text(errors="replace")[logs.get(path, 0) :] and path != place / damage.file:
            faults.append(f"a traceback in {path.relative_to(place)}: {path.read_text(errors='replace')[-300:]}")
    shutil.rmtree(place)
    name = Path(damage.file)
    return faults, said.count(name.name) + said.count(name.parent.name)


def _prepare() -> None:
    os.chdir(ROOT)
    logging.disable(logging.WARNING)  # Streamlit's, that it runs without a browser


def _damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    damaged = {"halved": content[: len(content) // 2], "emptied": b"", "zeroed": bytes(len(content))}[kind]
    path.write_bytes(damaged)


def _open_page(page: str, faults: list[str]) -> str:
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    st.cache_data.clear()
    st.cache_resource.clear()
    try:
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        if page != "app.py":
            at = at.switch_page(page).run()
        at = at.run()  # a page that is broken once must not stay broken, and the other way round
    except Exception:
        faults.append(f"{page}: {traceback.format_exc()[-600:]}")
        return ""
    faults += [f"{page}: {error.message}" for error in at.exception]
    return "\n".join(element.value for kind in (at.error, at.warning, at.info) for element in kind)


def _commands(setting: Setting, damage: Damage, place: Path) -> list[list[object]]:
    """All commands that take less than a second or two, and the slow ones where the file is theirs."""
    sounds, top = setting.sounds, damage.file.split("/")[0]
    clip = sorted((sounds / "test").iterdir())[0]
    commands: list[list[object]] = [
        ["scan", sounds, "--json"],
        ["tag", clip, "--ensemble", ENSEMBLE, "--json"],
        ["publish", setting.finished, AGAIN],
        ["train", "--resume", setting.finished],
    ]
    if top == "indexes":
        commands.append(["scan", sounds, "--measure"])
    if top in ("ensembles", "compiled", "thresholds", "datasets.json"):
        commands.append(["submit", sounds, "--ensemble", ENSEMBLE, "--out", place / "submission.csv"])
        commands.append(["score", place / "submission.csv", "--truth", sounds / "test_truth.csv"])
        commands.append(["ablation", ENSEMBLE, sounds])
    if top in ("scores", "reviews"):
        commands.append(["doubts", sounds, "--ensemble", ENSEMBLE])
        commands.append(["corrections", sounds, "--agreement"])
    if top == "runs":
        commands.append(["doubts", sounds, "--run", setting.finished])
        commands.append(["compare", setting.finished, setting.finished])
    if top in ("presets", "probes"):
        commands.append(["estimate", sounds, "--recipe", "quick", "--preset", PRESET, "--device", "cpu"])
    if (top == "runs" and setting.stopped in damage.file) or top == "presets":
        commands.append(["train", "--resume", setting.stopped, "--detach"])
    return commands


def _run_command(arguments: list[object], faults: list[str]) -> str:
    from audiotag.cli.main import main
    from audiotag.workspace import Workspace

    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            main(list(map(str, arguments)))
    except SystemExit as ended:
        if ended.code not in (0, 1, 2):
            faults.append(f"{arguments[0]} ended with status {ended.code}: {output.getvalue()[-400:]}")
    except Exception:
        faults.append(f"{arguments[0]}: {traceback.format_exc()[-600:]}")
    if "--detach" in arguments and (problem := _resumed_run_problem(Workspace(), str(arguments[2]))):
        faults.append(problem)
    return output.getvalue()


def _resumed_run_problem(workspace: Workspace, name: str) -> str:
    """Wait until a resumed run has trained some batches, stop it, and say what is wrong with how it went."""
    from audiotag.training.runs import find_run

    try:
        found = find_run(workspace, name)
    except Exception:
        return ""  # refused in a sentence, which the command has printed
    deadline = time.monotonic() + 120
    while found.is_active() and not found.progress() and time.monotonic() < deadline:
        time.sleep(0.2)
    found.stop()
    while found.is_active() and time.monotonic() < deadline:
        time.sleep(0.2)
    return "the resumed run does not stop" if found.is_active() else ""
