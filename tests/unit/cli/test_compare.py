"""``audiotag compare`` prints what the comparison of two runs found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.training.runs import Run
from audiotag.workspace import Workspace

from ..conftest import CommandResult

LABELS = ("Bark", "Bell", "Hiss")
Command = Callable[..., CommandResult]


@pytest.fixture
def two_runs(tmp_path: Path, scored_run: Callable[..., Run]) -> tuple[Run, Run]:
    """Two runs of 24 clips in 2 folds; the second one is right on every clip, the first one on every Bell alone."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    names = [f"{number:02}.wav" for number in range(24)]
    for number, name in enumerate(names):
        soundfile.write(folder / name, 0.1 * np.random.default_rng(number).normal(size=100), 8000)
    lines = [f"{name},{LABELS[number % 3]}" for number, name in enumerate(names)]
    (folder / "clips.csv").write_text("\n".join(["fname,label", *lines]) + "\n")
    right = np.eye(3)[np.arange(24) % 3]
    runs = []
    for scores in (right[:, ::-1], right):
        by_clip = list(zip(names, scores.tolist(), strict=True))
        folds = {1: dict(by_clip[:12]), 2: dict(by_clip[12:])}
        runs.append(scored_run(Workspace(), folder, LABELS, folds))
    return runs[0], runs[1]


def test_the_differences_are_printed_with_the_conclusion_last(run: Command, two_runs: tuple[Run, Run]) -> None:
    first, second = two_runs
    outcome = run("compare", first.name, second.name)
    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[:3] == [
        f"first:  {first.name}",
        f"second: {second.name}",
        "truth:  labels as reviewers corrected them",
    ]
    # Of the first run a Bell is on rank 1, the others tie with a wrong label on rank 3.
    fold = lines[5]
    assert fold.split()[:5] == ["fold", "1", "0.5556", "1.0000", "+0.4444"]
    assert fold.split()[-1] == "12"
    gained = lines.index("lwlrap of labels that gained most   first  second  difference  95 % interval       clips")
    assert [line.split()[0] for line in lines[gained + 1 : gained + 3]] == ["Hiss", "Bark"]
    assert "lwlrap of labels that lost most" not in outcome.out
    assert lines[-1].startswith(f"{second.name} is better than {first.name} on these 24 clips: lwlrap 1.0000 against ")


def test_json_has_every_label(run: Command, two_runs: tuple[Run, Run]) -> None:
    first, second = two_runs
    values = run("compare", second.name, first.name, "--truth", "tables", "--json").json()
    assert (values["first"], values["second"], values["truth"]) == (second.name, first.name, "tables")
    assert values["conclusion"] == "worse"
    assert {label: row["clips"] for label, row in values["labels"].items()} == dict.fromkeys(LABELS, 8)
    assert values["labels"]["Bell"]["difference"] == 0
    assert values["lwlrap"]["low"] < values["lwlrap"]["difference"] < values["lwlrap"]["high"] < 0


def test_what_cannot_be_compared_is_said(run: Command, two_runs: tuple[Run, Run]) -> None:
    first, second = two_runs
    outcome = run("compare", first.name, "nothing")
    assert (outcome.status, "there is no run named nothing; the newest are " in outcome.err) == (2, True)
    outcome = run("compare", first.name, second.name, "--subset", "noisy")
    assert outcome.status == 2
    assert outcome.err == f"audiotag: run {first.name} has no out-of-fold scores of noisy clips.\n"
