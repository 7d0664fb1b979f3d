"""The player of the Spectrogram page: the sound once, with its spectrogram under settings A, and B beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from audiotag.audio.header import Sound, Source
from audiotag.features.log_mel import display_log_mel, network_input
from audiotag.features.readouts import value_unit
from audiotag.features.settings import SpectrogramSettings
from audiotag.ui import sound_cache
from audiotag.ui.player import Beside, Jump, OtherSound, PlayerOptions, Region, Values, show_player
from audiotag.ui.spectrogram.crops import Crop, make_crop, pick_position
from audiotag.ui.spectrogram.second_settings import Second
from audiotag.ui.text import Markdown
from audiotag.ui.widgets import sound_picker
from audiotag.ui.widgets.sound_panel import sound_facts

CROP, WHOLE = "Network input", "Whole clip"
CHANNELS = ("log-mel", "first delta", "second delta")  # of a network input with deltas
LONG_CLIP = 1.6  # in crops: of a longer clip the player shows the part with the crop to begin with
VIEW_MARGIN = 0.05  # on both sides of the crop, in crops
INVERTED = "inverted"  # in the session: key of the crops whose spectrograms were turned into sound


@dataclass(frozen=True)
class Shown:
    """What is shown of one sound under the same settings: the crop that a network gets, and the settings."""

    label: str
    settings: SpectrogramSettings
    sound: Sound
    crop: Crop

    @property
    def crop_region(self) -> Region:
        """The crop's place in the clip."""
        return Region(self.crop.start_s, self.crop.start_s + self.settings.clip_s)


def show_clip(
    source: Source, sound: Sound, label: str, settings: SpectrogramSettings, second: Second | None
) -> tuple[Shown, Shown | None]:
    """Show the player with the widgets around it.

    Parameters
    ----------
    source : Path or bytes
    sound : Sound
        At the sample rate of ``settings``.
    label : str
        Name of the settings A.
    settings : SpectrogramSettings
    second : Second, optional
        Settings B.

    Returns
    -------
    tuple[Shown, Shown or None]
        What is shown of A, and of B.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        part = st.segmented_control(
            "Spectrogram of",
            (CROP, WHOLE),
            key="show",
            default=CROP,
            required=True,
            bind="query-params",
            help="The crop exactly as a network gets it: padded where the clip is too short, normalised (σ: standard "
            "deviations from the mean; or 0 to 1) and resized if the settings say so. Or the whole clip, in dB.",
        )
        channel = _pick_channel([each.deltas for each in (settings, second and second.settings) if each], part)
        position = pick_position(sound.waveform, settings)
    a = Shown(f"A · {label}", settings, sound, make_crop(sound.waveform, settings, position))
    b = None
    if second is not None:
        other = sound_picker.decode_source(source, second.settings.sample_rate)
        crop = make_crop(other.waveform, second.settings, position)
        b = Shown(f"B · {second.label}", second.settings, other, crop)
    shown = [each for each in (a, b) if each]
    view = _view([each.crop_region for each in shown], sound.duration_s) if part == CROP else None
    content = sound_cache.content_key(source)
    with st.container(key="clip-player"):
        spectrogram, start_s, values = _spectrogram(a, part, channel)
        options = PlayerOptions(
            sound.name,
            a.crop.untrimmed,
            a.crop_region,
            spectrogram_start_s=start_s,
            values=values,
            label=a.label if b else "Sound",
            identity=content,
            # Of a long clip the crop is shown, so the cursor begins there.
            jump=Jump(max(0.0, a.crop.start_s), int(content[:8], 16)) if view else None,
            beside=_beside(b, part, channel, settings.sample_rate) if b else None,
            view=view,
            other_sounds=tuple(_inverted(each, named=b is not None) for each in shown) if _is_inverted(a, b) else (),
        )
        show_player(sound.waveform, spectrogram, settings, options, "clip")
        facts: Markdown = sound_facts(sound, source)
        st.caption(facts)
    return a, b


def show_inversion(a: Shown, b: Shown | None) -> None:
    """A button that turns the spectrograms into sounds, which the player then offers; other settings need it again."""
    if _is_inverted(a, b):
        st.caption("The player's “Listen to” has the sound made from the spectrogram. Its phase is estimated.")
        return
    if st.button(
        "Hear what the spectrogram preserves",
        icon=":material/hearing:",
        key="invert",
        help="Turns the spectrogram back into sound, in one or two seconds. The player then offers it under "
        "“Listen to”, at the same position.",
    ):
        st.session_state[INVERTED] = _inversion_key(a, b)
        st.rerun()


def _pick_channel(deltas: list[int], part: str) -> int:
    """The channel of the network input that is shown; a choice where there are several."""
    if part != CROP or not any(deltas):
        return 0
    names = CHANNELS[: 1 + max(deltas)]
    chosen = st.segmented_control("Channel", names, key="channel", default=names[0], required=True, bind="query-params")
    return names.index(chosen) if chosen in names else 0


def _spectrogram(shown: Shown, part: str, channel: int) -> tuple[np.ndarray, float, Values | None]:
    """The spectrogram, the time of its first frame, and its values where they are not levels in dB."""
    settings, crop = shown.settings, shown.crop
    if part == WHOLE:
        return display_log_mel(shown.sound.waveform, settings), 0.0, None
    channel = min(channel, settings.deltas)
    if settings.normalise == "none" and not settings.resize and not channel:
        return crop.log_mel, crop.start_s, None
    values = network_input(crop.log_mel, settings, crop.scale)[channel]
    unit = value_unit(settings)
    if channel:
        steepest = float(np.abs(values).max())
        return values, crop.start_s, Values(-steepest, steepest, f"{unit}/frame{'²' if channel == 2 else ''}")
    return values, crop.start_s, Values(float(values.min()), float(values.max()), "dB re 1" if unit == "dB" else unit)


def _view(crops: list[Region], duration_s: float) -> Region | None:
    """The part of the time axis with the crops, where they are so short that they would be narrow; None for all."""
    start, end = min(crop.start_s for crop in crops), max(crop.end_s for crop in crops)
    if max(duration_s, end) - min(0.0, start) < LONG_CLIP * (end - start):
        return None
    margin = VIEW_MARGIN * (end - start)
    return Region(start - margin, end + margin)


def _beside(b: Shown, part: str, channel: int, sample_rate: int) -> Beside:
    spectrogram, start_s, values = _spectrogram(b, part, channel)
    other_rate = b.settings.sample_rate != sample_rate  # at the same sample rate it is the same sound
    waveform = b.sound.waveform if other_rate else None
    return Beside(b.label, spectrogram, b.settings, start_s, waveform, b.crop_region, values)


def _inverted(shown: Shown, named: bool) -> OtherSound:
    rate = shown.settings.sample_rate
    waveform = sound_cache.invert_log_mel(shown.crop.log_mel, shown.settings)
    name = f"From spectrogram {shown.label[0]}" if named else "From the spectrogram"
    return OtherSound(name, shown.crop.placed(waveform, len(shown.sound.waveform), rate), rate)


def _is_inverted(a: Shown, b: Shown | None) -> bool:
    return st.session_state.get(INVERTED) == _inversion_key(a, b)


def _inversion_key(a: Shown, b: Shown | None) -> int:
    return hash(tuple((each.settings, each.crop.waveform.tobytes()) for each in (a, b) if each))
