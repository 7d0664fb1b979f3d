"""Tag what arrives in a folder, for as long as it is watched: what ``audiotag watch`` does.

Each result is in the journal (`audiotag.tagging.arrival_journal`) before the next one is looked at, so a process that
is killed at any moment loses and doubles none. The results file is written from the journal as a whole, atomically,
when there is something new, but only so often that it takes a small share of the time. So it can have any export
format, and who reads it never sees a part of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.tagging.arrival_journal import ArrivalJournal
from audiotag.tagging.arrivals import Arrival, Arrivals
from audiotag.tagging.bulk import FileResult, tag_files
from audiotag.tagging.export.rows import Row
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger
from audiotag.wording import as_text

BATCH = 256  # files after which the folder is looked at again
POLL_S = 1.0  # between two rounds in which nothing is tagged
REST_PER_LOOK = 4  # seconds between two rounds, per second that the last one took
REST_PER_WRITE = 20  # seconds between two writes of the results file, per second that the last one took
PATIENCE_S = 10.0  # after which files that are not complete are named, if the command only waits for these
MOST_NAMED = 4


@dataclass(frozen=True)
class WatchOptions:
    """What is watched, and how.

    Attributes
    ----------
    folder : Path
    open_tagger : callable
        Loads the ensemble; called when the first file is complete.
    check : callable
        Yields files as it gets them, or with a ``problem``; see `audiotag.tagging.bulk_job.check_own_files`.
    row : callable
        Turns a result into the row that is written; see `audiotag.tagging.export.rows`.
    write : callable
        Writes the results file; gets a function that yields all rows.
    settle_s : float
        How long a file must stay the same to be complete, in seconds.
    once : bool
        Whether to end when nothing is left to tag.
    """

    folder: Path
    open_tagger: Callable[[], Tagger]
    check: Callable[[Iterable[SoundFile]], Iterator[SoundFile]]
    row: Callable[[FileResult], Row]
    write: Callable[[Callable[[], Iterator[Row]]], None]
    settle_s: float = 2.0
    once: bool = False


@dataclass(frozen=True)
class WatchListener:
    """What is told while a folder is watched.

    Attributes
    ----------
    result : callable
        Gets a result that is in the journal, and whether it replaces an earlier one of this name.
    say : callable
        Gets a sentence about something else.
    """

    result: Callable[[FileResult, bool], None]
    say: Callable[[str], None]


def watch_folder(
    options: WatchOptions, journal: ArrivalJournal, listener: WatchListener, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Tag what arrives until this is interrupted or, with ``options.once``, until nothing is left.

    However it ends, the results file has all that is in the journal, unless the process is killed.

    Parameters
    ----------
    options : WatchOptions
    journal : ArrivalJournal
        Open.
    listener : WatchListener
    sleep : callable
        Waits so many seconds.

    Returns
    -------
    int
        Number of folders that could not be read in the last round, or had files that could not be.
    """
    watch = _Watch(options, journal, listener)
    try:
        while watch.work():
            sleep(watch.rest_s())
    finally:
        watch.write_results()
    return watch.unreadable


class _Watch:
    def __init__(self, options: WatchOptions, journal: ArrivalJournal, listener: WatchListener) -> None:
        self._options, self._journal, self._listener = options, journal, listener
        self._arrivals = Arrivals(options.folder, options.settle_s, journal.is_done, listener.say)
        self._tagger: Tagger | None = None
        self._is_written = not len(journal)  # a kill may have left it behind the journal
        self._next_write = time.monotonic()
        self._last_work = time.monotonic()
        self._has_named_waiting = False

    @property
    def unreadable(self) -> int:
        """Number of folders that cannot be read, or have files that cannot be."""
        return self._arrivals.unreadable

    def work(self) -> bool:
        """Tag all files that are complete; whether to go on.

        Raises
        ------
        AudiotagError
            If the folder cannot be read and nothing is to be waited for.
        """
        self._arrivals.look()
        has_tagged = False
        while self._tag_batch():
            has_tagged = True
            self._last_work = time.monotonic()
        self._write_if_due()
        if not self._options.once:
            return True
        if not self._arrivals.is_readable:
            raise AudiotagError(f"{self._options.folder} cannot be read any more; check that it is still there.")
        self._name_waiting()
        if has_tagged or len(self._arrivals) > 0:
            return True
        self._arrivals.make_next_complete()  # what was written over in place, or was too much to remember
        return not self._arrivals.has_seen_all

    def rest_s(self) -> float:
        """How long to wait until the next round."""
        return max(min(POLL_S, self._options.settle_s / 2), 0.05, REST_PER_LOOK * self._arrivals.look_s)

    def write_results(self) -> None:
        """Write the results file if there is something new."""
        if not self._is_written:
            began = time.monotonic()
            self._options.write(self._journal.rows)
            ended = time.monotonic()
            self._is_written, self._next_write = True, ended + max(POLL_S, REST_PER_WRITE * (ended - began))

    def _write_if_due(self) -> None:
        if time.monotonic() >= self._next_write:
            self.write_results()

    def _name_waiting(self) -> None:
        """Say once which files are still being written, if the command has only been waiting for these."""
        if self._has_named_waiting or time.monotonic() - self._last_work < PATIENCE_S:
            return
        if names := [as_text(name) for name in self._arrivals.waiting()]:
            more = f" and {len(names) - MOST_NAMED:,} more" if names[MOST_NAMED:] else ""
            named = ", ".join(names[:MOST_NAMED]) + more
            self._listener.say(f"Waiting for files that are still being written: {named}.")
            self._has_named_waiting = True

    def _tag_batch(self) -> bool:
        """Tag some of the files that are complete; whether there were any."""
        batch = self._arrivals.take(BATCH)
        if (first := next(batch, None)) is None:
            return False
        if self._tagger is None:
            self._tagger = self._options.open_tagger()
        taken: deque[Arrival] = deque()

        def files() -> Iterator[SoundFile]:
            for arrival in chain([first], batch):
                taken.append(arrival)
                yield from self._options.check([arrival.file])

        with closing(tag_files(self._tagger, files())) as results:
            for result in results:
                arrival = taken.popleft()
                if not self._arrivals.is_unchanged(arrival):  # while it was read: what was read may be half of it
                    continue
                is_again = self._journal.has(arrival.file)
                self._journal.add_arrival(arrival.file, arrival.stat, self._options.row(result))
                self._is_written = False
                self._listener.result(result, is_again)
                self._write_if_due()
        return True
