"""The commands that tag and score: ``audiotag tag``, ``submit`` and ``score``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag import __version__
from audiotag.cli.progress import ALL_DONE, Progress
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.bulk import FileResult, SoundFile
    from audiotag.tagging.ensemble import Card
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.tagger import Tagger

SUBMISSION_DIGITS = 6  # ranks count in a submission, and four digits make ties


def add_tag(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag tag``."""
    add = sub.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="sound files or folders; links in them are not followed")
    _add_scoring(sub)
    add(
        "--threshold",
        action="append",
        default=[],
        metavar="T",
        help="0.5, LABEL=0.4, f1, precision=0.9, recall=0.9, or card for the ensemble's own; may be given several "
        "times (default: those kept on the Tag page, else card)",
    )
    add("--out", type=Path, metavar="FILE", help="write all scores to a .csv, .json or .parquet file")
    add("--timeline", action="store_true", help="scores of each window, not only of each clip")
    add("--audacity", type=Path, metavar="FOLDER", help="write a label track for Audacity a clip")
    add("--json", action="store_true", help="print the result as JSON")


def add_submit(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag submit``."""
    add = sub.add_argument
    add("dataset", type=Path, help="its folder, or its CSV or Parquet file")
    _add_scoring(sub)
    add("--out", type=Path, default=Path("submission.csv"), metavar="FILE", help="default: submission.csv")


def add_score(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag score``."""
    add = sub.add_argument
    add("submission", type=Path, help="CSV of a file column and a column of scores a label")
    add("--truth", type=Path, required=True, help="CSV of a file column and a label column")
    add("--json", action="store_true", help="print the result as JSON")


def tag(options: argparse.Namespace) -> int:
    """Tag clips."""
    from audiotag.audio.opening import READABLE
    from audiotag.tagging.bulk import sound_files
    from audiotag.tagging.tagger import Tagger

    if options.out:
        _check_out(options.out, (".csv", ".json", ".parquet"), options.paths)
    if options.timeline and not (options.out or options.json):
        raise AudiotagError("--timeline goes into a file or JSON; add --out FILE or --json.")
    folder, settings, card = _ensemble(options)
    thresholds = _thresholds(options.threshold, folder, card, settings)
    total = sum(1 for _ in sound_files(options.paths))
    if not total:
        raise AudiotagError(f"no sound files in {', '.join(map(str, options.paths))}; {READABLE} are read.")
    tagger = Tagger(folder, settings, thresholds, say=_say)
    bulk = _Bulk(tagger, lambda: sound_files(options.paths), total, lambda outcome: _tag_row(outcome, tagger, options))
    return _tag_into_file(bulk, options) if options.out else _tag_onto_screen(bulk, options)


def submit(options: argparse.Namespace) -> int:
    """Score a dataset's test clips for its sample submission."""
    from audiotag.data.layouts import absolute
    from audiotag.data.saved_options import open_remembered
    from audiotag.tagging.export import submission_csv_lines
    from audiotag.tagging.submission import Sheet
    from audiotag.tagging.tagger import Tagger
    from audiotag.workspace import open_atomic

    _check_out(options.out, (".csv",), [])
    folder, settings, card = _ensemble(options)
    sheet = Sheet.of(open_remembered(absolute(options.dataset), Workspace()), card)
    if note := sheet.note(card):
        _say(note)
    tagger = Tagger(folder, settings, say=_say)
    bulk = _Bulk(tagger, lambda: iter(sheet.files), len(sheet.files), _submission_row)

    def write(rows: Callable[[], Iterator[dict[str, Any]]]) -> None:
        with open_atomic(options.out) as file:
            file.writelines(submission_csv_lines(rows(), sheet.columns, sheet.file_column))

    return _into_file(bulk, options.out, {"columns": sheet.columns}, write)


def score(options: argparse.Namespace) -> int:
    """Score a submission against the truth."""
    from audiotag.scoring import score_submission

    result = score_submission(options.submission, options.truth)
    per_class = result.per_class
    if options.json:
        values = {
            "lwlrap": result.lwlrap,
            "accuracy": result.accuracy,
            "clips": result.clips,
            "splits": {name: {"clips": n, "lwlrap": value} for name, (n, value) in result.per_split.items()},
            "per_class": {
                label: {"lwlrap": None if row.clips == 0 else row.lwlrap, "clips": int(row.clips)}
                for label, row in zip(per_class.index, per_class.itertuples(), strict=True)
            },
            "notes": result.notes,
        }
        print(json.dumps(values, indent=2, ensure_ascii=False))
        return ALL_DONE
    print(f"lwlrap {result.lwlrap:.5f} on {result.clips} clips, accuracy {result.accuracy:.5f}")
    for name, (clips, value) in result.per_split.items():
        print(f"  {name}: {value:.5f} on {clips} clips")
    for note in result.notes:
        print(note)
    print()
    print(per_class.to_string(float_format=lambda value: f"{value:.4f}"))
    return ALL_DONE


def ensemble_folder(name: str) -> Path:
    """Of the ensemble of this name, or at this path."""
    known = Workspace().ensemble_folders()
    if name in known:
        return known[name]
    if Path(name).is_dir():
        return Path(name)
    raise AudiotagError(f"there is no ensemble named {name}; there are {', '.join(known) or 'none'}.")


def _add_scoring(sub: argparse.ArgumentParser) -> None:
    """Which ensemble, and the fields of `audiotag.tagging.settings.TagSettings`."""
    add = sub.add_argument
    add("--ensemble", default="starter", metavar="NAME", help="name or folder of the ensemble (default: starter)")
    add("--folds", type=_numbers, default=(), metavar="1,2,…", help="use only these of its folds")
    add("--combine", default="mean", choices=("mean", "geometric", "weighted"), help="of the folds (default: mean)")
    add("--tta", action="store_true", help="test-time augmentation: five times as long; see audiotag gains")
    add("--overlap", type=float, default=0.5, metavar="SHARE", help="of windows, 0 to 0.9 (default: 0.5)")
    add("--windows", choices=("mean", "max"), help="a long clip's score is their mean or maximum (default: the card's)")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers with commas between, like 1,2, got {text}") from None
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"folds are counted from 1, got {min(numbers)}")
    return numbers


