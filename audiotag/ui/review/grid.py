"""Review twelve clips of one label at once: mark those that do not belong, and accept the rest with one key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from weakref import WeakKeyDictionary

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.verdicts import Answer as VerdictAnswer
from audiotag.data.verdicts import Verdict, VerdictJournal
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.review.grid import CLIPS_AT_ONCE, GridKind, GridReview, Name
from audiotag.review.scored_clips import ScoredClips, match_scores
from audiotag.training.held_out import HeldOutScores
from audiotag.ui import dataset_cache, selection
from audiotag.ui.review.clip_grid import Answer, ClipGrid, show_clip_grid
from audiotag.ui.review.tiles import ClipTile, pack_tiles
from audiotag.ui.style import add_style
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets.label_aliases import current_aliases
from audiotag.workspace import Workspace

LABEL, KIND = "grid-label", "grid-kind"  # keys of the pickers, which are in the address
UNDONE, PROBLEM = "grid-undone", "grid-problem"  # in the session: what the next run says once
KINDS: dict[str, GridKind] = {"With the label": "wrong", "Without it": "missing"}
ANSWER_WORDS: dict[VerdictAnswer, str] = {
    "right": "right",
    "wrong": "removed",
    "add": "added",
    "other": "replaced",
    "unsure": "unsure",
    "skip": "skipped",
}
STYLE = "<style>.st-key-grid-next { display: none; }</style>"  # the next grid, which the browser has in advance

_matched: WeakKeyDictionary[HeldOutScores, tuple[Dataset, dict[str, str], ScoredClips]] = WeakKeyDictionary()


@st.fragment
def show_grid(dataset: Dataset, held_out: HeldOutScores, reviewer: str, workspace: Workspace) -> None:
    """Show the clips of a label that the reviewer has not judged yet, twelve at a time, the most doubtful first.

    Parameters
    ----------
    dataset : Dataset
    held_out : HeldOutScores
        Clips that no fold has scored are not shown.
    reviewer : str
    workspace : Workspace
        Has the journal of verdicts, in which an answer is one step that can be undone.
    """
    if not reviewer:
        st.warning("Type your name above before you answer: verdicts are kept per reviewer.", icon=":material/badge:")
        return
    scored = _match(dataset, held_out, current_aliases(workspace))
    selected = selection.selected_clips(dataset)
    with st.container(key="grid-top"):
        if selected is not None:
            selection.show_chip(selected)
    labels = _labels(scored, selected)
    if not labels:
        which = "clip" if selected is None else "selected clip"
        st.info(f"No fold has scored a {which} with a label yet.", icon=":material/grid_view:")
        return
    journal = VerdictJournal.of(dataset.root, workspace)
    contents = _measured_contents(dataset)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        review = GridReview(scored, journal, reviewer, *_pick(labels), contents, selected)
        verdicts = review.verdicts()
        clips = review.clips(verdicts)
        waiting = [clip for clip in clips if not clip.is_judged]
        _show_progress(review, len(clips) - len(waiting), len(clips))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_task(review) if waiting else "", width="stretch")
        _show_undo(review, verdicts, labels)
    add_style(STYLE)
    now, seen = pack_tiles(waiting, CLIPS_AT_ONCE)
    with st.container():  # a place of its own: what comes and goes here must not begin the grid anew, with its marks
        if problem := st.session_state.pop(PROBLEM, None):
            st.error(escape(problem), icon=":material/error:")
        _show_unreadable(seen - len(now))
    with st.container(key="grid-now"):
        if now:
            _show_tiles(review, now)
        else:
            _show_end(review, verdicts, labels, bool(clips))
    with st.container(key="grid-next"):
        following, _ = pack_tiles(waiting[seen:], CLIPS_AT_ONCE)
        if following:
            _show_tiles(review, following)


def _labels(scored: ScoredClips, selected: frozenset[Name] | None) -> list[str]:
    """The labels that clips have: those that were scored, and are selected where some are."""
    names = zip(scored.subsets, scored.clips, strict=True)
    counts = [name in selected for name in names] if selected is not None else slice(None)
    of_labels = scored.given[counts].sum(axis=0)
    return [label for label, count in zip(scored.labels, of_labels, strict=True) if count]


def _match(dataset: Dataset, held_out: HeldOutScores, aliases: dict[str, str]) -> ScoredClips:
    """`match_scores`, computed again only for another dataset, other scores or other aliases."""
    known = _matched.get(held_out)
    if known is None or known[0] is not dataset or known[1] != aliases:
        known = _matched[held_out] = (dataset, aliases, match_scores(dataset, held_out, aliases))
    return known[2]


def _measured_contents(dataset: Dataset) -> dict[tuple[str, str], str]:
    """Hashes of the samples of the clips that are measured, by subset and clip."""
    index = dataset_cache.load_index(dataset)
    if "content" not in index:
        return {}
    measured = index[index["content"].notna()]
    return dict(zip(zip(measured["subset"], measured["clip"], strict=True), measured["content"], strict=True))


def _pick(labels: Sequence[str]) -> tuple[str, GridKind]:
    """The pickers of the label and of the kind of clips; both are in the address."""
    label = st.selectbox("Label", labels, key=LABEL, bind="query-params", width=260)
    options = list(KINDS)
    default = None if KIND in st.session_state else options[0]  # an undone answer may have set another kind
    kind = st.segmented_control(
        "Clips", options, default=default, required=True, key=KIND, bind="query-params", width="content"
    )
    return label, KINDS[kind or options[0]]


def _task(review: GridReview) -> Markdown:
    name = escape(review.label)
    if review.kind == "wrong":
        return Markdown(f"Mark the clips in which you do **not** hear {name}; the others keep the label.")
    return Markdown(f"These clips do not have {name}, but score high. Mark those in which you **do** hear it.")


def _show_progress(review: GridReview, judged: int, total: int) -> None:
    which = "with" if review.kind == "wrong" else "that may lack"
    if total:
        text = Markdown(f"{judged:,} of {total:,} clip{'' if total == 1 else 's'} {which} {escape(review.label)}")
        st.progress(judged / total, text)


def _show_unreadable(count: int) -> None:
    if count:
        clips = "1 clip is" if count == 1 else f"{count:,} clips are"
        st.caption(f":material/warning: {clips} left out, because the sound cannot be read; see the Dataset page.")


def _show_undo(review: GridReview, verdicts: Sequence[Verdict], labels: Sequence[str]) -> None:
    """The button that takes back the reviewer's last answer, and what that was."""
    if undone := st.session_state.pop(UNDONE, None):
        st.toast(f"Taken back: {describe_answer(undone)}", icon=":material/undo:")
    if verdicts:
        last = [verdict for verdict in verdicts if verdict.action == verdicts[-1].action]
        st.caption(describe_answer(last), width="content")
    st.button(
        "Undo",
        icon=":material/undo:",
        key="grid-undo",
        shortcut="U",
        type="tertiary",
        disabled=not verdicts,
        on_click=_undo,
        args=(review, labels),
    )


