"""The right side of the Tag page: the ensemble, how tags are made, thresholds, another one beside it, the command."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.ui import cache, frame
from audiotag.ui.tag import dropped_sounds, ensemble_card, sound_sources, tagging_options, thresholds
from audiotag.ui.tag.tagging_options import IN_ADDRESS, TaggingSetup
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace

ADDRESS = "ensemble"
SEEN = "tag-address-seen"
NOTHING = "nothing"
NAMED = 6  # of the labels, in the sentence of an empty page


def follow_address() -> None:
    """Choose the ensemble that the address names; `panels` writes there which one is chosen."""
    wanted = st.query_params.get(ADDRESS)
    if wanted and wanted != st.session_state.get(SEEN):
        st.session_state["ensemble-next"] = wanted
        st.session_state[SEEN] = wanted


def panels(folder: Path, workspace: Workspace) -> tuple[TaggingSetup, TaggingSetup | None]:
    """All panels, and what they say: the ensemble as it is to be used, and the one beside it, if any."""
    if st.query_params.get(ADDRESS) != folder.name:
        st.query_params[ADDRESS] = folder.name
    st.session_state[SEEN] = folder.name
    tagger = cache.tagger(folder)  # before the first drop, so that the drop itself is quick
    card, state = tagger.card, thresholds.of(folder, tagger.card, workspace)
    name = messages.escape_markdown(card.name)
    about = st.expander(f"About {name}", icon=":material/badge:", key="about", on_change="rerun")
    with about:
        if about.open:
            ensemble_card.panel(folder, tagger)
    with st.expander("How tags are made", icon=":material/tune:", key="how"):
        settings = tagging_options.pick(folder, tagger)
    moving = st.expander("Thresholds", icon=":material/linear_scale:", key="thresholds", **IN_ADDRESS)
    with moving:
        if moving.open:
            thresholds.panel(state, tagger, settings, workspace)
    making = TaggingSetup(folder, tagger, settings, state.now)
    other = _other(folder, making, workspace)
    st.caption("The same as a command:")
    options = state.options(card.labels, settings.combine)
    line = tagging_options.command(making, dropped_sounds.dropped(), options)
    st.code(line, language="bash", wrap_lines=True)
    return making, other


def welcome(here: frame.PageContext, making: TaggingSetup) -> None:
    """What the page says before there is a sound."""
    card = making.tagger.card
    st.markdown(
        f"Tags come from **{messages.escape_markdown(card.name)}**, which knows {len(card.labels)} "
        f"{'sound' if len(card.labels) == 1 else 'sounds'}: "
        + messages.escape_markdown(", ".join(card.labels[:NAMED]))
        + (" …" if len(card.labels) > NAMED else ".")
    )
    sound_sources.try_one(here)


def _other(folder: Path, making: TaggingSetup, workspace: Workspace) -> TaggingSetup | None:
    """The ensemble that is to be shown beside the chosen one."""
    others = {name: path for name, path in workspace.ensemble_folders().items() if path != folder}
    if not others:
        return None
    name = st.selectbox(
        "Compare with",
        [NOTHING, *others],
        key="beside-ensemble",
        help="Shows each sound's tags by another ensemble beside these.",
        **IN_ADDRESS,
    )
    if name not in others:
        return None
    with messages.show_errors():
        tagger = cache.tagger(others[name])
        settings = tagging_options.matched(making.settings, tagger)
        return TaggingSetup(others[name], tagger, settings, thresholds.of(others[name], tagger.card, workspace).now)
    return None