def _ensemble(options: argparse.Namespace) -> tuple[Path, TagSettings, Card]:
    from audiotag.tagging.ensemble import read_card
    from audiotag.tagging.settings import TagSettings

    settings = TagSettings(options.combine, options.tta, options.overlap, options.windows, options.folds)
    folder = ensemble_folder(options.ensemble)
    return folder, settings, read_card(folder)


def _thresholds(specs: list[str], folder: Path, card: Card, settings: TagSettings) -> tuple[float, ...]:
    """Those that were asked for, else those that the user has kept, else the card's."""
    from audiotag.tagging.out_of_fold import read_out_of_fold
    from audiotag.tagging.thresholds import AIMS, saved_thresholds, thresholds_of

    if not specs:
        kept = saved_thresholds(Workspace(), card)
        if kept is not None:
            _say(f"Tags by the thresholds that you kept for {card.name}; --threshold card takes its own.")
        elif settings.combine == "weighted":
            _say(f"The thresholds of {card.name} are for scores without weights; --threshold f1 sets them for these.")
        return kept or card.thresholds
    found = read_out_of_fold(folder, card) if any(spec.startswith(AIMS) for spec in specs) else None
    return thresholds_of(card, found and found.as_combined(settings.combine), specs)


def _check_out(out: Path, suffixes: tuple[str, ...], paths: list[Path]) -> None:
    """Refuse what cannot be written before hours are spent on tagging."""
    if out.suffix.lower() not in suffixes:
        known = " or ".join(filter(None, [", ".join(suffixes[:-1]), suffixes[-1]]))
        raise AudiotagError(f"--out must end in {known}, got {out.name}.")
    if any(os.path.abspath(path) == os.path.abspath(out) for path in paths):
        raise AudiotagError(f"--out would write over {out}, which is to be tagged; choose another file.")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise AudiotagError(f"--out cannot be written to {out}; choose another place.")


@dataclass(frozen=True)
class _Bulk:
    """Files, what tags them, and what becomes of an outcome."""

    tagger: Tagger
    files: Callable[[], Iterator[SoundFile]]
    total: int
    row: Callable[[FileResult], dict[str, Any]]


