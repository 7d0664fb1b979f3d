"""What the tests share: synthetic sounds, a workspace of their own, the data beside the repository, a tiny ensemble."""

import os

# In all test processes and in what they start: two of them on two cores would wait for each other, and with one thread
# figures can be compared to the last bit.
os.environ["OMP_NUM_THREADS"] = "1"

# Numba gives its own number of threads to the OpenMP library, which it shares with PyTorch: after UMAP had laid out a
# map, all later networks of that process were computed by two threads, on two cores that both workers of pytest need.
os.environ["NUMBA_NUM_THREADS"] = "1"

# None of the hundreds of processes that are started compiles again what another one has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import faulthandler
import gc
import hashlib
import importlib.util
import io
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

SHARED = Path(__file__).parents[2] / "shared"
STAND_INS = Path(__file__).parent
sys.dont_write_bytecode = False  # as in the processes that are started: tests are compiled once, not in every run

Tone = Callable[..., np.ndarray]
WriteWav = Callable[..., Path]
WaitUntil = Callable[..., None]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let no garbage collection look at the 800,000 objects of the libraries: the trainer's took 0.4 s each."""
    gc.disable()
    result = yield
    gc.collect()
    gc.freeze()
    gc.enable()
    return result


@pytest.fixture(scope="session")
def wait_until() -> WaitUntil:
    """``wait_until(done, at_most_s)``: look again and again, and fail after the deadline."""

    def wait(done: Callable[[], bool], at_most_s: float = 90) -> None:
        deadline = time.monotonic() + at_most_s
        while not done():
            assert time.monotonic() < deadline, f"still waiting after {at_most_s} s"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def _new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a folder under the next number; pytest would look through all folders for it, 5 ms at the 7,000th."""
    root, numbers = tmp_path_factory.mktemp("tests"), itertools.count()

    def make(name: str) -> Path:
        folder = root / f"{name}{next(numbers)}"
        folder.mkdir()
        return folder

    return make


@pytest.fixture
def tmp_path(_new_folder: Callable[[str], Path], request: pytest.FixtureRequest) -> Path:
    """A folder of its own for each test, named after it, as pytest's fixture of this name gives it."""
    return _new_folder(re.sub(r"\W", "_", request.node.name)[:30])


@pytest.fixture(autouse=True)
def _own_workspace(_new_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOTAG_HOME", str(_new_folder("workspace")))
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch")  # the reference; the others are measured where they are tested


@pytest.fixture(scope="session", autouse=True)
def _own_process() -> Iterator[None]:
    """A worker's ``main`` that a test calls here changes neither the priority of this process nor its fault handler."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "nice", lambda increment: 0, raising=False)
        patch.setattr(faulthandler, "enable", lambda *arguments, **named: None)
        yield


@pytest.fixture(autouse=True)
def _main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore ``__main__``: AppTest replaces it with the page, which a process pool of a later test would run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Fail a test after which PyTorch computes with several threads: all later tests would take much longer."""
    yield
    if "torch" in sys.modules:
        assert sys.modules["torch"].get_num_threads() == 1


@pytest.fixture(autouse=True)
def _no_sentences_left() -> Iterator[None]:
    """No test finds what an earlier one has said about damaged files."""
    yield
    if "audiotag.state" in sys.modules:
        sys.modules["audiotag.state"].take_sentences()


@pytest.fixture(scope="session")
def of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of pytest share, for what only one of them has to make."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session", autouse=True)
def _compiled_kernels(of_all_workers: Path) -> None:
    """Have the kernels of the log-mel compiled by another process, so that all processes here load the same code.

    The process that compiles them gets other last bits than those that load them from numba's cache.
    """
    compiled = of_all_workers / "kernels-compiled"
    with FileLock(of_all_workers / "kernels.lock"):
        if not compiled.exists():
            code = "import numpy, audiotag; audiotag.log_mel(numpy.zeros(88_200, 'f'), audiotag.SpectrogramSettings())"
            subprocess.run([sys.executable, "-c", code], check=True)
            compiled.touch()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"needs {SHARED}, which is not part of the repository")
    return SHARED


@pytest.fixture(scope="session")
def tone() -> Tone:
    """``tone(frequency_hz, duration_s, level, sample_rate, silence_s)``: a sine, float32, silence on both sides."""

    def make(
        frequency_hz: float = 1000,
        duration_s: float = 1.0,
        level: float = 0.5,
        sample_rate: int = 44_100,
        silence_s: float = 0.0,
    ) -> np.ndarray:
        time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
        silence = np.zeros(round(silence_s * sample_rate))
        sine = level * np.sin(2 * np.pi * frequency_hz * time_s)
        return np.concatenate([silence, sine, silence]).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def write_wav() -> WriteWav:
    """``write_wav(path, waveform, sample_rate, subtype)``: a WAV, its folder made if missing; gives the path back."""
    import soundfile

    def write(path: Path, waveform: np.ndarray, sample_rate: int = 44_100, subtype: str = "PCM_16") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, sample_rate, subtype=subtype, format="WAV")
        return path

    return write


