"""Tag: drop sounds, see their tags and the evidence; tag whole folders in the background."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.tag import dropped_sounds, folder_form, folder_view, settings_drawer, sound_sources, sounds_view
from audiotag.ui.widgets import messages

context = frame.set_up_page("Tag")
st.title("Tag")
folder = context.ensemble()
drawer = st.container()


def show_sounds() -> None:
    """Single sounds."""
    sound_sources.show_sources(context)
    with drawer, messages.show_errors(stop=True):
        page = settings_drawer.show_drawer(folder, context.workspace)
    sounds_view.show_sounds(context, page)


def show_folders() -> None:
    """Whole folders."""
    folder_form.show_form()
    with drawer, messages.show_errors(stop=True):
        page = settings_drawer.show_drawer(folder, context.workspace)
    folder_view.show_folders(context, page)


frame.show_tabs(dropped_sounds.VIEW, {"Sounds": show_sounds, "Folders": show_folders})
messages.show_sentences()
