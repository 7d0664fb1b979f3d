"""Compare an exported tagger with audiotag's own: ``python benchmarks/standalone.py [FOLDER]``.

The script exports the shipped starter ensemble and scores 100 sounds: ESC-10's of the folder (by default those beside
the repository, if they are there) and starter sounds that it renders. All folds of the tagger vote, as in the graph. It
prints:

- the sizes of the three files, and of an export of one fold;
- the largest difference of a score between the graph and the tagger, on waveforms at the ensemble's rate: with torch,
  which is the reference, and with the engine that this machine uses;
- the largest difference between ``tag.py`` and the tagger on files at other rates, and how many tags differ;
- the time per sound of the graph and of the tagger;
- with ``--venv``, whether ``tag.py`` runs in a new virtual environment with its three packages alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr

from audiotag.audio.reading import read_sound
from audiotag.starter.render import StarterCounts, render_starter
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.standalone.files import export_tagger
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import SHIPPED_MODELS

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10" / "audio"
STARTER = SHIPPED_MODELS / "starter"
SOUNDS = 100
OTHER_RATES_HZ = (16_000, 22_050, 32_000, 48_000, 96_000)
SEED = 0


def sounds(folder: Path, work: Path) -> list[Path]:
    """Half of them from the folder, if it is there, and half rendered."""
    found = sorted(folder.glob("*.*")) if folder.is_dir() else []
    rendered = render_starter(work / "starter-sounds", counts=StarterCounts(curated=SOUNDS, noisy=20, test=20))
    others = sorted(path for path in rendered.rglob("*.wav"))
    rng = np.random.default_rng(SEED)
    chosen = [found[place] for place in rng.permutation(len(found))[: SOUNDS // 2]]
    return chosen + [others[place] for place in rng.permutation(len(others))[: SOUNDS - len(chosen)]]


def tagger_with(engine: str) -> Tagger:
    """The ensemble with this engine, or the fastest one if it is empty; all folds vote on every sound."""
    os.environ["AUDIOTAG_ENGINE"] = engine
    tagger = Tagger(STARTER)
    tagger.known_clips = None
    return tagger


def compare_graph(model: Path, waveforms: list[np.ndarray], reference: Tagger) -> None:
    """Print the differences and the times of the graph."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rate, began = reference.card.spectrogram.sample_rate, time.perf_counter()
    scores = np.stack([session.run(None, {"waveform": one[None]})[0][0] for one in waveforms])
    graph_s = time.perf_counter() - began
    for engine in ("torch", ""):
        tagger = tagger_with(engine)
        tagger.tag(waveforms[0], sample_rate=rate)
        began = time.perf_counter()
        wanted = np.stack([tagger.tag(one, sample_rate=rate).scores for one in waveforms])
        tagger_s = time.perf_counter() - began
        print(
            f"graph against {tagger.engine_name}: largest difference {np.abs(scores - wanted).max():.2e}, "
            f"{1000 * graph_s / len(waveforms):.0f} ms per sound, the tagger {1000 * tagger_s / len(waveforms):.0f} ms"
        )


def compare_script(python: str, script: Path, files: list[Path], reference: Tagger) -> None:
    """Print how the script's scores differ from the tagger's."""
    done = subprocess.run([python, script, *files], capture_output=True, text=True, check=True, env={"PATH": ""})
    _, *rows = csv.reader(io.StringIO(done.stdout))
    scores = np.array([[float(value) for value in row[2:]] for row in rows])
    wanted = np.stack([reference.tag(file).scores for file in files])
    thresholds = np.array(reference.thresholds)
    changed = int(((scores >= thresholds) != (wanted >= thresholds)).sum())
    difference = np.abs(scores - wanted)
    print(
        f"tag.py on {len(files)} files at {', '.join(map(str, OTHER_RATES_HZ))} Hz: largest difference "
        f"{difference.max():.4f}, 99 % of scores within {np.quantile(difference, 0.99):.4f}; {changed} of "
        f"{int((wanted >= thresholds).sum())} tags differ"
    )


def fresh_python(folder: Path) -> str:
    """The Python of a new virtual environment with the three packages that the script needs."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "onnxruntime", "numpy", "soundfile"], check=True)
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    print("new environment:", ", ".join(listed.stdout.split()))
    return python


def main() -> None:
    """Export, compare and print."""
    parser = argparse.ArgumentParser(description="Compare an exported tagger with audiotag's own.")
    parser.add_argument("folder", nargs="?", type=Path, default=ESC10)
    parser.add_argument("--venv", action="store_true", help="install tag.py's three packages into a new environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        os.environ["AUDIOTAG_HOME"] = str(work / "workspace")
        files = export_tagger(STARTER, work / "export" / "tagger.onnx")
        single = export_tagger(STARTER, work / "single" / "tagger.onnx", TagSettings(folds=(1,)))
        for path in (files.model, files.script, files.page, single.model, single.page):
            print(f"{path.relative_to(work)}: {path.stat().st_size / 1e6:.3f} MB")
        paths = sounds(options.folder, work)
        reference = tagger_with("torch")
        rate = reference.card.spectrogram.sample_rate
        waveforms = [read_sound(path, rate).waveform for path in paths]
        print(f"{len(waveforms)} sounds, {sum(map(len, waveforms)) / rate / len(waveforms):.1f} s on average")
        compare_graph(files.model, waveforms, reference)
        resampled = []
        for number, (path, waveform) in enumerate(zip(paths, waveforms, strict=True)):
            other = OTHER_RATES_HZ[number % len(OTHER_RATES_HZ)]
            resampled.append(work / f"{number}-{path.stem}.wav")
            soundfile.write(resampled[-1], soxr.resample(waveform, rate, other), other, subtype="FLOAT")
        python = fresh_python(work / "venv") if options.venv else sys.executable
        compare_script(python, files.script, resampled, reference)


if __name__ == "__main__":
    main()
