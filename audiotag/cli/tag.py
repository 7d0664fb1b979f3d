"""The commands that tag: ``audiotag tag`` and ``audiotag submit``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import add_combination, add_on_option, add_paths, add_spreadsheet, local_or_remote_path
from audiotag.cli.bulk_job import WriteRows, notes_path, tag_into_file, tag_on_cluster, tag_onto_screen, work_into_file
from audiotag.cli.embed import VectorFile, check_vector_file, write_vectors
from audiotag.cli.event_options import add_event_settings, event_settings
from audiotag.cli.exit_codes import NOTHING_DONE
from audiotag.cli.printing import print_json_part, say
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.cli.progress import Progress
    from audiotag.tagging.bulk import FileResult
    from audiotag.tagging.bulk_job import BulkJob
    from audiotag.tagging.card import Card
    from audiotag.tagging.export.base import ExportFormat, ExportOptions
    from audiotag.tagging.export.rows import Row
    from audiotag.tagging.journal import Journal
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.shards import ShardOptions
    from audiotag.tagging.tagger import Tagger


def add_tag(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag tag``."""
    add = sub.add_argument
    add_paths(sub)
    add_tag_settings(sub)
    add_output(sub)
    add(
        "--embeddings",
        type=Path,
        metavar="FILE.parquet",
        help="also write the embedding of each clip, as audiotag embed does, without another pass over the sounds",
    )
    add_on_option(sub)
    add("--json", action="store_true", help="print the result as JSON")


def add_output(sub: argparse.ArgumentParser, is_required: bool = False) -> None:
    """Options for what becomes a tag, and for the file that is written."""
    add = sub.add_argument
    add(
        "--hold-back-unfamiliar",
        dest="hold_back",
        action="store_true",
        help="give no tag to a sound that is unlike all sounds that the ensemble was trained on; what is held back is "
        "listed with the result",
    )
    add(
        "--threshold",
        action="append",
        default=[],
        metavar="T",
        help="threshold for a score to become a tag: 0.5 for all labels, LABEL=0.4 for one label, f1, precision=0.9 or "
        "recall=0.9 to choose it on held-out clips, card for the ensemble's own; may be given several times (default: "
        "the thresholds saved on the Tag page, else card)",
    )
    add(
        "--out",
        type=Path,
        required=is_required,
        metavar="FILE",
        help="write the result to a file, in the format of its suffix: .csv, .json, .jsonl, .parquet or that of an "
        "installed export format",
    )
    add(
        "--format",
        default="",
        metavar="NAME",
        help="export format of --out: csv, json, jsonl or parquet with scores and tags; raven, kaleidoscope or birdnet "
        "with the time ranges of all clips; audacity, raven-per-clip or webvtt with one file per clip, into the folder "
        "--out; or an installed one (default: by the suffix)",
    )
    add_spreadsheet(sub)
    add(
        "--timeline",
        action="store_true",
        help="write one row per window instead of one row per clip, or per time range of all clips",
    )
    add_event_settings(sub)
    add("--audacity", type=Path, metavar="FOLDER", help="also write one Audacity label track per clip into this folder")


