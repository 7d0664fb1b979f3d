"""Measure the map of clips.

``python benchmarks/map.py speed [CLIPS]`` makes up 25,000 clips and their vectors, and prints how long the map takes by
UMAP, and in Chromium, which draws without a GPU: to open the map from the cache, by its tab and by its address, to
zoom, to draw a lasso around half of the clips, to go to the next clip, and to click on one. Each action has two times:
until the map or the page shows the result, and until the whole page has settled (the player, the list). With them come
the processor time of the server and of Chromium, up to a second after the action, and the bytes that they send each
other. Chromium has the scripts of the app in its cache. All times depend on the machine.

``python benchmarks/map.py quality DATASET [ENSEMBLE]`` prints how well neighbours are preserved by principal components
and by UMAP: the trustworthiness of scikit-learn, from 0 to 1, for the ten nearest clips by cosine distance. It embeds
the dataset first where that was not done yet, in the workspace of ``AUDIOTAG_HOME``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

CLIPS, LABELS, DIMENSIONS = 25_000, 80, 1075
NEAREST = 10
IS_SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
DRAWN = ".clip-map[data-drawn]"
AFTER_MS = 1000
# Where a clip of the first group in the legend is in the window.
PLACE_OF_A_CLIP = """root => {
  const { stage, groups } = root.clipMap;
  const { left, top } = stage.getBoundingClientRect();
  const [x, y] = root.clipMap.placeOf(groups[0].rows[5]);
  return [left + x, top + y];
}"""
RECORD_FRAMES = """() => { window.frames_ms = []; let last = performance.now();
  const next = now => { window.frames_ms.push(now - last); last = now; window.frame = requestAnimationFrame(next); };
  window.frame = requestAnimationFrame(next); }"""


def build(root: Path, clips: int) -> None:
    """Write a table and tiny clips, their vectors by the shipped ensemble, and the map, which is timed."""
    import soundfile

    from audiotag.data.index import scan, with_keys
    from audiotag.data.layouts import OpenOptions
    from audiotag.data.saved_options import open_and_remember
    from audiotag.similarity.embedding_job import EmbeddingJob
    from audiotag.similarity.embedding_store import NewSound, file_keys
    from audiotag.similarity.map_job import MapJob, make_map
    from audiotag.tagging.card_reading import read_card
    from audiotag.workspace import Workspace

    rng = np.random.default_rng(0)
    root.mkdir()
    label = rng.integers(LABELS, size=clips)
    noise = 0.1 * rng.standard_normal(clips + 200)
    names = [f"{number:08x}.wav" for number in rng.choice(2**32, clips, replace=False)]
    for number, name in enumerate(names):
        # At 100 Hz a clip lasts 2 s: the dataset is then too long to be measured by itself while pages are timed.
        soundfile.write(root / name, noise[number : number + 200], 100)
    lines = [f"{name},Label_{each:02}" for name, each in zip(names, label, strict=True)]
    (root / "clips.csv").write_text("\n".join(["fname,label", *lines]) + "\n")
    workspace = Workspace()
    dataset = open_and_remember(root, OpenOptions(), workspace)
    scan(dataset, workspace.indexes)
    ensemble = next(iter(workspace.ensemble_folders().values()))
    card = read_card(ensemble)
    centres = rng.standard_normal((LABELS, DIMENSIONS))
    job = EmbeddingJob.of(dataset, ensemble, card, workspace)
    keys = file_keys(with_keys(dataset.clips))
    for start in range(0, clips, 1000):
        rows = slice(start, start + 1000)
        vectors = centres[label[rows]] + 1.5 * rng.standard_normal((len(label[rows]), DIMENSIONS))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        sounds = zip(keys[rows].tolist(), vectors, strict=True)
        job.store.add(NewSound(key, key, 0, np.zeros(1), vector[None]) for key, vector in sounds)
    embeddings = job.read(dataset, workspace)
    map_job = MapJob.of(dataset, ensemble, card, workspace)
    began = time.perf_counter()
    make_map(map_job, embeddings)
    print(f"{time.perf_counter() - began:7.1f} s  UMAP of {clips:,} clips, with what numba compiles")
    began = time.perf_counter()
    map_job.read(embeddings.vectors)
    print(f"{time.perf_counter() - began:7.2f} s  reading the map for the vectors of the clips")


class Meter:
    """Measures what an action takes on a page of Chromium: time, processor time of both sides, and bytes sent."""

    def __init__(self, page: Any, server: int) -> None:
        self.up = self.down = 0
        self._page = page
        self._server = psutil.Process(server)
        page.on("websocket", self._listen)

    def _listen(self, websocket: Any) -> None:
        websocket.on("framesent", lambda frame: setattr(self, "up", self.up + len(frame)))
        websocket.on("framereceived", lambda frame: setattr(self, "down", self.down + len(frame)))

    def measure(self, what: str, act: Callable[[], Any], is_done: Callable[[], Any]) -> None:
        """Do something, wait until it is done and until the page has settled, and print what it took."""
        self.up = self.down = 0
        before, began = self.processor_s(), time.perf_counter()
        act()
        is_done()
        self._next_frame()
        done_s = time.perf_counter() - began
        self._page.wait_for_selector(IS_SETTLED)
        self._next_frame()
        settled_s = time.perf_counter() - began
        sent = f"{self.down / 1000:5,.0f} kB to it {self.up / 1000:5.1f} kB from it"
        self._page.wait_for_timeout(AFTER_MS)
        server_s, chromium_s = np.subtract(self.processor_s(), before)
        times = f"{done_s:5.2f} s, settled {settled_s:5.2f} s; server {server_s:5.2f} s, Chromium {chromium_s:5.2f} s"
        print(f"{times}; {sent}  {what}", flush=True)

    def _next_frame(self) -> None:
        self._page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def processor_s(self) -> tuple[float, float]:
        """Processor time so far of the server and of Chromium, in seconds."""
        server = [self._server, *self._server.children(recursive=True)]
        chromium = [each for each in psutil.Process().children(recursive=True) if each.name().startswith("chrom")]
        return _processor_s(server), _processor_s(chromium)


def _processor_s(processes: list[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):  # it has ended
            total += sum(process.cpu_times()[:2])
    return total


def measure_pages(url: str, server: int) -> None:
    """Open the map in Chromium, zoom, draw a lasso, step, and click."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1440, "height": 1300})  # has one cache

        def new_page() -> tuple[Any, Meter]:
            for each in context.pages:
                each.close()
            page = context.new_page()
            page.set_default_timeout(300_000)
            return page, Meter(page, server)

        page, meter = new_page()
        page.goto(f"{url}/dataset?tab=Clips")
        page.wait_for_selector(IS_SETTLED)
        for what in ("the page with the tab in its address, the first time on this server", "again, in a new session"):
            page, meter = new_page()
            meter.measure(what, partial(page.goto, f"{url}/dataset?tab=Map"), page.locator(DRAWN).wait_for)
        for what in ("a click on the tab, in a new session", "again"):
            page, meter = new_page()
            page.goto(f"{url}/dataset?tab=Clips")
            page.get_by_role("tab", name="Map").wait_for()
            page.wait_for_selector(IS_SETTLED)
            page.wait_for_timeout(AFTER_MS)
            meter.measure(what, page.get_by_role("tab", name="Map").click, page.locator(DRAWN).wait_for)
        measure_actions(page, meter)
        browser.close()


