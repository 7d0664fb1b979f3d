"""Tabs of the Spectrogram page: the network input of a crop, comparisons, resynthesis, and the same as code."""

from __future__ import annotations

from dataclasses import fields

import streamlit as st

from audiotag.audio.header import Source
from audiotag.audio.reading import wav_bytes
from audiotag.cli.command_lines import train_line
from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.presets import load_preset, preset_names
from audiotag.features.readouts import read_outs
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import fit_length
from audiotag.figures import sound as figures
from audiotag.inspection import statistics
from audiotag.training.run_options import RunOptions
from audiotag.ui import cache
from audiotag.ui.spectrogram.crops import IMAGE_WIDTH_PIXELS, Crop, crop_of_file
from audiotag.ui.text import escape, escape_all
from audiotag.ui.widgets import sound_picker
from audiotag.ui.widgets.charts import show_chart
from audiotag.wording import as_text
from audiotag.workspace import Workspace

MAX_OTHER_CLIPS = 8
READ_OUT_WIDTH_PIXELS = 140


def show_network_input(crop: Crop, settings: SpectrogramSettings, dataset: Dataset | None) -> None:
    """The spectrogram that the network gets, and the settings in seconds, hertz and per cent."""
    channel = 0
    if settings.deltas:
        names = ["log-mel", "slope", "slope of the slope"][: settings.channels]
        channel = names.index(st.segmented_control("Channel", names, key="channel", default=names[0], required=True))
    show_chart(
        figures.spectrogram(network_input(crop.log_mel, settings)[channel], settings, crop.start_s),
        key="network-input",
        alt="Log-mel spectrogram of the crop as the network gets it",
    )
    outs = read_outs(settings, crop.log_mel, crop.waveform)
    with st.container(horizontal=True):  # as many next to each other as fit
        for out in outs:
            with st.container(width=READ_OUT_WIDTH_PIXELS):
                st.metric(escape(out.name), escape(out.value), help=escape(out.help))
                if out.warning:
                    st.caption(f":material/warning: {escape(out.warning)}")
    if dataset is None:
        return
    shares = statistics.share_shorter(cache.load_index(dataset), settings.clip_s)
    parts = [
        f"{100 * share:.0f} % of {escape(subset)} clips are padded, {100 * (1 - share):.0f} % are cut"
        for subset, share in shares.items()
    ]
    if parts:
        st.caption(f"With clips of {settings.clip_s:g} s, before trimming: {'; '.join(parts)}.")


def show_comparison(crop: Crop, settings: SpectrogramSettings, workspace: Workspace) -> None:
    """The same crop under another preset, and the difference in dB."""
    name = st.selectbox("Compare with", preset_names(workspace), index=1, key="beside", persist_state="session")
    other = load_preset(name, workspace)
    if other.sample_rate != settings.sample_rate:
        st.info(
            f"{escape(name)} has another sample rate ({other.sample_rate:d} Hz). Choose a preset with "
            f"{settings.sample_rate:d} Hz to compare."
        )
        return
    waveform = crop.waveform if len(crop.waveform) > other.n_fft // 2 else fit_length(crop.waveform, other)
    other_log_mel = log_mel(waveform, other)
    st.caption(
        f"Both show the same {len(crop.waveform) / settings.sample_rate:.3g} s of sound. Crop, trim and padding of the "
        "other preset are not used."
    )
    left, right = st.columns(2)
    for column, title, values, of in (
        (left, "These settings", crop.log_mel, settings),
        (right, name, other_log_mel, other),
    ):
        column.markdown(f"**{escape(title)}** · {of.n_mels:d} × {values.shape[1]:d}")
        with column:
            show_chart(
                figures.spectrogram(values, of.with_changes(normalise="none", resize=0, deltas=0), 0.0, 300),
                key=f"beside-{title}",
                alt=f"Log-mel spectrogram of the crop under {title}",
            )
    st.markdown(f"**Difference:** these settings minus {escape(name)}")
    show_chart(
        figures.difference(crop.log_mel, settings, other_log_mel, other),
        key="difference",
        alt="Difference of the two log-mel spectrograms in dB",
    )
    changed = [
        f"{field.name} {getattr(settings, field.name)} ↔ {getattr(other, field.name)}"
        for field in fields(SpectrogramSettings)
        if getattr(settings, field.name) != getattr(other, field.name)
    ]
    st.caption(escape_all(changed, " · ") or "Both have the same settings.")


