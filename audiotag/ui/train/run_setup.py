"""The parts of a new run: its options, what they amount to, the start button, the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.cli.command_lines import train_line
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import absolute
from audiotag.features.presets import preset_names
from audiotag.features.setting_names import input_size_text
from audiotag.training.devices import check_device, devices
from audiotag.training.folds import available_folds, with_fold_source
from audiotag.training.pool_notes import pool_notes
from audiotag.training.recipe import Recipe
from audiotag.training.recipe_files import load_recipe, recipe_names
from audiotag.training.run_options import RunOptions, epochs_of
from audiotag.training.runs import FoldSource, RunSettings, Together, create_run
from audiotag.ui import dataset_cache, run_cache
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.train.corrected_labels import open_session, pick_corrected
from audiotag.ui.train.open_run import open_run
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.fraction_slider import pick_fraction
from audiotag.ui.widgets.number_field import parse_number
from audiotag.workspace import Workspace

AS_IN_RECIPE = "as in the recipe"
OWN_FILE = "own file"
STARTED = "started-run"  # in the session: the name of the run that was just started
RECIPE, EPOCHS, LEARNING_RATE, SEED = "recipe", "epochs", "learning-rate", "seed"  # keys of their fields
KEEP_TOGETHER = "keep-together"
ADDRESS_KEYS = (RECIPE, "recipe-file", "train-preset", EPOCHS, LEARNING_RATE, SEED, "corrections", KEEP_TOGETHER)
IN_ADDRESS: dict[str, Any] = {"bind": "query-params"}


def pick_options(
    dataset: Dataset, workspace: Workspace, what: DeltaGenerator, how: DeltaGenerator
) -> RunOptions | None:
    """Widgets for a new run, in two columns; None, with a message, where recipe or folds are missing."""
    with what, messages.show_errors():
        name = _pick_recipe()
        if not name:
            st.info(
                "Give the path of a recipe: a TOML file like those in audiotag/training/recipes.",
                icon=":material/draft:",
            )
            return None
        recipe = load_recipe(name)
        st.caption(escape(recipe.about))
        preset = st.selectbox(
            "Spectrogram",
            [AS_IN_RECIPE, *preset_names(workspace)],
            key="train-preset",
            help="Settings of the network input. Make your own presets on the Spectrogram page.",
            **IN_ADDRESS,
        )
        folds_place = st.container()
        corrected = pick_corrected(dataset)
        with how:
            epochs = _pick_epochs(recipe)
            options = RunOptions(str(dataset.root), name, "" if preset == AS_IN_RECIPE else preset)
            source = _pick_folds_from(dataset)
            dataset = with_fold_source(dataset, source)
            held_out = _pick_held_out(dataset)
            together = _pick_keep_together(recipe, dataset)
            options = replace(
                options,
                **_pick_changes(recipe),
                folds_from=source,
                held_out=held_out,
                device=_pick_device(),
                keep_together=together,
            )
        with folds_place:
            folds = _pick_folds(recipe, dataset, options.held_out)
        options = replace(options, epochs=epochs_of(epochs), corrected=corrected, **_typed_numbers())
        return None if folds is None else replace(options, folds=folds)
    return None


def run_settings(options: RunOptions, workspace: Workspace, dataset: Dataset) -> RunSettings | None:
    """The run's settings; None, with a message, where the options contradict each other or the dataset."""
    with messages.show_errors():
        settings = options.settings(workspace)
        if settings.recipe.lists:
            open_session(dataset, settings)  # raises if a list does not fit the dataset
        settings.recipe.negatives.sounds()  # raises if their folder has none
        return settings
    return None


def show_facts(settings: RunSettings, dataset: Dataset) -> None:
    """Stages, batches, network and device of the run, and warnings about them."""
    recipe = settings.recipe
    session = open_session(dataset, settings)
    batches = session.expected_batches()
    stages = [
        f"{escape(stage.describe_clips())}, {escape(stage.describe_epochs())} of {batches[number]:,} "
        + ("batch" if batches[number] == 1 else "batches")
        + (f", {escape(stage.describe_without())}" if stage.without else "")
        + (", one network for all folds" if stage.shared else "")
        for number, stage in enumerate(recipe.stages)
        if number in batches
    ]
    spectrogram = recipe.final_spectrogram
    names = {device.key: device.name for device in devices()}
    lines = [
        f":material/stairs: {' → '.join(stages)}" if stages else "",
        f":material/hub: {escape(recipe.network.describe())}, input of {escape(input_size_text(spectrogram))}, "
        f"batches of {recipe.batch_size:d}",
        ":material/memory: " + escape_all((names[key] for key in check_device(settings.device)), " · "),
    ]
    st.caption("  \n".join(line for line in lines if line))
    for sentence in pool_notes(session):
        st.caption(f":material/playlist_add_check: {escape(sentence)}")
    for sentence in run_cache.fold_leaks(dataset, settings) if stages else ():
        st.warning(escape(sentence), icon=":material/content_copy:")
    for device in devices():
        if device.problem:
            st.warning(escape(device.problem), icon=":material/memory:")
    if not stages and session.labels:  # without labels, the start button says what to do
        wanted = escape_all(dict.fromkeys(stage.subset for stage in recipe.stages))
        st.warning(
            f"The recipe trains on {wanted} clips, but {escape(dataset.name)} has none. Choose another recipe.",
            icon=":material/folder_off:",
        )


