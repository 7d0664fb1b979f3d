"""Measure how long users wait for pages, and how much memory pages take: ``python benchmarks/pages.py [PART …]``.

The parts, by default all of them, in this order:

- ``start``: seconds from ``audiotag app`` in an empty workspace to the first page, and until its starter sounds are
  there; and to the first page where they are there already;
- ``script``: the server's time for a change to each page, without a browser, and the processor time in it, which
  depends less on what else the machine does; medians;
- ``browser``: the time from a click on each page's link until the page is drawn, the server's processor time for it,
  and bytes that the browser receives, the first time and later; medians;
- ``ensemble``: the first Tag page with an ensemble that this machine has not used before, and the same again after
  the app was started again;
- ``memory``: the server's memory (RSS) after many changes of page.

All but ``script`` need Chromium and playwright. The workspace has the starter sounds and a finished run with scores at
random. To measure another version, put its folder into ``PYTHONPATH``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from safetensors.numpy import save

from audiotag.shipped import APP, SHIPPED_MODELS
from audiotag.starter.render import render_starter

PAGES = {
    "Home": "app.py",
    "Dataset": "pages/dataset.py",
    "Spectrogram": "pages/spectrogram.py",
    "Train": "pages/train.py",
    "Tag": "pages/tag.py",
    "Review": "pages/review.py",
    "Score": "pages/score.py",
}
REPEATS = 7
FOLDS = (1, 2, 3, 4)
WAIT_S = 300
# Resolves with the milliseconds until the page of this title is drawn; clicks on its link first, if there is one.
UNTIL_DRAWN = """
  ([title, link]) => new Promise(done => {
    const began = performance.now();
    if (link) [...document.querySelectorAll('[data-testid="stSidebar"] a')]
      .find(one => one.textContent.trim().endsWith(title)).click();
    const look = () => {
      const app = document.querySelector('[data-testid="stApp"]');
      const drawn = app && app.dataset.testScriptState === "notRunning" && document.title.startsWith(title + " ·");
      drawn && document.querySelector("h1") ? done(performance.now() - began) : requestAnimationFrame(look);
    };
    look();
  })
"""


def main() -> None:
    """Build a workspace, measure the parts, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--changes", type=int, default=210, help="changes of page for the memory (default: 210)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        home = Path(folder) / "workspace"
        os.environ["AUDIOTAG_HOME"] = str(home)
        if set(options.parts) != {"start"}:
            build(home)
        for part in options.parts or PARTS:
            print(f"\n{part}\n", flush=True)
            PARTS[part](home, options.changes)


def build(home: Path) -> None:
    """Render the starter sounds, and make a finished run of four folds with scores of the clips at random."""
    from audiotag.data.layouts import open_dataset
    from audiotag.training.recipe_files import load_recipe
    from audiotag.training.runs import RunSettings, create_run
    from audiotag.workspace import Workspace

    root = render_starter(home / "starter-sounds")
    dataset = open_dataset(root)
    Workspace().remember_dataset(root)
    clips = dataset.subset("curated")
    row_of = {label: row for row, label in enumerate(dataset.labels)}
    targets = np.zeros((len(clips), len(row_of)), np.float32)
    for clip, labels in enumerate(clips["labels"]):
        targets[clip, [row_of[label] for label in labels]] = 1
    rng = np.random.default_rng(0)
    run = create_run(Workspace(), RunSettings(str(root), load_recipe("quick"), FOLDS))
    stages = [{"stage": 0, "subset": "curated", "epochs": 1, "clips": len(clips), "pixels": 9, "shared": False}]
    run.write_event("run-started", folds=list(FOLDS), labels=list(dataset.labels), stages=stages, devices=["cpu"])
    for fold in FOLDS:
        rows = np.arange(fold - 1, len(clips), len(FOLDS))
        folder = run.fold_folder(fold)
        folder.mkdir()
        scores = (0.5 * targets[rows] + rng.uniform(size=targets[rows].shape) / 2).astype(np.float32)
        (folder / "scores.safetensors").write_bytes(save({"scores": scores, "targets": targets[rows]}))
        (folder / "clips.json").write_text(json.dumps([clips["clip"].iloc[row] for row in rows]))
        run.write_event("fold-finished", fold=fold, clips=len(rows), lwlrap=0.5, accuracy=0.5)
    run.write_status("finished")