def show_other_clips(dataset: Dataset | None, settings: SpectrogramSettings) -> None:
    """Clips of the chosen label under the same settings."""
    if dataset is None:
        st.info("There is no dataset yet. Open one in the sidebar to see its clips.", icon=":material/library_music:")
        return
    st.caption("The middle of other clips with this label, under these settings. All share one dB scale.")
    spectrograms = []
    for path in sound_picker.paths_with_label(dataset, MAX_OTHER_CLIPS):
        try:
            spectrograms.append((as_text(path.name), crop_of_file(path, settings).log_mel))
        except AudiotagError as error:
            st.caption(f":material/warning: {escape(error)}")
    if not spectrograms:
        return
    loudest = max(float(values.max()) for _, values in spectrograms)
    with st.container(horizontal=True):
        for name, values in spectrograms:
            st.image(
                figures.spectrogram_image(values, loudest - settings.top_db, loudest),
                caption=escape(name),
                width=IMAGE_WIDTH_PIXELS,
                alt=f"Log-mel spectrogram of {name}",
            )


def show_resynthesis(crop: Crop, settings: SpectrogramSettings) -> None:
    """The crop, and its log-mel spectrogram turned back into sound."""
    key = hash((settings, crop.waveform.tobytes()))
    st.caption("Listen to what the spectrogram preserves of the crop. The phase is estimated.")
    if st.button("Turn the spectrogram into sound", icon=":material/hearing:", key="invert"):
        st.session_state["inverted"] = key
    left, right = st.columns(2)
    left.markdown("**Crop**")
    left.audio(wav_bytes(crop.waveform, settings.sample_rate), alt="Player of the crop")
    if st.session_state.get("inverted") == key:
        right.markdown("**From the spectrogram**")
        right.audio(
            wav_bytes(cache.invert_log_mel(crop.log_mel, settings), settings.sample_rate),
            alt="Player of the sound made from the spectrogram",
        )


def show_code(dataset: Dataset | None, settings: SpectrogramSettings, preset: str | None, source: Source) -> None:
    """A link that trains with the settings, and the same as a command and in Python."""
    st.page_link(
        "pages/train.py",
        label="Train with these settings",
        icon=":material/model_training:",
        disabled=preset is None,
        query_params={"train-preset": preset} if preset else None,
        help="Opens the Train page with this preset." if preset else "Save the settings as a preset first.",
    )
    if dataset is not None:
        st.caption("As a command:" if preset else "As a command, once you have saved the settings as a preset:")
        st.code(train_line(RunOptions(str(dataset.root), preset=preset or "NAME")), language="bash", wrap_lines=True)
    st.caption("In Python:")
    st.code(python_lines(settings, "clip.wav" if isinstance(source, bytes) else str(source)), language="python")


def python_lines(settings: SpectrogramSettings, path: str) -> str:
    """Python code that computes the log-mel of the middle crop of a clip."""
    default = SpectrogramSettings()
    changes = ", ".join(
        f"{field.name}={getattr(settings, field.name)!r}"
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    )
    return f"""from pathlib import Path

import audiotag
from audiotag.features.trimming import fit_length, trimmed_bounds

settings = audiotag.SpectrogramSettings({changes})
waveform = audiotag.read_sound(Path({path!r}), settings.sample_rate).waveform
start, end = trimmed_bounds(waveform, settings)
crop = fit_length(waveform[start:end], settings)
spectrogram = audiotag.log_mel(crop, settings)"""
