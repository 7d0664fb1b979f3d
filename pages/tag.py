"""Tag: drop clips, see their tags and the evidence."""

import streamlit as st

from audiotag.figures import tagging as figures
from audiotag.figures.theme import CONFIG
from audiotag.sound.audio import READABLE, SUFFIXES
from audiotag.ui import cached, listen, shell

SHOWN_LABELS = 8

here = shell.page("Tag")
st.title("Tag")
folder = here.ensemble()
uploads = st.file_uploader(
    "Drop sounds here",
    type=[suffix[1:] for suffix in SUFFIXES],
    accept_multiple_files=True,
    key="sounds",
    help=f"{READABLE}, up to 200 MB each. They stay on this machine.",
)

with shell.shown_errors(stop=True):
    card = cached.card(folder)

with st.expander(f"What {shell.plain(card.name)} knows and how good it is", icon=":material/badge:"):
    st.markdown(card.about)
    left, middle, right = st.columns(3)
    left.metric(
        "lwlrap", f"{card.lwlrap:.3f}", help="Every training clip scored by the fold that never saw it; 1 is perfect."
    )
    middle.metric("Folds", len(card.folds), help="Networks that vote.")
    right.metric("Labels", len(card.labels))
    st.markdown(" ".join(f":gray-badge[{shell.plain(label)}]" for label in card.labels))
    st.caption(f"Licence: {card.licence} Made {card.created} from {card.dataset['name']}.")

with shell.shown_errors(stop=True):
    cached.tagger(folder)  # before the first drop, so that the drop itself is quick
if uploads:
    st.session_state["dropped"] = [(upload.name, upload.getvalue()) for upload in uploads]
dropped = st.session_state.get("dropped", [])  # they stay when the page is left and opened again
if not dropped:
    st.caption(f"Tags come from **{shell.plain(card.name)}**, which knows {len(card.labels)} sounds.")
elif not uploads and st.button("Clear", icon=":material/close:", key="clear"):
    del st.session_state["dropped"]
    st.rerun()

for number, (name, content) in enumerate(dropped):
    with st.container(border=True), shell.shown_errors():
        sound, tags = cached.tagged(content, name, folder)
        st.subheader(shell.plain(name))
        if tags.tags:
            st.markdown(
                " ".join(
                    f":green-badge[:material/check: {shell.plain(tag.label)} {tag.score:.2f}] "
                    f"{tag.folds_agreeing} of {tags.folds} folds"
                    for tag in tags.tags
                )
            )
        else:
            st.markdown(":gray-badge[:material/help: nothing I know]")
        left, right = st.columns([1, 1.3], gap="large")
        with left:
            st.plotly_chart(
                figures.scores(tags.ranking[:SHOWN_LABELS]),
                key=f"scores-{number}",
                config=CONFIG,
                alt=f"Scores of the likeliest labels of {name}, with their thresholds",
            )
        with right:
            listen.whole(sound, card.spectrogram, key=f"sound-{number}")
        if len(tags.starts_s) > 1:
            how = "highest" if card.windows == "max" else "mean"
            st.caption(f"When: windows of {card.spectrogram.clip_s:g} s; the clip's score is the {how} of them.")
            st.plotly_chart(
                figures.timeline(tags, card.labels, card.spectrogram.clip_s),
                key=f"timeline-{number}",
                config=CONFIG,
                alt=f"Scores over time of the likeliest labels of {name}",
            )
