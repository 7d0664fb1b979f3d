"""Measure how fast the Spectrogram page responds: ``python benchmarks/spectrogram_page.py [--chromium]``.

Prints the server's time for a whole run of the page after each change of a slider, for a clip of five seconds, how much
of it the processor works, which does not depend on what else the machine does, and the bytes that a browser is sent:
medians of some runs, the slowest first. The browser's time is not included. With
``--chromium`` the bytes are counted at the websocket of Chromium instead, for the first view and for steps of sliders.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
REPEATS = 9
CLIP_S = 5
VIEWS = {
    "Network input": {"view": "Network input"},
    "A and B": {"view": "Network input", "b": "warm-up"},
    "Other clips": {"view": "Other clips"},
    "Augmentation": {"view": "Augmentation"},
    "Code": {"view": "Code"},
}
CHANGES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "mel bands": ("set-n_mels", (64, 96, 128)),
    "hop": ("set-hop_length", (400, 512, 690)),
    "clip length": ("set-clip_s", (1.0, 3.0, 2.0)),
    "floor": ("set-top_db", (80, 40, 60)),
}
SLIDERS = (("Mel bands", "ArrowLeft"), ("Hop (samples)", "ArrowLeft"), ("Clip length (s)", "ArrowRight"))


def build(root: Path) -> None:
    """Write a table and eight clips of noise, five seconds each."""
    rng = np.random.default_rng(0)
    root.mkdir()
    names = [f"{number}.wav" for number in range(8)]
    for name in names:
        soundfile.write(root / name, 0.1 * rng.standard_normal(CLIP_S * 44_100), 44_100)
    (root / "clips.csv").write_text("fname,label\n" + "".join(f"{name},Hiss\n" for name in names))


class Payload:
    """Counts the bytes of each run of a page as a browser gets them: of what it has, Streamlit sends a reference."""

    def __init__(self) -> None:
        from streamlit.testing.v1.local_script_runner import LocalScriptRunner

        self.bytes = 0
        self._run = 0
        self._sent: dict[str, int] = {}  # hash of a message: the last run that had it
        messages_of = LocalScriptRunner.forward_msgs

        def counted(runner: LocalScriptRunner) -> list:
            messages = messages_of(runner)
            self._run += 1
            self.bytes = sum(map(self._size, messages))
            return messages

        LocalScriptRunner.forward_msgs = counted  # type: ignore[method-assign,assignment]

    def _size(self, message: Any) -> int:
        from streamlit import config
        from streamlit.runtime.forward_msg_cache import create_reference_msg, populate_hash_if_needed

        populate_hash_if_needed(message)
        if message.metadata.cacheable:
            before = self._sent.get(message.hash, -99)
            self._sent[message.hash] = self._run
            if self._run - before <= config.get_option("global.maxCachedMessageAge"):
                return int(create_reference_msg(message).ByteSize())
        return int(message.ByteSize())


def measure_changes() -> None:
    """Measure the page after each change of a slider."""
    from streamlit.testing.v1 import AppTest

    logging.disable(logging.WARNING)  # which say that there is no browser
    payload = Payload()
    found = {}
    for view, address in VIEWS.items():
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page("pages/spectrogram.py")
        for parameter, value in address.items():
            page.query_params[parameter] = value
        page.run()
        for change, (key, values) in CHANGES.items():
            runs = []
            for number in range(REPEATS):
                page.session_state[key] = values[number % len(values)]
                began = np.array([time.perf_counter(), time.process_time()])
                page.run()
                runs.append((*([time.perf_counter(), time.process_time()] - began), payload.bytes))
                assert not page.exception
                assert not page.error
            found[f"{view}: {change}"] = np.median(runs, axis=0)
    print("   time  processor  sent")
    for name, (seconds, processor_s, sent) in sorted(found.items(), key=lambda item: -item[1][1]):
        print(f"{1000 * seconds:4.0f} ms    {1000 * processor_s:4.0f} ms {sent / 1000:4.0f} kB  {name}")


def measure_in_chromium(home: Path) -> None:
    """Count the bytes at the websocket of a browser, for the first view and for each step of a slider."""
    from playwright.sync_api import Page, sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "audiotag", "app", "--no-token", "--port", str(port)]
    environment = os.environ | {"AUDIOTAG_HOME": str(home), "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    received = [0]

    def settle(page: Page) -> int:
        page.wait_for_timeout(500)
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=120_000)
        page.wait_for_timeout(1500)
        sent, received[0] = received[0], 0
        return sent

    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            for view in ("Network input", "A and B"):
                page = browser.new_page()
                page.on(
                    "websocket",
                    lambda opened: opened.on(
                        "framereceived", lambda frame: received.__setitem__(0, received[0] + len(frame))
                    ),
                )
                address = f"http://127.0.0.1:{port}/spectrogram?{urlencode(VIEWS[view])}"
                for _ in range(120):  # until the server answers
                    try:
                        page.goto(address)
                        break
                    except Exception:
                        time.sleep(0.5)
                print(f"{settle(page) / 1000:5.0f} kB  {view}: first view")
                for name, key in SLIDERS:
                    sizes = []
                    for _ in range(3):
                        page.get_by_role("slider", name=name).press(key)
                        sizes.append(settle(page))
                    print(f"{np.median(sizes) / 1000:5.0f} kB  {view}: {name}")
                page.close()
            browser.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def main() -> None:
    """Build the clips, measure, print."""
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        home = Path(folder) / "workspace"
        os.environ["AUDIOTAG_HOME"] = str(home)
        build(Path(folder) / "noise")
        from audiotag.workspace import Workspace

        Workspace().remember_dataset(Path(folder) / "noise")
        if "--chromium" in sys.argv[1:]:
            measure_in_chromium(home)
        else:
            measure_changes()


if __name__ == "__main__":
    main()