def add_submit(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag submit``."""
    add = sub.add_argument
    sub.set_defaults(hold_back=False)  # a submission has the scores of all labels
    add("dataset", type=local_or_remote_path, help="folder or table of the dataset")
    add_tag_settings(sub)
    add(
        "--out",
        type=Path,
        default=Path("submission.csv"),
        metavar="FILE",
        help="CSV file to write (default: submission.csv)",
    )


def tag(options: argparse.Namespace) -> int:
    """Tag sound files and folders of sound files."""
    from audiotag.tagging.bulk_job import BulkJob, check_own_files, count_sounds, tag_row
    from audiotag.tagging.export.base import ExportOptions
    from audiotag.tagging.opening import open_tagger
    from audiotag.tagging.shards import ShardOptions
    from audiotag.tagging.sound_files import sound_files

    format = output_format(options)
    if options.timeline and not (options.out or options.json):
        raise AudiotagError("--timeline goes into a file or JSON; add --out FILE or --json.")
    check_spreadsheet(options, format)
    events = event_settings(options, format)
    place = _checked_place(options)
    if options.embeddings:
        check_vector_file(options.embeddings, [*options.paths, *filter(None, [options.out])], "--embeddings")
    folder, settings, card = chosen_ensemble(options)
    thresholds = chosen_thresholds(options.threshold, folder, card, settings)
    total = count_sounds(options.paths)  # before the first use of an ensemble measures its engines
    export_options = ExportOptions.of(
        card, thresholds, timeline=options.timeline, spreadsheet=options.spreadsheet, events=events
    )
    if place and format:
        return _tag_on(place, options, format, ShardOptions(folder, settings, thresholds, export_options), total, card)
    tagger = open_tagger(folder, settings, thresholds, say=say, keep_embeddings=bool(options.embeddings))
    vectors = _vector_file(options, tagger) if options.embeddings else None
    per_clip = per_clip_folders(options, format)

    def row(result: FileResult) -> Row:
        if vectors:
            vectors.writer.add(result)
            vectors.note(result)
        return tag_row(result, export_options, per_clip)

    job = BulkJob(
        tagger, lambda: check_own_files(sound_files(options.paths), per_clip), total, row, options.spreadsheet
    )
    with vectors.writer if vectors else nullcontext():
        if format:
            status = _tag_into_file(job, options, format, export_options)
        else:
            status = tag_onto_screen(job, options.json, notes_path(options.paths))
    if vectors and status != NOTHING_DONE:
        status = max(status, write_vectors(vectors, total, lambda: tagger))
    return status


def _vector_file(options: argparse.Namespace, tagger: Tagger) -> VectorFile:
    from audiotag.similarity.embedding import EmbeddingWriter, check_embeddings
    from audiotag.similarity.embedding_store import EmbeddingStore

    check_embeddings(tagger)
    embedder = tagger.parts[0]  # of a blend, its first member
    store = EmbeddingStore.of(embedder.card, Workspace(), embedder.settings)
    return VectorFile(options.embeddings, options.paths, EmbeddingWriter(store))


def submit(options: argparse.Namespace) -> int:
    """Score a dataset's test clips and write a submission."""
    from audiotag.data.layouts import absolute
    from audiotag.data.saved_options import open_remembered
    from audiotag.tagging.bulk_job import BulkJob, check_out
    from audiotag.tagging.opening import open_tagger
    from audiotag.tagging.submission import Sheet, write_submission

    if options.out.suffix.lower() != ".csv":
        raise AudiotagError(f"--out must end in .csv, got {options.out.name}.")
    check_out(options.out, [])
    folder, settings, card = chosen_ensemble(options)
    sheet = Sheet.of(open_remembered(absolute(options.dataset), Workspace()), card)
    if note := sheet.note(card):
        say(note)
    job = BulkJob(open_tagger(folder, settings, say=say), lambda: iter(sheet.files), len(sheet.files), _submission_row)

    def write(rows: Callable[[], Iterator[Row]]) -> None:
        write_submission(options.out, rows(), sheet)

    return tag_into_file(job, options.out, {"columns": sheet.columns}, write)


def add_tag_settings(sub: argparse.ArgumentParser) -> None:
    """Options for the ensemble and for the fields of `audiotag.tagging.settings.TagSettings`."""
    add = sub.add_argument
    add("--ensemble", default="starter", metavar="NAME", help="name or folder of the ensemble (default: starter)")
    add(
        "--fast",
        action="store_true",
        help="tag with the ensemble's single network instead of all its folds, in less time; `audiotag distil` trains "
        "it, and prints lwlrap and speed of both",
    )
    add_combination(sub)
    add(
        "--tta",
        action="store_true",
        help="test-time augmentation, which takes five times as long; `audiotag ablation` measures its gain",
    )
    add(
        "--window-rule",
        choices=("tiles", "spread", "steps", "steps-padded"),
        help="where windows are, for an ensemble whose crops are cut from spectrograms: tiles that cover the clip "
        "(default), spread evenly over it, or one every step, without or with padding at the end",
    )


def output_format(options: argparse.Namespace) -> ExportFormat | None:
    """The export format of ``--out``, which can be written; None without ``--out``."""
    from audiotag.tagging.bulk_job import check_out
    from audiotag.tagging.export.base import export_format

    if not options.out:
        if options.format:
            raise AudiotagError(f"--format {options.format} needs a file or folder to write; add --out.")
        return None
    format = export_format(options.out, options.format)
    if format.one_file_per_clip:
        options.out = Path(os.path.abspath(options.out))  # "." has no name, and the journal is written beside it
    check_out(options.out, options.paths, format.one_file_per_clip)
    return format


def check_spreadsheet(options: argparse.Namespace, format: ExportFormat | None) -> None:
    """Refuse ``--spreadsheet`` for a file that spreadsheets do not open."""
    if options.spreadsheet and not (format and format.for_spreadsheets):
        raise AudiotagError("--spreadsheet is for a CSV file; add --out FILE.csv, or leave it out.")


def chosen_ensemble(options: argparse.Namespace) -> tuple[Path, TagSettings, Card]:
    """The folder of the ensemble that the options name, how it is to tag, and its card."""
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.tagging.own_overlap import cost_of_overlap
    from audiotag.tagging.settings import DEFAULT_OVERLAP, TagSettings
    from audiotag.tagging.single_network import as_single_card

    settings = TagSettings(
        options.combine,
        options.tta,
        options.overlap,
        options.windows,
        options.folds,
        options.calibrated,
        options.hold_back,
        options.window_rule,
        options.fast,
    )
    folder = find_ensemble(options.ensemble)
    card = read_card(folder)
    settings = settings.or_overlap(card.overlap)
    if settings.overlap_share > DEFAULT_OVERLAP:
        own = f", as the card of {card.name} says" if options.overlap is None else ""
        cost = cost_of_overlap(settings.overlap_share, card.spectrogram.clip_s)
        say(f"Windows overlap by {settings.overlap_share:.0%}{own}: {cost}.")
    if settings.fast:
        card = as_single_card(card)
        say(f"Tags come from the single network of {card.name}, not from its folds.")
    return folder, settings, card


def chosen_thresholds(specs: list[str], folder: Path, card: Card, settings: TagSettings) -> tuple[float, ...]:
    """The thresholds that the options give, else those saved in the workspace, else the card's."""
    from audiotag.tagging.out_of_fold import read_out_of_fold
    from audiotag.tagging.thresholds import AIMS, read_saved_thresholds, thresholds_of

    if not specs:
        saved = read_saved_thresholds(Workspace(), card)
        if saved is not None:
            say(f"Tags use the thresholds that you saved for {card.name}; --threshold card takes its own.")
        elif settings.combine == "weighted":
            say(f"The thresholds of {card.name} are for scores without weights; --threshold f1 sets them for these.")
        return saved or card.thresholds
    found = read_out_of_fold(folder, card) if any(spec.startswith(AIMS) for spec in specs) else None
    return thresholds_of(card, found and found.as_combined(settings.combine), specs)


def per_clip_folders(options: argparse.Namespace, format: ExportFormat | None) -> list[tuple[ExportFormat, Path]]:
    """Formats that write one file per clip, and the folder that each writes into."""
    from audiotag.tagging.export.audacity import AudacityFormat

    folders: list[tuple[ExportFormat, Path]] = [(format, options.out)] if format and format.one_file_per_clip else []
    return folders + ([(AudacityFormat(), options.audacity)] if options.audacity else [])


def _submission_row(result: FileResult) -> Row:
    from audiotag.tagging.bulk_job import problem_row_of
    from audiotag.tagging.submission import DIGITS

    if result.tags is None:
        return problem_row_of(result)
    scores = {tag.label: round(tag.score, DIGITS) for tag in result.tags.ranking}
    return {"clip": result.file.clip, "scores": scores}


def _checked_place(options: argparse.Namespace) -> str:
    """Where the sounds are tagged, see `audiotag.cluster`: empty for this process."""
    if not options.on:
        return ""
    from audiotag.cluster import check_place

    if not options.out:
        raise AudiotagError(f"--on {options.on} writes into a file, from which it resumes; add --out FILE.")
    if options.embeddings:
        raise AudiotagError("--embeddings are written by this machine; leave it out, or leave out --on.")
    return check_place(options.on)


def _tag_on(
    place: str, options: argparse.Namespace, format: ExportFormat, shards: ShardOptions, total: int, card: Card
) -> int:
    from audiotag.tagging.bulk_job import check_own_files, fingerprint
    from audiotag.tagging.sound_files import sound_files

    per_clip = [(one, Path(os.path.abspath(folder))) for one, folder in per_clip_folders(options, format)]
    by_name = tuple((one.name, folder) for one, folder in per_clip)
    shards = replace(shards, ensemble=shards.ensemble.absolute(), per_clip=by_name)

    def work(journal: Journal, progress: Progress) -> None:
        tag_on_cluster(place, shards, lambda: check_own_files(sound_files(options.paths), per_clip), journal, progress)

    depends = fingerprint(card, shards.settings, shards.thresholds) | dependencies(options, format, shards.export)
    write = _row_writer(options, format, shards.export)
    return work_into_file(work, total, options.out, depends, write, options.spreadsheet)


def _tag_into_file(
    job: BulkJob, options: argparse.Namespace, format: ExportFormat, export_options: ExportOptions
) -> int:
    write = _row_writer(options, format, export_options)
    return tag_into_file(job, options.out, dependencies(options, format, export_options), write)


def _row_writer(options: argparse.Namespace, format: ExportFormat, export_options: ExportOptions) -> WriteRows:
    from audiotag.tagging.export.base import write_export
    from audiotag.tagging.export.json import json_parts

    def write(rows: Callable[[], Iterator[Row]]) -> None:
        if not format.one_file_per_clip:
            write_export(format, options.out, rows(), export_options)
        if options.json:
            for part in json_parts(rows()):
                print_json_part(part.decode())

    return write


def dependencies(options: argparse.Namespace, format: ExportFormat, export: ExportOptions) -> dict[str, Any]:
    """What the rows depend on besides the tagger, and the clips' own files."""
    audacity = os.path.abspath(options.audacity) if options.audacity else ""
    of_format = [format.name, options.timeline]
    return {"export format": of_format, "Audacity folder": audacity, "time ranges": export.events.to_dict()}
