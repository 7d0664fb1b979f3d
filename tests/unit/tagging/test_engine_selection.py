"""The fastest engine that agrees with the reference is chosen once per machine, and again if that does not fit."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audiotag.audio.reading import wav_bytes
from audiotag.errors import AudiotagError
from audiotag.tagging import engine_comparison, engine_selection
from audiotag.tagging.card import Card
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import choice_of, select_engine
from audiotag.tagging.engines import ENGINES, REFERENCE, Outputs
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger
from audiotag.workspace import Workspace

REFERENCE_SCORES = np.linspace(0.1, 0.9, 3)


@dataclass
class FakeEngine:
    """Takes a set time and gives every window the reference's scores, or scores that differ by ``off``."""

    ms: float
    off: float = 0.0
    error: str = ""
    windows: list[int] = field(default_factory=list)

    def __call__(self, inputs: np.ndarray) -> Outputs:
        if self.error:
            raise RuntimeError(self.error)
        self.windows.append(len(inputs))
        scores = np.tile(REFERENCE_SCORES + self.off, (2, len(inputs), 1)).astype(np.float32)
        return Outputs(scores, np.zeros((2, len(inputs), 4), np.float32))


@pytest.fixture
def card(tiny_ensemble: Path) -> Card:
    return read_card(tiny_ensemble)


