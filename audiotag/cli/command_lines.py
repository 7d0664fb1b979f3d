"""Build command lines of ``audiotag`` from settings objects, for the pages that show their command.

Every line is ready for a shell: words are quoted where they need it. A test reads each line back with the parser of
`audiotag.cli.main`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from audiotag.remote.addresses import typed_text

if TYPE_CHECKING:
    from audiotag.data.layouts import OpenOptions
    from audiotag.tagging.events import EventSettings
    from audiotag.tagging.settings import TagSettings
    from audiotag.training.run_options import RunOptions
    from audiotag.training.runs import RunSettings
    from audiotag.training.sweep_settings import Varied
    from audiotag.workspace import Workspace

AND_MORE = "…"  # stands for further paths in a line that is too long to show; it is not quoted


def train_line(options: RunOptions) -> str:
    """Command that trains with these options; what is left as in the recipe does not appear in it.

    >>> from audiotag.training.run_options import RunOptions
    >>> train_line(RunOptions("/my sounds", folds=(1, 2), fraction=0.5, seed=7))
    "audiotag train '/my sounds' --recipe quick --folds 1,2 --fraction 0.5 --seed 7"
    """
    return _join("train", *_run_words(options))


def sweep_line(options: RunOptions, varied: Iterable[Varied]) -> str:
    """Command that trains all combinations of some settings.

    >>> from audiotag.training.run_options import RunOptions
    >>> from audiotag.training.sweep_settings import parse_varied
    >>> sweep_line(RunOptions("sounds", folds=(1,)), parse_varied(["n_mels=64,128", "clip_s=2,4"]))
    'audiotag sweep sounds --recipe quick --folds 1 --vary n_mels=64,128 --vary clip_s=2,4'
    """
    vary = [word for each in varied for word in ("--vary", str(each))]
    return _join("sweep", *_run_words(options), *vary)


def _run_words(options: RunOptions) -> list[str]:
    """The dataset and the options of a run."""
    values = {
        "--recipe": options.recipe,
        "--preset": options.preset,
        "--folds": _comma_separated(options.folds),
        "--epochs": _comma_separated(options.epochs),
        "--fraction": _number_text(options.fraction),
        "--balance": _number_text(options.balance),
        "--learning-rate": _number_text(options.learning_rate),
        "--seed": _number_text(options.seed),
        "--device": options.device,
        "--on": options.on,
        "--hold-out": _number_text(options.held_out),
        "--folds-from": "" if options.folds_from == "dataset" else options.folds_from,
        "--keep-together": "" if options.keep_together is None else ",".join(options.keep_together) or "none",
    }
    flags = {None: [], True: ["--corrections"], False: ["--no-corrections"]}[options.corrected]
    return [_path_text(options.dataset), *_option_words(values), *flags]


def train_again(settings: RunSettings, workspace: Workspace) -> tuple[str, str]:
    """The command that trains a run of these settings again, and the content of the recipe file that it names.

    The latter is empty if the command needs no file.
    """
    from audiotag.training.reproduction import options_of, recipe_toml
    from audiotag.training.run_options import RunOptions

    if settings.teaching is not None:
        return distil_line(settings.teaching.ensemble, check=not settings.teaching.is_single), ""
    if options := options_of(settings, workspace):
        return train_line(options), ""
    own = RunOptions(
        settings.dataset,
        f"{settings.recipe.name}.toml",
        folds=settings.folds,
        held_out=settings.held_out,
        device=settings.device,
        folds_from=settings.folds_from,
        corrected=settings.corrected,
        keep_together=settings.keep_together,
        on=settings.on,
    )
    return train_line(own), recipe_toml(settings.recipe)


def tag_line(
    paths: Sequence[str | Path],
    ensemble: str,
    settings: TagSettings | None = None,
    thresholds: Iterable[str] = (),
    out: str | Path = "",
    spreadsheet: bool = False,
    audacity: str | Path = "",
    format: str = "",
    events: EventSettings | None = None,
) -> str:
    """Command that tags sounds.

    Parameters
    ----------
    paths : sequence of str or Path
        Sound files or folders; `AND_MORE` may be the last.
    ensemble : str
        Name or folder.
    settings : TagSettings, optional
        Without it, those that the command uses by default.
    thresholds : iterable of str
        One value of ``--threshold`` each, such as ``Bark=0.4`` or ``precision=0.9``.
    out : str or Path
        File of the result; empty prints it.
    spreadsheet : bool
        Whether that is a CSV file for a spreadsheet.
    audacity : str or Path
        Folder for label tracks; empty for none.
    format : str
        Name of the export format; empty for that of the suffix of ``out``.
    events : EventSettings, optional
        How time ranges are found, if the result has any.

    >>> tag_line(["my sound.wav", AND_MORE], "starter", thresholds=["f1"], out="tags.csv")
    "audiotag tag 'my sound.wav' … --ensemble starter --threshold f1 --out tags.csv"
    """
    words = [*map(_path_text, paths), "--ensemble", _path_text(ensemble)]
    if settings is not None:
        words += _tag_setting_words(settings)
    for threshold in thresholds:
        words += ["--threshold", threshold]
    words += _option_words({"--out": _path_text(out), "--format": format, "--audacity": _path_text(audacity)})
    if events is not None:
        values = {"--event-gap": events.gap_s, "--event-min": events.min_s, "--event-hysteresis": events.hysteresis}
        words += _option_words({option: _number_text(value or None) for option, value in values.items()})
    return _join("tag", *words, *(["--spreadsheet"] if spreadsheet else []))


def export_line(ensemble: str, settings: TagSettings | None = None, out: str | Path = "tagger.onnx") -> str:
    """Command that writes an ensemble as a tagger that needs no audiotag.

    >>> from audiotag.tagging.settings import TagSettings
    >>> export_line("starter", TagSettings(folds=(1,)), "out/tagger.onnx")
    'audiotag export starter --out out/tagger.onnx --folds 1'
    """
    words = [] if settings is None else _tag_setting_words(settings)
    return _join("export", _path_text(ensemble), "--out", _path_text(out), *words)


def submit_line(dataset: str | Path, ensemble: str, out: str | Path) -> str:
    """Command that scores a dataset's test clips into the submission ``out``."""
    return _join("submit", _path_text(dataset), "--ensemble", _path_text(ensemble), "--out", _path_text(out))


