"""Spectrogram: tune the settings of the network input by eye, ear and figure."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.spectrogram import tabs
from audiotag.ui.spectrogram.augmentation_tab import show_augmentation
from audiotag.ui.spectrogram.crops import pick_crop
from audiotag.ui.spectrogram.settings_form import edit_presets, matching_preset, pick_settings
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages, sound_picker

context = frame.set_up_page("Spectrogram")
workspace, dataset = context.workspace, context.dataset_if_any()

st.title("Spectrogram")
controls, view = st.container(key="controls-and-view").columns([1.25, 2.4], gap="large")

with controls:
    source = sound_picker.pick_sound(dataset)
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
    sound = sound_picker.decode_source(source, settings.sample_rate)
    for note in sound.notes:
        st.caption(f":material/info: {escape(note)}")
    crop = pick_crop(sound, settings)
    frame.show_tabs(
        "view",
        {
            "Network input": lambda: tabs.show_network_input(crop, settings, dataset),
            "Compare": lambda: tabs.show_comparison(crop, settings, workspace),
            "Other clips": lambda: tabs.show_other_clips(dataset, settings),
            "Augmentation": lambda: show_augmentation(crop, dataset, settings),
            "Resynthesis": lambda: tabs.show_resynthesis(crop, settings),
            "Code": lambda: tabs.show_code(dataset, settings, matching_preset(settings, workspace), source),
        },
    )
messages.show_sentences()
