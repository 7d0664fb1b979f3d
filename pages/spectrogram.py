"""Spectrogram: tune the settings of the network input by eye, ear and figure."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.spectrogram import tabs
from audiotag.ui.spectrogram.augmentation_tab import show_augmentation
from audiotag.ui.spectrogram.clip_player import show_clip
from audiotag.ui.spectrogram.input_tab import show_network_input
from audiotag.ui.spectrogram.leader_board_tab import show_leader_board
from audiotag.ui.spectrogram.page_style import add_page_style
from audiotag.ui.spectrogram.preset_buttons import edit_presets, matching_preset
from audiotag.ui.spectrogram.second_settings import describe_form, pick_second
from audiotag.ui.spectrogram.settings_form import pick_settings
from audiotag.ui.spectrogram.settings_state import prepare_widgets
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages, sound_picker

context = frame.set_up_page("Spectrogram")
workspace, dataset = context.workspace, context.dataset_if_any()
add_page_style()

st.title("Spectrogram")
with st.container(key="sound"), messages.show_errors(stop=True):
    source = sound_picker.pick_sound(dataset, prepare_widgets(workspace))
controls, view = st.container(key="spectrogram-body").columns([1, 2.2], gap="large")

with controls:
    st.header("Settings A")
    with view, messages.show_errors(stop=True), controls:
        settings = pick_settings(workspace)
    edit_presets(settings, workspace)

if source is None:
    with view:
        if dataset is None:
            st.info("There is no dataset yet. Give a file, record a sound, or open a dataset in the sidebar.")
        else:
            st.info("Choose a sound to see its spectrogram.", icon=":material/graphic_eq:")
    st.stop()
with view, messages.show_errors(stop=True):
    with st.container(key="sound-notes"):
        sound = sound_picker.decode_source(source, settings.sample_rate)
        for note in sound.notes:
            st.caption(f":material/info: {escape(note)}")
        second = pick_second(settings, workspace)
    a, b = show_clip(source, sound, describe_form(settings, workspace), settings, second)
    with st.container(key="spectrogram-tabs"):
        frame.show_tabs(
            "view",
            {
                "Network input": lambda: show_network_input(a, b, dataset),
                "Other clips": lambda: tabs.show_other_clips(dataset, settings),
                "Augmentation": lambda: show_augmentation(a.crop, dataset, settings),
                "Leader board": lambda: show_leader_board(dataset, workspace),
                "Code": lambda: tabs.show_code(dataset, settings, matching_preset(settings, workspace), source),
            },
        )
messages.show_sentences()
