"""The left side of the Train page: what to train and how, the facts of it, the button, the same as a command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.data.layouts import absolute
from audiotag.features.presets import preset_names
from audiotag.training.devices import check_device, devices
from audiotag.training.folds import available_folds
from audiotag.training.recipe import Recipe, load_recipe, recipe_names
from audiotag.training.run_options import RunOptions, epochs_of
from audiotag.training.runs import RunSettings, create_run
from audiotag.training.session import Session
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace

OF_THE_RECIPE = "as in the recipe"
OWN_FILE = "own file"
IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}


def pick(dataset: Dataset, workspace: Workspace) -> RunOptions | None:
    """The widgets; None, with a sentence, where there is no recipe to train by."""
    name = _recipe_name()
    if not name:
        st.info(
            "Give the path of a recipe: a TOML file like those in audiotag/training/recipes.", icon=":material/draft:"
        )
        return None
    with messages.show_errors():
        recipe = load_recipe(name)
        st.caption(recipe.about)
        preset = st.selectbox(
            "Spectrogram",
            [OF_THE_RECIPE, *preset_names(workspace)],
            key="train-preset",
            help="What the network gets of a clip. Presets are tuned and saved on the Spectrogram page.",
            **IN_ADDRESS,
        )
        folds_come_here = st.container()
        with st.expander("More", icon=":material/tune:", key="more"):
            epochs = _epochs(recipe)
            choices = RunOptions(str(dataset.root), name, "" if preset == OF_THE_RECIPE else preset)
            choices = replace(choices, **_changes(recipe), held_out=_held_out(dataset), device=_device())
        with folds_come_here:
            folds = _folds(recipe, dataset, choices.held_out)
        choices = replace(choices, epochs=epochs_of(epochs))
        return None if folds is None else replace(choices, folds=folds)
    return None


def settings_of(choices: RunOptions, workspace: Workspace) -> RunSettings | None:
    """The run's settings; None, with a sentence, where the choices do not fit each other."""
    with messages.show_errors():
        return choices.settings(workspace)
    return None


def facts(settings: RunSettings, dataset: Dataset) -> None:
    """What the choices come to: stages, batches, network, device."""
    recipe = settings.recipe
    batches = Session(dataset, settings).expected_batches()
    stages = [
        f"{stage.subset}, {stage.epochs} {'epoch' if stage.epochs == 1 else 'epochs'} of {batches[number]:,} "
        + ("batch" if batches[number] == 1 else "batches")
        + (", one network for all folds" if stage.shared else "")
        for number, stage in enumerate(recipe.stages)
        if number in batches
    ]
    picture = recipe.final_spectrogram
    names = {device.key: device.name for device in devices()}
    lines = [
        f":material/stairs: {' → '.join(stages)}" if stages else "",
        f":material/hub: {recipe.network.describe()}, pictures of {picture.height} × {picture.width}, "
        f"batches of {recipe.batch_size}",
        ":material/memory: " + " · ".join(names[key] for key in check_device(settings.device)),
    ]
    st.caption("  \n".join(line for line in lines if line))
    for device in devices():
        if device.problem:
            st.warning(device.problem, icon=":material/memory:")
    if not stages:
        wanted = ", ".join(dict.fromkeys(stage.subset for stage in recipe.stages))
        st.warning(
            f"The recipe trains on {wanted} clips, and {messages.escape_markdown(dataset.name)} has none; choose another.",
            icon=":material/folder_off:",
        )


def start(settings: RunSettings | None, choices: RunOptions | None, dataset: Dataset, workspace: Workspace) -> None:
    """The button that starts the run and shows it, and the command that does the same."""
    ready = settings is not None and bool(Session(dataset, settings).expected_batches())
    pressed = st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        key="start",
        disabled=not ready,
        width="stretch",
        help="It goes on when you close this page." if ready else "Choose a fold, and a recipe that fits the dataset.",
    )
    if pressed and settings is not None:
        with messages.show_errors():
            run = create_run(workspace, settings)
            run.start()
            st.session_state["run"] = run.name
            st.session_state["show"] = "Runs"
            st.rerun()
    if choices is not None:
        st.caption("The same as a command:")
        st.code(choices.command(), language="bash", wrap_lines=True)


