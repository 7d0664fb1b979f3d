"""Measure how fast the Review page answers a key: ``python benchmarks/review_page.py [CLIPS]``.

Makes clips of five seconds and a run with scores at random, so that about half of the clips are doubtful, and answers
doubts. Prints the server's time from a key to the next doubt, and how much of it the processor works, which does not
depend on what else the machine does. A key runs the answer and the fragment that shows a doubt; the rest of the page,
which is run here as well, is not counted. The browser's time is not included.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from safetensors.numpy import save

ROOT = Path(__file__).parents[1]
ANSWERS = 100
CLIP_S = 5
LABELS = tuple(["Bark", "Bell", "Buzz", "Hiss", "Hum", "Knock", "Meow", "Siren", "Tick", "Whistle"])


def build(root: Path, clips: int) -> None:
    """Write a table and clips of noise, and a finished run of four folds with scores of them at random."""
    from audiotag.training.recipe_files import load_recipe
    from audiotag.training.runs import RunSettings, create_run
    from audiotag.workspace import Workspace

    rng = np.random.default_rng(0)
    root.mkdir()
    names = [f"{number:05}.wav" for number in range(clips)]
    given = rng.integers(len(LABELS), size=clips)
    noise = 0.1 * rng.standard_normal(CLIP_S * 44_100)
    for number, name in enumerate(names):
        soundfile.write(root / name, np.roll(noise, 100 * number), 44_100)
    lines = [f"{name},{LABELS[label]}" for name, label in zip(names, given, strict=True)]
    (root / "clips.csv").write_text("\n".join(["fname,label", *lines]) + "\n")
    workspace = Workspace()
    workspace.remember_dataset(root)
    run = create_run(workspace, RunSettings(str(root), load_recipe("quick"), (1, 2, 3, 4)))
    stages = [{"stage": 0, "subset": "curated", "epochs": 1, "clips": clips, "pixels": 9, "shared": False}]
    run.write_event("run-started", folds=[1, 2, 3, 4], labels=list(LABELS), stages=stages, devices=["cpu"])
    for fold in range(1, 5):
        rows = np.arange(fold - 1, clips, 4)
        folder = run.fold_folder(fold)
        folder.mkdir()
        scores = rng.uniform(size=(len(rows), len(LABELS))).astype(np.float32)
        targets = np.eye(len(LABELS), dtype=np.float32)[given[rows]]
        (folder / "scores.safetensors").write_bytes(save({"scores": scores, "targets": targets}))
        (folder / "clips.json").write_text(json.dumps([names[row] for row in rows]))
        run.write_event("fold-finished", fold=fold, clips=len(rows), lwlrap=0.5, accuracy=0.5)
    run.write_status("finished")


def time_answers() -> None:
    """Answer doubts, and print how long each took."""
    from streamlit.testing.v1 import AppTest

    from audiotag.ui.review import answer_buttons, tabs

    logging.disable(logging.WARNING)  # which say that there is no browser
    spent = [np.zeros(2)]  # seconds, and seconds of the processor

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter(), time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                spent[-1] += np.subtract((time.perf_counter(), time.thread_time()), began)

        return call

    vars(answer_buttons)["_answer"] = timed(vars(answer_buttons)["_answer"])
    vars(tabs)["show_queue"] = timed(tabs.show_queue)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300).switch_page("pages/review.py")
    page.run()
    for _ in range(ANSWERS):
        button = next(button for button in page.button if (button.key or "").startswith("press-R-"))
        spent.append(np.zeros(2))
        page = button.click().run()
        assert not page.exception
        assert not page.error
    for what, times in (
        ("the first doubt, with all of them found", spent[0]),
        (f"a key, median of {ANSWERS}", np.median(spent[1:], axis=0)),
        ("the slowest of twenty keys", np.quantile(spent[1:], 0.95, axis=0)),
    ):
        print(f"{1000 * times[0]:5.0f} ms, of which the processor works {1000 * times[1]:4.0f} ms: {what}")


def main() -> None:
    """Build the clips and the run, measure, print."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        os.environ["AUDIOTAG_HOME"] = str(Path(folder) / "workspace")
        build(Path(folder) / "noise", clips)
        time_answers()


if __name__ == "__main__":
    main()
