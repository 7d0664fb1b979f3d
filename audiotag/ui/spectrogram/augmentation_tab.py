"""The Augmentation tab of the Spectrogram page: random examples of every augmentation that the network input allows."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import streamlit as st

from audiotag.augmentation.base import AUGMENTATIONS, Augmentation, Mixer
from audiotag.augmentation.chain import Chain, apply_all
from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.log_mel import Scale, log_mel, normalise
from audiotag.features.settings import NetworkInput, SpectrogramSettings
from audiotag.features.whole_clip import WholeClip, cut_crop
from audiotag.figures import sound as figures
from audiotag.ui.spectrogram.crops import IMAGE_WIDTH_PIXELS, Crop, crop_of_file
from audiotag.ui.text import escape
from audiotag.ui.widgets import sound_picker
from audiotag.ui.widgets.step_buttons import show_draw_button

EXAMPLE_COUNT = 4
# Values for fields that have no default, or a default whose effect is hard to see in a few examples.
EXAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "mask": {"mask (time)": {"axis": "time", "width": 8}, "mask (mel)": {"axis": "mel", "width": 8}},
    "shift": {"shift (time)": {"axis": "time"}, "shift (mel)": {"axis": "mel", "most": 8}},
    "noise": {"noise": {"min_snr_db": 5, "max_snr_db": 25}},
    "overlay": {"overlay": {"alpha": 1.0}},
}


def example_augmentations(network_input: NetworkInput) -> dict[str, Any]:
    """An instance of every registered augmentation by the name that the page shows; each changes every clip.

    Augmentations that need values which are not in `EXAMPLES` are left out, and where the network gets the waveform
    those that change something else.
    """
    takes_waveforms = network_input == "waveform"
    found: dict[str, Any] = {}
    for kind, augmentation in AUGMENTATIONS.items():
        names: list[str] = [field.name for field in fields(augmentation)] if is_dataclass(augmentation) else []
        always: dict[str, Any] = {"p": 1.0} if "p" in names else {}
        if takes_waveforms and "domain" in names:
            always["domain"] = "waveform"
        for name, values in EXAMPLES.get(kind, {kind: {}}).items():
            try:
                example = augmentation(**(always | values))
            except (TypeError, AudiotagError):  # it needs a value, or does not change waveforms
                continue
            if not takes_waveforms or example.domain == "waveform":
                found[name] = example
    return found


def show_augmentation(crop: Crop, dataset: Dataset | None, settings: SpectrogramSettings) -> None:
    """Random examples of the chosen augmentations on the crop; they stay until they are drawn again."""
    augmentations = example_augmentations(settings.network_input)
    first = [name for name in EXAMPLES["mask"] if name in augmentations] or list(augmentations)[:1]
    chosen = st.pills(
        "Augmentations",
        list(augmentations),
        selection_mode="multi",
        format_func=escape,
        default=first,
        key=f"augmentations-{settings.network_input}",
        help="Training draws them at random for every clip in every epoch. Mixers add other clips of the same label.",
    )
    descriptions = {name.partition(" (")[0]: augmentations[name].description() for name in chosen}
    for kind, description in descriptions.items():
        st.caption(f"{escape(kind)}: {escape(description)}")
    with st.container(horizontal=True, vertical_alignment="center"):
        draw = show_draw_button("augmentation-draw")
        st.caption(f"Draw {draw + 1:,}")
    examples = draw_examples(crop, dataset, settings, [augmentations[name] for name in chosen], draw)
    plain = normalise(crop.log_mel[None], settings, [crop.scale] if crop.scale else None)[0]
    with st.container(horizontal=True):
        for example in examples:
            st.image(
                figures.spectrogram_image(example, float(plain.min()), float(plain.max())),
                width=IMAGE_WIDTH_PIXELS,
                alt="Log-mel spectrogram of the augmented crop",
            )


def draw_examples(
    crop: Crop, dataset: Dataset | None, settings: SpectrogramSettings, augmentations: list[Any], seed: int
) -> list[np.ndarray]:
    """Augmented versions of the crop, each ``(n_mels, frames)``; every step is applied where training applies it."""
    rng = np.random.default_rng(seed)
    partners = [crop_of_file(path, settings) for path in sound_picker.paths_with_label(dataset, EXAMPLE_COUNT)]
    crops = [crop] * EXAMPLE_COUNT + partners
    chain = Chain.of(tuple(augmentations), mixup=0)
    targets = np.ones((len(crops), 1), dtype=np.float32)
    scales = None
    if settings.crop == "spectrogram":
        changed = [_with_changed_waveform(each, settings, chain.on_waveforms, rng) for each in crops]
        log_mels, scales = np.stack([values for values, _ in changed]), [scale for _, scale in changed]
    else:
        batch = np.stack([each.waveform for each in crops])
        batch, targets = apply_all(chain.on_waveforms, batch, targets, rng)
        log_mels = np.stack([log_mel(waveform, settings) for waveform in batch])
    log_mels, targets = apply_all(chain.on_log_mels, log_mels[:, None], targets, rng)
    inputs, _ = apply_all(chain.on_network_inputs, normalise(log_mels[:, 0], settings, scales)[:, None], targets, rng)
    return list(inputs[:EXAMPLE_COUNT, 0])


def _with_changed_waveform(
    crop: Crop, settings: SpectrogramSettings, augmentations: tuple[Augmentation, ...], rng: np.random.Generator
) -> tuple[np.ndarray, Scale]:
    """The log-mel of a crop, and the scale of its clip, whose whole waveform is changed first; it is not mixed."""
    assert crop.whole is not None
    alone = tuple(augmentation for augmentation in augmentations if not isinstance(augmentation, Mixer))
    if not alone:
        return crop.log_mel, crop.whole.scale
    waveform, _ = apply_all(alone, crop.trimmed[None], np.ones((1, 1), dtype=np.float32), rng)
    whole = WholeClip.of(waveform[0], settings)
    return cut_crop(whole.log_mel, settings, crop.position), whole.scale
