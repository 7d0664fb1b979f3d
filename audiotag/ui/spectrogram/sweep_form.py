"""Start a sweep on the Spectrogram page: what is varied, the recipe, folds, epochs, and the command."""

from __future__ import annotations

from typing import Any

import streamlit as st

from audiotag.cli.command_lines import sweep_line
from audiotag.data.dataset import Dataset
from audiotag.errors import AudiotagError
from audiotag.features.presets import preset_names
from audiotag.features.setting_names import NAMES
from audiotag.training.folds import available_folds
from audiotag.training.recipe_files import load_recipe, recipe_names
from audiotag.training.run_options import RunOptions, epochs_of
from audiotag.training.sweep_settings import (
    LEARNING_RATE,
    PRESET,
    Combination,
    Varied,
    combinations,
    parse_varied,
)
from audiotag.training.sweeps import SweepSettings, find_or_create_sweep
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.fraction_slider import pick_fraction
from audiotag.workspace import Workspace

STARTED = "started-sweep"  # in the session: name of the sweep that was just started
AS_IN_RECIPE = "as in the recipe"
NOTHING = ""
MAX_FIELDS = 2
OTHER_FIELDS = {
    PRESET: "Preset: all spectrogram settings",
    "network.width": "Width of the network",
    "network.depth": "Depth of the network",
    LEARNING_RATE: "Learning rate",
    "batch_size": "Batch size",
}
EXAMPLES = {  # values to begin with
    "n_mels": "64, 128",
    "clip_s": "2, 4",
    "top_db": "60, 80",
    "hop_length": "690, 1380",
    "f_max": "16000, 20000",
    "mel_scale": "htk, slaney",
    "normalise": "none, clip",
    "deltas": "0, 2",
    "trim_db": "0, 20",
    PRESET: "capstone, argus",
    "network.width": "0.25, 0.5",
    LEARNING_RATE: "1e-3, 4e-3",
    "batch_size": "16, 32",
}
FIRST_FIELDS = ("n_mels", NOTHING)


def show_sweep_form(dataset: Dataset | None, workspace: Workspace, is_open: bool) -> None:
    """Options of a new sweep, how many runs they amount to, the start button and the command."""
    with st.expander("Compare settings by training", icon=":material/add:", expanded=is_open, key="new-sweep"):
        if dataset is None:
            st.info("There is no dataset yet. Open one in the sidebar.", icon=":material/folder_off:")
            return
        fields, how = st.columns(2, gap="medium")
        varied = None
        with fields, messages.show_errors():
            varied = _pick_fields()
        with how, messages.show_errors():
            options = _pick_options(dataset, workspace)
            _show_start(varied, options, dataset, workspace)


def _pick_fields() -> tuple[Varied, ...]:
    """Up to two fields with the values that they take."""
    texts = []
    for number in range(MAX_FIELDS):
        choices = [*([NOTHING] if number else []), *NAMES, *OTHER_FIELDS]
        key = f"sweep-field-{number + 1}"
        name = st.selectbox(
            "Vary" if not number else "and",
            choices,
            index=choices.index(FIRST_FIELDS[number]),
            format_func=_field_title,
            key=key,
            persist_state="session",
        )
        if name == NOTHING:
            continue
        values = st.text_input(
            f"Values of {escape(name)}",
            value=EXAMPLES.get(name, ""),
            key=f"{key}-values-{name}",
            persist_state="session",
            placeholder="values, separated by commas",
            help="Each combination of the values is trained. Decimals are written with a point.",
        )
        texts.append(f"{name}={values or ''}")
    return parse_varied(texts)


def _field_title(name: str) -> str:
    if name == NOTHING:
        return "nothing more"
    title = NAMES[name][0] if name in NAMES else OTHER_FIELDS[name]
    unit = f" in {NAMES[name][1]}" if name in NAMES and NAMES[name][1] else ""
    return f"{title}{unit} ({name})"


def _pick_options(dataset: Dataset, workspace: Workspace) -> RunOptions:
    """What all runs have in common."""
    names = recipe_names()
    left, right = st.columns(2)
    keep: dict[str, Any] = {"persist_state": "session"}
    with left:
        recipe_name = st.selectbox(
            "Recipe",
            names,
            index=names.index("quick"),
            format_func=lambda name: load_recipe(name).title,
            key="sweep-recipe",
            **keep,
        )
    recipe = load_recipe(recipe_name)
    with right:
        preset = st.selectbox(
            "Other settings",
            [AS_IN_RECIPE, *preset_names(workspace)],
            key="sweep-preset",
            help="The spectrogram settings that are not varied.",
            **keep,
        )
        epochs = st.text_input(
            "Epochs",
            key="sweep-epochs",
            placeholder=f"{', '.join(str(stage.epochs) for stage in recipe.stages)} {AS_IN_RECIPE}",
            help="One number for all stages, or one per stage, such as 2 or 2,5.",
            **keep,
        )
    with left:
        fraction = pick_fraction(recipe, "sweep-fraction")
    folds = available_folds(dataset, recipe)
    chosen = st.pills(
        "Folds",
        folds,
        selection_mode="multi",
        format_func=escape,
        default=folds,
        key=f"sweep-folds-{dataset.name}-{','.join(map(str, folds))}",
        help="All runs are trained on the same folds. Fewer folds take less time and tell less apart.",
        **keep,
    )
    if not chosen:
        raise AudiotagError("no fold is chosen; choose at least one.")
    return RunOptions(
        str(dataset.root),
        recipe_name,
        "" if preset == AS_IN_RECIPE else preset,
        folds=() if len(chosen) == len(folds) else tuple(sorted(chosen)),
        epochs=epochs_of(epochs or ""),
        fraction=fraction,
    )


def _show_start(varied: tuple[Varied, ...] | None, options: RunOptions, dataset: Dataset, workspace: Workspace) -> None:
    """How many runs there will be, the button that starts them, and the command."""
    if varied is None:  # what is wrong was said beside the fields
        return
    runs = combinations(options.settings(workspace), varied, workspace, options.preset)
    st.caption(_describe(runs, options, dataset))
    pressed = st.button(
        "Start",
        type="primary",
        icon=":material/play_arrow:",
        key="start-sweep",
        help="Training continues after you close this page.",
    )
    if pressed:
        sweep, _ = find_or_create_sweep(SweepSettings.of(options, varied, workspace), workspace)
        sweep.start()
        st.session_state[STARTED] = sweep.name
        st.rerun()
    st.caption("The same as a command:")
    st.code(sweep_line(options, varied), language="bash", wrap_lines=True)


def _describe(runs: tuple[Combination, ...], options: RunOptions, dataset: Dataset) -> Markdown:
    recipe = runs[0].settings.recipe
    folds = len(options.folds or available_folds(dataset, recipe))
    epochs = sum(stage.epochs for stage in recipe.stages)
    per_run = f"{folds} fold{'s' if folds > 1 else ''} of {epochs} epoch{'s' if epochs > 1 else ''}"
    return Markdown(f":material/stairs: {len(runs):,} runs, one after the other, each {per_run}.")
