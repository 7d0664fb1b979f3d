"""Before a run is started: a batch as the network will get it, how long it will take, which learning rate fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.features.settings import SpectrogramSettings
from audiotag.figures import training as figures
from audiotag.figures.sound import image
from audiotag.figures.theme import CONFIG
from audiotag.metrics import multi_hot
from audiotag.training.batches import Batch, Batches
from audiotag.training.clips import Clip, LabelledClips, prepare_clips
from audiotag.training.folds import available_folds
from audiotag.training.recipe import Recipe, Stage
from audiotag.training.runs import RunSettings, list_runs
from audiotag.training.session import Session
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.downloads import as_table
from audiotag.wording import format_duration
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.training.estimate import Estimate

POOL = 64  # clips that the batch is drawn from; a whole dataset would have to be decoded first
SHOWN = 12
PICTURE_PIXELS = 150


def batch(settings: RunSettings | None, dataset: Dataset) -> None:
    """A batch of the chosen stage, augmented, with its labels; drawn anew on the button."""
    stages = list(Session(dataset, settings).expected_batches()) if settings else []
    if settings is None or not stages:
        st.info("Choose a recipe that fits the dataset; a batch of it is shown here.", icon=":material/image:")
        return
    recipe = settings.recipe
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = stages[0]
        if len(stages) > 1:
            number = st.segmented_control(
                "Stage",
                stages,
                format_func=lambda at: f"{at + 1} {recipe.stages[at].subset}",
                key=f"stage-{len(stages)}",
                default=stages[0],
                required=True,
            )
        st.button("Re-roll", icon=":material/casino:", key="re-roll", on_click=_re_roll, shortcut="D")
    stage, draw = recipe.stages[number], st.session_state.get("batch-draw", 0)
    part, left_out = _part(dataset, settings, stage)
    for sentence in left_out:
        st.caption(f":material/warning: {messages.escape_markdown(sentence)}")
    if not part.clips:
        st.error(f"None of the {stage.subset} clips can be read; see Problems on the Dataset page.")
        return
    batches = Batches(part, recipe, stage, recipe.seed, training=True)
    drawn = batches.input_batch(draw, 0)
    _, channels, height, width = drawn.values.shape
    st.caption(
        f"The first {min(SHOWN, len(drawn.items))} of a batch of {len(drawn.items)}, {height} × {width} pixels"
        + (f" in {channels} channels, the first shown" if channels > 1 else "")
        + f", drawn from {len(part.clips)} of the clips: cropped, augmented and mixed as in training. Draw {draw + 1}."
    )
    _pictures(drawn, part, dataset.labels, batches.settings)


def _pictures(drawn: Batch, part: LabelledClips, labels: tuple[str, ...], settings: SpectrogramSettings) -> None:
    pictures = drawn.values[:SHOWN, 0]
    low, high = (float(level) for level in np.percentile(pictures, (1, 99.8)))
    if settings.normalise == "none":
        low = max(low, high - settings.top_db)
    captions = [weighted(labels, targets) for targets in drawn.targets[:SHOWN]]
    names = [part.clips[item].name for item in drawn.items[:SHOWN]]
    with st.container(horizontal=True):  # as many beside each other as fit: four on a screen, two on a phone
        for picture, caption, name in zip(pictures, captions, names, strict=True):
            with st.container(width=PICTURE_PIXELS):
                st.image(
                    image(picture, low, high),
                    caption=f"{messages.escape_markdown(caption)}  \n:gray[{messages.escape_markdown(name)}]",
                    width="stretch",
                    alt=f"Picture of {name}, labelled {caption}",
                )


def weighted(labels: Sequence[str], targets: np.ndarray) -> str:
    """Labels of a clip, with their weights where it is mixed, the heaviest first.

    >>> weighted(("Bark", "Meow"), np.array([0.7, 0.3])), weighted(("Bark", "Meow"), np.array([1.0, 0.0]))
    ('Bark 0.7, Meow 0.3', 'Bark')
    """
    found = sorted(((float(weight), label) for label, weight in zip(labels, targets, strict=True)), reverse=True)
    present = [(weight, label) for weight, label in found if weight >= 0.005]
    if all(weight > 0.995 for weight, _ in present):
        return ", ".join(label for _, label in reversed(present)) or "no label"
    return ", ".join(f"{label} {round(weight, 2):g}" for weight, label in present)


def _part(dataset: Dataset, settings: RunSettings, stage: Stage) -> tuple[LabelledClips, list[str]]:
    """Some of the stage's clips, the same each time, and why others of them cannot be used."""
    session = Session(dataset, settings)
    rows = session.sample_rows(session.rows(stage.subset), POOL)
    clips, left_out = _prepared(tuple(rows["path"]), settings.recipe.spectrogram)
    usable = [clip is not None for clip in clips]
    targets = multi_hot(list(rows["labels"][usable]), dataset.labels)
    return LabelledClips([clip for clip in clips if clip is not None], targets), left_out


