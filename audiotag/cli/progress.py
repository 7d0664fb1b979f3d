"""Progress bars of commands on standard error, and the list of clips that could not be used."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from audiotag.cli.exit_codes import ALL_DONE, NOTHING_DONE, SOME_FAILED, Terminated
from audiotag.cli.printing import print_json_part, print_line, say
from audiotag.wording import printable

if TYPE_CHECKING:
    from audiotag.detached_job import DetachedJob
    from audiotag.tagging.bulk import FileResult
    from audiotag.tagging.result import Tags

MAX_SHOWN_PROBLEMS = 20
NO_TAGS = "no label reaches its threshold"
STDERR_FD = 2  # file descriptor of the process's standard error

POLL_INTERVAL_S = 0.2  # between looks at a detached job


@contextmanager
def bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, as a function that takes (done, total)."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, disable=None, leave=False) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress


@contextmanager
def preparation_lines() -> Iterator[Callable[[str, int, int], None]]:
    """Say what is being prepared, as a function that takes (step, done, total): a line per step, and a bar of the step.

    The bar is only drawn on a terminal; the lines are on standard error.
    """
    from tqdm import tqdm

    said: set[str] = set()
    with tqdm(disable=None, leave=False) as shown:

        def show(step: str, done: int, total: int) -> None:
            if step not in said:
                said.add(step)
                say(f"{step} …", shown)
                shown.reset()
            shown.set_description_str(printable(step), refresh=False)
            shown.total = total or None
            shown.update(done - shown.n)

        yield show


def wait_for_job(job: DetachedJob, what: str) -> str:
    """Start a detached job, show its progress until it ends, and return why it failed; empty if it did not.

    Ctrl-C or SIGTERM stops the job without losing what is done.

    Parameters
    ----------
    job : DetachedJob
    what : str
        What the job does with each clip: "measuring".
    """
    job.start()
    try:
        with bar(what, "clip") as progress:
            while job.is_active():
                if state := job.progress():
                    progress(state["done"], state["total"])
                time.sleep(POLL_INTERVAL_S)
    except (KeyboardInterrupt, Terminated):
        job.stop()
        raise
    return job.failure()


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Hide the messages that libmpg123 prints for every damaged file; what Python prints still appears."""
    try:
        is_process_stderr = sys.stderr.fileno() == STDERR_FD
    except (OSError, ValueError, AttributeError):  # replaced by a file in memory, or by nothing
        is_process_stderr = False
    if not is_process_stderr:
        yield
        return
    before = sys.stderr
    before.flush()
    copied_fd = os.dup(STDERR_FD)
    with open(os.devnull, "wb") as nowhere, open(copied_fd, "w", buffering=1, errors="backslashreplace") as sys.stderr:
        os.dup2(nowhere.fileno(), STDERR_FD)
        try:
            yield
        finally:
            os.dup2(copied_fd, STDERR_FD)
            sys.stderr = before


def print_problems(
    reasons: list[str], count: int, where: str, what: str = "left out", most: int = MAX_SHOWN_PROBLEMS
) -> None:
    """Print the first of ``count`` reasons, and say where all are listed; one that several clips share is said once."""
    if count:
        say()
        say(f"{count:,} {what}:")
        first = list(dict.fromkeys(reasons))[:most]
        for reason in first:
            say(f"  {reason}")
        shown = sum(map(set(first).__contains__, reasons))
        if count > shown:
            say(f"  … and {count - shown:,} more; {where} lists all.")


def tags_in_words(tags: Tags) -> str:
    """The tags of a clip, each with its score and the number of folds that agree."""
    return ", ".join(f"{tag.label} {tag.score:.2f} ({tags.votes_for(tag)})" for tag in tags.tags) or NO_TAGS