def _recipe_name() -> str:
    """Name or path of the chosen recipe; empty where no path is given yet."""
    names = recipe_names()
    name = st.selectbox(
        "Recipe",
        [*names, OWN_FILE],
        index=names.index("quick"),
        format_func=lambda name: "Own file …" if name == OWN_FILE else load_recipe(name).title,
        key="recipe",
        help="Stages, network, front-end and augmentation of the training.",
        **IN_ADDRESS,
    )
    if name != OWN_FILE:
        return str(name)
    path = st.text_input(
        "Recipe file",
        key="recipe-file",
        placeholder="/home/me/mine.toml",
        help="Path of a TOML file with the fields of a recipe; every field is checked.",
        **IN_ADDRESS,
    )
    return str(absolute(Path(path.strip()))) if path and path.strip() else ""


def _epochs(recipe: Recipe) -> str:
    epochs = st.text_input(
        "Epochs",
        key="epochs",
        placeholder=f"{', '.join(str(stage.epochs) for stage in recipe.stages)} {OF_THE_RECIPE}",
        help="One number for all stages, or one for each stage of the recipe with commas between: 2 or 2,5.",
        **IN_ADDRESS,
    )
    return epochs or ""


def _changes(recipe: Recipe) -> dict[str, Any]:
    """Fraction, balance and seed; None where they are left as the recipe has them."""
    per_cent = round(100 * recipe.fraction)
    fraction = st.slider(
        "Training clips used (%)",
        min(5, per_cent),
        100,
        per_cent,
        5,
        key=f"fraction-{recipe.name}-{per_cent}",
        help="A share of each fold's training clips, drawn by the seed. Held-out clips are all used.",
    )
    balance = st.slider(
        "Balance",
        0.0,
        max(1.0, recipe.balance),
        recipe.balance,
        0.1,
        format="%.1f",
        key=f"balance-{recipe.name}-{recipe.balance}",
        help="0 takes each clip once an epoch; 1 draws rare and common labels about as often.",
    )
    seed = st.number_input(
        "Seed",
        0,
        2**31 - 1,
        None,
        1,
        key="seed",
        placeholder=f"{recipe.seed} {OF_THE_RECIPE}",
        help="Of folds, weights, order, crops and augmentation. The same seed trains the same network again.",
        **IN_ADDRESS,
    )
    return {
        "fraction": None if fraction == per_cent else fraction / 100,
        "balance": None if balance == recipe.balance else round(balance, 1),
        "seed": None if seed is None else int(seed),
    }


def _held_out(dataset: Dataset) -> int | None:
    if not dataset.own_folds:
        return None
    return st.selectbox(
        "Hold out for testing",
        [None, *dataset.own_folds],
        format_func=lambda fold: "nothing" if fold is None else f"the dataset's fold {fold}",
        key="held-out",
        help="Clips of this fold take no part at all, so that you can test on them what comes out.",
    )


def _device() -> str:
    """Where to train, asked only where there is a choice."""
    names = {device.key: device.name for device in devices()}
    best = check_device("")
    if len(names) == 1:
        return ""
    options = {"": f"all {len(best)} GPUs, a fold on each" if len(best) > 1 else f"{names[best[0]]} (the best)"}
    options |= {key: name for key, name in names.items() if best != (key,)}
    return st.selectbox(
        "Device",
        list(options),
        format_func=lambda key: options[key],
        key="device",
        help="Runs on one device wait for each other.",
    )


def _folds(recipe: Recipe, dataset: Dataset, held_out: int | None) -> tuple[int, ...] | None:
    """The chosen folds, empty for all; None, with a sentence, where none is chosen."""
    folds = available_folds(dataset, recipe, held_out)
    chosen = st.pills(
        "Folds",
        folds,
        selection_mode="multi",
        default=folds,
        key=f"folds-{dataset.name}-{held_out}-{len(folds)}",
        help="Each fold trains on all clips but its own part, and is measured on that part.",
    )
    if not chosen:
        st.caption(":material/info: Choose at least one fold.")
        return None
    return () if len(chosen) == len(folds) else tuple(sorted(chosen))
