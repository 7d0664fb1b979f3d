"""The fastest engine: measured once and written down, only if it agrees; what is kept is trusted only while it fits."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from audiotag.audio.reading import wav_bytes
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging import engine_selection
from audiotag.tagging.engine_selection import choice_of, select_engine
from audiotag.tagging.engines import ENGINES, REFERENCE
from audiotag.tagging.ensemble import Card, read_card
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace

RIGHT = np.linspace(0.1, 0.9, 3)


@dataclass
class Made:
    """An engine that takes as long as it is told, and says the same of every window, or something else."""

    ms: float
    off: float = 0.0
    error: str = ""
    windows: list[int] = field(default_factory=list)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        if self.error:
            raise RuntimeError(self.error)
        self.windows.append(len(pictures))
        return np.tile(RIGHT + self.off, (2, len(pictures), 1)).astype(np.float32)


@pytest.fixture
def card(tiny_ensemble: Path) -> Card:
    return read_card(tiny_ensemble)


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIOTAG_ENGINE")
    monkeypatch.setattr(engine_selection, "PICTURES", 4)
    monkeypatch.setattr(engine_selection, "VARIANTS", 1)


@pytest.fixture
def measurings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one whenever all engines are measured."""
    calls: list[str] = []
    measure = engine_selection._try_all
    monkeypatch.setattr(engine_selection, "_try_all", lambda *given: calls.append("") or measure(*given))
    return calls


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, Made]:
    """In place of all real ones; as slow as each has in ``ms``."""
    made = {name: Made(ms=10.0) for name in ENGINES}

    def open_(name: str, networks_or_graph: object) -> Made:
        if made[name].error == "cannot be opened":
            raise ImportError(f"{name} cannot be opened")
        return made[name]

    monkeypatch.setattr(engine_selection, "open_torch", open_)
    monkeypatch.setattr(engine_selection, "open_graph", open_)
    monkeypatch.setattr(engine_selection, "_graph", lambda networks, settings: b"a graph")
    monkeypatch.setattr(engine_selection, "_timed", lambda engine, pictures: (engine.ms, engine(pictures)))
    return made


def kept_in(workspace: Workspace) -> Path:
    (folder,) = (workspace.root / "compiled").iterdir()
    return folder


def rows(folder: Path, card: Card) -> dict[str, dict]:
    return {row["engine"]: row for row in choice_of(folder, card)["measured"]}


def test_real_engines_are_measured_once_and_found_again(
    tiny_ensemble: Path, card: Card, measurings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_selection, "FAR", float("inf"))
    audible: list[str] = []
    name, engine = select_engine(tiny_ensemble, card, say=audible.append)
    assert len(measurings) == 1
    assert [sentence.startswith("First use of tiny on this machine") for sentence in audible] == [True]
    assert choice_of(tiny_ensemble, card)["engine"] == name
    assert set(rows(tiny_ensemble, card)) == set(ENGINES)
    assert rows(tiny_ensemble, card)[REFERENCE]["difference"] < 1e-5
    kept = kept_in(Workspace())
    assert {path.name for path in kept.iterdir()} == {"choice.json", "folds.onnx"}  # nothing that could be pickled
    again, engine_again = select_engine(tiny_ensemble, card, say=audible.append)
    assert (again, len(measurings), len(audible)) == (name, 1, 1)
    pictures = np.random.default_rng(0).normal(-40, 10, (3, 1, 32, 64)).astype(np.float32)
    np.testing.assert_allclose(engine_again(pictures), engine(pictures), atol=1e-6)
    monkeypatch.setenv("AUDIOTAG_ENGINE", REFERENCE)
    np.testing.assert_allclose(select_engine(tiny_ensemble, card)[1](pictures), engine(pictures), atol=0.01)


@pytest.mark.parametrize("fast", ENGINES)
def test_fastest_engine_is_chosen(tiny_ensemble: Path, card: Card, engines: dict[str, Made], fast: str) -> None:
    engines[fast].ms = 5.0
    assert select_engine(tiny_ensemble, card) == (fast, engines[fast])
    assert rows(tiny_ensemble, card)[fast]["ms_a_window"] == 5.0
    assert select_engine(tiny_ensemble, card) == (fast, engines[fast])


def test_engine_that_disagrees_is_not_chosen_and_the_reason_is_written(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made]
) -> None:
    engines["openvino-bf16"].ms, engines["openvino-bf16"].off = 1.0, 0.02
    engines["torch-bf16"].ms, engines["torch-bf16"].off = 1.0, float("nan")
    engines["onnxruntime"].ms, engines["onnxruntime"].off = 5.0, 0.001
    assert select_engine(tiny_ensemble, card)[0] == "onnxruntime"
    found = rows(tiny_ensemble, card)
    assert found["openvino-bf16"]["why_not"] == "its scores differ by 0.020"
    assert found["openvino-bf16"]["difference"] == pytest.approx(0.02, abs=1e-6)
    assert found["torch-bf16"]["why_not"] == "its scores differ by nan"
    assert found["torch-bf16"]["difference"] is None
    assert "why_not" not in found["onnxruntime"]


