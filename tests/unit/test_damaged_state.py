"""Damaged files of a workspace: every reader gives a good result or an `AudiotagError`, and no content is lost.

Each file of a workspace in which everything was used is damaged, one at a time and in many ways, and everything that
reads state is called. `tests/app/test_damaged_state.py` opens the pages on some of these.
"""

import copy
import errno
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audiotag import state
from audiotag.data.index import KEY, scan, with_keys, write_parquet
from audiotag.data.near_duplicates import (
    NearDuplicate,
    NearDuplicateSearch,
    knows_near_duplicates,
    read_near_duplicates,
    write_near_duplicates,
)
from audiotag.data.saved_options import open_remembered
from audiotag.errors import AudiotagError
from audiotag.features.measures import measure
from audiotag.features.presets import load_preset, own_presets, preset_names
from audiotag.inspection import statistics
from audiotag.inspection.faults import find_faults
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.inspection.measuring_workers import ROW_COLUMNS
from audiotag.similarity.embedding_job import EmbeddingJob
from audiotag.similarity.embedding_store import NewSound, file_keys
from audiotag.starter.render import is_whole
from audiotag.tagging.ablation import Ablation, AblationRow, read_ablation, write_ablation
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.engine_selection import choice_of
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.tagging.thresholds import read_saved_thresholds
from audiotag.tagging.weights import read_checked
from audiotag.training.checkpoints import PREVIOUS, load_checkpoint
from audiotag.training.device_queue import _is_first_in_line
from audiotag.training.estimate import Estimate
from audiotag.training.publish import publish
from audiotag.training.run_progress import epochs_done, fold_rows, plan_of, work_left
from audiotag.training.runs import Run, find_run, list_runs
from audiotag.workspace import Workspace, write_json

from .conftest import write_short_sounds

FIXTURE = Path(__file__).parents[1] / "fixtures" / "workspace-0.1"
STOPPED, FINISHED = "2026-11-02-120000-stopped", "2026-11-01-120000-finished"
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e300,
    10**30,
    float("nan"),
    "x",
    "\0",
    "\ud800",
    [],
    {},
    [[]],
    [{}],
    {"x": 1},
)
MAX_FIELD_DAMAGES = 5  # per file, drawn at random
RESULT = {
    "total_s": 9.0, "batch_s": [0.1], "held_out_batch_s": [0.1], "batches": [2], "memory_gib": 0.5, "lr": 0.01,
    "rates": [0.1, 0.2], "losses": [1.0, 0.5], "suggested_lr": 0.1,
}  # fmt: skip


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_short_sounds(tmp_path_factory.mktemp("damaged") / "sounds")


