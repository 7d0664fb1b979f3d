"""Shared by the benchmarks that train: command-line options, a digest of settings, a growing file of results."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

from audiotag.training.recipe import Recipe
from audiotag.training.runs import Run

RESULTS = Path(__file__).parent / "results"


def parser_of(about: str, folder: Path, dataset: str = "ESC-10") -> argparse.ArgumentParser:
    """The parser of a command on a dataset that can also print its table; ``about`` is the script's docstring."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=folder, help=f"folder of {dataset}")
    parser.add_argument("--table", action="store_true", help="print the recorded figures without training")
    return parser


def digest(recipe: Recipe) -> str:
    """A digest of all settings except the seed and the texts."""
    values = recipe.to_dict()
    for name in ("seed", "title", "about"):
        values.pop(name)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def seconds_of(run: Run) -> float:
    """Seconds of all epochs of a run, training and measurement."""
    return sum(event["seconds"] for event in run.events() if event["event"] == "epoch")


def read_results(file: Path) -> list[dict[str, Any]]:
    """All results in a file, oldest first."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def is_recorded(file: Path, key: dict[str, Any], defaults: dict[str, Any] | None = None) -> bool:
    """Whether a result in the file has all these values; ``defaults`` are those of results that do not say them."""
    rows = [(defaults or {}) | row for row in read_results(file)]
    return any(all(row.get(name) == value for name, value in key.items()) for row in rows)


def record(file: Path, row: dict[str, Any]) -> None:
    """Append a result, with the date, the commit and the number of threads."""
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    threads = int(os.environ.get("OMP_NUM_THREADS") or psutil.cpu_count() or 1)
    row = row | {"threads": threads, "commit": commit, "date": time.strftime("%Y-%m-%d")}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
