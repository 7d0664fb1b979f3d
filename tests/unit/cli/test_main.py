"""The parser knows all commands, and the commands that train refuse wrong options before the work begins."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.training import worker
from audiotag.training.runs import Run, list_runs
from audiotag.workspace import Workspace

from ..conftest import CommandResult

COMMANDS = ("demo", "scan", "train", "estimate", "publish", "tag", "submit", "score", "gains", "app", "corrections")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of a run works in this process, not detached; it fails before it trains."""

    def start(run: Run) -> None:
        monkeypatch.setattr(sys, "argv", ["worker", str(run.folder)])
        worker.main()

    monkeypatch.setattr(Run, "start", start)


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_is_printed_and_fits_the_screen(
    run: Callable[..., CommandResult], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    outcome = run(*command, "--help")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(" ".join(["usage: audiotag", *command]))
    assert max(map(len, outcome.out.splitlines())) <= 120
    assert all(name in outcome.out for name in COMMANDS) or command


def test_unknown_command_is_refused_with_the_known_ones(run: Callable[..., CommandResult]) -> None:
    outcome = run("tga")
    assert outcome.status == 2
    assert all(name in outcome.err for name in COMMANDS)


def test_train_names_what_is_missing_and_creates_no_run(run: Callable[..., CommandResult], dataset: Path) -> None:
    for arguments, reason in (
        ((), "there are no starter sounds yet; run audiotag demo first"),
        ((dataset / "missing",), f"{dataset / 'missing'} does not exist"),
        (
            (dataset, "--recipe", "qiuck"),
            "qiuck is not a recipe; choose one of argus, ",
        ),
        ((dataset, "--recipe", dataset / "missing.toml"), f"{dataset / 'missing.toml'} is not a recipe"),
    ):
        outcome = run("train", *arguments)
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.splitlines()[-1].startswith(f"audiotag: {reason}")
    assert list_runs(Workspace()) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"f_max": 44_100.0},
        {"hop_length": 0},
        {"win_length": 4096},
        {"n_fft": 256, "win_length": 256, "hop_length": 128, "n_mels": 200},
        {"clip_s": 0.1, "win_length": 8192, "n_fft": 8192},
    ],
    ids=["f_max above half the sample rate", "hop 0", "window above n_fft", "more mels than bins", "clip too short"],
)
def test_settings_that_cannot_work_are_refused_with_the_sentence_of_the_library(
    run: Callable[..., CommandResult], dataset: Path, tmp_path: Path, settings: dict[str, float]
) -> None:
    with pytest.raises(AudiotagError) as refused:
        SpectrogramSettings(**settings)  # type: ignore[arg-type]
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    stage = '[[stages]]\nsubset = "curated"\nepochs = 1\nlr = 1e-3\n'
    recipe = tmp_path / "mine.toml"
    recipe.write_text(f'title = "Mine"\nabout = ""\n{stage}[spectrogram]\n{lines}')
    outcome = run("train", dataset, "--recipe", recipe)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.splitlines()[-1] == f"audiotag: mine.toml: spectrogram.{refused.value}"
    preset = Workspace().presets / "mine.toml"
    preset.parent.mkdir(parents=True)
    preset.write_text(lines)
    outcome = run("train", dataset, "--preset", "mine")
    assert outcome.err.splitlines()[-1] == f"audiotag: {preset}: {refused.value}"


def test_train_refuses_an_unknown_preset(run: Callable[..., CommandResult], dataset: Path) -> None:
    outcome = run("train", dataset, "--preset", "nine")
    assert outcome.status == 2
    assert "nine is not a preset; choose one of capstone, argus, warm-up." in outcome.err
    assert list_runs(Workspace()) == []


@pytest.mark.parametrize("option", ["--folds", "--epochs"])
@pytest.mark.parametrize("numbers", ["1,two", ""])
def test_train_refuses_text_that_is_not_numbers(
    run: Callable[..., CommandResult], dataset: Path, option: str, numbers: str
) -> None:
    outcome = run("train", dataset, option, numbers)
    assert outcome.status == 2
    assert option in outcome.err
    assert numbers in outcome.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--epochs", "1,2,3"), "epochs must be one number, or one per stage (2 in quick), got 3"),
        (("--fraction", "20"), "fraction must be a number above 0 and at most 1, got 20.0; write 0.2 for 20 %"),
        (("--balance", "-1"), "balance must be a number from 0 to 2, got -1.0; 0 uses each clip once"),
        (("--device", "gpu"), "device must be one of"),
        (("--folds", "0"), "folds must be among 1, 2, 3, 4, 5 here, got 0"),
    ],
)
def test_train_refuses_options_that_do_not_fit_and_creates_no_run(
    run: Callable[..., CommandResult], dataset: Path, options: tuple[str, ...], reason: str
) -> None:
    outcome = run("train", dataset, *options)
    assert (outcome.status, outcome.out) == (2, "")
    assert reason in outcome.err
    assert list_runs(Workspace()) == []


def test_resume_keeps_the_runs_own_dataset_and_names_a_run_that_there_is_not(
    run: Callable[..., CommandResult], dataset: Path
) -> None:
    assert "leave out the dataset" in run("train", dataset, "--resume", "x").err
    assert "there is no run named x; there are no runs yet" in run("train", "--resume", "x").err


@pytest.mark.usefixtures("in_process")
def test_train_on_a_dataset_without_the_recipes_subset_fails_with_the_reason(
    run: Callable[..., CommandResult], dataset: Path
) -> None:
    recipe = dataset / "noise.toml"
    recipe.write_text('title = "Noise"\nabout = ""\n[[stages]]\nsubset = "noisy"\nepochs = 1\nlr = 1e-3\n')
    outcome = run("train", dataset, "--recipe", recipe, "--json")
    assert outcome.status == 2
    assert (
        "the run failed. recipe noise trains on noisy clips, but t has none of them; choose another recipe."
        in outcome.err
    )
    (name,) = [made.name for made in list_runs(Workspace())]
    assert f"audiotag train --resume {name} continues" in outcome.err
    assert f"run {name} is" not in outcome.err


def test_publish_names_an_unknown_run_and_a_bad_name(run: Callable[..., CommandResult], tmp_path: Path) -> None:
    outcome = run("publish", "2026-01-01-quick", "mine")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("audiotag: there is no run named 2026-01-01-quick; there are no runs yet")
    folder = Workspace().runs / "2026-01-01-quick"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text("{}")
    for name in ("../mine", "a b", ""):
        outcome = run("publish", "2026-01-01-quick", name)
        assert outcome.status == 2
        assert outcome.err.startswith("audiotag: an ensemble's name must be")
        assert repr(name) in outcome.err
    assert "has no finished fold yet" in run("publish", "2026-01-01-quick", "mine").err
    assert not Workspace().ensembles.exists()