def show_start_button(
    settings: RunSettings | None, options: RunOptions | None, dataset: Dataset, workspace: Workspace
) -> None:
    """The button that starts the run and shows it, and the command that does the same."""
    reason = why_not_ready(settings, dataset)
    pressed = st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        key="start",
        disabled=bool(reason),
        width="stretch",
        help="Training continues after you close this page.",
    )
    if reason:
        st.caption(f":material/info: {reason}")
    if pressed and settings is not None:
        with messages.show_errors():
            run = create_run(workspace, settings)
            run.start()
            st.session_state[STARTED] = run.name
            open_run(run.name)
            st.session_state["show"] = "Runs"
            st.rerun()
    if options is not None:
        st.caption("The same as a command:")
        st.code(train_line(options), language="bash", wrap_lines=True)


def why_not_ready(settings: RunSettings | None, dataset: Dataset) -> Markdown:
    """Why a run with these settings cannot be started; empty if it can."""
    if settings is None:
        return Markdown(
            "Training cannot start yet. Choose a recipe and at least one fold, and correct what is marked above."
        )
    session = open_session(dataset, settings)
    if not session.labels or not len(session.dataset.clips):
        return Markdown(f"Training cannot start: {escape(session.why_no_labels())}")
    if not session.expected_batches():
        return Markdown(f"Training cannot start: {escape(dataset.name)} has no clips that the recipe trains on.")
    for subset in session.subsets:
        rows = session.rows(subset)
        if not dataset_cache.has_sounds(dataset, subset):
            return Markdown(f"Training cannot start: the sound files of the {escape(subset)} clips are missing.")
        units = len(rows)
        if settings.recipe.fold_method == "stratified":
            units = int(rows["group"].nunique() + rows["group"].isna().sum())
        if not session.dataset.own_folds and units < settings.recipe.folds:
            what = ("clip" if units == len(rows) else "source recording") + ("" if units == 1 else "s")
            return Markdown(
                f"Training cannot start: {escape(dataset.name)} has {units:d} {escape(subset)} {what}, fewer than the "
                f"{settings.recipe.folds:d} folds of the recipe."
            )
    return Markdown("")


def _pick_recipe() -> str:
    """Name or path of the chosen recipe; empty where no path is given yet."""
    names = recipe_names()
    name = st.selectbox(
        "Recipe",
        [*names, OWN_FILE],
        index=names.index("quick"),
        format_func=lambda name: "Own file …" if name == OWN_FILE else load_recipe(name).title,
        key=RECIPE,
        help="Stages, network, spectrogram and augmentation of the training.",
        **IN_ADDRESS,
    )
    if name != OWN_FILE:
        return str(name)
    path = st.text_input(
        "Recipe file",
        key="recipe-file",
        placeholder="/home/me/mine.toml",
        help="Path of a TOML file with the fields of a recipe.",
        **IN_ADDRESS,
    )
    return str(absolute(Path(path.strip()))) if path and path.strip() else ""


def _pick_epochs(recipe: Recipe) -> str:
    """The numbers of epochs as the user wrote them."""
    epochs = st.text_input(
        "Epochs",
        key=EPOCHS,
        placeholder=f"{', '.join(str(stage.epochs) for stage in recipe.stages)} {AS_IN_RECIPE}",
        help="One number for all stages, or one per stage, such as 2 or 2,5. A stage may pass over a small dataset "
        "several times per epoch: the batches of an epoch are listed with the stages.",
        **IN_ADDRESS,
    )
    return epochs or ""


