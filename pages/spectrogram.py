"""Spectrogram: tune what the network gets from a clip, by eye, ear and figure; each tab is a function of `ui.bench`."""

import streamlit as st

from audiotag.ui import bench, shell, sound_picker
from audiotag.ui.settings import keep_preset, preset_of, spectrogram_settings

here = shell.page("Spectrogram")
workspace, dataset = here.workspace, here.dataset()

st.title("Spectrogram")
controls, view = st.container(key="bench-and-controls").columns([1.25, 2.4], gap="large")

with controls:
    source = sound_picker.pick_sound(dataset)
    with view, shell.shown_errors(stop=True), controls:
        settings = spectrogram_settings(workspace)
    keep_preset(settings, workspace)

if source is None:
    st.stop()
with view, shell.shown_errors(stop=True):
    sound = sound_picker.decoded(source, settings.sample_rate)
    for note in sound.notes:
        st.caption(f":material/info: {shell.plain(note)}")
    crop = bench.crop_of(sound, settings)
    tabs = st.tabs(
        ["Picture", "Compare", "Clips of the label", "Augment", "What survives", "Use it"],
        key="bench",
        bind="query-params",
    )
    for tab, draw in zip(
        tabs,
        (
            lambda: bench.picture(crop, settings, dataset),
            lambda: bench.compare(crop, settings, workspace),
            lambda: bench.strip(dataset, settings),
            lambda: bench.augment(crop, dataset, settings),
            lambda: bench.survives(crop, settings),
            lambda: bench.use(dataset, settings, preset_of(settings, workspace), source),
        ),
        strict=True,
    ):
        if tab.open:
            with tab:
                draw()
