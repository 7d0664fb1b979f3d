"""The process that tags a folder for the Tag page: ``python -m audiotag.tagging.folder_tagging JOB_FOLDER``.

What it does, and what it writes, is described in `audiotag.tagging.folder_job`.
"""

from __future__ import annotations

import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from audiotag.tagging.bulk import FileResult
from audiotag.tagging.bulk_job import BulkJob, check_own_files, fingerprint_of, tag_into_journal, tag_row
from audiotag.tagging.bulk_results import ResultTable
from audiotag.tagging.events import EventSettings
from audiotag.tagging.export.base import ExportOptions, write_export
from audiotag.tagging.export.rows import Row
from audiotag.tagging.folder_job import PROBLEMS, FolderJob, FolderOptions, FolderProgress, export_path, export_writer
from audiotag.tagging.journal import Journal, write_problems
from audiotag.tagging.opening import open_tagger
from audiotag.tagging.sound_files import sound_files
from audiotag.wording import as_text
from audiotag.workspace import open_atomic, write_json

PROGRESS_INTERVAL_S = 0.5
TABLE_INTERVAL_S = 10.0  # between new files of the table; more as the job takes longer, so that there are not too many
TABLE_SHARE = 0.02


def tag_folder(job: FolderJob) -> None:
    """Tag what is not tagged yet, until all is done or `stop` is called, then write the files."""
    options, sounds, reporter = job.options(), Path(job.options().sounds), _Reporter(job)
    reporter.set(stage="listing")
    total = _count(sounds, reporter)
    reporter.set(stage="loading", total=total)
    if job.is_stop_requested():
        return
    tagger = open_tagger(options.ensemble, options.settings, options.thresholds, say=print)
    out, labels = job.out(options), tagger.card.labels
    export = ExportOptions.of(tagger.card, options.thresholds, events=options.events or EventSettings())
    writers = [(name, export_writer(name)[0]) for name in options.files]
    per_clip = [(format, out / name) for name, format in writers if format.one_file_per_clip]
    bulk = BulkJob(
        tagger,
        lambda: check_own_files(sound_files([sounds]), per_clip),
        total,
        lambda result: tag_row(result, export, per_clip),
    )
    write_json(job.folder / "labels.json", labels)
    per_clip_names = [format.name for format, _ in per_clip]
    depends = fingerprint_of(tagger) | {"files per clip": per_clip_names}
    if options.events is not None:  # a job of an earlier version goes on without them
        depends["time ranges"] = options.events.to_dict()
    opened = Journal(job.folder / "tags", depends, print)
    table = ResultTable(job.folder, labels)
    with opened as journal:
        if journal.is_resumed:
            table.update(journal.path)
            table.drop_problems()
            reporter.set(done=table.counts()[0])
        else:
            table.clear()
        reporter.begin(journal)

        def count(result: FileResult) -> None:
            if reporter.count(result):
                table.update(journal.path)

        tag_into_journal(bulk, journal, count, job.is_stop_requested)
        reporter.set(done=reporter.done(), bad=reporter.bad)
        if job.is_stop_requested():
            table.update(journal.path)
            return
        reporter.set(stage="writing", left_s=0.0)
        table.finish(journal.rows(), journal.path.stat().st_size)
        _write_files(options, out, journal.rows, export, reporter.bad)
        reporter.set(done=total, total=total)


class _Reporter:
    """Counts results, and writes how far the job is from time to time."""

    def __init__(self, job: FolderJob) -> None:
        self._job, self._progress = job, FolderProgress()
        self._journal: Journal | None = None
        self._began = self._written = self._tabled = time.monotonic()
        self._counted, self._sound_s, self._first_s, self.bad = 0, 0.0, 0.0, 0

    def set(self, **values: Any) -> None:
        """Change some fields and write them."""
        self._progress = replace(self._progress, **values)
        self._job.report(self._progress)
        self._written = time.monotonic()

    def is_due(self) -> bool:
        """Whether the last progress was written some time ago."""
        return time.monotonic() - self._written > PROGRESS_INTERVAL_S

    def is_stop_requested(self) -> bool:
        """Whether the user wants the job to stop."""
        return self._job.is_stop_requested()

    def begin(self, journal: Journal) -> None:
        """The first sound is tagged now."""
        self._journal = journal
        self._began = self._tabled = time.monotonic()
        self.set(stage="tagging")

    def done(self) -> int:
        """Sounds that are done, now or by an earlier process."""
        return self._counted + (self._journal.resumed if self._journal else 0)

    def count(self, result: FileResult) -> bool:
        """Count one more result; returns whether the table is to be brought up to date."""
        self._counted += 1
        if result.tags is None:
            self.bad += 1
        else:
            self._sound_s += result.tags.duration_s
        now = time.monotonic()
        if self._counted == 1:  # what is made ready at first use is not part of the rate
            self._began, self._first_s = now, self._sound_s
        elif self.is_due() and (took_s := now - self._began) > PROGRESS_INTERVAL_S:
            rate, left = (self._counted - 1) / took_s, max(0, self._progress.total - self.done())
            real_time = (self._sound_s - self._first_s) / took_s
            self.set(done=self.done(), bad=self.bad, left_s=left / rate, clips_per_s=rate, times_real_time=real_time)
        if now - self._tabled > max(TABLE_INTERVAL_S, TABLE_SHARE * (now - self._began)):
            self._tabled = now
            return True
        return False


def _count(sounds: Path, reporter: _Reporter) -> int:
    total = 0
    for _ in sound_files([sounds]):
        total += 1
        if reporter.is_due():
            reporter.set(total=total)
            if reporter.is_stop_requested():
                break
    return total


def _write_files(
    options: FolderOptions, out: Path, rows: Callable[[], Iterator[Row]], export: ExportOptions, bad: int
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in options.files:
        format, spreadsheet = export_writer(name)
        path = export_path(out, name)
        if format.one_file_per_clip:
            _write_archive(out / name, path)
        else:
            write_export(format, path, rows(), replace(export, spreadsheet=spreadsheet))
    if bad:
        write_problems(out / PROBLEMS, rows(), any(export_writer(name)[1] for name in options.files))
    else:
        (out / PROBLEMS).unlink(missing_ok=True)  # from before the sounds were mended


def _write_archive(folder: Path, path: Path) -> None:
    """Put all files of a folder into a ZIP archive; it grows on disk, not in memory."""
    with open_atomic(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                found = Path(parent) / name
                archive.write(found, as_text(str(found.relative_to(folder))))


def main() -> None:
    """Do the job in the folder of the first argument."""
    job = FolderJob(Path(sys.argv[1]))
    job.run(lambda: tag_folder(job))


if __name__ == "__main__":
    main()
