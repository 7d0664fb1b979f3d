"""Train: start folds, watch lwlrap rise, stop, publish. All of it is on disk; the page only looks."""

import streamlit as st

from audiotag.errors import AudiotagError
from audiotag.figures import training as figures
from audiotag.figures.theme import CONFIG
from audiotag.presets import load_preset, preset_names
from audiotag.training.devices import describe_device
from audiotag.training.folds import available_folds
from audiotag.training.recipe import load_recipe, recipe_names
from audiotag.training.runs import RunSettings, create_run, epochs_done, list_runs, remaining_s
from audiotag.ui import shell
from audiotag.ui.durations import spoken
from audiotag.ui.runs import fold_table

OF_THE_RECIPE = "as in the recipe"

here = shell.page("Train")
workspace, dataset = here.workspace, here.dataset()

st.title("Train")
setup, view = st.columns([1, 2.4], gap="large")

with setup:
    st.subheader("New run")
    names = recipe_names()
    recipe = load_recipe(
        st.selectbox(
            "Recipe",
            names,
            index=names.index("quick"),
            format_func=lambda name: load_recipe(name).title,
            key="recipe",
            help="Stages, network, front-end and augmentation of the training.",
        )
    )
    st.caption(recipe.about)
    preset = st.selectbox(
        "Spectrogram",
        [OF_THE_RECIPE, *preset_names(workspace)],
        key="train-preset",
        bind="query-params",
        help="What the network gets of a clip. Presets are tuned and saved on the Spectrogram page.",
    )
    if preset != OF_THE_RECIPE:
        with shell.shown_errors(stop=True):
            recipe = recipe.with_spectrogram(load_preset(preset, workspace))
    held_out = None
    if dataset.own_folds:
        held_out = st.selectbox(
            "Hold out for testing",
            [None, *dataset.own_folds],
            format_func=lambda fold: "nothing" if fold is None else f"the dataset's fold {fold}",
            key="held-out",
            help="Clips of this fold take no part at all, so that you can test on them what comes out.",
        )
    folds = available_folds(dataset, recipe, held_out)
    chosen = st.pills(
        "Folds",
        folds,
        selection_mode="multi",
        default=folds,
        key=f"folds-{dataset.name}-{held_out}",
        help="Each fold trains on all clips but its own part, and is measured on that part.",
    )
    device = describe_device()
    st.caption(f":material/memory: {device.name}")
    if device.problem:
        st.warning(device.problem)
    stages = [stage for stage in recipe.stages if stage.subset in dataset.subsets]
    st.caption(
        "Stages: " + (" → ".join(f"{s.subset}, {s.epochs} epochs" for s in stages) or "none that this dataset has")
    )
    if st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        key="start",
        disabled=not chosen or not stages,
        width="stretch",
    ):
        with shell.shown_errors():
            run = create_run(workspace, RunSettings(str(dataset.root), recipe, tuple(sorted(chosen)), held_out))
            run.start()
            st.session_state["run"] = run.name
            st.rerun()
    folds_option = "" if len(chosen) == len(folds) else f" --folds {','.join(map(str, sorted(chosen)))}"
    preset_option = "" if preset == OF_THE_RECIPE else f" --preset {preset}"
    hold_option = "" if held_out is None else f" --hold-out {held_out}"
    st.caption("The same as a command:")
    options = f"--recipe {recipe.name}{preset_option}{folds_option}{hold_option}"
    st.code(f"audiotag train {shell.quoted(dataset.root)} {options}", language="bash", wrap_lines=True)

runs = {run.name: run for run in list_runs(workspace)}
with view:
    if not runs:
        st.info(
            "No run yet. Start one on the left; it goes on when you close this page.", icon=":material/model_training:"
        )
        st.stop()
    if st.session_state.get("run") not in runs:
        st.session_state["run"] = next(iter(runs))
    run = runs[st.selectbox("Run", list(runs), key="run")]


@st.fragment(run_every=1 if run.is_active() else None)
def live() -> None:
    """Curves, progress and log of the chosen run, read anew from disk each second while it runs."""
    state = run.state()
    events = run.events()
    epochs = epochs_done(events)
    plan = next((event for event in events if event["event"] == "run-started"), None)
    if state in ("starting", "running", "stopping"):
        progress = run.progress()
        if state == "starting" or not progress:
            st.progress(0.0, "Starting: loading the libraries and reading every clip once …")
        else:
            left_s = remaining_s(events)
            st.progress(
                min(1.0, progress["batch"] / progress["batches"]),
                f"Fold {progress['fold']}, {progress['subset']}, epoch {progress['epoch']} of {progress['epochs']}, "
                f"batch {progress['batch']} of {progress['batches']}, loss {progress['loss']:.4f}"
                + (f" · {spoken(left_s)} left" if left_s is not None else ""),
            )
        if st.button("Stop after this batch", icon=":material/stop:", key="stop", disabled=state == "stopping"):
            run.stop()
    elif state == "finished":
        scores = [event["lwlrap"] for event in events if event["event"] == "fold-finished"]
        folds_done = "1 fold" if len(scores) == 1 else f"{len(scores)} folds"
        st.success(f"Finished: mean lwlrap {sum(scores) / len(scores):.4f} over {folds_done}.", icon=":material/check:")
    elif state == "failed":
        st.error(shell.plain(run.reason()), icon=":material/error:")
    else:
        st.warning(f"The run was {state}; what its finished folds gave is kept.", icon=":material/stop_circle:")
    if epochs and plan:
        st.plotly_chart(
            figures.lwlrap(epochs, plan["stages"]), key="lwlrap", config=CONFIG, alt="lwlrap by epoch, a line a fold"
        )
    if epochs:
        fold_table(run)
        st.caption(
            "lwlrap on clips that the fold never saw. Read it with care: in the 2019 competition, cross-validation on "
            "curated clips came out 0.1 above the score on the test set."
        )
        with st.expander("Losses", icon=":material/show_chart:"):
            st.plotly_chart(
                figures.losses(epochs, plan["stages"]), key="losses", config=CONFIG, alt="Training and validation loss"
            )
    with st.expander("Log", icon=":material/article:", expanded=state == "failed"):
        st.code(run.log_tail() or "nothing yet", language=None, wrap_lines=True)
    if state not in ("starting", "running", "stopping") and st.session_state.get("watched") == run.name:
        del st.session_state["watched"]
        st.rerun()  # once more, without the clock


with view:
    if run.is_active():
        st.session_state["watched"] = run.name
    live()
    if run.finished_folds():
        with st.form("publish", border=True):
            st.markdown("**Publish as an ensemble** so that the Tag page and `audiotag tag` can use it.")
            name = st.text_input("Name", value=f"{dataset.name}-{recipe.name}", key=f"publish-name-{run.name}")
            if st.form_submit_button("Publish", icon=":material/publish:"):
                from audiotag.training.publish import publish

                try:
                    publish(run, name, workspace.ensembles)
                except AudiotagError as error:
                    st.error(shell.plain(str(error)), icon=":material/error:")
                else:
                    st.toast(f"{name} is chosen as the ensemble now; the Tag page uses it.", icon=":material/check:")
                    shell.choose("ensemble", name)