def score_line(submission: str | Path, truth: str | Path) -> str:
    """Command that scores a submission against the table of true labels."""
    return _join("score", _path_text(submission), "--truth", _path_text(truth))


def ablation_line(ensemble: str, dataset: str | Path, save: bool = False) -> str:
    """Command that measures each step of an ensemble; ``save`` stores the table in the ensemble."""
    return _join("ablation", _path_text(ensemble), _path_text(dataset), *(["--save"] if save else []))


def noise_gate_line(ensemble: str) -> str:
    """Command that measures the noise gate of an ensemble."""
    return _join("noise-gate", _path_text(ensemble))


def familiarity_line(ensemble: str, dataset: str | Path) -> str:
    """Command that measures what the training sounds of an ensemble are like."""
    return _join("familiarity", _path_text(ensemble), _path_text(dataset))


def distil_line(ensemble: str, check: bool = False) -> str:
    """Command that trains the single network of an ensemble, and with ``check`` measures it out of fold."""
    return _join("distil", _path_text(ensemble), *(["--check"] if check else []))


def report_commands(ensemble: str) -> dict[str, str]:
    """The commands that the report of an ensemble names: for use, and for what may not be measured yet.

    ``ensemble`` is a name or a folder, as `audiotag.tagging.ensemble.find_ensemble` takes it.
    """
    return {
        "tag": tag_line(["sounds"], ensemble, out="tags.csv"),
        "python": f'import audiotag\n\ntags = audiotag.tag("clip.wav", ensemble={ensemble!r})',
        "noise-gate": noise_gate_line(ensemble),
        "familiarity": familiarity_line(ensemble, "DATASET"),
        "ablation": ablation_line(ensemble, "DATASET", save=True),
        "publish": publish_line("RUN", "NAME"),
        "scan": scan_line("DATASET"),
    }


