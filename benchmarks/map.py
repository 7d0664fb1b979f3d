"""Measure the map of clips.

``python benchmarks/map.py speed [CLIPS]`` makes up 25,000 clips and their vectors, and prints how long the map takes by
UMAP, and in Chromium, with the bytes that the server and the browser send: to open the map from the cache, to zoom, to
select half of the clips with a lasso, to go to the next clip, and to click on one. The times are of the whole way, from
the action until the page has settled, and depend on the machine: Chromium draws without a GPU.

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
from pathlib import Path
from typing import Any

import numpy as np
import psutil

CLIPS, LABELS, DIMENSIONS = 25_000, 80, 1075
NEAREST = 10
IS_SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
DRAWN = "document.querySelector('.st-key-clip-map .js-plotly-plot .nsewdrag') !== null"
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
    from audiotag.tagging.ensemble import read_card
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


class Traffic:
    """The bytes that a page of Chromium and the server send each other."""

    def __init__(self, page: Any, server: int) -> None:
        self.up = self.down = 0
        self._server = psutil.Process(server)
        page.on("websocket", self._listen)

    def _listen(self, websocket: Any) -> None:
        websocket.on("framesent", lambda frame: setattr(self, "up", self.up + len(frame)))
        websocket.on("framereceived", lambda frame: setattr(self, "down", self.down + len(frame)))

    def measure(self, what: str, page: Any, act: Callable[[], None], is_done: str = DRAWN) -> None:
        """Do something, wait until the page has settled, and print how long it took and what was sent."""
        self.up = self.down = 0
        began, began_s = time.perf_counter(), self._processor_s()
        act()
        page.wait_for_function(is_done)
        page.wait_for_selector(IS_SETTLED)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        spent_s = time.perf_counter() - began
        server_s = self._processor_s() - began_s
        sent = f"{self.down / 1000:7,.0f} kB to the browser  {self.up / 1000:5.1f} kB from it"
        print(f"{spent_s:7.2f} s, {server_s:5.2f} s of the server's processor  {sent}  {what}", flush=True)

    def _processor_s(self) -> float:
        processes = [self._server, *self._server.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)


def measure_pages(url: str, server: int) -> None:
    """Open the map in Chromium, zoom, draw a lasso, step, and click."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for what in ("opening the map, the first time on this server", "opening the map again, in a new session"):
            page = browser.new_context(viewport={"width": 1440, "height": 1300}).new_page()
            page.set_default_timeout(300_000)
            traffic = Traffic(page, server)
            page.goto(f"{url}/dataset?tab=Clips")
            page.get_by_role("tab", name="Map").wait_for()
            page.wait_for_selector(IS_SETTLED)
            traffic.measure(what, page, page.get_by_role("tab", name="Map").click)
        page.locator(".st-key-map-chart").scroll_into_view_if_needed()
        box = page.locator(".st-key-clip-map .nsewdrag").bounding_box()
        assert box
        centre = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*centre)
        page.evaluate(RECORD_FRAMES)
        for turn in range(20):
            page.mouse.wheel(0, -60 if turn % 2 else 60)
            page.wait_for_timeout(50)
        frames = np.array(page.evaluate("() => { cancelAnimationFrame(window.frame); return window.frames_ms; }"))
        median, slow = np.median(frames), np.quantile(frames, 0.95)
        print(f"{median:7.0f} ms  between two frames while zooming, median; {slow:.0f} ms for the slowest of twenty")
        corners = [(0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98), (0.02, 0.05)]
        path = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        page.mouse.move(*path[0])
        page.mouse.down()
        began = time.perf_counter()
        for corner in path[1:]:
            page.mouse.move(*corner, steps=10)
        print(f"{1000 * (time.perf_counter() - began) / 40:7.0f} ms  per step of the mouse while the lasso is drawn")
        selected = "/clips? selected/.test(document.body.innerText)"
        traffic.measure("a lasso around half of the clips", page, page.mouse.up, selected)
        page.wait_for_timeout(1000)
        second = "/Clip 2 of/.test(document.body.innerText)"
        traffic.measure("the next clip, by a key", page, lambda: page.keyboard.press("n"), second)
        page.wait_for_timeout(1000)
        traffic.measure("a click on a clip", page, lambda: page.mouse.click(box["x"] + 0.3 * box["width"], centre[1]))
        browser.close()


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
    from audiotag.tagging.ensemble import read_card
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