@pytest.fixture(scope="module")
def used(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a file of every kind."""
    home = tmp_path_factory.mktemp("damaged") / "home"
    make_used_workspace(home, sounds)
    return home


def make_used_workspace(home: Path, sounds: Path) -> None:
    shutil.copytree(FIXTURE, home)
    (home / "expected-scores.json").unlink()
    for file in (home / "datasets.json", *home.glob("runs/*/settings.json")):
        file.write_text(file.read_text().replace('"/sounds"', json.dumps(str(sounds))))
    workspace = Workspace(home)
    stopped = Run(workspace.runs / STOPPED)
    stopped.write_process(1, 0.0)
    stopped.write_progress(
        1, subset="curated", stage=1, epoch=1, epochs=3, batch=1, batches=2, loss=0.5, phase="training",
        seconds_left_in_epoch=1.5,
    )  # fmt: skip
    shutil.copy(stopped.fold_folder(1) / "checkpoint.pt", stopped.fold_folder(1) / PREVIOUS)
    estimate = Estimate(home / "probes" / "0123456789abcdef", stopped.settings())
    write_json(estimate.folder / "settings.json", estimate.settings.to_dict())
    write_json(estimate.folder / "result.json", RESULT)
    Run(estimate.folder).write_process(1, 0.0)
    Run(estimate.folder).write_status("finished")
    dataset = open_remembered(sounds, workspace)
    scan(dataset, workspace.indexes)
    job = MeasurementJob.of(dataset.root, dataset.name, workspace)
    clips = with_keys(dataset.clips).head(4)
    rows = [
        (*key, *asdict(measure(path)).values(), None, False)
        for *key, path in clips[[*KEY, "path"]].itertuples(index=False, name=None)
    ]
    for part in (0, 1):
        write_parquet(pd.DataFrame(rows[part::2], columns=KEY + ROW_COLUMNS), job.folder / f"part-{part:06}.parquet")
    write_json(job.folder / "process.json", {"pid": 1, "started": 0.0})
    write_json(job.folder / "progress.json", {"done": 4, "total": 28, "left_s": 2.0})
    files = frozenset(clips[KEY].itertuples(index=False, name=None))
    (subset, clip), (other_subset, other) = clips[["subset", "clip"]].head(2).itertuples(index=False, name=None)
    pair = NearDuplicate(subset, clip, other_subset, other, 0.7, 0.97)
    write_near_duplicates(dataset, NearDuplicateSearch("mine", 28, (pair,), files, ("x.wav is empty.",)), workspace)
    row = AblationRow("one fold", 0.5, 0.4, "", None, 3.0)
    card = read_card(workspace.ensembles / "mine")
    write_ablation(
        workspace.ensembles / "mine",
        Ablation((row,), "sounds", "test", 9, 3, "2026-01-01", card.fold_checksums, "torch", ("A note.",)),
    )
    embedding = EmbeddingJob.of(dataset, workspace.ensembles / "mine", card, workspace)
    keys = file_keys(with_keys(dataset.clips)).tolist()
    embedding.store.add([NewSound(key, key, 0, np.zeros(1), np.full((1, 8), 8**-0.5)) for key in keys[:9]])
    write_json(embedding.folder / "problems.json", [{"file": str(keys[9]), "problem": "one.wav cannot be read."}])
    counts = {"curated": 1, "noisy": 1, "test": 1}
    write_json(workspace.starter / "starter.json", {"version": 1, "counts": counts})


def whole_file_damages(path: Path, content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    yield b""
    yield bytes(len(content))
    yield b"{}"
    if path.suffix in (".json", ".jsonl", ".toml"):
        yield from (b"[]", b"null", b'"x"', b"[" * 100_000, b"\xff\xfe")


def field_damages(path: Path, content: bytes) -> Iterator[Any]:
    """The content with one field missing or of a wrong type: bytes, a table, or what is written as JSON.

    A test writes only those that it draws: writing Parquet files takes long.
    """
    if path.suffix == ".json":
        yield from _changed(json.loads(content))
    elif path.suffix == ".jsonl":
        lines = content.splitlines()
        for at, line in enumerate(lines):
            for value in _changed(json.loads(line)):
                yield b"\n".join([*lines[:at], json.dumps(value).encode(), *lines[at + 1 :], b""])
    elif path.suffix == ".toml":
        lines = content.splitlines()
        for at, line in enumerate(lines):
            yield b"\n".join([*lines[:at], *lines[at + 1 :], b""])
            for text in (b'"x"', b"true", b"-1", b"[]", b"nan", b"1e300"):
                yield b"\n".join([*lines[:at], line.split(b"=")[0] + b"= " + text, *lines[at + 1 :], b""])
    elif path.suffix == ".parquet":
        table = pd.read_parquet(io.BytesIO(content))
        for column in table.columns:
            for value in ("x", 1, -1.5, None, True, [1.0], b"\xff"):
                yield table.assign(**{column: [value] * len(table)})
            yield table.drop(columns=column)
        yield table.head(0)


def _content_of(damage: Any) -> bytes:
    """The bytes of what `field_damages` yields."""
    if isinstance(damage, pd.DataFrame):
        buffer = io.BytesIO()
        damage.to_parquet(buffer)
        return buffer.getvalue()
    return damage if isinstance(damage, bytes) else json.dumps(damage).encode()


def _changed(value: Any) -> Iterator[Any]:
    for keys in _places(value):
        for wrong in WRONG:
            yield _with(value, keys, lambda holder, key, wrong=wrong: holder.__setitem__(key, wrong))
        yield _with(value, keys, lambda holder, key: holder.__delitem__(key))


def _places(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*keys, key)
        yield from _places(item, (*keys, key))


def _with(value: Any, keys: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    changed = holder = copy.deepcopy(value)
    for key in keys[:-1]:
        holder = holder[key]
    change(holder, keys[-1])
    return changed


def readers(home: Path, sounds: Path) -> dict[str, list[Callable[[], Any]]]:
    """What reads state, by the folder of the workspace that it reads."""
    workspace = Workspace(home)
    mine = workspace.ensembles / "mine"
    estimate = Estimate(home / "probes" / "0123456789abcdef", Run(workspace.runs / STOPPED).settings())

    def read_runs() -> None:
        runs = list_runs(workspace)
        assert [run.name for run in runs] == [STOPPED, FINISHED]
        for run in runs:
            run.state(), run.is_active(), run.reason(), run.progress(), run.log_tail()
            events = run.events()
            plan_of(events), epochs_done(events), fold_rows(events), work_left(events), run.finished_folds()
            _is_first_in_line(find_run(workspace, STOPPED), ("cpu",), 0.0)
        for run in runs:
            run.settings()

    def read_ensembles() -> None:
        assert "mine" in workspace.ensemble_folders()
        card = read_card(mine)
        card.dataset["name"], card.recipe.get("title"), f"{card.dataset.get('clips', 0):,}"
        read_ablation(mine, card)
        read_out_of_fold(mine, card)

    def read_thresholds() -> None:
        read_saved_thresholds(workspace, read_card(mine))

    def read_engines() -> None:
        for row in choice_of(mine, read_card(mine)).get("measured", []):
            row["engine"], row["ms_per_window"], row.get("why_not", "")

    def read_datasets() -> None:
        assert sounds in workspace.dataset_folders()
        open_remembered(sounds, workspace)

    dataset = open_remembered(sounds, workspace)

    def read_index() -> None:
        job = MeasurementJob.of(dataset.root, dataset.name, workspace)
        job.is_active(), job.progress(), job.failure(), job.stamp()
        index = with_measures(scan(dataset, workspace.indexes), job.table())
        assert len(index) == 28
        find_faults(dataset, index)
        statistics.summary(index)
        measured = statistics.measured_clips(index)
        statistics.third_octaves(measured)
        statistics.distribution(measured, "rms_dbfs")

    def read_twins() -> None:
        pairs = read_near_duplicates(dataset, workspace)
        knows_near_duplicates(sounds, workspace)
        find_faults(dataset, scan(dataset, workspace.indexes), near_duplicates=pairs)

    def read_embeddings() -> None:
        job = EmbeddingJob.of(dataset, mine, read_card(mine), workspace)
        found = job.read(dataset, workspace)
        assert len(found.vectors) + found.missing == len(dataset.clips)
        assert found.nearest.find(np.ones(8), 3).rows.tolist() == list(range(min(3, len(found.vectors))))

    return {
        ".pt": [lambda: load_checkpoint(workspace.runs / STOPPED / "fold-1")],
        ".safetensors": [lambda: [read_checked(mine, fold.file, fold.sha256) for fold in read_card(mine).folds]],
        "datasets.json": [read_datasets],
        "presets": [
            lambda: own_presets(workspace),
            lambda: preset_names(workspace),
            lambda: load_preset("mine", workspace),
        ],
        "runs": [read_runs],
        "ensembles": [read_ensembles],
        "thresholds": [read_thresholds],
        "compiled": [read_engines],
        "probes": [estimate.result, estimate.is_active, estimate.problem],
        "indexes": [read_index],
        "near-duplicates": [read_twins],
        "embeddings": [read_embeddings],
        "starter-sounds": [lambda: is_whole(workspace.starter)],
    }


class Damaged:
    """A copy of the workspace in which one file at a time is damaged."""

    def __init__(self, used: Path, folder: Path, sounds: Path) -> None:
        self.home = folder / "home"
        shutil.copytree(used, self.home)
        self.whole = {path: path.read_bytes() for path in sorted(self.home.rglob("*")) if path.is_file()}
        self.readers = readers(self.home, sounds)

    def try_all(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        which = [path.relative_to(self.home).parts[0], *({path.suffix} & self.readers.keys())]
        state._said.clear()
        state.take_sentences()
        for again in (False, True):
            for read in [read for name in which for read in self.readers[name]]:
                try:
                    read()
                except AudiotagError:
                    continue
            sentences = state.take_sentences()
            assert not (again and sentences), f"said again: {sentences}"
        beside = [file for file in path.parent.iterdir() if file.is_file() and not file.name.startswith(".")]
        is_kept = any(file.stat().st_size == len(content) and file.read_bytes() == content for file in beside)
        assert is_kept or path.suffix == ".parquet", f"{path} was lost"  # an index of another version is written over
        for file in set(beside) - self.whole.keys():
            file.unlink()
        path.write_bytes(self.whole[path])


@pytest.fixture
def damaged(used: Path, tmp_path: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> Damaged:
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "home"))
    return Damaged(used, tmp_path, sounds)


def test_undamaged_workspace_is_read_without_a_word(damaged: Damaged) -> None:
    state.take_sentences()
    for group in damaged.readers.values():
        for read in group:
            read()
    assert state.take_sentences() == []
    assert not list(damaged.home.rglob("*.damaged*"))


def test_file_that_is_damaged_as_a_whole_is_named_and_done_without(damaged: Damaged) -> None:
    for path, content in damaged.whole.items():
        for damage in whole_file_damages(path, content):
            if path.name == "datasets.json" and damage == b"[]":  # as good as any other
                continue
            damaged.try_all(path, damage)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".toml", ".parquet"])
def test_field_that_is_missing_or_of_a_wrong_type_is_damage_too(damaged: Damaged, suffix: str) -> None:
    for path, content in damaged.whole.items():
        if path.suffix == suffix:
            damages = list(field_damages(path, content))
            for damage in random.Random(path.name).sample(damages, min(MAX_FIELD_DAMAGES, len(damages))):
                damaged.try_all(path, _content_of(damage))


def test_damaged_list_of_datasets_is_made_again_from_the_runs_and_kept(damaged: Damaged, sounds: Path) -> None:
    workspace = Workspace(damaged.home)
    (damaged.home / "datasets.json").write_bytes(b"")
    assert workspace.dataset_folders() == [sounds, workspace.starter]
    workspace.remember_dataset(damaged.home)
    assert workspace.dataset_folders() == [damaged.home, sounds, workspace.starter]
    (damaged.home / "datasets.json").write_bytes(b"{")
    workspace.dataset_folders()
    assert {path.name: path.read_bytes() for path in damaged.home.glob("datasets.json.*")} == {
        "datasets.json.damaged": b"",
        "datasets.json.damaged-2": b"{",
    }


def test_list_of_datasets_that_cannot_be_read_for_a_moment_is_not_replaced(
    damaged: Damaged, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(damaged.home)
    listed, content = workspace.dataset_folders(), (damaged.home / "datasets.json").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", raise_input_output_error)
        workspace.remember_dataset(damaged.home)
    assert any("the dataset is not remembered" in sentence for sentence in state.take_sentences())
    assert (damaged.home / "datasets.json").read_bytes() == content
    assert workspace.dataset_folders() == listed


def test_checkpoint_that_cannot_be_read_for_a_moment_is_no_reason_to_start_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audiotag.training.checkpoints import load_checkpoint, save_checkpoint

    save_checkpoint(tmp_path, {"state": {}})
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", raise_input_output_error)
        with pytest.raises(OSError, match="Input/output"):
            load_checkpoint(tmp_path)
    assert load_checkpoint(tmp_path) == {"state": {}}


def raise_input_output_error(path: Path) -> bytes:
    raise OSError(errno.EIO, "Input/output error", str(path))


def test_emptied_preset_does_not_become_the_defaults_and_saving_keeps_the_damaged_one(damaged: Damaged) -> None:
    workspace = Workspace(damaged.home)
    settings = load_preset("mine", workspace)
    path = workspace.presets / "mine.toml"
    from audiotag.features.presets import save_preset

    for content in (b"", b"n_mels = 64\n", b"\0\0"):
        path.write_bytes(content)
        assert own_presets(workspace) == {}
        with pytest.raises(AudiotagError, match=r"mine\.toml"):
            load_preset("mine", workspace)
        save_preset("mine", settings, workspace)
        assert load_preset("mine", workspace) == settings
    assert sorted(path.read_bytes() for path in workspace.presets.glob("*.damaged*")) == [
        b"",
        b"\0\0",
        b"n_mels = 64\n",
    ]


@pytest.mark.parametrize("file", ["scores.safetensors", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", bytes(500)])
def test_run_with_a_damaged_fold_is_not_published_and_the_file_is_named(
    damaged: Damaged, file: str, content: bytes, tmp_path: Path
) -> None:
    run = Run(Workspace(damaged.home).runs / FINISHED)
    (run.fold_folder(2) / file).write_bytes(content)
    with pytest.raises(AudiotagError, match=rf"fold-2/{file} is damaged"):
        publish(run, "again", tmp_path / "ensembles")
    assert list((tmp_path / "ensembles").glob("*/*")) == []


def test_file_that_was_replaced_while_it_was_found_damaged_stays(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(b"whole now")
    state.set_aside(path, b"what was read before", "nothing")
    assert path.read_bytes() == b"whole now"
    assert os.listdir(tmp_path) == ["status.json"]


def test_workspace_that_cannot_be_renamed_in_is_read_all_the_same(
    damaged: Damaged, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*paths: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", refuses)
    state.take_sentences()
    (damaged.home / "datasets.json").write_bytes(b"{")
    for _ in range(3):
        assert sounds in Workspace(damaged.home).dataset_folders()
    (sentence,) = state.take_sentences()
    assert "datasets.json is damaged, and cannot be renamed (Read-only file system)" in sentence


@pytest.mark.parametrize("damage", [b"", bytes(300), b"{}"])
def test_commands_on_damaged_files_end_with_a_sentence_or_do_their_work(
    damaged: Damaged, damage: bytes, sounds: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "start", lambda run: None)
    runs = damaged.home / "runs"
    commands = {
        "datasets.json": ("scan", sounds),
        next(damaged.home.glob("indexes/*/part-000001.parquet")): ("scan", sounds),
        next(damaged.home.glob("indexes/*.parquet")): ("scan", sounds),
        runs / FINISHED / "settings.json": ("publish", FINISHED, "again"),
        runs / FINISHED / "events.jsonl": ("publish", FINISHED, "again"),
        runs / STOPPED / "status.json": ("train", "--resume", STOPPED),
        damaged.home / "ensembles" / "mine" / "card.json": ("tag", sounds, "--ensemble", "mine"),
        damaged.home / "thresholds" / "mine.json": ("tag", sounds, "--ensemble", "mine"),
        damaged.home / "presets" / "mine.toml": ("train", sounds, "--preset", "mine", "--detach"),
    }
    for file, command in commands.items():
        (damaged.home / file).write_bytes(damage)
        result = run(*command)
        assert result.status in (0, 1, 2), command
        assert Path(file).stem.split("-")[0] in result.err or "mine has format None" in result.err, command
        words = ("damaged", "not an ensemble", "mine has format None", "must be given", "cannot be read")
        assert any(word in result.err for word in words), result.err
