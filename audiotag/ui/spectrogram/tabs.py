"""Tabs of the Spectrogram page: other clips under the same settings, and the same as code."""

from __future__ import annotations

from dataclasses import fields

import streamlit as st

from audiotag.audio.header import Source
from audiotag.cli.command_lines import train_line
from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures import sound as figures
from audiotag.training.run_options import RunOptions
from audiotag.ui.spectrogram.crops import IMAGE_WIDTH_PIXELS, crop_of_file
from audiotag.ui.text import escape
from audiotag.ui.widgets import sound_picker
from audiotag.wording import as_text

MAX_OTHER_CLIPS = 8


def show_other_clips(dataset: Dataset | None, settings: SpectrogramSettings) -> None:
    """Clips of the chosen label under the same settings."""
    if dataset is None:
        st.info("There is no dataset yet. Open one in the sidebar to see its clips.", icon=":material/library_music:")
        return
    st.caption("The middle of other clips with this label, under these settings. All share one dB scale.")
    spectrograms = []
    for row, path in sound_picker.same_label(dataset, MAX_OTHER_CLIPS)["path"].items():
        try:
            spectrograms.append((row, as_text(path.name), crop_of_file(path, settings).log_mel))
        except AudiotagError as error:
            st.caption(f":material/warning: {escape(error)}")
    if not spectrograms:
        return
    loudest = max(float(values.max()) for *_, values in spectrograms)
    with st.container(horizontal=True):
        for row, name, values in spectrograms:
            with st.container(width=IMAGE_WIDTH_PIXELS, gap="xxsmall"):
                st.image(
                    figures.spectrogram_image(values, loudest - settings.top_db, loudest),
                    alt=f"Log-mel spectrogram of {name}",
                )
                st.button(
                    escape(name),
                    key=f"open-clip-{row}",
                    on_click=sound_picker.choose_row,
                    args=(row,),
                    type="tertiary",
                    help="Opens this clip in the player.",
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
    if settings.crop == "spectrogram":
        imports = """from audiotag.features.trimming import trimmed_bounds
from audiotag.features.whole_clip import WholeClip, cut_crop"""
        steps = """whole = WholeClip.of(waveform[start:end], settings)
spectrogram = cut_crop(whole.log_mel, settings)"""
    else:
        imports = "from audiotag.features.trimming import fit_length, trimmed_bounds"
        steps = """crop = fit_length(waveform[start:end], settings)
spectrogram = audiotag.log_mel(crop, settings)"""
    return f"""from pathlib import Path

import audiotag
{imports}

settings = audiotag.SpectrogramSettings({changes})
waveform = audiotag.read_sound(Path({path!r}), settings.sample_rate).waveform
start, end = trimmed_bounds(waveform, settings)
{steps}"""