def _pick_changes(recipe: Recipe) -> dict[str, Any]:
    """Fraction and balance, None where they are as in the recipe; and the fields of `_typed_numbers`."""
    fraction = pick_fraction(recipe, "fraction")
    balance = st.slider(
        "Balance",
        0.0,
        max(1.0, recipe.balance),
        recipe.balance,
        0.1,
        format="%.1f",
        key=f"balance-{recipe.name}-{recipe.balance}",
        persist_state="session",
        help="0 uses each clip once per epoch. 1 uses rare and common labels about equally often.",
    )
    st.text_input(
        "Learning rate",
        key=LEARNING_RATE,
        placeholder=f"{recipe.main_stage.lr:g} {AS_IN_RECIPE}",
        help="Highest learning rate of the last stage that leaves out no augmentation; other stages keep their ratio "
        "to it. “Find the learning rate” suggests one.",
        **IN_ADDRESS,
    )
    st.text_input(
        "Seed",
        key=SEED,
        placeholder=f"{recipe.seed} {AS_IN_RECIPE}",
        help="Seed of the folds, weights, order, crops and augmentation. The same seed gives the same network.",
        **IN_ADDRESS,
    )
    return {
        "fraction": fraction,
        "balance": None if balance == recipe.balance else round(balance, 1),
    }


def _typed_numbers() -> dict[str, Any]:
    """Learning rate and seed as typed into their fields; None where they are as in the recipe.

    Raises
    ------
    AudiotagError
        If one is not a number in its range: a run must not begin with the recipe's number instead.
    """
    rate = parse_number(st.session_state.get(LEARNING_RATE), "learning rate", 1e-9, 1)
    seed = parse_number(st.session_state.get(SEED), "seed", 0, 2**31 - 1, whole=True)
    return {"learning_rate": rate, "seed": None if seed is None else int(seed)}


def _pick_folds_from(dataset: Dataset) -> FoldSource:
    """Whose folds are trained; the widget appears only for a dataset that has folds."""
    if not dataset.own_folds:
        return "dataset"
    titles: dict[FoldSource, str] = {"dataset": "the dataset's own", "recipe": "drawn by the recipe"}
    return st.selectbox(
        "Folds from",
        list(titles),
        format_func=lambda source: titles[source],
        key="folds-from",
        persist_state="session",
        help="Folds that the recipe draws keep recordings and copies of a sound together.",
    )


def _pick_keep_together(recipe: Recipe, dataset: Dataset) -> tuple[Together, ...] | None:
    """What drawn folds keep together; the widget appears only where there is something to keep together, else None."""
    groups = {} if dataset.own_folds or recipe.fold_method != "stratified" else run_cache.groups_to_keep(dataset)
    if not groups:
        return None
    default = [kind for kind in groups if kind == "near-duplicates"]
    titles: dict[Together, str] = {"names": "names of one recording", "near-duplicates": "near-duplicates"}
    chosen = st.pills(
        "Keep together",
        list(groups),
        selection_mode="multi",
        default=default,
        format_func=lambda kind: f"{titles[kind]} ({groups[kind]:,})",
        key=KEEP_TOGETHER,
        help="Folds always keep recordings and copies together. Names that look as if they were of one recording are a "
        "guess, which “Can these folds be trusted?” shows.",
        **IN_ADDRESS,
    )
    return None if chosen == default else tuple(chosen)


def _pick_held_out(dataset: Dataset) -> int | None:
    """The dataset's fold that takes no part in the training, if any."""
    if len(dataset.own_folds) < 2:
        return None
    return st.selectbox(
        "Hold out for testing",
        [None, *dataset.own_folds],
        format_func=lambda fold: "nothing" if fold is None else f"the dataset's fold {fold}",
        key="held-out",
        persist_state="session",
        help="Clips of this fold are not used, so that you can test the ensemble on them.",
    )


def _pick_device() -> str:
    """The device to train on; the widget appears only where there are several devices."""
    names = {device.key: device.name for device in devices()}
    best = check_device("")
    if len(names) == 1:
        return ""
    options = {"": f"all {len(best)} GPUs, one fold on each" if len(best) > 1 else f"{names[best[0]]} (the best)"}
    options |= {key: name for key, name in names.items() if best != (key,)}
    return st.selectbox(
        "Device",
        list(options),
        format_func=lambda key: options[key],
        key="device",
        persist_state="session",
        help="Runs on the same device start one after the other.",
    )


def _pick_folds(recipe: Recipe, dataset: Dataset, held_out: int | None) -> tuple[int, ...] | None:
    """The chosen folds, empty for all; None, with a message, where none is chosen."""
    folds = available_folds(dataset, recipe, held_out)
    chosen = st.pills(
        "Folds",
        folds,
        selection_mode="multi",
        format_func=escape,
        default=folds,
        key=f"folds-{dataset.name}-{held_out}-{','.join(map(str, folds))}",
        persist_state="session",
        help="Each fold is trained without its own part of the clips and measured on that part.",
    )
    if not chosen:
        st.caption(":material/info: Choose at least one fold.")
        return None
    return () if len(chosen) == len(folds) else tuple(sorted(chosen))