@pytest.fixture(autouse=True)
def _few_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUDIOTAG_ENGINE")
    monkeypatch.setattr(engine_comparison, "N_INPUTS", 4)
    monkeypatch.setattr(engine_comparison, "N_SOUND_VARIANTS", 1)


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one entry whenever all engines are measured."""
    calls: list[str] = []
    compare = engine_comparison.compare_engines
    monkeypatch.setattr(engine_selection, "compare_engines", lambda *args: calls.append("") or compare(*args))
    return calls


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeEngine]:
    """In place of all real engines; each takes its ``ms`` per window."""
    fakes = {name: FakeEngine(ms=10.0) for name in ENGINES}

    def open_fake(name: str, *networks_or_graph: object) -> FakeEngine:
        if fakes[name].error == "cannot be opened":
            raise ImportError(f"{name} cannot be opened")
        return fakes[name]

    for module in (engine_comparison, engine_selection):
        monkeypatch.setattr(module, "open_torch", open_fake)
        monkeypatch.setattr(module, "open_graph", open_fake)
    monkeypatch.setattr(engine_comparison, "_export_graph", lambda networks, card: b"a graph")
    monkeypatch.setattr(engine_comparison, "_timed_scores", lambda engine, inputs: (engine.ms, engine(inputs).scores))
    return fakes


def choice_folder() -> Path:
    (folder,) = (Workspace().root / "compiled").iterdir()
    return folder


def rows(folder: Path, card: Card) -> dict[str, dict]:
    return {row["engine"]: row for row in choice_of(folder, card)["measured"]}


def test_real_engines_are_measured_once_and_opened_again(
    tiny_ensemble: Path, card: Card, comparisons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_comparison, "MAX_TRIAL_SLOWDOWN", float("inf"))
    sentences: list[str] = []
    name, engine = select_engine(tiny_ensemble, card, say=sentences.append)
    assert len(comparisons) == 1
    assert [sentence.startswith("First use of tiny on this machine") for sentence in sentences] == [True]
    assert choice_of(tiny_ensemble, card)["engine"] == name
    assert set(rows(tiny_ensemble, card)) == set(ENGINES)
    assert rows(tiny_ensemble, card)[REFERENCE]["difference"] < 1e-5
    assert {path.name for path in choice_folder().glob("[!.]*")} == {"choice.json", "folds.onnx"}  # nothing pickled
    again, engine_again = select_engine(tiny_ensemble, card, say=sentences.append)
    assert (again, len(comparisons), len(sentences)) == (name, 1, 1)
    inputs = np.random.default_rng(0).normal(-40, 10, (3, 1, 32, 64)).astype(np.float32)
    np.testing.assert_allclose(engine_again(inputs).scores, engine(inputs).scores, atol=1e-6)
    monkeypatch.setenv("AUDIOTAG_ENGINE", REFERENCE)
    reference = select_engine(tiny_ensemble, card)[1](inputs).scores
    # What is promised is the mean over folds: in 16 bits a single fold may lie further off.
    np.testing.assert_allclose(reference.mean(axis=0), engine(inputs).scores.mean(axis=0), atol=0.01)


def test_choice_that_another_process_made_meanwhile_is_used(
    tiny_ensemble: Path,
    card: Card,
    engines: dict[str, FakeEngine],
    comparisons: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others: list[Path] = []

    @contextmanager
    def held_by_another(path: Path, *_: float) -> Iterator[None]:
        if path.name == engine_selection.MEASURING and not others:
            others.append(path)
            select_engine(tiny_ensemble, card)
        yield

    monkeypatch.setattr(engine_selection, "locked", held_by_another)
    steps: list[tuple[int, int]] = []
    select_engine(tiny_ensemble, card, progress=lambda *step: steps.append(step))
    assert (len(comparisons), steps) == (1, [])


@pytest.mark.parametrize("fast", ENGINES)
def test_fastest_engine_is_chosen(tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], fast: str) -> None:
    engines[fast].ms = 5.0
    assert select_engine(tiny_ensemble, card) == (fast, engines[fast])
    assert rows(tiny_ensemble, card)[fast]["ms_per_window"] == 5.0
    assert select_engine(tiny_ensemble, card) == (fast, engines[fast])


def test_engine_that_disagrees_is_not_chosen_and_the_reason_is_written(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine]
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
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine]
) -> None:
    engines["openvino"].ms, engines["openvino"].error = 1.0, "cannot be opened"
    engines["onnxruntime"].ms, engines["onnxruntime"].error = 1.0, "out of luck"
    assert select_engine(tiny_ensemble, card)[0] not in ("openvino", "onnxruntime")
    found = rows(tiny_ensemble, card)
    assert found["openvino"]["why_not"] == "its library is not installed"
    assert found["onnxruntime"]["why_not"] == "it fails on this machine"
    assert found["onnxruntime"]["ms_per_window"] is None


def test_much_slower_engine_is_timed_with_few_inputs_only(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine]
) -> None:
    engines["torch-bf16"].ms = 41.0
    engines["openvino-bf16"].ms, engines["openvino-bf16"].off = 1.0, 0.02  # is not eligible, so it does not count
    assert select_engine(tiny_ensemble, card)[0] == "openvino"
    assert rows(tiny_ensemble, card)["torch-bf16"]["why_not"] == "it is much slower"
    assert max(engines["torch-bf16"].windows) < max(engines["openvino"].windows) == 4


def test_reference_is_chosen_where_nothing_else_works(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine]
) -> None:
    for name in ENGINES:
        engines[name].error = "" if name == REFERENCE else "cannot be opened"
    assert select_engine(tiny_ensemble, card)[0] == REFERENCE


def test_choice_of_audiotag_0_1_holds_although_its_version_and_a_key_differ(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], comparisons: list[str]
) -> None:
    select_engine(tiny_ensemble, card)
    path = choice_folder() / "choice.json"
    choice = json.loads(path.read_text())
    old_rows = [{{"ms_per_window": "ms_a_window"}.get(key, key): row[key] for key in row} for row in choice["measured"]]
    path.write_text(json.dumps(choice | {"machine": f"audiotag 0.1.0 · {choice['machine']}", "measured": old_rows}))
    select_engine(tiny_ensemble, card)
    assert len(comparisons) == 1
    assert choice_of(tiny_ensemble, card) == choice


def test_another_machine_measures_again(
    tiny_ensemble: Path,
    card: Card,
    engines: dict[str, FakeEngine],
    comparisons: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    select_engine(tiny_ensemble, card)
    monkeypatch.setattr(engine_selection, "machine", lambda: "another")
    engines["onnxruntime"].ms = 1.0
    assert select_engine(tiny_ensemble, card)[0] == "onnxruntime"
    assert choice_of(tiny_ensemble, card)["machine"] == "another"
    select_engine(tiny_ensemble, card)
    assert len(comparisons) == 2


@pytest.mark.parametrize("variable", ["", "0", "0,1"])
def test_gpus_that_may_be_used_are_part_of_the_machine(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    without = engine_selection.machine()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert engine_selection.machine() != without


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"engine": "openvino"}', '{"engine": "abacus", "machine": "", "graph": "", '
    '"measured": []}', '{"engine": "torch", "machine": "", "graph": "", "measured": [1]}'],
)  # fmt: skip
def test_damaged_choice_is_measured_again(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], comparisons: list[str], content: str
) -> None:
    select_engine(tiny_ensemble, card)
    (choice_folder() / "choice.json").write_text(content)
    assert choice_of(tiny_ensemble, card) == {}
    select_engine(tiny_ensemble, card)
    select_engine(tiny_ensemble, card)
    assert len(comparisons) == 2


@pytest.mark.parametrize("content", [None, b"", b"another graph"])
def test_graph_that_is_not_the_measured_one_is_exported_again(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], comparisons: list[str], content: bytes | None
) -> None:
    engines["openvino"].ms = 1.0
    select_engine(tiny_ensemble, card)
    graph = choice_folder() / "folds.onnx"
    graph.unlink()
    if content is not None:
        graph.write_bytes(content)
    assert select_engine(tiny_ensemble, card)[0] == "openvino"
    assert graph.read_bytes() == b"a graph"
    assert len(comparisons) == 2


def test_engine_that_no_longer_opens_is_replaced(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], comparisons: list[str]
) -> None:
    engines["torch-cuda"].ms = 1.0
    assert select_engine(tiny_ensemble, card)[0] == "torch-cuda"
    engines["torch-cuda"].error = "cannot be opened"  # the GPU is gone
    assert select_engine(tiny_ensemble, card)[0] != "torch-cuda"
    assert len(comparisons) == 2


def test_damaged_weights_are_refused_even_if_the_graph_is_intact(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], tmp_path: Path
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
    assert select_engine(folder, card, folds=(1,))[0] == "openvino"  # which does not need the damaged file


def test_other_folds_and_other_weights_are_measured_separately(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], comparisons: list[str]
) -> None:
    for folds in ((), (1,), (2,), (1, 2), (2, 1)):
        select_engine(tiny_ensemble, card, folds)
    assert len(comparisons) == 3
    assert len(list((Workspace().root / "compiled").iterdir())) == 3


def test_name_in_the_card_does_not_lead_out_of_the_workspace(
    tiny_ensemble: Path, tmp_path: Path, engines: dict[str, FakeEngine]
) -> None:
    folder = shutil.copytree(tiny_ensemble, tmp_path / "mine")
    values = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(values | {"name": "../../elsewhere"}))
    select_engine(folder, read_card(folder))
    assert choice_folder().name.startswith("mine-")


def test_named_engine_is_used_whatever_is_fastest(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines["openvino"].ms = 1.0
    engines["openvino-bf16"].off = 0.02  # which the user may choose nevertheless
    for name in ENGINES:
        monkeypatch.setenv("AUDIOTAG_ENGINE", name)
        assert select_engine(tiny_ensemble, card) == (name, engines[name])
    assert choice_of(tiny_ensemble, card)["engine"] == "openvino"


def test_named_reference_measures_and_writes_nothing(
    tiny_ensemble: Path, card: Card, comparisons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_ENGINE", REFERENCE)
    assert select_engine(tiny_ensemble, card)[0] == REFERENCE
    assert comparisons == []
    assert not (Workspace().root / "compiled").exists()


def test_named_engine_that_does_not_exist_or_does_not_work_is_refused(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_ENGINE", "abacus")
    with pytest.raises(AudiotagError, match=r"AUDIOTAG_ENGINE must be one of openvino, .*torch-cuda, got abacus"):
        select_engine(tiny_ensemble, card)
    engines["torch-cuda"].error = "cannot be opened"
    monkeypatch.setenv("AUDIOTAG_ENGINE", "torch-cuda")
    with pytest.raises(AudiotagError, match=r"names torch-cuda, .*: its library is not installed; unset it"):
        select_engine(tiny_ensemble, card)


def test_workspace_that_cannot_be_written_only_costs_time(
    tiny_ensemble: Path, card: Card, engines: dict[str, FakeEngine], comparisons: list[str]
) -> None:
    engines["openvino"].ms = 1.0
    Workspace().root.mkdir(exist_ok=True)
    (Workspace().root / "compiled").write_text("in the way")
    sentences: list[str] = []
    for times in (1, 2):
        assert select_engine(tiny_ensemble, card, say=sentences.append)[0] == "openvino"
        assert len(comparisons) == times
    assert "cannot be used: not a directory" in sentences[1]
    assert "AUDIOTAG_HOME" in sentences[1]


def test_two_processes_at_once_both_tag_and_write_a_complete_choice(
    tiny_ensemble: Path, card: Card, tmp_path: Path, comparisons: list[str], fork_server: Any
) -> None:
    sound = tmp_path / "a.wav"
    sound.write_bytes(wav_bytes(np.random.default_rng(0).normal(0, 0.1, 60_000), 44_100))
    code = """