def test_engine_that_fails_is_not_chosen_and_the_reason_is_written(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made]
) -> None:
    engines["openvino"].ms, engines["openvino"].error = 1.0, "cannot be opened"
    engines["onnxruntime"].ms, engines["onnxruntime"].error = 1.0, "out of luck"
    assert select_engine(tiny_ensemble, card)[0] not in ("openvino", "onnxruntime")
    found = rows(tiny_ensemble, card)
    assert found["openvino"]["why_not"] == "ImportError: openvino cannot be opened"
    assert found["onnxruntime"]["why_not"] == "RuntimeError: out of luck"
    assert found["onnxruntime"]["ms_a_window"] is None


def test_engine_that_is_slower_by_far_is_not_asked_for_all_pictures(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made]
) -> None:
    engines["torch-bf16"].ms = 41.0
    engines["openvino-bf16"].ms, engines["openvino-bf16"].off = 1.0, 0.02  # does not agree, so does not count
    assert select_engine(tiny_ensemble, card)[0] == "openvino"
    assert rows(tiny_ensemble, card)["torch-bf16"]["why_not"] == "it is slower by far"
    assert max(engines["torch-bf16"].windows) < max(engines["openvino"].windows) == 4


def test_reference_is_left_where_nothing_else_works(tiny_ensemble: Path, card: Card, engines: dict[str, Made]) -> None:
    for name in ENGINES:
        engines[name].error = "" if name == REFERENCE else "cannot be opened"
    assert select_engine(tiny_ensemble, card)[0] == REFERENCE


def test_another_machine_measures_anew(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], measurings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    select_engine(tiny_ensemble, card)
    monkeypatch.setattr(engine_selection, "machine", lambda: "another")
    engines["onnxruntime"].ms = 1.0
    assert select_engine(tiny_ensemble, card)[0] == "onnxruntime"
    assert choice_of(tiny_ensemble, card)["machine"] == "another"
    select_engine(tiny_ensemble, card)
    assert len(measurings) == 2


@pytest.mark.parametrize("variable", ["", "0", "0,1"])
def test_gpus_that_may_be_used_are_part_of_the_machine(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    without = engine_selection.machine()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert engine_selection.machine() != without


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"engine": "openvino"}', '{"engine": "abacus", "machine": "", "graph": "", '
    '"measured": []}'],
)  # fmt: skip
def test_damaged_choice_is_measured_anew(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], measurings: list[str], content: str
) -> None:
    select_engine(tiny_ensemble, card)
    (kept_in(Workspace()) / "choice.json").write_text(content)
    assert choice_of(tiny_ensemble, card) == {}
    select_engine(tiny_ensemble, card)
    select_engine(tiny_ensemble, card)
    assert len(measurings) == 2


@pytest.mark.parametrize("content", [None, b"", b"another graph"])
def test_graph_that_is_not_the_measured_one_is_made_anew(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], measurings: list[str], content: bytes | None
) -> None:
    engines["openvino"].ms = 1.0
    select_engine(tiny_ensemble, card)
    graph = kept_in(Workspace()) / "folds.onnx"
    graph.unlink()
    if content is not None:
        graph.write_bytes(content)
    assert select_engine(tiny_ensemble, card)[0] == "openvino"
    assert graph.read_bytes() == b"a graph"
    assert len(measurings) == 2


def test_engine_that_does_not_open_any_more_is_replaced(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], measurings: list[str]
) -> None:
    engines["torch-cuda"].ms = 1.0
    assert select_engine(tiny_ensemble, card)[0] == "torch-cuda"
    engines["torch-cuda"].error = "cannot be opened"  # the GPU is gone
    assert select_engine(tiny_ensemble, card)[0] != "torch-cuda"
    assert len(measurings) == 2


def test_damaged_weights_are_refused_even_beside_a_whole_graph(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "tiny")
    engines["openvino"].ms = 1.0
    select_engine(folder, card)
    select_engine(folder, card)
    with (folder / "fold-2.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    with pytest.raises(AudiotagError, match=r"tiny/fold-2\.safetensors is damaged"):
        select_engine(folder, card)
    assert select_engine(folder, card, folds=(1,))[0] == "openvino"  # which does not need it


def test_other_folds_and_other_weights_are_measured_apart(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], measurings: list[str]
) -> None:
    for folds in ((), (1,), (2,), (1, 2), (2, 1)):
        select_engine(tiny_ensemble, card, folds)
    assert len(measurings) == 3
    assert len(list((Workspace().root / "compiled").iterdir())) == 3


