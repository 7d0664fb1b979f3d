"""The command `audiotag estimate`: what it says meanwhile and at the end."""

from pathlib import Path
from typing import Any

import pytest

from audiotag.cli import estimate as estimate_command
from audiotag.cli.main import main
from audiotag.training.preparation import Preparing
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace

RESULT: dict[str, Any] = {
    "total_s": 3e6, "batch_s": [0.13], "batches": [300], "memory_gib": None, "rates": [], "losses": [],
    "suggested_lr": None, "lr": 4e-3, "inputs": 10_000, "macs": 5_000_000,
    "shorter": {"fraction": 0.12, "epochs": [7], "others": []},
}  # fmt: skip


class FakeEstimate:
    """An estimate that is active while it says what it does."""

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings
        steps = [("Drawing folds of curated clips", 0, 0), ("Preparing clips", 5, 9), ("Preparing clips", 9, 9)]
        self.left = [None, *(Preparing(*step) for step in steps)]

    @classmethod
    def of(cls, settings: RunSettings, workspace: Workspace) -> "FakeEstimate":
        return cls(settings)

    def start(self, rates: bool) -> None:
        assert not rates

    def is_active(self) -> bool:
        return bool(self.left)

    def preparing(self) -> Preparing | None:
        return self.left.pop(0)

    def result(self) -> dict[str, Any]:
        return RESULT

    def problem(self) -> str:
        return ""


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Standard output and standard error of the command."""
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("audiotag.training.estimate.Estimate", FakeEstimate)
    monkeypatch.setattr(estimate_command, "POLL_S", 0.0)
    (tmp_path / "clips.csv").write_text("file,label\n" + "".join(f"{number}.wav,Beep\n" for number in range(9)))
    with pytest.raises(SystemExit) as ended:
        main(["estimate", str(tmp_path / "clips.csv"), "--recipe", "default", "--device", "cpu"])
    assert ended.value.code == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_each_step_is_said_once_while_it_measures(printed: tuple[str, str]) -> None:
    lines = printed[1].splitlines()
    assert lines[0] == "Opening the dataset …"
    assert lines[-2:] == ["Drawing folds of curated clips …", "Preparing clips …"]


def test_a_run_of_weeks_is_called_so_with_what_fits(printed: tuple[str, str]) -> None:
    first, *_, advice = printed[0].splitlines()
    assert first.startswith("about 5 weeks; batches per epoch: 300 of 0.13 s")
    assert advice.startswith("That is about 5 weeks on this device. Within 3 days it can train on 12 % of the clips")
    assert "--epochs 7" in advice
    assert advice.endswith("On a GPU, use recipe large.")