import sys
from pathlib import Path
from typing import Any
from audiotag.tagging import engine_comparison
engine_comparison.N_INPUTS, engine_comparison.N_SOUND_VARIANTS = 4, 1
from audiotag.tagging.tagger import Tagger
ensemble, sound, out = map(Path, sys.argv[1:])
out.write_text(" ".join(map(str, Tagger(ensemble).tag(sound).scores)))
"""
    files, log = [tmp_path / "1.txt", tmp_path / "2.txt"], tmp_path / "log.txt"
    running = [fork_server.start_detached("-c", [code, *map(str, (tiny_ensemble, sound, file))], log) for file in files]
    assert [fork_server.wait(process.pid) for process in running] == [0, 0], log.read_text()
    scores = [np.array(file.read_text().split(), dtype=float) for file in files]
    np.testing.assert_allclose(scores[0], scores[1], atol=0.01)
    assert {path.name for path in choice_folder().glob("[!.]*")} == {"choice.json", "folds.onnx"}
    select_engine(tiny_ensemble, card)
    assert comparisons == []


def test_tagger_names_its_engine(tiny_ensemble: Path, engines: dict[str, FakeEngine]) -> None:
    engines["onnxruntime"].ms = 1.0
    tagger = Tagger(tiny_ensemble, TagSettings())
    assert tagger.engine_name == "onnxruntime"
    tags = tagger.tag(wav_bytes(np.random.default_rng(0).normal(0, 0.1, 44_100), 44_100), "a.wav")
    np.testing.assert_allclose(tags.scores, REFERENCE_SCORES, rtol=1e-6)
