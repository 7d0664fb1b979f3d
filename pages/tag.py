"""Tag: drop sounds, see their tags and the evidence."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.tag import clip_view, dropped_sounds, panels, results, sound_sources
from audiotag.ui.trust.panel import show_trust_of_ensemble
from audiotag.ui.widgets import messages

context = frame.set_up_page("Tag")
st.title("Tag")
folder = context.ensemble()
zone, sources = st.columns([2.6, 1], gap="medium")
with zone:
    sound_sources.show_drop_zone()
with sources:
    sound_sources.show_other_sources(context)

overview = st.container()
view, controls = st.columns([2.6, 1], gap="medium")
with controls, messages.show_errors(stop=True):
    setup, other = panels.show_panels(folder, context.workspace)
with overview:
    dropped_sounds.show_toolbar()
    tagged = results.tag_sounds(dropped_sounds.all_sounds(), setup)
    row = dropped_sounds.selected_row()
    if len(tagged) > 1:
        results.show_results(tagged)
        results.show_downloads(tagged, tagged[row], setup)
with view:
    if not tagged:
        panels.show_welcome(context, setup)
    else:
        results.show_errors_except(tagged, row)
        clip_view.show_clip(tagged[row], row, setup, other)
    if len(tagged) == 1:
        results.show_downloads(tagged, tagged[0], setup)
show_trust_of_ensemble(folder)
messages.show_sentences()
