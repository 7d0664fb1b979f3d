"""Show one doubt on the Review page: the labels, the sound, the evidence, and clips to compare with."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from audiotag.data.verdicts import Verdict
from audiotag.figures.theme import ACCENT, WARM
from audiotag.review.answers import describe_verdict, is_given
from audiotag.review.doubts import Doubt
from audiotag.review.evidence import LabelScore
from audiotag.review.queue import doubt_id
from audiotag.ui.player import show_block
from audiotag.ui.review import keys, sounds
from audiotag.ui.review.loading import Review
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.sound_panel import show_packed
from audiotag.wording import as_text

SCORES_SHOWN = 6
EXAMPLES_SHOWN = 3
BAR = (
    '<div style="display:grid;grid-template-columns:minmax(0,1fr) 2.6rem;column-gap:.6rem;margin-bottom:.35rem;'
    'font-size:.85rem"><span style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap{weight}">{label}</span>'
    '<span style="text-align:right;font-variant-numeric:tabular-nums">{score:.2f}</span>'
    '<span style="grid-column:1/-1;height:.3rem;border-radius:.2rem;background:color-mix(in srgb,currentColor 12%,'
    'transparent)"><span style="display:block;height:100%;width:{percent:.0f}%;border-radius:.2rem;'
    'background:{colour}"></span></span></div>'
)


def show_question(doubt: Doubt, said: Verdict | None) -> None:
    """What is asked, the clip with the labels that it has, and what the reviewer said before."""
    label = escape(doubt.label)
    question = Markdown(f"Is {label} in the sound?" if is_given(doubt) else f"Is {label} missing?")
    badges = [
        f":orange-badge[:material/help: {escape(each)}]" if each == doubt.label else f":gray-badge[{escape(each)}]"
        for each in doubt.labels
    ]
    question_key = f"{keys.QUESTION}-{doubt_id(doubt)}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=question_key):
        st.header(question, anchor=False, width="content")
        st.markdown(
            f"{escape(doubt.clip)} · {escape(doubt.subset)} · {' '.join(badges) or 'no label'}", width="content"
        )
        if said:
            st.badge(escape(f"You said: {describe_verdict(said)}"), icon=":material/rate_review:", color="blue")


def show_item_sound(doubt: Doubt, autoplay: bool) -> None:
    """The player of the item, which has the page's space key."""
    with messages.show_errors():
        sound = sounds.load_item(doubt.path, doubt.clip, autoplay)
        if sound.packed is None:
            st.error(escape(sound.problem), icon=":material/error:")
        else:
            show_packed(sound.packed, "review-player")


def show_reasons(doubt: Doubt, review: Review) -> None:
    """The scores of the folds that were not trained on the clip, and why that is doubtful."""
    scores = review.evidence.scores(doubt, SCORES_SHOWN)
    folds = review.evidence.folds(doubt)
    if len(folds) == 1:
        st.markdown(f"**Scores** by fold {folds[0]:d}, not trained on it")
    elif folds:
        st.markdown(f"**Scores**, mean of folds {escape_all(folds)}, not trained on it")
    elif scores:
        st.markdown("**Scores**, mean of the folds not trained on it")
    else:
        st.caption("No fold has scored this clip.")
    if scores:
        st.html(_bars(scores, doubt.label))
    st.caption(escape(doubt.reason))


def show_examples(doubt: Doubt, review: Review) -> None:
    """Clips that surely have the label in doubt, to listen to."""
    examples = review.evidence.examples(doubt, EXAMPLES_SHOWN)
    if not examples:
        return
    st.markdown(f"**{escape(doubt.label)} without doubt**")
    for number, example in enumerate(examples):
        with messages.show_errors():
            sound = sounds.load_compared(example.path, example.clip)
            if sound.packed is None:
                st.caption(f":material/warning: {escape(sound.problem)}")
                continue
            show_block(sound.packed.block, f"review-compared-{number}")
            length: Markdown = sound.packed.facts
            st.caption(f"{escape(example.clip)} · {length} · score {example.score:.2f}")


def prepare_item(doubt: Doubt, review: Review, autoplay: bool) -> None:
    """Have everything ready that showing a doubt takes time for; works in any thread."""
    sounds.load_item(doubt.path, doubt.clip, autoplay)
    sounds.content_in_time(doubt.path, review.content(doubt))
    for example in review.evidence.examples(doubt, EXAMPLES_SHOWN):
        sounds.load_compared(example.path, example.clip)


def _bars(scores: Sequence[LabelScore], in_doubt: str) -> str:
    """Bars as HTML: labels that the clip has are bold, the one in doubt is orange."""
    rows = []
    for each in scores:
        name = html.escape(as_text(each.label)) + (" · in doubt" if each.label == in_doubt else "")
        weight = ";font-weight:600" if each.is_given or each.label == in_doubt else ""
        colour = WARM if each.label == in_doubt else ACCENT
        rows.append(BAR.format(label=name, score=each.score, percent=100 * each.score, colour=colour, weight=weight))
    return "".join(rows)
