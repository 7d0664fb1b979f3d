"""``audiotag embed`` writes one vector per clip, embeds nothing twice, and goes on wherever it was killed."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audiotag.cli import embed as command
from audiotag.similarity import embedding

from ..conftest import CommandResult
from .conftest import RATE, table_of

Run = Callable[..., CommandResult]
MAIN = "audiotag.cli.main"


@pytest.fixture
def archive(tmp_path: Path, write_wav: Callable) -> Path:
    """Six clips in two folders, one of them silent, and a file that is not a sound."""
    folder = tmp_path / "archive"
    for number in range(5):
        noise = np.random.default_rng(number).normal(0, 0.1, round(RATE * (0.5 + number)))
        write_wav(folder / str(number % 2) / f"{number}.wav", noise)
    write_wav(folder / "silence.wav", np.zeros(RATE))
    (folder / "letter.wav").write_text("Dear sir")
    return folder


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the clips that networks were run for."""
    names: list[str] = []
    tag_files = embedding.tag_files

    def counted(tagger: Any, files: Any) -> Any:
        for result in tag_files(tagger, files):
            if result.tags:
                names.append(result.file.clip)
            yield result

    monkeypatch.setattr(embedding, "tag_files", counted)
    return names


def vectors_of(path: Path) -> dict[str, np.ndarray]:
    table = pd.read_parquet(path)
    return dict(zip(table["fname"], table["vector"], strict=True))


