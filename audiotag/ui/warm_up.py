"""Do in the background, while no page runs, what users would otherwise wait for: imports, and garbage collection.

Python holds its global lock during both, so that a page which runs at the same time takes longer.
"""

from __future__ import annotations

import ast
import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from audiotag.shipped import APP

REST_S = 0.3  # so long no page has run
POLL_INTERVAL_S = 0.05
FIRST_PAGE_WAIT_S = 3.0  # for the page that users open as soon as the server prints its address
COLLECT_INTERVAL_S = 5.0
MAX_WAIT_S = 30.0  # for pages to rest, where some page runs all the time
FEW_OBJECTS = 2  # generations of new objects, 700 each, that need not be collected
# Modules that no page imports at its top, because it does not always need them.
LAZY_MODULES = (
    "audiotag.features.kernels",
    "audiotag.figures.dataset",
    "audiotag.figures.sound",
    "audiotag.tagging.tagger",
    "openvino",
)


def begin() -> None:
    """Start a thread that first imports what pages need, and then collects garbage from time to time.

    Streamlit collects garbage itself after each run of a page, before the browser gets the end of it. That takes
    0.15 s, so the server switches it off.
    """
    threading.Thread(target=_work, name="warm-up", daemon=True).start()


def _work() -> None:
    first, *others = page_imports()
    first()  # while the browser loads Streamlit's own files
    time.sleep(FIRST_PAGE_WAIT_S)
    for run in (*others, *(lambda name=name: import_module(name) for name in LAZY_MODULES)):
        wait_until_pages_rest()
        with suppress(Exception):  # the page that needs it says what is wrong
            run()
    while True:
        time.sleep(COLLECT_INTERVAL_S)
        _, newer, older = gc.get_count()
        if newer + 10 * older > FEW_OBJECTS:
            wait_until_pages_rest()
            gc.collect()


def page_imports() -> list[Callable[[], None]]:
    """Functions that do what the statements at the top of pages import, Home's first."""
    functions: list[Callable[[], None]] = []
    for page in (APP, *sorted((APP.parent / "pages").glob("*.py"))):
        statements = ast.parse(page.read_bytes()).body
        imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
        code = compile(ast.Module(imports, []), str(page), "exec")
        functions.append(lambda code=code: exec(code, {}))
    return functions


def wait_until_pages_rest(max_wait_s: float = MAX_WAIT_S) -> None:
    """Wait until no page has run for `REST_S`, but not longer than ``max_wait_s``."""
    now = time.monotonic()
    rests_since, give_up = now, now + max_wait_s
    while now - rests_since < REST_S and now < give_up:
        time.sleep(POLL_INTERVAL_S)
        now = time.monotonic()
        if any(thread.name.startswith("ScriptRunner.") for thread in threading.enumerate()):  # Streamlit's name
            rests_since = now
