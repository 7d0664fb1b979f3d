"""The Spectrogram page's bench: a crop under the settings, seen, compared, augmented, heard and written down."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import streamlit as st

from audiotag.audio.header import Sound, Source
from audiotag.audio.reading import wav_bytes
from audiotag.augmentation.chain import Chain
from audiotag.augmentation.chain import apply_all as in_turn
from audiotag.augmentation.equaliser import Equaliser
from audiotag.augmentation.gain import Gain
from audiotag.augmentation.lighting import Lighting
from audiotag.augmentation.mask import Mask
from audiotag.augmentation.mixup import MixUp
from audiotag.augmentation.noise import Noise
from audiotag.augmentation.overlay import Overlay
from audiotag.augmentation.resized_crop import RandomResizedCrop
from audiotag.augmentation.shift import Shift
from audiotag.augmentation.sigmoid_mixer import SigmoidMixer
from audiotag.augmentation.specmix import SpecMix
from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import display_log_mel, log_mel, network_input, normalise
from audiotag.features.presets import load_preset, preset_names
from audiotag.features.readouts import read_outs
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.trimming import crop_start, fit_length, trimmed_bounds
from audiotag.figures import sound as figures
from audiotag.figures.theme import CONFIG
from audiotag.inspection import statistics
from audiotag.ui import cache
from audiotag.ui.player.player import PlayerOptions, Region, player
from audiotag.ui.widgets import messages, sound_picker
from audiotag.workspace import Workspace

STRIP = 8
DRAWS = 4
AUGMENTATIONS: dict[str, Any] = {
    "time mask": Mask("time", 8),
    "mel mask": Mask("mel", 8),
    "shift in time": Shift("time"),
    "shift in pitch": Shift("mel", 8),
    "equaliser": Equaliser(),
    "lighting": Lighting(p=1.0),
    "resized crop": RandomResizedCrop(p=1.0),
    "gain": Gain(),
    "noise": Noise(min_snr_db=5, max_snr_db=25, p=1.0),
    "MixUp": MixUp(),
    "overlay": Overlay(alpha=1.0),
    "SpecMix": SpecMix(),
    "sigmoid mixer": SigmoidMixer(),
}


@dataclass(frozen=True)
class ClipView:
    """A crop of a sound, and where it lies in it."""

    waveform: np.ndarray
    start_s: float
    log_mel: np.ndarray


def crop_of(sound: Sound, settings: SpectrogramSettings) -> ClipView:
    """The player with the clip, what the trim keeps of it and the crop; the slider says where the crop lies."""
    start, end = trimmed_bounds(sound.waveform, settings)
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
    waveform = np.ascontiguousarray(fit_length(sound.waveform[start:end], settings, at))
    start_s = (start + crop_start(end - start, settings, at)) / settings.sample_rate
    options = PlayerOptions(
        sound.name,
        Region(start / settings.sample_rate, end / settings.sample_rate),
        Region(start_s, start_s + settings.clip_s),
    )
    player(sound.waveform, display_log_mel(sound.waveform, settings), settings, options, "clip")
    return ClipView(waveform, start_s, log_mel(waveform, settings))


def picture(crop: ClipView, settings: SpectrogramSettings, dataset: Dataset) -> None:
    """What the network gets, and what the settings mean in seconds, hertz and per cent."""
    channel = 0
    if settings.deltas:
        names = ["log-mel", "slope", "slope of the slope"][: settings.channels]
        channel = names.index(st.segmented_control("Channel", names, key="channel", default=names[0], required=True))
    st.plotly_chart(
        figures.network_picture(network_input(crop.log_mel, settings)[channel], settings, crop.start_s),
        key="picture",
        config=CONFIG,
        alt="Log-mel spectrogram of the crop, as the network gets it",
    )
    outs = read_outs(settings, crop.log_mel, crop.waveform)
    for column, out in zip(st.columns(4) * 3, outs, strict=False):
        column.metric(out.name, out.value, help=out.help)
        if out.warning:
            column.caption(f":material/warning: {out.warning}")
    shares = statistics.share_shorter(cache.index(dataset), settings.clip_s)
    parts = [
        f"{100 * share:.0f} % of {subset} clips padded, {100 * (1 - share):.0f} % cut"
        for subset, share in shares.items()
    ]
    if parts:
        st.caption(f"In this dataset {settings.clip_s:g} s mean: {'; '.join(parts)} (before trimming).")


def compare(crop: ClipView, settings: SpectrogramSettings, workspace: Workspace) -> None:
    """The same sound under another preset, and the difference."""
    name = st.selectbox("Beside", preset_names(workspace), index=1, key="beside", persist_state="session")
    other = load_preset(name, workspace)
    if other.sample_rate != settings.sample_rate:
        st.info(f"{name} has another sample rate ({other.sample_rate} Hz); the two cannot be laid over each other.")
        return
    waveform = crop.waveform if len(crop.waveform) > other.n_fft // 2 else fit_length(crop.waveform, other)
    theirs = log_mel(waveform, other)
    st.caption(
        f"The same {len(crop.waveform) / settings.sample_rate:.3g} s of sound under both: how the two would crop, trim "
        "and pad the clip is not compared."
    )
    left, right = st.columns(2)
    for column, title, log_mels, of in ((left, "These settings", crop.log_mel, settings), (right, name, theirs, other)):
        column.markdown(f"**{messages.escape_markdown(title)}** · {of.n_mels} × {log_mels.shape[1]}")
        column.plotly_chart(
            figures.network_picture(log_mels, of.changed(normalise="none", resize=0, deltas=0), 0.0, 300),
            key=f"beside-{title}",
            config=CONFIG,
            alt=f"Log-mel spectrogram of the crop under {title}",
        )
    st.markdown(f"**The difference:** how far these settings lie above {messages.escape_markdown(name)}")
    st.plotly_chart(
        figures.difference(crop.log_mel, settings, theirs, other),
        key="difference",
        config=CONFIG,
        alt="Difference of the two log-mel spectrograms in dB",
    )
    changed = [
        f"{field.name} {getattr(settings, field.name)} ↔ {getattr(other, field.name)}"
        for field in fields(SpectrogramSettings)
        if getattr(settings, field.name) != getattr(other, field.name)
    ]
    st.caption(" · ".join(changed) or "Both have the same settings.")


def strip(dataset: Dataset, settings: SpectrogramSettings) -> None:
    """Clips of one label under the same settings."""
    st.caption("Clips of this label, the middle of each, under these settings and on one scale of dB.")
    pictures = []
    for path in sound_picker.same_label(dataset, STRIP):
        try:
            pictures.append((path.name, log_mel(middle_of(path, settings), settings)))
        except AudiotagError as error:
            st.caption(f":material/warning: {messages.escape_markdown(str(error))}")
    if not pictures:
        return
    loudest = max(float(log_mels.max()) for _, log_mels in pictures)
    for column, (name, log_mels) in zip(st.columns(4) * 2, pictures, strict=False):
        column.image(
            figures.image(log_mels, loudest - settings.top_db, loudest),
            caption=name,
            width="stretch",
            alt=f"Log-mel spectrogram of {name}",
        )


def augment(crop: ClipView, dataset: Dataset, settings: SpectrogramSettings) -> None:
    """Draws of the chosen augmentations over the crop; a draw stays until it is rolled again."""
    chosen = st.pills(
        "Augmentations",
        list(AUGMENTATIONS),
        selection_mode="multi",
        default=["time mask", "mel mask"],
        key="augmentations",
        help="Drawn at random for every clip of every epoch. The mixers lay other clips of the label over this one.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        rolled = st.session_state.get("draw", 0)
        st.button("Re-roll", icon=":material/casino:", key="re-roll", on_click=_re_roll, shortcut="D")
        st.caption(f"draw {rolled}")
    for column, drawn in zip(st.columns(DRAWS), apply_all(crop, dataset, settings, chosen, rolled), strict=True):
        column.image(figures.image(drawn), width="stretch", alt="The crop, augmented")


def apply_all(
    crop: ClipView, dataset: Dataset, settings: SpectrogramSettings, chosen: list[str], seed: int
) -> list[np.ndarray]:
    """Four pictures of the crop, ``(n_mels, frames)``, by the draws of one seed, each step where training has it."""
    rng = np.random.default_rng(seed)
    partners = [middle_of(path, settings) for path in sound_picker.same_label(dataset, DRAWS)]
    batch = np.stack([crop.waveform] * DRAWS + partners)
    chain = Chain.of(tuple(item for name, item in AUGMENTATIONS.items() if name in chosen), mixup=0)
    labels = np.ones((len(batch), 1), dtype=np.float32)
    batch, labels = in_turn(chain.on_waveforms, batch, labels, rng)
    log_mels = np.stack([log_mel(waveform, settings) for waveform in batch])[:, None]
    log_mels, labels = in_turn(chain.on_log_mels, log_mels, labels, rng)
    pictures, _ = in_turn(chain.on_network_inputs, normalise(log_mels[:, 0], settings)[:, None], labels, rng)
    return list(pictures[:DRAWS, 0])


def survives(crop: ClipView, settings: SpectrogramSettings) -> None:
    """What is left of the crop when its picture is turned back into sound."""
    now = (settings, crop.waveform.tobytes())
    st.caption("The picture alone, turned back into sound: what the network can hear of the crop.")
    if st.button("Turn back into sound", icon=":material/hearing:", key="invert"):
        st.session_state["inverted"] = hash(now)
    left, right = st.columns(2)
    left.markdown("**The crop**")
    left.audio(wav_bytes(crop.waveform, settings.sample_rate), alt="Player of the crop")
    if st.session_state.get("inverted") == hash(now):
        right.markdown("**What survives**")
        right.audio(
            wav_bytes(cache.sound_of(crop.log_mel, settings), settings.sample_rate), alt="Player of what survives"
        )


def use(dataset: Dataset, settings: SpectrogramSettings, preset: str | None, source: Source) -> None:
    """Train with the settings, and the same in a command and in Python."""
    st.page_link(
        "pages/train.py",
        label="Train with this",
        icon=":material/model_training:",
        disabled=preset is None,
        query_params={"train-preset": preset} if preset else None,
        help="Opens the Train page with this preset." if preset else "Save the settings as a preset first.",
    )
    st.caption("The same as a command:" if preset else "As a command, once the settings are saved as a preset:")
    st.code(f"audiotag train {messages.quoted(dataset.root)} --preset {preset or 'NAME'}", language="bash")
    st.caption("The same picture in Python:")
    st.code(python_lines(settings, "clip.wav" if isinstance(source, bytes) else str(source)), language="python")


def python_lines(settings: SpectrogramSettings, path: str) -> str:
    """Python that makes the picture of the middle of a clip."""
    default = SpectrogramSettings()
    changes = ", ".join(
        f"{field.name}={getattr(settings, field.name)!r}"
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    )
    return f"""from pathlib import Path

from audiotag.audio.reading import read_sound
from audiotag.features.settings import SpectrogramSettings
from audiotag.features.log_mel import log_mel, network_input
from audiotag.features.trimming import fit_length, trimmed_bounds

settings = SpectrogramSettings({changes})
waveform = read_sound(Path({path!r}), settings.sample_rate).waveform
start, end = trimmed_bounds(waveform, settings)
crop = fit_length(waveform[start:end], settings)
picture = network_input(log_mel(crop, settings), settings)"""


def middle_of(path: Any, settings: SpectrogramSettings) -> np.ndarray:
    """The middle crop of a clip, trimmed, at the settings' rate."""
    waveform = cache.sound(path, settings.sample_rate).waveform
    start, end = trimmed_bounds(waveform, settings)
    return fit_length(waveform[start:end], settings)


def _re_roll() -> None:
    st.session_state["draw"] = st.session_state.get("draw", 0) + 1
