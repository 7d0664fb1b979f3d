"""Each command line that pages show is read back by the real parser as the settings it was built from."""

import argparse
import shlex
from pathlib import Path
from typing import Any

import pytest

from audiotag.cli import ablation, compare, export, main, score, sweep, tag, train
from audiotag.cli import dataset as dataset_commands
from audiotag.cli.command_lines import (
    AND_MORE,
    ablation_line,
    compare_line,
    export_line,
    publish_line,
    scan_line,
    score_line,
    submit_line,
    sweep_line,
    tag_line,
    train_line,
)
from audiotag.data.layouts import OpenOptions
from audiotag.tagging.settings import TagSettings
from audiotag.training.run_options import RunOptions
from audiotag.training.sweep_settings import parse_varied

PATHS = ["/data/sounds", "/my own/sounds; it's $HOME", '/say "hush" & `go`\\/*.wav', "/Geräusche/#1 ~x"]

RUN_OPTIONS: list[dict[str, Any]] = [
    {"folds_from": "recipe"},
    {"keep_together": ("names",)},
    {"folds_from": "recipe", "keep_together": ("names", "near-duplicates")},
    {"corrected": True},
    {"corrected": False, "seed": 3},
    {"keep_together": (), "corrected": False},
    {},
    {"recipe": "capstone", "epochs": (1, 2, 3)},
    {"folds": (2, 4), "epochs": (2,)},
    {"fraction": 0.25, "balance": 1.0, "seed": 0},
    {"fraction": 0.123456789, "balance": 0.0},
    {"held_out": 0, "device": "cpu"},
    {"learning_rate": 0.00123},
    {"recipe": "/my recipes/it's mine.toml", "device": "cuda:0,cuda:1"},
    {"preset": "mine", "folds": (1,), "epochs": (3,), "fraction": 0.5, "balance": 0.7, "seed": 7, "held_out": 3},
]

TAG_SETTINGS = [
    TagSettings(),
    TagSettings(combine="geometric", tta=True, windows="max", hold_back=True),
    TagSettings(combine="weighted", overlap=0.25, windows="mean", folds=(1, 3)),
    TagSettings(window_rule="steps-padded"),
]


def parsed(line: str) -> argparse.Namespace:
    """What the command would be given by a shell."""
    program, *words = shlex.split(line)
    assert program == "audiotag"
    return main.build_parser().parse_args(words)


@pytest.mark.parametrize(
    "options",
    [
        OpenOptions(),
        OpenOptions(";", "my file", "-", True, "table", "none", "-", "Fold", "-", None),
        OpenOptions(separator="|", label_column="--label", split_column="-1"),
        OpenOptions(folders="-/label/group"),
    ],
)
def test_scan_line_reads_the_dataset_as_the_page_does(options: OpenOptions) -> None:
    line = scan_line("sounds", options, measure=True)
    assert OpenOptions.from_dict(vars(parsed(line))) == options


@pytest.mark.parametrize("fields", RUN_OPTIONS)
@pytest.mark.parametrize("dataset", PATHS)
def test_train_line_gives_the_same_run_options(dataset: str, fields: dict[str, Any]) -> None:
    options = RunOptions(dataset, **fields)
    read = parsed(train_line(options))
    assert read.run is train.train
    assert train.run_options_of(read) == options


@pytest.mark.parametrize("vary", [["n_mels=64,128"], ["preset=it's mine,-1", "clip_s=2,4.5", "centred=true,false"]])
def test_sweep_line_gives_the_same_options_and_values(vary: list[str]) -> None:
    options = RunOptions("/my sounds", folds=(2,), fraction=0.25)
    read = parsed(sweep_line(options, parse_varied(vary)))
    assert read.run is sweep.sweep
    assert (train.run_options_of(read), parse_varied(read.vary)) == (options, parse_varied(vary))


def test_train_line_names_only_what_differs_from_the_recipe() -> None:
    assert train_line(RunOptions("/data")) == "audiotag train /data --recipe quick"


@pytest.mark.parametrize("settings", TAG_SETTINGS)
def test_tag_line_gives_the_same_paths_settings_and_thresholds(settings: TagSettings) -> None:
    thresholds = ["precision=0.9", "Church bell=0.25", "it's=0.1"]
    read = parsed(tag_line([*PATHS, "-dash.wav"], "my ensemble", settings, thresholds, "out folder/tags.csv"))
    assert read.run is tag.tag
    assert read.paths == [*map(Path, PATHS), Path("-dash.wav")]
    assert read.ensemble == "my ensemble"
    found = TagSettings(
        read.combine, read.tta, read.overlap, read.windows, read.folds,
        hold_back=read.hold_back, window_rule=read.window_rule,
    )  # fmt: skip
    assert found == settings
    assert read.threshold == thresholds
    assert read.out == Path("out folder/tags.csv")


def test_tag_line_without_settings_uses_those_of_the_command() -> None:
    assert tag_line(["FOLDER"], "starter") == "audiotag tag FOLDER --ensemble starter"
    assert tag_line(["a.wav", AND_MORE], "starter") == "audiotag tag a.wav … --ensemble starter"


@pytest.mark.parametrize("path", PATHS)
def test_lines_of_the_other_commands_give_the_same_paths(path: str) -> None:
    read = parsed(submit_line(path, "my ensemble", f"{path}.csv"))
    assert (read.run, read.dataset, read.ensemble, read.out) == (
        tag.submit,
        Path(path),
        "my ensemble",
        Path(f"{path}.csv"),
    )
    read = parsed(score_line(path, f"{path}.csv"))
    assert (read.run, read.submission, read.truth) == (score.score, Path(path), Path(f"{path}.csv"))
    read = parsed(scan_line(path, measure=True))
    assert (read.run, read.dataset, read.measure) == (dataset_commands.scan, Path(path), True)
    assert not parsed(scan_line(path)).measure
    assert OpenOptions.from_dict(vars(parsed(scan_line(path)))) == OpenOptions()
    read = parsed(ablation_line("my ensemble", path, save=True))
    assert (read.run, read.ensemble, read.dataset, read.save) == (ablation.ablation, "my ensemble", Path(path), True)
    assert not parsed(ablation_line("my ensemble", path)).save


@pytest.mark.parametrize("settings", [TagSettings(), TagSettings("geometric", overlap=0.25, folds=(2, 1))])
def test_export_line_gives_the_same_ensemble_file_and_settings(settings: TagSettings) -> None:
    read = parsed(export_line("-my ensemble", settings, "out folder/tagger.onnx"))
    assert (read.run, read.ensemble, read.out) == (export.export, "./-my ensemble", Path("out folder/tagger.onnx"))
    assert (read.combine, read.overlap, read.windows) == (settings.combine, settings.overlap, settings.windows)
    assert read.folds == tuple(sorted(settings.folds))


def test_publish_line_gives_the_run_and_the_name() -> None:
    read = parsed(publish_line("2026-11-28 run", "my-ensemble"))
    assert (read.run, read.from_run, read.name) == (train.publish, "2026-11-28 run", "my-ensemble")


@pytest.mark.parametrize("truth", ["corrected", "tables"])
def test_compare_line_gives_the_runs_and_the_truth(truth: str) -> None:
    read = parsed(compare_line("2026-11-28 run", "2026-11-29-quick", truth))
    assert (read.run, read.first, read.second, read.truth) == (
        compare.compare,
        "2026-11-28 run",
        "2026-11-29-quick",
        truth,
    )
