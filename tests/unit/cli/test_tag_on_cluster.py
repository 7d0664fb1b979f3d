"""``audiotag tag --on`` a cluster writes what it writes on one machine, also where a node dies."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from audiotag.cli.bulk_job import tag_on_cluster
from audiotag.tagging import shards
from audiotag.tagging.journal import Journal

from ..conftest import CommandResult
from ..ray_nodes import RayNodes
from .conftest import RATE

CLIPS = 24


def test_two_nodes_of_which_one_is_killed_write_the_files_of_one_machine(
    run: Callable[..., CommandResult],
    tiny_ensemble: Path,
    tmp_path: Path,
    ray_nodes: RayNodes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(CLIPS):
        waveform = np.random.default_rng(number).normal(0, 0.1, RATE // 5 * (1 + number % 4))
        soundfile.write(folder / f"{number:02}.wav", waveform, RATE)
    (folder / "10-letter.wav").write_text("Dear sir")
    command = ("tag", folder, "--ensemble", tiny_ensemble, "--timeline")
    here = run(*command, "--audacity", tmp_path / "tracks", "--out", tmp_path / "here.json")
    assert here.status == 1

    monkeypatch.setattr(shards, "SHARD_CLIPS", 3)
    commit, committed = Journal.commit, Counter[int]()

    def kill_after_first(self: Journal, positions: Sequence[int], part: bytes) -> None:
        commit(self, positions, part)
        if not committed:
            ray_nodes.kill_second_node()
        committed.update(positions)

    monkeypatch.setattr(Journal, "commit", kill_after_first)
    out = tmp_path / "there.json"
    there = run(*command, "--audacity", tmp_path / "their", "--out", out, "--on", ray_nodes.address)
    assert there.status == 1, there.err
    assert committed == Counter(range(CLIPS + 1))  # none was lost, none was done twice
    assert out.read_bytes() == (tmp_path / "here.json").read_bytes()
    assert (tmp_path / "there.problems.csv").read_bytes() == (tmp_path / "here.problems.csv").read_bytes()
    tracks = {path.name: path.read_bytes() for path in (tmp_path / "tracks").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "their").iterdir()} == tracks
    assert len(tracks) == CLIPS
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "--on ray writes into a file, from which it resumes; add --out FILE."),
        (("--out", "t.csv", "--embeddings", "v.parquet"), "--embeddings are written by this machine; leave it out"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(
    run: Callable[..., CommandResult],
    tmp_path: Path,
    options: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("tag", tmp_path, "--on", "ray", *options)
    assert result.status == 2
    assert message in result.err


def test_what_is_tagged_already_needs_no_cluster() -> None:
    journal = SimpleNamespace(pending=lambda files: iter(()))
    tag_on_cluster("127.0.0.1:1", None, lambda: iter(()), journal, None)  # type: ignore[arg-type]