def test_each_clip_has_a_vector_of_length_1_and_silence_one_of_0(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "vectors.parquet"
    result = run("embed", archive, "--ensemble", tiny_ensemble, "--out", out)
    assert result.status == 1
    assert f"{out} has 6 clips; " in result.err
    assert "letter.wav cannot be read as a sound" in result.err
    (problem,) = table_of(tmp_path / "out" / "vectors.problems.csv")
    assert problem["fname"] == "letter.wav"
    vectors = vectors_of(out)
    assert list(vectors) == ["0/0.wav", "0/2.wav", "0/4.wav", "1/1.wav", "1/3.wav", "silence.wav"]
    lengths = {name: np.linalg.norm(vector) for name, vector in vectors.items()}
    assert lengths.pop("silence.wav") == 0
    assert list(lengths.values()) == pytest.approx([1] * 5, abs=1e-3)
    assert {vector.dtype for vector in vectors.values()} == {np.dtype(np.float32)}


def test_names_are_those_of_the_table_that_tagging_writes(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    paths = (archive / "0", archive / "1" / "1.wav")
    for name, out in (("tag", "tags.csv"), ("embed", "vectors.parquet")):
        assert run(name, *paths, "--ensemble", tiny_ensemble, "--out", tmp_path / out).status == 0
    assert list(vectors_of(tmp_path / "vectors.parquet")) == [row["fname"] for row in table_of(tmp_path / "tags.csv")]


def test_windows_have_a_row_each(run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path) -> None:
    out = tmp_path / "windows.parquet"
    run("embed", archive, "--ensemble", tiny_ensemble, "--out", out, "--windows")
    table = pd.read_parquet(out)
    assert list(table) == ["fname", "start_s", "vector"]
    starts = table.groupby("fname")["start_s"].apply(list)
    assert starts["0/0.wav"] == [0]
    assert starts["0/2.wav"] == pytest.approx([0, 0.5, 1, 1.5])
    run("embed", archive, "--ensemble", tiny_ensemble, "--out", tmp_path / "clips.parquet")
    clips = vectors_of(tmp_path / "clips.parquet")
    first = table[table["fname"] == "0/0.wav"]["vector"].iloc[0]
    np.testing.assert_array_equal(first, clips["0/0.wav"])  # it has one window


def test_nothing_is_embedded_twice_whatever_it_is_called(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path, embedded: list[str]
) -> None:
    def embed(*paths: Path) -> CommandResult:
        return run("embed", *paths, "--ensemble", tiny_ensemble, "--out", tmp_path / "vectors.parquet")

    shutil.copy(archive / "0" / "2.wav", archive / "copy.wav")
    embed(archive)
    assert len(embedded) == 6  # not the copy
    first = vectors_of(tmp_path / "vectors.parquet")
    np.testing.assert_array_equal(first["copy.wav"], first["0/2.wav"])
    assert "7 clips, 7 of them embedded before" in embed(archive).err
    moved = archive.rename(tmp_path / "moved")
    (moved / "0" / "4.wav").rename(moved / "renamed.wav")
    assert "7 clips, 7 of them embedded before" in embed(moved).err
    assert len(embedded) == 6
    second = vectors_of(tmp_path / "vectors.parquet")
    np.testing.assert_array_equal(second["renamed.wav"], first["0/4.wav"])
    os.replace(moved / "1" / "1.wav", moved / "0" / "0.wav")  # another sound under a known name: a known sound
    embed(moved)
    assert len(embedded) == 6
    np.testing.assert_array_equal(vectors_of(tmp_path / "vectors.parquet")["0/0.wav"], first["1/1.wav"])


def test_a_file_that_is_replaced_under_its_name_is_embedded_again(
    run: Run,
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    embedded: list[str],
    tone: Callable,
    write_wav: Callable,
) -> None:
    arguments = ("embed", archive, "--ensemble", tiny_ensemble, "--out", tmp_path / "vectors.parquet")
    run(*arguments)
    first = vectors_of(tmp_path / "vectors.parquet")
    embedded.clear()
    write_wav(archive / "0" / "0.wav", tone(3000, 0.5))
    os.utime(archive / "0" / "0.wav", ns=(1, 1))
    run(*arguments)
    assert embedded == ["0/0.wav"]
    assert not np.array_equal(vectors_of(tmp_path / "vectors.parquet")["0/0.wav"], first["0/0.wav"])


def test_a_file_that_changes_while_it_is_read_is_named_and_not_cached(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = embedding.EmbeddingWriter.add

    def change(self: embedding.EmbeddingWriter, result: Any) -> None:
        if result.file.clip == "1/1.wav" and result.tags:
            os.utime(result.file.path, ns=(1, 1))
        add(self, result)

    arguments = ("embed", archive, "--ensemble", tiny_ensemble, "--out", tmp_path / "vectors.parquet")
    with monkeypatch.context() as patched:
        patched.setattr(embedding.EmbeddingWriter, "add", change)
        result = run(*arguments)
    assert result.status == 1
    assert "1/1.wav was changed while it was read; run the same command again." in result.err
    assert "1/1.wav" not in vectors_of(tmp_path / "vectors.parquet")
    run(*arguments)
    assert "1/1.wav" in vectors_of(tmp_path / "vectors.parquet")


@pytest.mark.parametrize("windows", [[], ["--windows"]])
def test_killed_run_goes_on_and_writes_the_file_of_an_undisturbed_run(
    run: Run,
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    fork_server: Any,
    embedded: list[str],
    monkeypatch: pytest.MonkeyPatch,
    windows: list[str],
) -> None:
    at_once = tmp_path / "at_once.py"
    at_once.write_text(
        "def install():\n    from audiotag.similarity import embedding as e\n    e.PART_INTERVAL_S = 0\n"
    )
    out, log = tmp_path / "stopped.parquet", tmp_path / "log.txt"
    arguments = ["embed", archive, "--ensemble", tiny_ensemble, *windows, "--out"]
    kill = ("audiotag.similarity.embedding", "EmbeddingWriter.add", 5, "")
    status = fork_server.run(MAIN, [*map(str, arguments), str(out)], log, kill=kill, stand_in=str(at_once))
    assert status == -signal.SIGKILL, log.read_text()
    assert not out.exists()
    went_on = run(*arguments, out)
    assert len(embedded) == 2
    assert "6 clips, 4 of them embedded before" in went_on.err
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "another"))
    run(*arguments, tmp_path / "alone.parquet")
    assert len(embedded) == 8
    pd.testing.assert_frame_equal(pd.read_parquet(out), pd.read_parquet(tmp_path / "alone.parquet"))


def test_interrupted_run_says_how_to_go_on(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = command.VectorFile.note

    def interrupted(self: command.VectorFile, result: Any) -> None:
        note(self, result)
        if result.file.clip == "0/4.wav":
            raise KeyboardInterrupt

    arguments = ("embed", archive, "--ensemble", tiny_ensemble, "--out", tmp_path / "vectors.parquet")
    with monkeypatch.context() as patched:
        patched.setattr(command.VectorFile, "note", interrupted)
        stopped = run(*arguments)
    assert stopped.status == 130
    assert "clips are embedded; run the same command again to resume." in stopped.err
    assert "6 clips, 3 of them embedded before" in run(*arguments).err  # also those of the last seconds


@pytest.mark.parametrize("out", ["--out", None])
def test_tagging_keeps_the_vectors_of_the_same_pass(
    run: Run,
    archive: Path,
    tiny_ensemble: Path,
    tmp_path: Path,
    embedded: list[str],
    out: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed: list[Path] = []
    sound_key = embedding.sound_key
    monkeypatch.setattr(embedding, "sound_key", lambda path: hashed.append(path) or sound_key(path))
    vectors, tags = tmp_path / "vectors.parquet", tmp_path / "tags.csv"
    into = [out, tags] if out else []
    result = run("tag", archive, "--ensemble", tiny_ensemble, *into, "--embeddings", vectors)
    assert result.status == 1
    assert embedded == []  # by another pass
    assert result.err.count("letter.wav cannot be read") == 1
    assert f"{vectors} has 6 clips" in result.err
    assert len(hashed) == 6  # each file that can be read, once
    run("embed", archive, "--ensemble", tiny_ensemble, "--out", tmp_path / "again.parquet")
    assert embedded == []
    assert vectors.read_bytes() == (tmp_path / "again.parquet").read_bytes()


def test_tagging_that_was_killed_embeds_what_it_had_tagged(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path, fork_server: Any, embedded: list[str]
) -> None:
    vectors, tags = tmp_path / "vectors.parquet", tmp_path / "tags.csv"
    arguments = ["tag", archive, "--ensemble", tiny_ensemble, "--out", tags, "--embeddings", vectors]
    kill = ("audiotag.tagging.journal", "Journal.add", 4, "")
    status = fork_server.run(MAIN, [*map(str, arguments)], tmp_path / "log.txt", kill=kill)
    assert status == -signal.SIGKILL, (tmp_path / "log.txt").read_text()
    assert run(*arguments).status == 1
    assert embedded == ["0/0.wav", "0/2.wav", "0/4.wav"]  # in the journal, but not in the store yet
    assert len(vectors_of(vectors)) == len(table_of(tags)) == 6


def test_other_windows_and_folds_are_not_mixed_with_those_in_the_cache(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path
) -> None:
    run("embed", archive, "--ensemble", tiny_ensemble, "--out", tmp_path / "all.parquet")
    whole = vectors_of(tmp_path / "all.parquet")
    for name, options in (("fold", ["--folds", 1]), ("overlap", ["--overlap", 0])):
        out = tmp_path / f"{name}.parquet"
        run("tag", archive, "--ensemble", tiny_ensemble, "--embeddings", out, *options)
        vector = vectors_of(out)["0/4.wav"]
        assert len(vector) == len(whole["0/4.wav"]) // (2 if name == "fold" else 1)
        assert not np.array_equal(vector, whole["0/4.wav"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["embed", "{sounds}", "--out", "{out}.csv"], "--out must end in .parquet, got out.csv."),
        (["embed", "{sounds}/none", "--out", "{out}.parquet"], "there is no such file or folder: "),
        (["tag", "{sounds}", "--embeddings", "{out}.csv"], "--embeddings must end in .parquet, got out.csv."),
        (
            ["tag", "{sounds}", "--out", "{out}.parquet", "--embeddings", "{out}.parquet"],
            "--embeddings would write over {out}.parquet, ",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_embedded(
    run: Run, archive: Path, tiny_ensemble: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    places = {"sounds": archive, "out": tmp_path / "out"}
    result = run(*(word.format(**places) for word in arguments), "--ensemble", tiny_ensemble)
    assert result.status == 2
    assert sentence.format(**places) in result.err
