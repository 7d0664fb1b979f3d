"""Links to the pages: four large ones, in the order of the work, and a line with the others."""

from __future__ import annotations

import streamlit as st

from audiotag.ui.text import Markdown

DOORS = (  # page, key, icon, title, what one does there
    (
        "pages/dataset.py",
        "explore",
        ":material/library_music:",
        Markdown("Explore"),
        Markdown("See durations, labels and levels of your clips, and find problems in them."),
    ),
    (
        "pages/spectrogram.py",
        "tune",
        ":material/graphic_eq:",
        Markdown("Tune"),
        Markdown("See and hear what a network gets from a clip, and choose its settings."),
    ),
    (
        "pages/train.py",
        "train",
        ":material/model_training:",
        Markdown("Train"),
        Markdown("Train an ensemble of folds. Training continues after you close the browser."),
    ),
    (
        "pages/tag.py",
        "tag",
        ":material/sell:",
        Markdown("Tag"),
        Markdown("Drop a clip, or a folder of clips, and see the tags with their scores over time."),
    ),
)
OTHERS = (  # page, icon, label
    ("pages/review.py", ":material/rule:", Markdown("Review doubtful labels")),
    ("pages/score.py", ":material/scoreboard:", Markdown("Score tags against true labels")),
)


def show_doors() -> None:
    """The links; each of the large ones is a card that can be clicked anywhere."""
    with st.container(horizontal=True, key="doors"):
        for page, key, icon, title, text in DOORS:
            with st.container(border=True, key=f"door-{key}", height="stretch", width="stretch"):
                st.page_link(page, label=title, icon=icon)
                st.markdown(text)
    with st.container(horizontal=True, vertical_alignment="center", key="other-doors"):
        st.markdown("After that:", width="content")
        for page, icon, label in OTHERS:
            st.page_link(page, label=label, icon=icon)
