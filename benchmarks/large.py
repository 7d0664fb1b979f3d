"""Measure how long 24,785 clips keep a user waiting: ``python benchmarks/large.py SOUNDS META [--folder FOLDER]``.

Makes a dataset with the tables, labels, format and durations of FSDKaggle2019's training clips once (90 hours, 27 GB;
`large_sounds` says of what), and prints in a workspace of its own:

- ``index``: the first index of the dataset (`audiotag scan`);
- ``page``: the Train page with its plan, without a browser: first in a server that has just started, then again;
- ``estimate``: `audiotag estimate` for each recipe;
- ``train``: from `audiotag train` until the first batch begins, and until it is trained, for each recipe, twice: the
  second run finds what the first one has prepared.

Each is a process of its own. Printed are seconds, processor seconds of it and all processes that it starts, which
depend less on what else the machine does, and the largest memory (RSS) of one of them. To measure another version, put
its folder into ``PYTHONPATH`` and choose another ``--home``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from large_sounds import make_dataset

LIMIT_S = 1200.0
POLL_S = 0.5
PAGE = """
import logging, sys, time
logging.disable(logging.WARNING)
from streamlit.testing.v1 import AppTest
page = AppTest.from_file(sys.argv[1], default_timeout=600).switch_page("pages/train.py")
page.query_params["recipe"] = "Default"
for what in ("first", "again"):
    began = time.perf_counter()
    page.run()
    assert not page.exception, page.exception
    assert any("batches" in caption.value for caption in page.caption)
    print(f"  {what}: {time.perf_counter() - began:.1f} s")
"""


class Watched:
    """A process, and what it and its children take."""

    def __init__(self, command: list[str], home: Path) -> None:
        self._began = time.perf_counter()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 — it lives as long as the process
        environment = os.environ | {"AUDIOTAG_HOME": str(home)}
        self.process = subprocess.Popen(command, env=environment, stdout=self._log, stderr=subprocess.STDOUT)
        self._all = {self.process.pid: psutil.Process(self.process.pid)}
        self._cpu_s: dict[int, float] = {}
        self.peak_bytes = 0

    def add(self, pid: int) -> None:
        """Watch a process that is no child any more."""
        self._all.setdefault(pid, psutil.Process(pid))

    def look(self) -> None:
        """Note what all of them have taken so far."""
        for process in list(self._all.values()):
            try:
                for child in process.children(recursive=True):
                    self._all.setdefault(child.pid, child)
            except psutil.Error:
                continue
        for pid, process in list(self._all.items()):
            try:
                times = process.cpu_times()
                self._cpu_s[pid] = times.user + times.system
                self.peak_bytes = max(self.peak_bytes, process.memory_info().rss)
            except psutil.Error:  # it has ended
                del self._all[pid]

    def wait(self, is_done: Callable[[], bool]) -> str:
        """Look until something is done or too much time has passed; returns the figures."""
        while not is_done():
            self.look()
            if time.perf_counter() - self._began > LIMIT_S:
                self.process.kill()
                return f"more than {LIMIT_S:.0f} s"
            time.sleep(POLL_S)
        wall_s = time.perf_counter() - self._began
        cpu_s, memory = sum(self._cpu_s.values()), self.peak_bytes / 2**30
        return f"{wall_s:.1f} s, {cpu_s:.1f} s of processor time, {memory:.2f} GiB"

    def output(self) -> str:
        """What the process has printed."""
        self._log.seek(0)
        return self._log.read()


def audiotag(*arguments: str) -> list[str]:
    """The command line of an audiotag command."""
    return [sys.executable, "-m", "audiotag", *arguments]


def time_command(home: Path, name: str, command: list[str], shows: bool = False) -> None:
    """Print what a command takes; with ``shows``, also its output."""
    watched = Watched(command, home)
    figures = watched.wait(lambda: watched.process.poll() is not None)
    print(f"{name}: {figures}, exit status {watched.process.poll()}", flush=True)
    if shows or watched.process.poll():
        print(watched.output().rstrip(), flush=True)


def time_first_batch(home: Path, folder: Path, recipe: str, which: str) -> None:
    """Print what it takes from `audiotag train` to the first batch, and end the run."""
    watched = Watched(audiotag("train", str(folder), "--recipe", recipe, "--detach"), home)
    before = set((home / "runs").glob("*/settings.json"))

    def run_folder() -> Path | None:
        for settings in set((home / "runs").glob("*/settings.json")) - before:
            process = settings.parent / "process.json"
            if process.exists():
                pid = json.loads(process.read_text())["pid"]
                if psutil.pid_exists(pid):
                    watched.add(pid)
            return settings.parent
        return None

    def begins() -> bool:
        folder = run_folder()
        return folder is not None and ((folder / ".reserve").exists() or (folder / "status.json").exists())

    def is_trained() -> bool:
        folder = run_folder()
        return folder is not None and (any(folder.glob("*/progress.json")) or (folder / "status.json").exists())

    begin, figures = watched.wait(begins), watched.wait(is_trained)
    (run,) = {settings.parent for settings in (home / "runs").glob("*/settings.json")} - {
        settings.parent for settings in before
    }
    status = (run / "status.json").read_text() if (run / "status.json").exists() else ""
    print(f"train {recipe}, {which}: first batch begins after {begin}", flush=True)
    print(f"train {recipe}, {which}: first batch trained after {figures} {status}", flush=True)
    (run / "stop").touch()
    pid = json.loads((run / "process.json").read_text())["pid"]
    if psutil.pid_exists(pid):
        psutil.Process(pid).kill()
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(POLL_S)


def main() -> None:
    """Make the dataset, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", type=Path, help="folder of recordings to cut clips from, such as ESC-10")
    parser.add_argument("meta", type=Path, help="FSDKaggle2019.meta of the release")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "large" / "FSDKaggle2019")
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "large" / "home")
    parser.add_argument("--recipes", default="default,capstone", help="names, separated by commas")
    parser.add_argument("--parts", default="index,page,estimate,train", help="of index, page, estimate, train")
    options = parser.parse_args()
    folder = make_dataset(options.sounds, options.meta, options.folder)
    parts, recipes = options.parts.split(","), options.recipes.split(",")
    if "index" in parts:
        shutil.rmtree(options.home, ignore_errors=True)
        time_command(options.home, "index", audiotag("scan", str(folder)))
    if "page" in parts:
        from audiotag.shipped import APP

        script = [sys.executable, "-c", PAGE, str(APP)]
        time_command(options.home, "page", script, shows=True)
    for recipe in recipes if "estimate" in parts else ():
        command = audiotag("estimate", str(folder), "--recipe", recipe)
        time_command(options.home, f"estimate {recipe}", command, shows=True)
    for recipe in recipes if "train" in parts else ():
        for which in ("first run", "second run"):
            time_first_batch(options.home, folder, recipe, which)


if __name__ == "__main__":
    main()
