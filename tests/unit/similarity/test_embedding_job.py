"""The clips of a dataset are embedded once, by a job that can be stopped, killed and continued."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag import state
from audiotag.data.layouts import open_dataset
from audiotag.inspection.measurement_job import MeasurementJob, measure_clips
from audiotag.similarity import embedding, embedding_job, nearest
from audiotag.similarity.embedding_job import EmbeddingJob, Embeddings, embed_clips
from audiotag.similarity.graph_search import GraphSearch
from audiotag.tagging.card_reading import read_card
from audiotag.workspace import Workspace, write_json

RATE = 44_100


@pytest.fixture
def sounds(tmp_path: Path, write_wav: Callable) -> Path:
    """Six clips with labels, one file that is not a sound, and one silent clip."""
    folder = tmp_path / "sounds"
    for number in range(6):
        waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 2)
        write_wav(folder / "AB"[number % 2] / f"{number}.wav", waveform)
    write_wav(folder / "A" / "silence.wav", np.zeros(RATE))
    (folder / "B" / "letter.wav").write_text("Dear sir")
    return folder


@pytest.fixture
def job_of(tiny_ensemble: Path) -> Callable[[Path], EmbeddingJob]:
    card = read_card(tiny_ensemble)
    return lambda folder: EmbeddingJob.of(open_dataset(folder), tiny_ensemble, card, Workspace())


def run(job: EmbeddingJob) -> EmbeddingJob:
    """Do the job in this process, as another one that has ended since."""
    job.run(lambda: embed_clips(job, Workspace()))
    write_json(job.folder / "process.json", {"pid": os.getpid(), "started": 1.0})
    return job


def read(job: EmbeddingJob) -> Embeddings:
    return job.read(open_dataset(job.root), Workspace())


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the clips that were given to a tagger."""
    names: list[str] = []
    tag_files = embedding.tag_files

    def counted(tagger: Any, files: Any) -> Any:
        for result in tag_files(tagger, files):
            names.append(result.file.clip)
            yield result

    monkeypatch.setattr(embedding, "tag_files", counted)
    return names


def test_every_clip_has_a_vector_or_a_sentence(sounds: Path, job_of: Callable[[Path], EmbeddingJob]) -> None:
    job = job_of(sounds)
    assert (read(job).missing, read(job).is_complete) == (8, False)
    found = read(run(job))
    assert found.is_complete
    assert list(found.clips["clip"]) == [
        "A/0.wav",
        "A/2.wav",
        "A/4.wav",
        "A/silence.wav",
        "B/1.wav",
        "B/3.wav",
        "B/5.wav",
    ]
    assert not found.vectors[found.row_of("curated", "A/silence.wav")].any()
    assert found.row_of("curated", "B/letter.wav") == -1
    (problem,) = found.problems
    assert problem.startswith("B/letter.wav cannot be read as a sound")
    rows = found.nearest.find(found.vectors[0], 3, [0]).rows
    assert found.row_of("curated", "A/silence.wav") not in rows
    assert len(rows) == 3
    assert job.progress()["done"] == job.progress()["total"] == 8


def test_a_clip_that_is_new_is_missing_until_the_next_job_which_embeds_it_alone(
    sounds: Path, job_of: Callable[[Path], EmbeddingJob], embedded: list[str], write_wav: Callable
) -> None:
    job = run(job_of(sounds))
    stamp = job.stamp()
    embedded.clear()
    (sounds / "B" / "letter.wav").unlink()
    (sounds / "B" / "other.wav").write_text("Dear madam")  # no sentence is about it yet
    write_wav(sounds / "A" / "new.wav", np.random.default_rng(9).normal(0, 0.1, RATE // 2))
    found = read(job)
    assert (found.missing, found.problems, found.is_complete) == (2, (), False)
    assert read(run(job)).is_complete
    assert sorted(embedded) == ["A/new.wav", "B/other.wav"]
    assert job.stamp() != stamp


def test_copies_in_another_dataset_are_found_by_their_bytes_and_by_their_samples_where_these_are_measured(
    sounds: Path, job_of: Callable[[Path], EmbeddingJob], embedded: list[str], tmp_path: Path
) -> None:
    run(job_of(sounds))
    embedded.clear()
    other = tmp_path / "other"
    (other / "C").mkdir(parents=True)
    shutil.copy(sounds / "A" / "0.wav", other / "C" / "copy.wav")
    assert read(run(job_of(other))).is_complete
    assert embedded == []
    waveform, rate = soundfile.read(sounds / "B" / "1.wav", dtype="int16")
    soundfile.write(other / "C" / "same.flac", waveform, rate)
    dataset = open_dataset(other)
    assert read(job_of(other)).missing == 1
    measures = MeasurementJob.of(other, dataset.name, Workspace())
    measures.run(lambda: measure_clips(measures))
    assert read(job_of(other)).missing == 0


def test_killed_job_goes_on(
    sounds: Path, job_of: Callable[[Path], EmbeddingJob], embedded: list[str], tmp_path: Path, fork_server: Any
) -> None:
    at_once = tmp_path / "at_once.py"
    at_once.write_text(
        "def install():\n    from audiotag.similarity import embedding as e\n    e.PART_INTERVAL_S = 0\n"
    )
    job, log = job_of(sounds), tmp_path / "log.txt"
    kill = ("audiotag.similarity.embedding", "EmbeddingWriter.add", 4, "")
    status = fork_server.run(job.module, job.arguments(), log, kill=kill, stand_in=str(at_once))
    assert status == -signal.SIGKILL, log.read_text()
    assert "was killed" in job.failure()
    assert read(job).missing == 5
    assert read(run(job)).is_complete
    assert len(embedded) == 5


def test_stopped_job_goes_on(
    sounds: Path, job_of: Callable[[Path], EmbeddingJob], embedded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(sounds)
    job.folder.mkdir(parents=True)
    job.stop()
    run(job)
    assert len(embedded) == 1
    assert not read(job).is_complete
    (job.folder / "stop").unlink()  # as `start` does
    assert read(run(job)).is_complete
    assert len(embedded) == 8


def test_damaged_list_of_problems_costs_a_sentence(sounds: Path, job_of: Callable[[Path], EmbeddingJob]) -> None:
    job = run(job_of(sounds))
    (job.folder / "problems.json").write_text('[{"file": 3}]')
    state.take_sentences()
    found = read(job)
    assert (found.missing, found.is_complete) == (1, False)
    assert "clips that cannot be read are tried again" in state.take_sentences()[0]
    assert read(run(job)).is_complete


def test_the_graph_of_a_very_large_dataset_is_made_by_the_job(
    sounds: Path, job_of: Callable[[Path], EmbeddingJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "COMPARED_ONE_BY_ONE", 2)
    for module in (nearest, embedding_job):
        monkeypatch.setattr(module, "EXACT_UP_TO", 4)
    found = read(run(job_of(sounds)))
    assert isinstance(found.nearest._search, GraphSearch)
    silence = found.row_of("curated", "A/silence.wav")
    rows = found.nearest.find(found.vectors[0], 6, [0]).rows
    assert sorted(rows) == [row for row in range(1, 7) if row != silence]