def describe_answer(verdicts: Sequence[Verdict]) -> Markdown:
    """What verdicts that were given together say, as Markdown.

    >>> given = [Verdict("curated", f"{number}.wav", "Bark", "right", ("Bark",), ("Bark",), "Ada") for number in (1, 2)]
    >>> describe_answer(given)
    'Bark: 2 right'
    """
    counts = Counter(verdict.answer for verdict in verdicts)
    parts = [f"{counts[answer]:,} {ANSWER_WORDS[answer]}" for answer in ANSWER_WORDS if counts[answer]]
    return Markdown(f"{escape(verdicts[0].label or 'Labels')}: {', '.join(parts)}")


def _undo(review: GridReview, labels: Sequence[str]) -> None:
    """Take back the last answer, and show the label that it was about."""
    with _note_problems():
        undone = review.journal.undo(review.reviewer)
        if not undone:
            return
        st.session_state[UNDONE] = undone
        if undone[0].label in labels:
            st.session_state[LABEL] = undone[0].label
            was: GridKind = "wrong" if undone[0].label in undone[0].before else "missing"
            st.session_state[KIND] = next(text for text, kind in KINDS.items() if kind == was)


@contextmanager
def _note_problems() -> Iterator[None]:
    """Have the next run of the fragment show what the disk refuses: a callback may not show anything."""
    try:
        yield
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)


def _show_tiles(review: GridReview, tiles: Sequence[ClipTile]) -> None:
    grid = ClipGrid(review.label, review.kind, tuple(each.tile for each in tiles))
    show_clip_grid(grid, partial(_answer, review, tiles))


def _answer(review: GridReview, tiles: Sequence[ClipTile], answer: Answer) -> None:
    names = {each.tile.id: each.clip.name for each in tiles}
    contents = {each.clip.name: each.known_content() for each in tiles}
    with _note_problems():
        review.answer([names[each] for each in answer.accepted], [names[each] for each in answer.odd], contents)


def _show_end(review: GridReview, verdicts: Sequence[Verdict], labels: Sequence[str], has_clips: bool) -> None:
    """There is nothing left to show for this label: say so, and offer the next one."""
    name = escape(review.label)
    if has_clips:
        st.success(f"You have judged these clips for {name}.", icon=":material/task_alt:")
    else:
        which = "clip" if review.only is None else "selected clip"
        st.info(f"No {which} without {name} scores as high as most clips with it.", icon=":material/task_alt:")
    at = labels.index(review.label)
    for other in (*labels[at + 1 :], *labels[:at]):
        if not all(clip.is_judged for clip in replace(review, label=other).clips(verdicts)):
            st.button(
                escape(f"Next label: {other}"),
                icon=":material/arrow_forward:",
                key="grid-next-label",
                shortcut="N",
                on_click=_choose_label,
                args=(other,),
            )
            return


def _choose_label(label: str) -> None:
    st.session_state[LABEL] = label