def measure_actions(page: Any, meter: Meter) -> None:
    """Zoom, step, click, and draw a lasso on the map that is open."""
    stage = page.get_by_role("application")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def turn_wheel() -> None:
        for turn in range(20):
            page.mouse.wheel(0, -60 if turn % 2 else 60)
            page.wait_for_timeout(50)

    print_frames(page, "zooming", turn_wheel)
    for number, what in ((2, "the next clip, by a key"), (3, "again")):
        clip = page.get_by_text(f"Clip {number} of ", exact=False)
        meter.measure(what, partial(page.keyboard.press, "n"), clip.wait_for)
    before = page.locator(".clip-map .ring").get_attribute("cx")
    x, y = page.locator(".clip-map").evaluate(PLACE_OF_A_CLIP)
    page.mouse.move(x, y)
    gone = page.get_by_text("Clip 3 of ", exact=False)
    meter.measure("a click on a clip", partial(page.mouse.click, x, y), partial(gone.wait_for, state="detached"))
    assert page.locator(".clip-map .ring").get_attribute("cx") != before
    corners = [(0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98), (0.02, 0.05)]
    path = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*path[0])
    page.mouse.down()

    def draw() -> None:
        for corner in path[1:]:
            page.mouse.move(*corner, steps=10)

    print_frames(page, "drawing a lasso", draw)
    drawn = page.locator(DRAWN).get_attribute("data-drawn")
    half = page.locator(f".clip-map[data-drawn]:not([data-drawn='{drawn}'])")
    meter.measure("a lasso around half of the clips", page.mouse.up, half.wait_for)