@st.cache_resource(max_entries=8, show_spinner="Reading some clips …")
def _prepared(paths: tuple[Path, ...], settings: SpectrogramSettings) -> tuple[list[Clip | None], list[str]]:
    clips, problems = prepare_clips(pd.DataFrame({"path": paths}), settings)
    return clips, [problem.reason for problem in problems]


def _re_roll() -> None:
    st.session_state["batch-draw"] = st.session_state.get("batch-draw", 0) + 1


def estimate(settings: RunSettings, dataset: Dataset, workspace: Workspace) -> None:
    """Two buttons that measure before the start, and what they found."""
    from audiotag.training.estimate import Estimate  # only this page needs it

    probe = Estimate.of(settings, workspace)
    active = probe.is_active()
    busy = "" if active else next((run.name for run in list_runs(workspace) if run.is_active()), "")
    why = f"Not while {busy} is at work: the two would slow each other down." if busy else ""
    with st.container(horizontal=True, gap="xxsmall"):
        if st.button(
            "Measure how long it takes",
            icon=":material/timer:",
            key="measure-time",
            type="tertiary",
            disabled=active or bool(busy),
            help=why or "Trains a few batches of each stage and counts up from them; nothing of it is kept.",
        ):
            _begin(probe, rates=False)
        if st.button(
            "Find the learning rate",
            icon=":material/trending_down:",
            key="find-rate",
            type="tertiary",
            disabled=active or bool(busy),
            help=why or "Trains some batches at ever higher rates: the loss falls fastest where the rate fits.",
        ):
            _begin(probe, rates=True)

    @st.fragment(run_every=1 if active else None)
    def watch() -> None:
        """Look each second until it is done."""
        if probe.is_active() != active:
            st.rerun()
        if active:
            st.caption(":material/hourglass_top: Measuring a few batches …")

    watch()
    if active:
        return
    if problem := probe.problem():
        st.error(messages.escape_markdown(problem), icon=":material/error:")
    if result := probe.result():
        _show(result, settings, dataset)


def _begin(probe: Estimate, rates: bool) -> None:
    with messages.show_errors():
        probe.start(rates=rates)
        st.rerun()


def _show(result: dict, settings: RunSettings, dataset: Dataset) -> None:
    recipe = settings.recipe
    folds = len(settings.folds or available_folds(dataset, recipe, settings.held_out))
    st.caption(f":material/timer: {estimate_in_words(result, folds, _epochs_of(recipe, dataset))}")
    if not result["rates"]:
        return
    st.plotly_chart(
        figures.rates(result["rates"], result["losses"], result["suggested_lr"], result["lr"]),
        key="rates",
        config=CONFIG,
        alt="Loss against learning rate, with the suggested rate and the recipe's",
    )
    st.caption(
        f"Suggested: {result['suggested_lr']:.2g}. The recipe goes up to {result['lr']:.2g} in its last stage."
        if result["suggested_lr"]
        else "The loss fell at no rate; the recipe may not fit these clips."
    )
    as_table(pd.DataFrame({"learning rate": result["rates"], "loss": result["losses"]}), "learning-rates")


def estimate_in_words(result: dict, folds: int, epochs: int) -> str:
    """What was measured, as a sentence.

    >>> estimate_in_words({"total_s": 720.0, "batch_s": [0.13], "memory_gib": None}, 5, 24)
    'About 12 min: 0.13 s a batch, 5 folds of 24 epochs'
    """
    each = list(dict.fromkeys(f"{seconds:.2g}" for seconds in result["batch_s"]))
    memory = "" if result["memory_gib"] is None else f", {result['memory_gib']:.1f} GiB of memory"
    of = f"{folds} {'fold' if folds == 1 else 'folds'} of {epochs} {'epoch' if epochs == 1 else 'epochs'}"
    return f"About {format_duration(result['total_s'])}: {' and '.join(each)} s a batch, {of}{memory}"


def _epochs_of(recipe: Recipe, dataset: Dataset) -> int:
    return sum(stage.epochs for stage in recipe.stages if stage.subset in dataset.subsets)