def _tag_row(outcome: FileResult, tagger: Tagger, options: argparse.Namespace) -> dict[str, Any]:
    """An outcome as it is written; its label track is written here, so that a row in the journal vouches for it."""
    from audiotag.tagging.export import as_text, audacity_bytes, row_of, timeline_of
    from audiotag.workspace import write_bytes

    found, tags = outcome.found, outcome.tags
    if tags is None:
        return _problem(outcome)
    row = row_of(tags, found.clip, str(found.path))
    if options.timeline:
        row["timeline"] = timeline_of(tags, tagger.card.labels)
    if options.audacity:
        track = audacity_bytes(tags, tagger.card.labels, tagger.thresholds)
        write_bytes(options.audacity / f"{as_text(found.clip)}.txt", track)
    return row


def _submission_row(outcome: FileResult) -> dict[str, Any]:
    if outcome.tags is None:
        return _problem(outcome)
    scores = {tag.label: round(tag.score, SUBMISSION_DIGITS) for tag in outcome.tags.ranking}
    return {"clip": outcome.found.clip, "scores": scores}


def _problem(outcome: FileResult) -> dict[str, Any]:
    from audiotag.tagging.export import problem_row

    return problem_row(outcome.found.clip, str(outcome.found.path), outcome.problem)


def _tag_onto_screen(bulk: _Bulk, options: argparse.Namespace) -> int:
    """Print results as they come."""
    from audiotag.tagging.bulk import tag_files
    from audiotag.tagging.export import json_parts

    with Progress(bulk.total) as progress, closing(tag_files(bulk.tagger, bulk.files())) as outcomes:

        def rows() -> Iterator[dict[str, Any]]:
            for outcome in outcomes:
                progress.count(outcome)
                row = bulk.row(outcome)
                if not options.json:
                    progress.print_tags(outcome)
                yield row

        if options.json:
            for part in json_parts(rows()):
                progress.print(part.decode(), end="")
        else:
            for _ in rows():
                pass
    return progress.ended("--json")


def _tag_into_file(bulk: _Bulk, options: argparse.Namespace) -> int:
    from audiotag.tagging.export import json_parts
    from audiotag.tagging.journal import write_rows

    def write(rows: Callable[[], Iterator[dict[str, Any]]]) -> None:
        write_rows(options.out, rows(), bulk.tagger.card.labels, options.timeline)
        if options.json:
            for part in json_parts(rows()):
                print(part.decode(), end="")

    audacity = os.path.abspath(options.audacity) if options.audacity else ""
    form = {"kind of file": [options.out.suffix.lower(), options.timeline], "folder for Audacity": audacity}
    return _into_file(bulk, options.out, form, write)


def _into_file(
    bulk: _Bulk, out: Path, form: dict[str, Any], write: Callable[[Callable[[], Iterator[dict[str, Any]]]], None]
) -> int:
    """Tag into a journal, which outlives this process, and turn it into the file."""
    from audiotag.tagging.bulk import tag_files
    from audiotag.tagging.journal import Journal, write_problems

    problems = out.with_name(f"{out.stem}.problems.csv")
    with Journal(out, _fingerprint(bulk.tagger) | form, _say) as journal, Progress(bulk.total) as progress:
        try:
            with closing(tag_files(bulk.tagger, journal.todo(bulk.files()))) as outcomes:
                for outcome in outcomes:
                    journal.add(bulk.row(outcome))
                    progress.count(outcome, journal.kept)
        except KeyboardInterrupt:
            progress.count_kept(journal.kept)
            progress.say(f"{progress.good:,} clips are done; the same command goes on from there.")
            raise
        progress.count_kept(journal.kept)
        if progress.good:
            write(journal.rows)
        if progress.bad:
            write_problems(problems, journal.rows())
        else:
            problems.unlink(missing_ok=True)  # of an earlier run
        journal.remove()
    if progress.good:
        _say(f"{out} has {progress.summary()}")
    return progress.ended(str(problems))


def _fingerprint(tagger: Tagger) -> dict[str, Any]:
    """What scores and tags depend on."""
    from audiotag.tagging.ensemble import chosen_folds

    card = tagger.card
    folds = [fold.sha256 for fold in chosen_folds(card, tagger.settings.folds)]
    how = {"spectrogram": asdict(card.spectrogram), "windows": card.windows, "augment": card.recipe.get("augment")}
    return {
        "audiotag": __version__,
        "ensemble": [card.name, folds, how],
        "combining, folds or windows": asdict(tagger.settings),
        "thresholds": tagger.thresholds,
    }


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
