"""Tag: drop sounds, see their tags and the evidence; the parts are functions of `audiotag.ui.tagging_*`."""

import streamlit as st

from audiotag.ui import shell, tagging_clip, tagging_results, tagging_setup, tagging_sounds, tagging_sources

tagging_setup.follow_address()
here = shell.page("Tag")
st.title("Tag")
folder = here.ensemble()
zone, sources = st.columns([2.6, 1], gap="medium")
with zone:
    tagging_sources.drop_zone()
with sources:
    tagging_sources.other_sources(here)

overview = st.container()
view, setup = st.columns([2.6, 1], gap="medium")
with setup, shell.shown_errors(stop=True):
    making, other = tagging_setup.panels(folder, here.workspace)
with overview:
    tagging_sounds.toolbar()
    outcomes = tagging_results.tagged(tagging_sounds.dropped(), making)
    place = tagging_sounds.chosen()
    if len(outcomes) > 1:
        tagging_results.table(outcomes)
        tagging_results.downloads(outcomes, outcomes[place], making)
with view:
    if not outcomes:
        tagging_setup.welcome(here, making)
    else:
        tagging_results.errors(outcomes, but=place)
        tagging_clip.details(outcomes[place], place, making, other)
    if len(outcomes) == 1:
        tagging_results.downloads(outcomes, outcomes[0], making)
