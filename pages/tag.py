"""Tag: drop sounds, see their tags and the evidence; the parts are functions of `audiotag.ui.tagging_*`."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.tag import clip_view, dropped_sounds, panels, results, sound_sources
from audiotag.ui.widgets import messages

panels.follow_address()
here = frame.page("Tag")
st.title("Tag")
folder = here.ensemble()
zone, sources = st.columns([2.6, 1], gap="medium")
with zone:
    sound_sources.drop_zone()
with sources:
    sound_sources.other_sources(here)

overview = st.container()
view, setup = st.columns([2.6, 1], gap="medium")
with setup, messages.show_errors(stop=True):
    making, other = panels.panels(folder, here.workspace)
with overview:
    dropped_sounds.toolbar()
    outcomes = results.tag_sounds(dropped_sounds.dropped(), making)
    place = dropped_sounds.chosen()
    if len(outcomes) > 1:
        results.table(outcomes)
        results.downloads(outcomes, outcomes[place], making)
with view:
    if not outcomes:
        panels.welcome(here, making)
    else:
        results.errors(outcomes, but=place)
        clip_view.details(outcomes[place], place, making, other)
    if len(outcomes) == 1:
        results.downloads(outcomes, outcomes[0], making)
