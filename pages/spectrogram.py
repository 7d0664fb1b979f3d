"""Spectrogram: tune what the network gets from a clip, by eye, ear and figure; each tab is a function of `ui.bench`."""

import streamlit as st

from audiotag.ui import frame
from audiotag.ui.spectrogram import tabs
from audiotag.ui.spectrogram.settings_form import keep_preset, preset_of, spectrogram_settings
from audiotag.ui.widgets import messages, sound_picker

here = frame.page("Spectrogram")
workspace, dataset = here.workspace, here.dataset()

st.title("Spectrogram")
controls, view = st.container(key="bench-and-controls").columns([1.25, 2.4], gap="large")

with controls:
    source = sound_picker.pick_sound(dataset)
    with view, messages.show_errors(stop=True), controls:
        settings = spectrogram_settings(workspace)
    keep_preset(settings, workspace)

if source is None:
    st.stop()
with view, messages.show_errors(stop=True):
    sound = sound_picker.decoded(source, settings.sample_rate)
    for note in sound.notes:
        st.caption(f":material/info: {messages.escape_markdown(note)}")
    crop = tabs.crop_of(sound, settings)
    shown = st.tabs(
        ["Picture", "Compare", "Clips of the label", "Augment", "What survives", "Use it"],
        key="bench",
        bind="query-params",
    )
    for tab, draw in zip(
        shown,
        (
            lambda: tabs.picture(crop, settings, dataset),
            lambda: tabs.compare(crop, settings, workspace),
            lambda: tabs.strip(dataset, settings),
            lambda: tabs.augment(crop, dataset, settings),
            lambda: tabs.survives(crop, settings),
            lambda: tabs.use(dataset, settings, preset_of(settings, workspace), source),
        ),
        strict=True,
    ):
        if tab.open:
            with tab:
                draw()