def overlap_line(ensemble: str, overlap: float) -> str:
    """Command that sets the overlap of windows that an ensemble tags with.

    >>> overlap_line("starter", 0.95)
    'audiotag overlap starter --set 0.95'
    """
    return _join("overlap", _path_text(ensemble), "--set", _number_text(overlap))


def publish_line(run: str, name: str, weights: str = "") -> str:
    """Command that makes an ensemble of a run's finished folds.

    >>> publish_line("2026-11-28-101500-quick", "mine", "best")
    'audiotag publish 2026-11-28-101500-quick mine --weights best'
    """
    return _join("publish", run, name, *_option_words({"--weights": weights}))


def compare_line(first: str, second: str, truth: str = "corrected") -> str:
    """Command that compares two runs.

    >>> compare_line("2026-11-28-101500-quick", "2026-11-29-093000-quick", "tables")
    'audiotag compare 2026-11-28-101500-quick 2026-11-29-093000-quick --truth tables'
    """
    return _join("compare", first, second, *_option_words({"--truth": "" if truth == "corrected" else truth}))


def scan_line(dataset: str | Path, options: OpenOptions | None = None, measure: bool = False) -> str:
    r"""Command that reports what a dataset holds.

    Parameters
    ----------
    dataset : str or Path
    options : OpenOptions, optional
        How the dataset is read; the command saves what it is given, so it must be given all of them.
    measure : bool
        Whether to decode every clip.

    >>> from audiotag.data.layouts import OpenOptions
    >>> scan_line("clips.csv", OpenOptions(label_column="sound class", fold_column="-"))
    "audiotag scan clips.csv --label-column 'sound class' --fold-column=-"
    """
    given = {} if options is None else {name: value for name, value in asdict(options).items() if value}
    flags = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is True]
    words = _option_words({f"--{name.replace('_', '-')}": value for name, value in given.items() if value is not True})
    return _join("scan", _path_text(dataset), *words, *flags, *(["--measure"] if measure else []))


def _tag_setting_words(settings: TagSettings) -> list[str]:
    """Options of the fields that differ from the command's defaults."""
    values = {
        "--folds": _comma_separated(settings.folds),
        "--combine": "" if settings.combine == "mean" else settings.combine,
        "--overlap": _number_text(settings.overlap),
        "--windows": settings.windows or "",
        "--window-rule": settings.window_rule or "",
    }
    flags = {
        "--fast": settings.fast,
        "--tta": settings.tta,
        "--calibrated": settings.calibrated,
        "--hold-back-unfamiliar": settings.hold_back,
    }
    return [*_option_words(values), *(flag for flag, is_set in flags.items() if is_set)]


def _option_words(values: dict[str, str]) -> list[str]:
    """Each option that has a value, followed by it; joined where the parser would take the value for an option."""
    words = []
    for option, value in values.items():
        if value:
            words += [f"{option}={value}"] if value.startswith("-") else [option, value]
    return words


def _comma_separated(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _number_text(value: float | None) -> str:
    """Shortest text that reads back as the same number; empty for None."""
    if value is None:
        return ""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _path_text(path: str | Path) -> str:
    """A path that the parser does not take for an option."""
    text = typed_text(path)
    return f"./{text}" if text.startswith("-") else text


def _join(command: str, *words: str) -> str:
    return " ".join(["audiotag", command, *(word if word == AND_MORE else _quote(word) for word in words)])


def _quote(word: str) -> str:
    r"""A word as a shell reads it; control characters and bytes that are not valid UTF-8 are spelt out, as in Bash.

    >>> _quote("my sound.wav"), _quote("caf\udce9's.wav")
    ("'my sound.wav'", "$'caf\\xe9\\x27s.wav'")
    """
    if word.isprintable():
        return shlex.quote(word)
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(plain)}'"
