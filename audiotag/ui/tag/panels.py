"""The right side of the Tag page: the ensemble's card, tagging options, thresholds, comparison, and the command."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.ui import cache, frame
from audiotag.ui.tag import dropped_sounds, ensemble_card, sound_sources, tagging_options, thresholds
from audiotag.ui.tag.tagging_options import IN_ADDRESS, TaggingSetup
from audiotag.ui.text import escape
from audiotag.ui.widgets import label_aliases, messages
from audiotag.workspace import Workspace

NOTHING = "nothing"
MAX_LABELS_IN_WELCOME = 6


def show_panels(folder: Path, workspace: Workspace) -> tuple[TaggingSetup, TaggingSetup | None]:
    """Show all panels; returns the setup that they describe, and a second one to compare with, if any."""
    tagger = cache.load_tagger(folder)  # before the first drop, so that the drop itself is quick
    card, state = tagger.card, thresholds.load_thresholds(folder, tagger.card, workspace)
    name = escape(card.name)
    about = st.expander(f"About {name}", icon=":material/badge:", key="about", on_change="rerun")
    with about:
        if about.open:
            ensemble_card.show_card(folder, tagger)
    with st.expander("Tagging options", icon=":material/tune:", key="how"):
        settings = tagging_options.pick_settings(folder, tagger)
    expander = st.expander("Thresholds", icon=":material/linear_scale:", key="thresholds", **IN_ADDRESS)
    with expander:
        if expander.open:
            thresholds.show_thresholds(state, tagger, settings, workspace)
    label_aliases.show_label_aliases(workspace)
    setup = TaggingSetup(folder, tagger, settings, state.current)
    other = _pick_other(folder, setup, workspace)
    st.caption("The same as a command:")
    specs = state.specs(card.labels, settings.combine)
    line = tagging_options.command_line(setup, dropped_sounds.all_sounds(), specs)
    st.code(line, language="bash", wrap_lines=True)
    shown = dropped_sounds.all_sounds()[: tagging_options.MAX_SOUNDS_IN_COMMAND]
    if any(sound.recorded for sound in shown):
        st.caption("Download the recording first, and run the command in the folder where it is.")
    elif any(not sound.path for sound in shown):
        st.caption("Run it in the folder where the dropped files are.")
    return setup, other


def show_welcome(context: frame.PageContext, setup: TaggingSetup) -> None:
    """What the page shows before there is a sound."""
    card = setup.tagger.card
    st.markdown(
        f"Tags come from **{escape(card.name)}**, which knows {len(card.labels)} "
        f"{'label' if len(card.labels) == 1 else 'labels'}: "
        + escape(", ".join(card.labels[:MAX_LABELS_IN_WELCOME]))
        + (" …" if len(card.labels) > MAX_LABELS_IN_WELCOME else ".")
    )
    sound_sources.show_try_button(context)


def _pick_other(folder: Path, setup: TaggingSetup, workspace: Workspace) -> TaggingSetup | None:
    """The ensemble to compare with the chosen one; None where none is chosen."""
    others = {name: path for name, path in workspace.ensemble_folders().items() if path != folder}
    if not others:
        return None
    name = st.selectbox(
        "Compare with",
        [NOTHING, *others],
        key="beside-ensemble",
        help="Also shows the tags of another ensemble.",
        **IN_ADDRESS,
    )
    if name not in others:
        return None
    with messages.show_errors():
        tagger = cache.load_tagger(others[name])
        settings = tagging_options.usable_settings(setup.settings, tagger)
        current = thresholds.load_thresholds(others[name], tagger.card, workspace).current
        return TaggingSetup(others[name], tagger, settings, current)
    return None