class Server:
    """The app as ``audiotag app`` starts it."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "audiotag", "app", "--no-token", "--port", str(port)],
            cwd=home.parent,  # Python finds modules in the current folder first
            env=os.environ | {"AUDIOTAG_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_it_answers(self) -> None:
        """Wait until pages can be asked for."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5)
                return
            except OSError:
                time.sleep(0.02)
        raise TimeoutError(f"the server does not answer within {WAIT_S} s")

    def processor_s(self) -> float:
        """Processor time of the server so far."""
        return sum(self._server().cpu_times()[:2])

    def rss_bytes(self) -> int:
        """Memory of the server that is in use."""
        return int(self._server().memory_info().rss)

    def _server(self) -> psutil.Process:
        return next(one for one in psutil.Process(self.process.pid).children() if "audiotag.ui.server" in one.cmdline())


@contextmanager
def serve(home: Path) -> Iterator[Server]:
    """A server that is ended at the end of the block."""
    server = Server(home)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(60)


@contextmanager
def browser_page() -> Iterator[Any]:
    """A page of a new Chromium; the block is left if there is none."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("There is no Chromium; only the part script can be measured.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(1000 * WAIT_S)
        yield page
        browser.close()


class Received:
    """Bytes that the page receives: over its websocket, and files."""

    def __init__(self, page: Any) -> None:
        self.total = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._add))
        page.on("requestfinished", lambda request: self._add(b"", request.sizes()["responseBodySize"]))

    def _add(self, frame: bytes | str, more: int = 0) -> None:
        self.total += len(frame) + more


def measure_start(home: Path, changes: int) -> None:
    """Time the first page in an empty workspace and in one with the starter sounds."""
    empty = home.with_name("empty")
    for what in ("an empty workspace", "the same workspace again"):
        with browser_page() as page:
            began = time.perf_counter()
            with serve(empty) as server:
                server.wait_until_it_answers()
                answers = time.perf_counter() - began
                page.goto(server.url)
                page.evaluate(UNTIL_DRAWN, ["Home", False])
                drawn = time.perf_counter() - began
                page.get_by_text("1,050 clips, ").wait_for()
                whole = time.perf_counter() - began
        print(f"{what}: answers after {answers:.1f} s, first page {drawn:.1f} s, with its dataset {whole:.1f} s")


def measure_scripts(home: Path, changes: int) -> None:
    """Time changes of page without a browser."""
    from streamlit.testing.v1 import AppTest

    logging.disable(logging.WARNING)  # which say that there is no browser
    test = AppTest.from_file(str(APP), default_timeout=WAIT_S).run()

    def change(page: str) -> tuple[float, float]:
        began = time.perf_counter(), time.process_time()
        test.switch_page(page).run()
        took = time.perf_counter() - began[0], time.process_time() - began[1]
        assert not test.exception
        return took

    firsts = {name: change(page) for name, page in PAGES.items()}
    later: dict[str, list[tuple[float, float]]] = {name: [] for name in PAGES}
    for _ in range(REPEATS):
        for name, page in PAGES.items():
            later[name].append(change(page))
    print(f"{'':12s} {'first':>8s} {'later':>8s} {'processor':>10s}")
    for name in PAGES:
        wall, processor = (1000 * statistics.median(values) for values in zip(*later[name], strict=True))
        print(f"{name:12s} {1000 * firsts[name][0]:5.0f} ms {wall:5.0f} ms {processor:7.0f} ms")


def measure_browser(home: Path, changes: int) -> None:
    """Time clicks on the links of pages in Chromium."""
    rows: dict[str, list[tuple[float, float, int]]] = {name: [] for name in PAGES}
    with serve(home) as server, browser_page() as page:
        server.wait_until_it_answers()
        received = Received(page)
        page.goto(server.url)
        page.evaluate(UNTIL_DRAWN, ["Home", False])
        page.wait_for_timeout(8000)  # a user reads; what the server prepares meanwhile does not count
        for _ in range(1 + REPEATS):
            for name in [*list(PAGES)[1:], "Home"]:
                processor, before = server.processor_s(), received.total
                took = page.evaluate(UNTIL_DRAWN, [name, True])
                page.wait_for_timeout(700)  # what comes and what the server does after the page is drawn
                rows[name].append((took, server.processor_s() - processor, received.total - before))
    print(f"{'':12s} {'first':>9s} {'later':>9s} {'processor':>10s} {'received first':>15s} {'later':>9s}")
    for name, values in rows.items():
        took, processor, size = (statistics.median(column) for column in zip(*values[1:], strict=True))
        print(
            f"{name:12s} {values[0][0]:6.0f} ms {took:6.0f} ms {1000 * processor:7.0f} ms "
            f"{values[0][2] / 1e3:12,.0f} kB {size / 1e3:6,.0f} kB"
        )


def measure_ensemble(home: Path, changes: int) -> None:
    """Time the first Tag page with a copy of the shipped ensemble under another name."""
    copy = home / "ensembles" / "copy"
    shutil.copytree(SHIPPED_MODELS / "starter", copy)
    for what, is_new, wait_s in (
        ("new on this machine, the first page that is opened", True, 0),
        ("new on this machine, after 30 s on another page", True, 30),
        ("known, after the app was started again", False, 8),
    ):
        if is_new:
            shutil.rmtree(home / "compiled", ignore_errors=True)
        with serve(home) as server, browser_page() as page:
            server.wait_until_it_answers()
            if wait_s:
                page.goto(server.url)
                page.evaluate(UNTIL_DRAWN, ["Home", False])
                page.wait_for_timeout(1000 * wait_s)
            processor, began = server.processor_s(), time.perf_counter()
            page.goto(f"{server.url}/tag?ensemble=copy")
            page.get_by_role("heading", name="Tag", level=1).wait_for()
            heading = time.perf_counter() - began
            page.evaluate(UNTIL_DRAWN, ["Tag", False])
            took, processor = time.perf_counter() - began, server.processor_s() - processor
        print(f"{what}: heading {heading:.1f} s, whole page {took:.1f} s, processor time {processor:.1f} s", flush=True)
    shutil.rmtree(copy)


def measure_memory(home: Path, changes: int) -> None:
    """Print the server's memory while pages are changed."""
    with serve(home) as server, browser_page() as page:
        server.wait_until_it_answers()
        page.goto(server.url)
        page.evaluate(UNTIL_DRAWN, ["Home", False])
        page.wait_for_timeout(8000)
        print(f"{0:5d} changes: {server.rss_bytes() / 2**20:6.0f} MiB")
        names = [*list(PAGES)[1:], "Home"]
        for number in range(1, changes + 1):
            page.evaluate(UNTIL_DRAWN, [names[(number - 1) % len(names)], True])
            if number in (len(names), 2 * len(names)) or number % (changes // 6 // len(names) * len(names)) == 0:
                print(f"{number:5d} changes: {server.rss_bytes() / 2**20:6.0f} MiB", flush=True)
        page.wait_for_timeout(15_000)
        print(f"   15 s later: {server.rss_bytes() / 2**20:6.0f} MiB")


PARTS: dict[str, Callable[[Path, int], None]] = {
    "start": measure_start,
    "script": measure_scripts,
    "browser": measure_browser,
    "ensemble": measure_ensemble,
    "memory": measure_memory,
}

if __name__ == "__main__":
    main()
