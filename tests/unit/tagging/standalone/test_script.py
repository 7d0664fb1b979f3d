"""The exported ``tag.py`` runs with its three packages alone, and tags files of any rate as the tagger does."""

import csv
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
import soxr

from audiotag.tagging.settings import TagSettings
from audiotag.tagging.standalone.files import ExportedTagger
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import SHIPPED_MODELS

RATE = 44_100
RESAMPLED = 0.02  # by how much scores may change where the rate does
# Everything that is installed but is neither one of the three packages nor needed by them.
WITHOUT_OTHERS = """
import runpy, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"audiotag", "torch", "librosa", "scipy", "soxr", "onnx", "pandas", "numba", "av"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
Script = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def script(exported: ExportedTagger) -> Script:
    """``script(sound, …)``: the exported script in a process that can import nothing else."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-P", "-c", WITHOUT_OTHERS, str(exported.script), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=exported.script.parent.parent)

    return run


@pytest.fixture(scope="module")
def module(exported: ExportedTagger) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("exported_tag", exported.script)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_script_is_short(exported: ExportedTagger) -> None:
    assert len(exported.script.read_text().splitlines()) < 80


def test_scores_are_the_taggers_at_any_rate(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch")
    tagger = Tagger(SHIPPED_MODELS / "starter", TagSettings(folds=(3,), calibrated=True))
    rng, files = np.random.default_rng(1), []
    for number, rate in enumerate((16_000, 48_000, RATE)):
        time_s = np.arange(round((2 + 3 * number) * rate)) / rate
        left = 0.3 * np.sin(2 * np.pi * (300 + 200 * number) * time_s) * np.exp(-3 * (time_s % 0.5))
        files.append(tmp_path / f"{rate}.wav")
        soundfile.write(files[-1], np.stack([left, left + 0.01 * rng.normal(size=len(left))], axis=1), rate)
    done = script(*files)
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = csv.reader(done.stdout.splitlines())
    assert header == ["file", "tags", *tagger.card.labels]
    for file, row in zip(files, rows, strict=True):
        tags = tagger.tag(file)
        atol = 1e-3 if file.stem == str(RATE) else RESAMPLED
        np.testing.assert_allclose([float(score) for score in row[2:]], tags.scores, atol=atol, err_msg=file.name)


def test_one_sound_gives_its_tags(script: Script, tmp_path: Path) -> None:
    time_s = np.arange(5 * RATE) / RATE
    drum = 0.8 * np.sin(2 * np.pi * 60 * time_s) * np.exp(-20 * (time_s % 0.5))
    soundfile.write(tmp_path / "drum.flac", drum, RATE)
    done = script(tmp_path / "drum.flac")
    assert done.returncode == 0, done.stderr
    score, label = done.stdout.splitlines()[0].split()
    assert label == "Bass_drum"
    assert 0.5 < float(score) <= 1


def test_silence_has_no_tag_and_damaged_files_are_named(script: Script, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(100), RATE)
    (tmp_path / "text.wav").write_text("no sound")
    done = script(tmp_path / "silence.wav")
    assert (done.returncode, done.stdout) == (0, "no label reaches its threshold\n")
    (tmp_path / "noise.raw").write_bytes(bytes(1000))
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan]), RATE, subtype="FLOAT")
    bad = [tmp_path / name for name in ("text.wav", "missing.wav", "noise.raw", "empty.wav", "nan.wav")]
    done = script(*bad, tmp_path / "silence.wav")
    assert done.returncode == 1
    why = "is not there, cannot be read, or has no samples that are numbers"
    assert done.stderr.splitlines() == [f"{path} {why}" for path in bad]
    assert [line.split(",")[1] for line in done.stdout.splitlines()] == ["tags", ""]


@pytest.mark.parametrize("rates", [(48_000, 44_100), (22_050, 44_100), (44_100, 16_000), (44_000, 44_100)])
def test_resampling_is_that_of_a_good_resampler(module: ModuleType, rates: tuple[int, int]) -> None:
    source, wanted = rates
    time_s = np.arange(source) / source
    limit = 0.4 * min(rates)
    sound = sum(np.sin(2 * np.pi * share * limit * time_s + share) for share in (0.01, 0.3, 1)).astype(np.float32) / 4
    found, reference = module.resample(sound, source, wanted), soxr.resample(sound, source, wanted, quality="VHQ")
    assert len(found) == len(reference)
    inside = slice(wanted // 10, -wanted // 10)
    assert np.abs(found - reference)[inside].max() < 1e-3
