"""How far a command is, on standard error, and at its end what it could not use."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from audiotag.tagging.bulk import FileResult

ALL_DONE, SOME_FAILED, NOTHING_DONE = 0, 1, 2
SHOWN_PROBLEMS = 20
SYSTEMS_ERROR = 2  # its error stream


@contextmanager
def bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar, as a callable (done, total)."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, disable=None, leave=False) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Without the notes that libmpg123 prints on every damaged file; what Python prints is still seen."""
    try:
        is_the_systems = sys.stderr.fileno() == SYSTEMS_ERROR
    except (OSError, ValueError, AttributeError):  # replaced by a file in memory, or by nothing
        is_the_systems = False
    if not is_the_systems:
        yield
        return
    before = sys.stderr
    before.flush()
    own = os.dup(SYSTEMS_ERROR)
    with open(os.devnull, "wb") as nowhere, open(own, "w", buffering=1, errors="backslashreplace") as sys.stderr:
        os.dup2(nowhere.fileno(), SYSTEMS_ERROR)
        try:
            yield
        finally:
            os.dup2(own, SYSTEMS_ERROR)
            sys.stderr = before


def print_problems(reasons: list[str], count: int, where: str, what: str = "left out") -> None:
    """The first reasons of ``count``, and where to read all."""
    if count:
        print(f"\n{count:,} {what}:", file=sys.stderr)
        for reason in reasons[:SHOWN_PROBLEMS]:
            print(f"  {reason}", file=sys.stderr)
        if count > SHOWN_PROBLEMS:
            print(f"  … and {count - SHOWN_PROBLEMS:,} more; {where} lists all.", file=sys.stderr)


class Progress:
    """A bar of clips that are tagged, with rate and time left; and what becomes of them."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._began = time.monotonic()
        self._seconds = 0.0
        self._kept = 0
        self._problems: list[str] = []
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

    def count(self, outcome: FileResult, kept: int = 0) -> None:
        """One more outcome; ``kept`` are clips that an earlier run did."""
        self.count_kept(kept)
        if outcome.tags is None:
            self.bad += 1
            if len(self._problems) < SHOWN_PROBLEMS:
                self._problems.append(outcome.problem)
        else:
            self.good += 1
            self._seconds += outcome.tags.duration_s
        self._show()

    def count_kept(self, kept: int) -> None:
        """So many clips are done already."""
        self.good += kept - self._kept
        self._kept = kept

    def print_tags(self, outcome: FileResult) -> None:
        """The tags of a clip in a line, and its notes below."""
        from audiotag.tagging.export import as_text

        if tags := outcome.tags:
            shown = ", ".join(f"{t.label} {t.score:.2f} ({t.folds_agreeing} of {tags.folds} folds)" for t in tags.tags)
            lines = [f"{tags.name}: {shown or 'nothing I know'}", *(f"  {note}" for note in tags.notes)]
            self.print(as_text("\n".join(lines)))

    def print(self, text: str, end: str = "\n") -> None:
        """To standard output, past the bar."""
        self._bar.write(text, file=sys.stdout, end=end)

    def say(self, sentence: str) -> None:
        """To standard error, past the bar."""
        self._bar.write(sentence, file=sys.stderr)

    def summary(self) -> str:
        """How many clips, how fast."""
        took = max(time.monotonic() - self._began, 1e-3)
        kept = f", {self._kept:,} of them from before" if self._kept else ""
        clips = "1 clip" if self.good == 1 else f"{self.good:,} clips"
        return f"{clips}{kept}; {took:.0f} s, {self._seconds / took:.0f} times real time."

    def ended(self, where: str) -> int:
        """Say what could not be used and where to read on; the exit status."""
        print_problems(self._problems, self.bad, where)
        return ALL_DONE if not self.bad else SOME_FAILED if self.good else NOTHING_DONE

    def _show(self) -> None:
        done, took = self.good + self.bad, max(time.monotonic() - self._began, 1e-3)
        rate = (done - self._kept) / took
        left = self._bar.format_interval((self._bar.total - done) / rate) if rate and self._bar.total else "?"
        self._bar.set_postfix_str(
            f"{rate:.1f} clips/s, {self._seconds / took:.0f} × real time, {left} left", refresh=False
        )
        self._bar.update(done - self._bar.n)
