"""``audiotag duplicates`` prints the groups of near-duplicates, with offset and similarity, as text and as JSON."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.similarity.near_duplicate_job import NearDuplicateJob, find_near_duplicates
from audiotag.workspace import Workspace

from ..conftest import CommandResult

RATE = 16_000


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Two recordings of noise, and a copy of the second one with another label."""
    root = tmp_path / "sounds"
    root.mkdir()
    noises = [np.random.default_rng(seed).normal(0, 0.1, 2 * RATE) for seed in range(2)]
    for name, waveform in (("a.wav", noises[0]), ("b.wav", noises[1]), ("cut.wav", noises[1][RATE // 2 :])):
        soundfile.write(root / name, waveform, RATE)
    (root / "clips.csv").write_text("fname,label\na.wav,Hiss\nb.wav,Hiss\ncut.wav,Rain\n")
    return root


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NearDuplicateJob, "start", lambda job: find_near_duplicates(job, Workspace()))


def test_groups_are_printed_with_offset_similarity_and_labels_that_differ(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    result = run("duplicates", sounds, "--ensemble", tiny_ensemble)
    assert result.status == 0
    assert result.out.splitlines() == [
        "2 clips of one recording, with different labels:",
        "  cut.wav begins 0.50 s after b.wav; similarity 0.98",
        "  b.wav: Hiss",
        "  cut.wav: Rain",
        "2 near-duplicates, of 1 recording, among 3 clips that were compared.",
    ]
    scanned = run("scan", sounds, "--json").json()
    kinds = [(problem["kind"], problem["clip"]) for problem in scanned["problems"]]
    assert kinds == [("near-duplicate", "cut.wav"), ("near-duplicate", "b.wav")]
    assert run("scan", sounds).status == 0  # a near-duplicate can be used


def test_json_has_the_pairs_of_each_group(run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path) -> None:
    values = run("duplicates", sounds, "--ensemble", tiny_ensemble, "--json").json()
    assert values["compared"] == 3
    (group,) = values["groups"]
    assert [clip["clip"] for clip in group["clips"]] == ["b.wav", "cut.wav"]
    (pair,) = group["pairs"]
    assert (pair["clip"], pair["other_clip"]) == ("b.wav", "cut.wav")
    assert pair["offset_s"] == pytest.approx(0.5, abs=0.005)


def test_dataset_without_near_duplicates_is_no_failure(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path
) -> None:
    (sounds / "cut.wav").unlink()
    result = run("duplicates", sounds, "--ensemble", tiny_ensemble)
    assert (result.status, result.out) == (0, "No near-duplicates among 2 clips that were compared.\n")


def test_search_that_was_stopped_says_how_to_continue(
    run: Callable[..., CommandResult], sounds: Path, tiny_ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NearDuplicateJob, "start", NearDuplicateJob.stop)
    result = run("duplicates", sounds, "--ensemble", tiny_ensemble)
    assert result.status == 2
    assert "start the command again to continue it" in result.err