def test_name_in_the_card_does_not_lead_out_of_the_workspace(
    tiny_ensemble: Path, tmp_path: Path, engines: dict[str, Made]
) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    values = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(values | {"name": "../../elsewhere"}))
    select_engine(folder, read_card(folder))
    assert kept_in(Workspace()).name.startswith("mine-")


def test_named_engine_is_used_whatever_is_fastest(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines["openvino"].ms = 1.0
    engines["openvino-bf16"].off = 0.02  # which its user may want all the same
    for name in ENGINES:
        monkeypatch.setenv("AUDIOTAG_ENGINE", name)
        assert select_engine(tiny_ensemble, card) == (name, engines[name])
    assert choice_of(tiny_ensemble, card)["engine"] == "openvino"


def test_named_reference_measures_and_writes_nothing(
    tiny_ensemble: Path, card: Card, measurings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_ENGINE", REFERENCE)
    assert select_engine(tiny_ensemble, card)[0] == REFERENCE
    assert measurings == []
    assert not (Workspace().root / "compiled").exists()


def test_named_engine_that_is_none_or_does_not_work_is_refused(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_ENGINE", "abacus")
    with pytest.raises(AudiotagError, match=r"AUDIOTAG_ENGINE must be one of openvino, .*torch-cuda, got abacus"):
        select_engine(tiny_ensemble, card)
    engines["torch-cuda"].error = "cannot be opened"
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch-cuda")
    with pytest.raises(AudiotagError, match=r"names torch-cuda, which does not work here: ImportError: .*; unset it"):
        select_engine(tiny_ensemble, card)


def test_workspace_that_cannot_be_written_only_costs_time(
    tiny_ensemble: Path, card: Card, engines: dict[str, Made], measurings: list[str]
) -> None:
    engines["openvino"].ms = 1.0
    Workspace().root.mkdir(exist_ok=True)
    (Workspace().root / "compiled").write_text("in the way")
    audible: list[str] = []
    for times in (1, 2):
        assert select_engine(tiny_ensemble, card, say=audible.append)[0] == "openvino"
        assert len(measurings) == times
    assert "cannot be written" in audible[1]
    assert "AUDIOTAG_HOME" in audible[1]


def test_two_processes_at_once_both_tag_and_leave_a_whole_choice(
    tiny_ensemble: Path, card: Card, tmp_path: Path, measurings: list[str]
) -> None:
    sound = tmp_path / "a.wav"
    sound.write_bytes(wav_bytes(np.random.default_rng(0).normal(0, 0.1, 60_000), 44_100))
    code = f"""
from pathlib import Path
from audiotag.tagging import engine_selection
engine_selection.PICTURES, engine_selection.VARIANTS = 4, 1
from audiotag.tagging.tagger import Tagger
print(*Tagger(Path({str(tiny_ensemble)!r})).tag(Path({str(sound)!r})).scores)
"""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    scores = [np.array(process.communicate(timeout=300)[0].split(), dtype=float) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    np.testing.assert_allclose(scores[0], scores[1], atol=0.01)
    assert {path.name for path in kept_in(Workspace()).iterdir()} == {"choice.json", "folds.onnx"}
    select_engine(tiny_ensemble, card)
    assert measurings == []


def test_tagger_tells_which_engine_it_has(tiny_ensemble: Path, engines: dict[str, Made]) -> None:
    engines["onnxruntime"].ms = 1.0
    tagger = Tagger(tiny_ensemble, TagSettings())
    assert tagger.engine_name == "onnxruntime"
    tags = tagger.tag(wav_bytes(np.random.default_rng(0).normal(0, 0.1, 44_100), 44_100), "a.wav")
    np.testing.assert_allclose(tags.scores, RIGHT, rtol=1e-6)


@pytest.mark.parametrize("changes", [{}, {"sample_rate": 8000, "f_max": 4000.0}, {"clip_s": 0.1}, {"clip_s": 10.0}])
def test_sounds_to_measure_with_are_audible_and_of_many_levels(
    changes: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_selection, "PICTURES", 32)
    monkeypatch.setattr(engine_selection, "VARIANTS", 4)
    settings = SpectrogramSettings(**changes)
    sounds = list(engine_selection._sounds(settings))
    assert len(sounds) == 32
    assert {sound.dtype for sound in sounds} == {np.dtype(np.float32)}
    assert {len(sound) for sound in sounds} == {settings.clip_samples}
    peaks = np.array([np.abs(sound).max() for sound in sounds])
    assert 0.001 < peaks.min() < 0.1 < peaks.max() <= 1
    assert len({sound.tobytes() for sound in sounds}) == 32