def print_frames(page: Any, what: str, act: Callable[[], None]) -> None:
    """Do something, and print the time between the frames that Chromium shows meanwhile."""
    page.evaluate(RECORD_FRAMES)
    act()
    frames = np.array(page.evaluate("() => { cancelAnimationFrame(window.frame); return window.frames_ms; }"))
    median, slow = np.median(frames), np.quantile(frames, 0.95)
    print(
        f"{median:5.0f} ms between two frames while {what}, median; {slow:.0f} ms for the slowest of twenty", flush=True
    )


def speed(clips: int) -> None:
    """Build the dataset, start the app, and measure."""
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        os.environ["AUDIOTAG_HOME"] = str(Path(folder) / "workspace")
        build(Path(folder) / "sounds", clips)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "audiotag", "app", "--no-token", "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as server:
            try:
                time.sleep(30)  # until the server has imported what pages need
                measure_pages(f"http://127.0.0.1:{port}", server.pid)
            finally:
                os.killpg(server.pid, 15)


def quality(dataset_path: Path, ensemble_name: str) -> None:
    """Print the trustworthiness of both layouts."""
    from sklearn.manifold import trustworthiness

    from audiotag.data.layouts import OpenOptions
    from audiotag.data.saved_options import open_and_remember
    from audiotag.similarity.embedding_job import EmbeddingJob, embed_clips
    from audiotag.similarity.map_layout import principal_components, umap_layout
    from audiotag.tagging.card_reading import read_card
    from audiotag.workspace import Workspace

    workspace = Workspace()
    dataset = open_and_remember(dataset_path, OpenOptions(), workspace)
    ensemble = workspace.ensemble_folders()[ensemble_name]
    job = EmbeddingJob.of(dataset, ensemble, read_card(ensemble), workspace)
    embed_clips(job, workspace)
    vectors = job.read(dataset, workspace).vectors.astype(np.float32)
    vectors = vectors[vectors.any(axis=1)]
    for name, positions in (
        ("principal components", principal_components(vectors)),
        ("UMAP", umap_layout(vectors, lambda done, total: None)),
    ):
        found = trustworthiness(vectors, positions, n_neighbors=NEAREST, metric="cosine")
        print(f"{found:.3f}  {name}, {len(vectors):,} clips")


def main() -> None:
    """Measure what the first argument says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("speed").add_argument("clips", nargs="?", type=int, default=CLIPS)
    of_quality = parts.add_parser("quality")
    of_quality.add_argument("dataset", type=Path)
    of_quality.add_argument("ensemble", nargs="?", default="starter")
    arguments = parser.parse_args()
    if arguments.part == "speed":
        speed(arguments.clips)
    else:
        quality(arguments.dataset, arguments.ensemble)


if __name__ == "__main__":
    main()