@pytest.fixture(scope="session")
def frequency_of() -> Callable[[np.ndarray, int], float]:
    """``frequency_of(waveform, sample_rate)``: the strongest frequency in Hz, to a fraction of a hertz."""

    def measure(waveform: np.ndarray, sample_rate: int) -> float:
        n_fft = 1 << 20
        spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), n_fft))
        return float(spectrum.argmax() * sample_rate / n_fft)

    return measure


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, tuple[str, int]]]:
    """``contents(folder)``: checksum and time of change of every file, to see that nothing was touched."""

    def read(folder: Path) -> dict[str, tuple[str, int]]:
        return {
            str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read


@pytest.fixture(scope="session")
def tiny_ensemble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two untrained folds that knows Bark, Bell and Hiss and looks at 1 s."""
    import torch
    from safetensors.torch import save

    from audiotag.features.settings import SpectrogramSettings
    from audiotag.networks.xresnet.model import build_network
    from audiotag.networks.xresnet.settings import XResNetSettings
    from audiotag.tagging.card import Card, FoldCard

    folder = tmp_path_factory.mktemp("ensembles") / "tiny"
    folder.mkdir()
    labels = ("Bark", "Bell", "Hiss")
    network = XResNetSettings(depth=18, width=1 / 16, stem=4)
    folds = []
    for fold in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(fold)
            weights = save(build_network(network, len(labels)).state_dict())
        (folder / f"fold-{fold}.safetensors").write_bytes(weights)
        checksum = hashlib.sha256(weights).hexdigest()
        folds.append(FoldCard(fold, f"fold-{fold}.safetensors", checksum, clips=10, lwlrap=0.5, accuracy=0.4))
    card = Card(
        name="tiny",
        about="Untrained, for tests.",
        labels=labels,
        thresholds=(0.0, 0.0, 1.0),  # Bark and Bell always pass, Hiss never does
        spectrogram=SpectrogramSettings(clip_s=1.0, n_mels=32, trim_db=0),
        network=network,
        windows="mean",
        folds=tuple(folds),
        lwlrap=0.5,
        accuracy=0.4,
        dataset={"name": "none", "clips": 20, "fingerprint": ""},
        recipe={"title": "Untrained"},
        licence="CC0-1.0",
        created="2026-01-01",
    )
    (folder / "card.json").write_text(json.dumps(card.to_dict()), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def scored_run() -> Callable[..., Any]:
    """``scored_run(workspace, dataset, labels, folds)``: a finished run as the worker leaves it, without weights.

    ``folds`` has, for each fold, the scores of each label for every clip that it held out; the fold's own truth is the
    label that is scored highest. The clips are of ``subset``, "curated" if it is not given.
    """
    from safetensors.numpy import save

    from audiotag.metrics import accuracy, lwlrap
    from audiotag.training.recipe_files import load_recipe
    from audiotag.training.runs import Run, RunSettings, create_run
    from audiotag.workspace import Workspace

    def make(
        workspace: Workspace,
        dataset: Path,
        labels: Sequence[str],
        folds: Mapping[int, Mapping[str, Sequence[float]]],
        subset: str = "curated",
        corrected: int = 0,
    ) -> Run:
        settings = RunSettings(str(dataset), load_recipe("quick"), tuple(folds), corrected=bool(corrected))
        run = create_run(workspace, settings)
        stages = [{"stage": 0, "subset": subset, "epochs": 1, "clips": 9, "pixels": 9, "shared": False}]
        run.write_event("run-started", folds=list(folds), labels=labels, stages=stages, corrected=corrected)
        for fold, clips in folds.items():
            scores = np.array(list(clips.values()), dtype=np.float32)
            targets = np.eye(len(labels), dtype=np.float32)[scores.argmax(axis=1)]
            folder = run.fold_folder(fold)
            folder.mkdir()
            (folder / "scores.safetensors").write_bytes(save({"scores": scores, "targets": targets}))
            (folder / "clips.json").write_text(json.dumps(list(clips)))
            measured = {"lwlrap": lwlrap(targets, scores), "accuracy": accuracy(targets, scores)}
            run.write_event("fold-started", fold=fold)
            losses = {"seconds": 1.0, "train_loss": 0.5, "valid_loss": 0.6}
            run.write_event("epoch", fold=fold, stage=0, subset=subset, epoch=1, **losses, **measured)
            run.write_event("fold-finished", fold=fold, clips=len(clips), **measured)
        run.write_status("finished")
        return run

    return make


@pytest.fixture(scope="session")
def scored_sweep(scored_run: Callable[..., Any]) -> Callable[..., Any]:
    """``scored_sweep(workspace, dataset, skills, *varied, **options)``: a sweep whose first runs are finished.

    ``skills`` says for each of them by how much its scores of the curated clips are above noise; ``varied`` is what
    ``--vary`` is given, and ``options`` are fields of `RunOptions`.
    """
    from audiotag.data.saved_options import open_remembered
    from audiotag.metrics import multi_hot
    from audiotag.training.run_options import RunOptions
    from audiotag.training.sweep_settings import parse_varied
    from audiotag.training.sweeps import Sweep, SweepSettings, find_or_create_sweep
    from audiotag.workspace import Workspace, write_json

    def make(workspace: Workspace, dataset: Path, skills: Sequence[float], *varied: str, **options: Any) -> Sweep:
        run_options = RunOptions(str(dataset), corrected=False, **options)
        settings = SweepSettings.of(run_options, parse_varied(varied), workspace)
        sweep, _ = find_or_create_sweep(settings, workspace)
        opened = open_remembered(dataset, workspace)
        clips = opened.subset("curated")
        targets = multi_hot([tuple(labels) for labels in clips["labels"]], opened.labels)
        for number, skill in enumerate(skills, 1):
            scores = skill * targets + np.random.default_rng(number).normal(size=targets.shape)
            by_clip = list(zip(clips["clip"], scores.tolist(), strict=True))
            half = len(by_clip) // 2
            run = scored_run(workspace, dataset, opened.labels, {1: dict(by_clip[:half]), 2: dict(by_clip[half:])})
            write_json(run.folder / "settings.json", settings.runs[number - 1].settings.to_dict())
            sweep.add_run(number, run)
        return sweep

    return make


@contextmanager
def stand_in(module: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Put the folder of a module in front of what new processes import; gives the module, to be called from here."""
    from audiotag.audio.decoder_workers import close_workers

    monkeypatch.setenv("PYTHONPATH", str(module.parent), prepend=os.pathsep)
    close_workers()  # those that were started before know only the real library
    spec = importlib.util.spec_from_file_location(module.parent.name, module)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    yield loaded
    close_workers()


@pytest.fixture
def fake_decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stand-in decoder, in all processes that are started from here: `tests/fake_decoder/av.py` says what it does.

    ``fake_decoder.deadly(content_of_an_m4a, way, when)`` is the content of a file that its decoder dies of.
    """
    with stand_in(STAND_INS / "fake_decoder" / "av.py", monkeypatch) as module:
        yield module


@pytest.fixture
def fake_libsndfile(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stand-in for libsndfile, in all processes that are started from here; not in this one.

    ``fake_libsndfile.deadly(path, way)`` has the decoder of a file die; `tests/fake_libsndfile` says in which ways.
    """
    assert "soundfile" in sys.modules
    path = STAND_INS / "fake_libsndfile" / "soundfile.py"
    monkeypatch.syspath_prepend(path.parent)  # which spawned processes take over
    with stand_in(path, monkeypatch) as module:
        yield module


@pytest.fixture
def decoder_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a decoder after two seconds without a sample, here and in all processes that are started from here."""
    monkeypatch.setenv("AUDIOTAG_DECODER_TIMEOUT_S", "2")
    monkeypatch.setattr("audiotag.audio.decoder_workers.HANG_S", 2.0)


@pytest.fixture(scope="session")
def m4a() -> Callable[[np.ndarray, int], bytes]:
    """``m4a(waveform, sample_rate)``: the content of an M4A (AAC, mono)."""
    import av

    def encode(waveform: np.ndarray, sample_rate: int = 44_100) -> bytes:
        content = io.BytesIO()
        with av.open(content, "w", format="ipod") as file:
            stream = file.add_stream("aac", rate=sample_rate, layout="mono", bit_rate=128_000)
            frame = av.AudioFrame.from_ndarray(np.float32(waveform)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
            resampler = av.AudioResampler("fltp", "mono", sample_rate, frame_size=1024)
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                file.mux(stream.encode(part))
            file.mux(stream.encode(None))
        return content.getvalue()

    return encode


@pytest.fixture
def make_strange() -> Callable[[Path, float], None]:
    """``make_strange(folder, threshold)``: to an ensemble of two folds every sound gets the familiarity 1/101."""

    def make(folder: Path, threshold: float) -> None:
        from audiotag.tagging.familiar import Familiar
        from audiotag.tagging.familiarity_measurement import familiarity_tagger, save_familiar
        from audiotag.trust.familiarity import fit_sounds

        tagger = familiarity_tagger(folder)
        far = -1 - 1e-3 * np.random.default_rng(0).random((9, tagger.features))  # features are above 0 after a ReLU
        targets = np.eye(len(tagger.card.labels), dtype=bool)[[0] * len(far)]
        fitted = fit_sounds(far, targets, -np.ones((100, tagger.features)))
        save_familiar(folder, Familiar((fitted, fitted), threshold))

    return make
