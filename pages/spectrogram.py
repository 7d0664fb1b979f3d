"""Spectrogram: tune what the network gets from a clip, by eye, ear and figure."""

import streamlit as st

from audiotag.figures import sound as figures
from audiotag.figures.theme import CONFIG
from audiotag.sound.audio import wav_bytes
from audiotag.sound.readouts import read_outs
from audiotag.sound.spectrogram import crop_start, fit_length, kept_bounds, log_mel
from audiotag.ui import cached, shell
from audiotag.ui.settings import spectrogram_settings

dataset = shell.page("Spectrogram").dataset()

st.title("Spectrogram")
controls, view = st.columns([1, 2.2], gap="large")

with controls:
    label = st.selectbox("Label", dataset.labels, key="spectrogram-label", help="Clips that have this label.")
    having = dataset.clips[dataset.clips["labels"].map(lambda labels: label in labels)]
    clip = st.selectbox(
        "Clip",
        having.index,
        format_func=lambda row: f"{having.at[row, 'clip']} · {having.at[row, 'subset']}",
        key="spectrogram-clip",
    )
    with view, shell.shown_errors(stop=True), controls:
        settings = spectrogram_settings()

if clip is None:
    st.info(f"No clip has the label {label}; choose another.", icon=":material/search_off:")
    st.stop()

with view, shell.shown_errors(stop=True):
    row = having.loc[clip]
    sound = cached.sound(row["path"], settings.sample_rate)
    for note in sound.notes:
        st.caption(f":material/info: {shell.plain(note)}")
    start, end = kept_bounds(sound.waveform, settings)
    spare_s = max(0.0, (end - start) / settings.sample_rate - settings.clip_s)
    at = 0.5
    if spare_s > 0.01:
        at_s = st.slider(
            "Crop starts at (s)",
            0.0,
            spare_s,
            spare_s / 2,
            key="crop-start",
            help="Counted from the end of the leading silence. Training draws this at random.",
        )
        at = at_s / spare_s
    crop = fit_length(sound.waveform[start:end], settings, at)
    crop_start_s = (start + crop_start(end - start, settings, at)) / settings.sample_rate
    picture = log_mel(crop, settings)
    st.plotly_chart(
        figures.waveform(
            sound.waveform,
            settings.sample_rate,
            (start / settings.sample_rate, end / settings.sample_rate),
            (crop_start_s, crop_start_s + settings.clip_s),
        ),
        key="waveform",
        config=CONFIG,
        alt="Waveform with the trimmed silence in grey and the crop framed",
    )
    st.plotly_chart(
        figures.picture(picture, settings, crop_start_s),
        key="picture",
        config=CONFIG,
        alt="Log-mel spectrogram of the crop",
    )
    whole, cropped, survives = st.columns(3)
    whole.caption("The clip")
    whole.audio(wav_bytes(sound.waveform, settings.sample_rate), alt="Player of the whole clip")
    cropped.caption("The crop")
    cropped.audio(wav_bytes(crop, settings.sample_rate), alt="Player of the crop")
    survives.caption("What survives the picture")
    if survives.button(
        "Turn back into sound",
        key="invert",
        help="The picture alone, turned back into sound: what the network can hear.",
    ):
        from audiotag.sound.inversion import sound_of

        with survives, st.spinner("Searching for a phase …"):
            st.audio(wav_bytes(sound_of(picture, settings), settings.sample_rate), alt="Player of the inverted picture")

    st.subheader("What these settings mean")
    for column, readout in zip(st.columns(3) * 3, read_outs(settings, picture), strict=False):
        column.metric(readout.name, readout.value, help=readout.help)
        if readout.warning:
            column.caption(f":material/warning: {readout.warning}")
