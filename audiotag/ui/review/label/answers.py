"""Write what the reviewer says about clips without labels into the journal, and go on to the next clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import streamlit as st

from audiotag.data.verdicts import Answer as VerdictAnswer
from audiotag.data.verdicts import Verdict
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.ui.review.label.loading import Labelling, load_labelling, rows_by_name
from audiotag.ui.review.label.position import SHOWN, go_to, next_row, next_skipped
from audiotag.ui.text import Markdown, escape, escape_all

PROBLEM = "label-problem"  # in the session: why the last answer was not written

Answer = Literal["label", "unsure", "skip"]


def answer(labelling: Labelling, row: int, kind: Answer, labels: Iterable[str] = ()) -> None:
    """Write the answer about the clip on the page, and show the next one.

    Parameters
    ----------
    labelling : Labelling
        As it was when the page was drawn; the verdict is about the state now.
    row : int
    kind : "label", "unsure" or "skip"
    labels : iterable of str
        All labels of the clip. Without any, no label fits.
    """
    from audiotag.review.labelling import answers

    if st.session_state.get(SHOWN) != labelling.id_of(row):
        return  # pressed twice
    with keep_problems():
        now = renewed(labelling)
        if kind == "label":
            verdicts = answers.label_verdicts(now.state, [row], labels, labelling.reviewer)
        else:
            skips = answers.skip_verdicts(now.state, [row], labelling.reviewer)
            verdicts = [replace(verdict, answer=kind) for verdict in skips]
        skipped = next_skipped(now, row) if now.state.is_skipped[row] else None
        labelling.journal.append(verdicts)
        following = next_row(renewed(labelling))
        go_to(labelling, skipped if following is None else following)


def answer_many(labelling: Labelling, rows: Sequence[int], labels: Iterable[str]) -> int:
    """Give several clips the same labels, as one step that can be undone; returns how many got them.

    A clip that has got labels meanwhile, as in another window, keeps them.
    """
    from audiotag.review.labelling import answers

    with keep_problems():
        now = renewed(labelling)
        still_open = now.state.open_rows(rows)
        if still_open:
            labelling.journal.append(answers.label_verdicts(now.state, still_open, labels, labelling.reviewer))
            go_to(labelling, next_row(renewed(labelling)))
        return len(still_open)
    return 0


def change_labels(
    labelling: Labelling, rows: Iterable[int], change: Callable[[tuple[str, ...]], Iterable[str]], removed: str = ""
) -> int:
    """Change the labels that clips have, as one step that can be undone; returns how many clips change.

    Parameters
    ----------
    labelling : Labelling
    rows : iterable of int
    change : callable
        Gives the labels after the change for those before it.
    removed : str
        The label that is only taken away: a clip without any other is then asked about again.
    """
    from audiotag.review.labelling import answers

    with keep_problems():
        now = renewed(labelling)
        verdicts = []
        for row in rows:
            before = now.state.given[row]
            after = tuple(dict.fromkeys(change(before)))
            if set(after) != set(before):
                (verdict,) = answers.label_verdicts(now.state, [row], (), labelling.reviewer)
                kind: VerdictAnswer = "wrong" if removed else "other"
                verdicts.append(replace(verdict, label=removed, answer=kind, after=after))
        if verdicts:
            labelling.journal.append(verdicts)
        return len(verdicts)
    return 0


def undo(labelling: Labelling) -> None:
    """Take back the reviewer's last answer, and show its clip."""
    with keep_problems():
        undone = labelling.journal.undo(labelling.reviewer)
        if not undone:
            return
        rows = rows_by_name(labelling.state.material)
        there = [rows[name] for verdict in undone if (name := (verdict.subset, verdict.clip)) in rows]
        if there:
            go_to(labelling, there[0])
        st.toast(f"Taken back: {describe(undone)}", icon=":material/undo:")


def describe(verdicts: Sequence[Verdict]) -> Markdown:
    """What was given together, as Markdown.

    >>> describe([Verdict("curated", "a.wav", "", "other", (), ("Bark", "Howl"), "ann")])
    'a.wav: Bark, Howl'
    >>> describe([Verdict("curated", f"{number}.wav", "", "right", (), (), "ann") for number in range(3)])
    '3 clips: no label'
    """
    first = verdicts[0]
    clips = escape(first.clip) if len(verdicts) == 1 else Markdown(f"{len(verdicts):,} clips")
    return Markdown(f"{clips}: {describe_answer(first)}")


def describe_answer(verdict: Verdict) -> Markdown:
    """What a verdict says about its clip, as Markdown."""
    if verdict.answer in ("skip", "unsure"):
        return Markdown("skipped" if verdict.answer == "skip" else "unsure")
    return escape_all(verdict.after) if verdict.after else Markdown("no label")


def renewed(labelling: Labelling) -> Labelling:
    """The same with the verdicts that are in the journal now."""
    return load_labelling(labelling.dataset, labelling.state.material, labelling.journal, labelling.reviewer)


@contextmanager
def keep_problems() -> Iterator[None]:
    """Keep why an answer cannot be written, to be shown with the clip: a callback runs before the page is drawn."""
    st.session_state.pop(PROBLEM, None)
    try:
        yield
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)


def show_problem() -> None:
    """Say why the last answer was not written."""
    with st.container():  # a place of its own: what stands below must not begin anew when a message comes or goes
        if problem := st.session_state.get(PROBLEM):
            st.error(f"Nothing was written: {escape(problem)}", icon=":material/error:")
