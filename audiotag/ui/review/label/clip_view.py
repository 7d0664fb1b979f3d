"""One clip on the Label tab: why it is asked about, its sound, the labels to choose from, and the answers."""

from __future__ import annotations

from functools import partial

import streamlit as st

from audiotag.data.verdicts import Verdict
from audiotag.ui.review import keys, sounds
from audiotag.ui.review.label.answers import answer, describe_answer, show_problem
from audiotag.ui.review.label.choices import chosen_labels, show_choices
from audiotag.ui.review.label.loading import Labelling
from audiotag.ui.review.label.position import ALIKE, CLUSTER, SHOWN, open_view
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.sound_panel import show_packed

AHEAD = 3  # clips whose sounds are made ready
NO_LABEL_YET = Markdown("Choose a label first: press its number, or N to type a new one. 0 says that no label fits.")


def show_clip(labelling: Labelling, row: int, autoplay: bool) -> None:
    """Show a clip and what can be said about it; the sounds of those that come next are made ready meanwhile."""
    clip = labelling.state.material.clips.iloc[row]
    item = labelling.id_of(row)
    st.session_state[SHOWN] = item
    _show_question(labelling, row)
    with messages.show_errors():
        sound = sounds.load_item(clip["path"], clip["clip"], autoplay)
        if sound.packed is None:
            st.error(escape(sound.problem), icon=":material/error:")
        else:
            show_packed(sound.packed, "review-player")
    if not labelling.reviewer:
        st.warning("Type your name above before you answer: verdicts are kept per reviewer.", icon=":material/badge:")
    chosen = show_choices(labelling, row)
    if st.session_state.pop(_hint_key(item), False) and not chosen:
        st.info(NO_LABEL_YET, icon=":material/keyboard:")
    show_problem()
    _show_answers(labelling, row)
    _prepare_next(labelling, row, autoplay)


def _show_question(labelling: Labelling, row: int) -> None:
    clip = labelling.state.material.clips.iloc[row]
    said = _last_verdict(labelling, row)
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"{keys.QUESTION}-{labelling.id_of(row)}"
    ):
        st.header("What do you hear?", anchor=False, width="content")
        st.markdown(f"{escape(clip['clip'])} · {escape(clip['subset'])}", width="content")
        if said:
            st.badge(Markdown(f"You said: {describe_answer(said)}"), icon=":material/rate_review:", color="blue")
    if reason := next((offer.reason for offer in labelling.state.offers if offer.row == row), ""):
        st.caption(escape(reason))


def _last_verdict(labelling: Labelling, row: int) -> Verdict | None:
    """What the reviewer said last about a clip."""
    clips = labelling.state.material.clips
    name = clips.at[row, "subset"], clips.at[row, "clip"]
    own = (each for each in reversed(labelling.verdicts) if each.reviewer == labelling.reviewer)
    return next((each for each in own if (each.subset, each.clip) == name), None)


def _show_answers(labelling: Labelling, row: int) -> None:
    item, is_ready = labelling.id_of(row), bool(labelling.reviewer)
    has_sound = not labelling.state.material.is_silent[row]
    with st.container(horizontal=True, gap="small", key="label-answers"):
        _show_button(item, keys.ENTER, Markdown("Label and go on `Enter`"), partial(_label, labelling, row), is_ready)
        answers = (
            ("0", "No label fits", partial(answer, labelling, row, "label")),
            ("X", "Unsure", partial(answer, labelling, row, "unsure")),
            ("S", "Skip", partial(answer, labelling, row, "skip")),
            ("M", "More like this", partial(open_view, ALIKE)),
            ("C", "This whole cluster", partial(open_view, CLUSTER)),
        )
        for key, text, act in answers:
            needs_sound = key in "MC"
            _show_button(item, key, keys.with_key(text, key), act, is_ready and (has_sound or not needs_sound))


def _show_button(item: str, key: str, label: Markdown, act: partial[None], is_ready: bool) -> None:
    """A button of a key. It is another one for each clip, so that a press that comes late finds none."""
    text: Markdown = label
    st.button(
        text,
        key=keys.key_of(key, item),
        on_click=act,
        disabled=not is_ready,
        type="primary" if key == keys.ENTER else "secondary",
    )


def _label(labelling: Labelling, row: int) -> None:
    """Give the clip the labels that are chosen; without any, say what to do."""
    if chosen := chosen_labels(labelling, row):
        answer(labelling, row, "label", chosen)
    else:
        st.session_state[_hint_key(labelling.id_of(row))] = True


def _prepare_next(labelling: Labelling, row: int, autoplay: bool) -> None:
    clips = labelling.state.material.clips
    rows = [offer.row for offer in labelling.state.offers[: AHEAD + 1] if offer.row != row][:AHEAD]
    sounds.get_ready([partial(sounds.load_item, clips.at[at, "path"], clips.at[at, "clip"], autoplay) for at in rows])


def _hint_key(item: str) -> str:
    return f"label-hint-{item}"
