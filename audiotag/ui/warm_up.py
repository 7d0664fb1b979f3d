"""Do in the background what users would otherwise wait for: imports, garbage collection, and the choice of engines.

Python holds its global lock during the first two, so that a page which runs at the same time takes longer: they wait
until no page runs. Engines are measured in a process of its own.
"""

from __future__ import annotations

import ast
import gc
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from audiotag.shipped import APP
from audiotag.workspace import Workspace

REST_S = 0.3  # so long no page has run
POLL_INTERVAL_S = 0.05
FIRST_PAGE_WAIT_S = 3.0  # for the page that users open as soon as the server prints its address
INTERVAL_S = 5.0  # between collections of garbage
MAX_INTERVAL_S = 300.0  # where there are hardly any new objects: what a closed tab leaves is freed as well
MAX_WAIT_S = 30.0  # for pages to rest, where some page runs all the time
# Modules that no page imports at its top, because it does not always need them.
LAZY_MODULES = ("audiotag.figures.dataset", "audiotag.figures.sound", "audiotag.tagging.tagger", "openvino")


def begin() -> None:
    """Start a thread that first imports what pages need, and then collects garbage from time to time.

    Streamlit collects garbage itself after each run of a page, before the browser gets the end of it. That takes
    0.15 s, so the server switches it off.
    """
    threading.Thread(target=_work, name="warm-up", daemon=True).start()


def _work() -> None:
    first, *others = page_imports()
    _run(first)  # while the browser loads Streamlit's own files
    time.sleep(FIRST_PAGE_WAIT_S)
    for statements in (*others, *(f"import {name}" for name in LAZY_MODULES)):
        wait_until_pages_rest()
        _run(statements)
    wait_until_pages_rest()
    with suppress(Exception):
        _compile_kernels()
    tried: set[tuple[Path, float]] = set()
    collected = time.monotonic()
    while True:
        with suppress(Exception):  # the Tag page says what is wrong with an ensemble
            measure_new_ensemble(tried)
        time.sleep(INTERVAL_S)
        _, newer, older = gc.get_count()
        if newer or older or time.monotonic() - collected > MAX_INTERVAL_S:
            wait_until_pages_rest()
            gc.collect()
            collected = time.monotonic()


def _run(statements: str) -> None:
    with suppress(Exception):  # the page that needs it says what is wrong
        exec(statements, {})


def _compile_kernels() -> None:
    """Have numba compile what computes log-mel spectrograms, or read from disk what it compiled earlier."""
    import numpy as np

    from audiotag.features.log_mel import log_mel
    from audiotag.features.settings import SpectrogramSettings

    settings = SpectrogramSettings()
    log_mel(np.zeros(settings.clip_samples, np.float32), settings)


def measure_new_ensemble(tried: set[tuple[Path, float]]) -> None:
    """Have a process find the fastest engine for an ensemble that is new on this machine, before it is needed.

    Only the first ensemble and the newest one of the user are looked at; ``tried`` gets those that were measured.
    """
    from audiotag.tagging.card import CARD
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.engine_selection import ENGINE_VARIABLE, is_measured

    workspace = Workspace()
    folders = list(workspace.ensemble_folders().values())
    own = [folder for folder in folders if folder.parent == workspace.ensembles]
    for folder in dict.fromkeys([*folders[:1], *own[:1]]):
        card_file = folder / CARD
        key = (folder, card_file.stat().st_mtime)
        if key in tried or os.environ.get(ENGINE_VARIABLE):
            continue
        tried.add(key)
        if not is_measured(folder, read_card(folder)):
            wait_until_pages_rest()
            command = [sys.executable, "-m", "audiotag.tagging.engine_selection", str(folder)]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def page_imports() -> list[str]:
    """The import statements at the top of each page, Home first."""
    pages = (APP, *sorted((APP.parent / "pages").glob("*.py")))
    bodies = [ast.parse(page.read_bytes()).body for page in pages]
    imports = [[node for node in body if isinstance(node, ast.Import | ast.ImportFrom)] for body in bodies]
    return ["\n".join(map(ast.unparse, nodes)) for nodes in imports]


def wait_until_pages_rest(max_wait_s: float = MAX_WAIT_S) -> None:
    """Wait until no page has run for `REST_S`, but not longer than ``max_wait_s``."""
    now = time.monotonic()
    rests_since, give_up = now, now + max_wait_s
    while now - rests_since < REST_S and now < give_up:
        time.sleep(POLL_INTERVAL_S)
        now = time.monotonic()
        if any(thread.name.startswith("ScriptRunner.") for thread in threading.enumerate()):  # Streamlit's name
            rests_since = now