class Progress:
    """A progress bar of clips, with rate and remaining time, and counts of the results.

    Parameters
    ----------
    total : int
        Number of clips.
    past : str
        What is done with a clip.

    Attributes
    ----------
    good, bad : int
        Clips that were tagged, and clips that could not be.
    """

    def __init__(self, total: int, past: str = "tagged") -> None:
        self._total, self._past = total, past
        self._began = time.monotonic()
        self._sound_s = 0.0
        self._resumed = 0
        self._problems: list[str] = []
        self._known = 0
        self.good = self.bad = 0

    def __enter__(self) -> Self:
        from tqdm import tqdm

        self._quiet = ExitStack()
        self._quiet.enter_context(quiet_decoders())
        form = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}{postfix}"
        self._bar = tqdm(
            desc="clips", total=self._total, disable=None if self._total > 1 else True, leave=False, bar_format=form
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
        self._quiet.close()

    def count(self, result: FileResult, resumed: int = 0) -> None:
        """Count one more result; ``resumed`` clips in total were done by an earlier command."""
        if result.tags is None:
            self.count_more(problems=[result.problem], resumed=resumed)
        else:
            self.count_more(1, result.tags.duration_s, int(bool(result.tags.trained_folds)), resumed=resumed)

    def count_more(
        self, good: int = 0, sound_s: float = 0.0, known: int = 0, problems: Sequence[str] = (), resumed: int = 0
    ) -> None:
        """Count several more results.

        Parameters
        ----------
        good : int
            Clips that were tagged.
        sound_s : float
            Their duration.
        known : int
            Those of them that some folds were trained on.
        problems : sequence of str
            One sentence for each clip that could not be tagged.
        resumed : int
            Clips in total that were done by an earlier command.
        """
        self.count_resumed(resumed)
        self.good += good
        self._sound_s += sound_s
        self._known += known
        self.bad += len(problems)
        self._problems += problems[: MAX_SHOWN_PROBLEMS - len(self._problems)]
        self._show()

    def count_resumed(self, resumed: int) -> None:
        """Set how many clips in total were done by an earlier command; they count as good."""
        self.good += resumed - self._resumed
        self._resumed = resumed

    def print_tags(self, result: FileResult) -> None:
        """Print the tags of a clip in one line, and its notes below."""
        if tags := result.tags:
            for line in (f"{tags.name}: {tags_in_words(tags)}", *(f"  {note}" for note in tags.notes)):
                print_line(line, self._bar)

    def print_json_part(self, part: str) -> None:
        """Print a part of a JSON text on standard output without breaking the bar."""
        print_json_part(part, self._bar)

    def say(self, sentence: str) -> None:
        """Print on standard error without breaking the bar."""
        say(sentence, self._bar)

    def summary(self) -> str:
        """How many clips were done, and how fast."""
        took_s = max(time.monotonic() - self._began, 1e-3)
        resumed = f", {self._resumed:,} of them {self._past} before" if self._resumed else ""
        clips = "1 clip" if self.good == 1 else f"{self.good:,} clips"
        return f"{clips}{resumed}; {took_s:.0f} s, {self._sound_s / took_s:.0f} times real time."

    def finish(self, where: str) -> int:
        """Print what could not be used and ``where`` all of it is listed; returns the exit code."""
        if self._known and self._past == "tagged":
            clips = "1 of these clips" if self._known == 1 else f"{self._known:,} of these clips"
            say(f"The ensemble was trained on {clips}: there only the other folds vote; the notes in JSON name them.")
        print_problems(self._problems, self.bad, where)
        return ALL_DONE if not self.bad else SOME_FAILED if self.good else NOTHING_DONE

    def _show(self) -> None:
        done, took_s = self.good + self.bad, max(time.monotonic() - self._began, 1e-3)
        rate = (done - self._resumed) / took_s
        left = self._bar.format_interval((self._bar.total - done) / rate) if rate and self._bar.total else "?"
        self._bar.set_postfix_str(
            f"{rate:.1f} clips/s, {self._sound_s / took_s:.0f} × real time, {left} left", refresh=False
        )
        self._bar.update(done - self._bar.n)
