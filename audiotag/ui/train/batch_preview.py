"""Show a training batch as the network gets it: cropped, augmented and mixed, with its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.index import with_keys
from audiotag.features.log_mel import log_mel
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures.sound import spectrogram_image
from audiotag.metrics import multi_hot
from audiotag.training.batches import Batch, Batches
from audiotag.training.clips import KINDS, Clip, LabelledClips, prepare_clips
from audiotag.training.negative_clips import sample_negatives
from audiotag.training.runs import RunSettings
from audiotag.training.stage import Stage
from audiotag.ui.text import escape
from audiotag.ui.train.corrected_labels import open_session
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.step_buttons import show_draw_button

MAX_DECODED_CLIPS = 64  # the batch is drawn from these; decoding the whole dataset would take too long
MAX_SHOWN_CLIPS = 12
MAX_NEGATIVES = 8  # rendered, and of the folder
IMAGE_WIDTH_PIXELS = 150


def show_batch(settings: RunSettings | None, dataset: Dataset) -> None:
    """A batch of the chosen stage; a button draws another one."""
    session = open_session(dataset, settings) if settings else None
    stages = list(session.expected_batches()) if session else []
    if settings is None or session is None or not stages:
        st.info("Choose a recipe that fits the dataset to see one of its batches.", icon=":material/image:")
        return
    recipe = settings.recipe
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = stages[0]
        if len(stages) > 1:
            number = st.segmented_control(
                "Stage",
                stages,
                format_func=lambda at: f"{at + 1:d} {escape(recipe.stages[at].describe_clips())}",
                key=f"stage-{len(stages)}",
                default=stages[0],
                required=True,
            )
        draw = show_draw_button("batch-draw")
    stage = recipe.stages[number]
    clips, reasons = _preview_clips(dataset, settings, stage)
    for reason in reasons:
        st.caption(f":material/warning: {escape(reason)}")
    if not clips.clips:
        st.error(f"None of the {escape(stage.describe_clips())} clips can be read. See Problems on the Dataset page.")
        return
    with messages.show_errors(stop=True):
        asked = recipe.negatives_of(stage)
        negatives = sample_negatives(
            asked, recipe.spectrogram, session.labels, recipe.seed, session.workspace, MAX_NEGATIVES
        )
        batches = Batches(clips, recipe, stage, recipe.seed, training=True, negatives=negatives)
        batch = batches.input_batch(draw, 0)
    _, channels, height, width = batch.values.shape
    is_waveform = batches.settings.network_input == "waveform"
    size = f"{width:,} samples, shown as their spectrograms" if is_waveform else f"{height:d} × {width:d} pixels"
    st.caption(
        f"Draw {draw + 1:d}: {min(MAX_SHOWN_CLIPS, len(batch.items)):d} of {len(batch.items)} network inputs of a "
        f"batch, {escape(size)}" + (f", the first of {channels:d} channels" if channels > 1 else "") + ". "
        f"The batch is drawn from {len(clips.clips)} clips"
        + (f", with {len(negatives.clips)} sounds without labels," if negatives else "")
        + " and augmented as in training."
    )
    _show_inputs(batch, batches.labelled, batches.chain.labels_after(session.labels), batches.settings)


def label_weights_text(labels: Sequence[str], targets: np.ndarray) -> str:
    """Labels of a clip, with their weights where clips are mixed, the highest first.

    >>> label_weights_text(("Bark", "Meow"), np.array([0.7, 0.3]))
    'Bark 0.7, Meow 0.3'
    >>> label_weights_text(("Bark", "Meow"), np.array([1.0, 0.0]))
    'Bark'
    """
    weighted = sorted(((float(weight), label) for label, weight in zip(labels, targets, strict=True)), reverse=True)
    present = [(weight, label) for weight, label in weighted if weight >= 0.005]
    if all(weight > 0.995 for weight, _ in present):
        return ", ".join(label for _, label in reversed(present)) or "no label"
    return ", ".join(f"{label} {round(weight, 2):g}" for weight, label in present)


def _show_inputs(batch: Batch, clips: LabelledClips, labels: tuple[str, ...], settings: SpectrogramSettings) -> None:
    inputs = batch.values[:MAX_SHOWN_CLIPS, 0]
    if settings.network_input == "waveform":
        inputs = np.stack([log_mel(waveform, settings) for waveform in inputs[:, 0]])
    low, high = (float(level) for level in np.percentile(inputs, (1, 99.8)))
    if settings.normalise == "none":
        low = max(low, high - settings.top_db)
    captions = [label_weights_text(labels, targets) for targets in batch.targets[:MAX_SHOWN_CLIPS]]
    names = [clips.clips[item].name for item in batch.items[:MAX_SHOWN_CLIPS]]
    with st.container(horizontal=True):  # as many next to each other as fit: four on a screen, two on a phone
        for values, caption, name in zip(inputs, captions, names, strict=True):
            with st.container(width=IMAGE_WIDTH_PIXELS):
                st.image(
                    spectrogram_image(values, low, high),
                    caption=f"{escape(caption)}  \n:gray[{escape(name)}]",
                    width="stretch",
                    alt=f"Network input of {name}, labelled {caption}",
                )


def _preview_clips(dataset: Dataset, settings: RunSettings, stage: Stage) -> tuple[LabelledClips, list[str]]:
    """Some of the stage's clips, the same each time, and the reasons why others of them cannot be used."""
    session = open_session(dataset, settings)
    pools = session.pools_of(stage) or [stage.subset]
    each = MAX_DECODED_CLIPS // len(pools)
    rows = pd.concat([session.sample_rows(session.rows_of_kind(kind), each).assign(kind=kind) for kind in pools])
    stamped = with_keys(rows)  # so that a file that was mended, or broken, is read again
    stamps = tuple(zip(stamped["size"], stamped["modified_ns"], strict=True))
    clips, reasons = _prepare_clips(tuple(rows["path"]), tuple(rows["clip"]), stamps, settings.recipe.spectrogram)
    usable = [clip is not None for clip in clips]
    targets = multi_hot(list(rows["labels"][usable]), session.labels)
    kinds = np.array([KINDS.index(kind) for kind in rows["kind"][usable]], np.int8)
    return LabelledClips([clip for clip in clips if clip is not None], targets, kinds), reasons


@st.cache_resource(max_entries=8, show_spinner="Reading some clips …")
def _prepare_clips(
    paths: tuple[Path, ...], names: tuple[str, ...], stamps: tuple[tuple[int, int], ...], settings: SpectrogramSettings
) -> tuple[list[Clip | None], list[str]]:
    clips, problems = prepare_clips(pd.DataFrame({"path": paths, "clip": names}), settings)
    return clips, [problem.reason for problem in problems]
