"""What is beside a clip on the Label tab: how good the quick head is, the labels so far, and training on them."""

from __future__ import annotations

import math
from functools import partial

import streamlit as st

from audiotag.ui.review.label.loading import Labelling
from audiotag.ui.review.label.position import CLIPS, open_view
from audiotag.ui.text import Markdown, escape

HEAD_HELP = Markdown(
    "A logistic regression on the embeddings of the labelled clips. It suggests labels and finds the clips that teach "
    "most. The figure is cross-validated: clips of one recording are never on both sides."
)
MANY_LABELS = 12  # more scroll
RECIPE = "quick"
FEWEST_STEPS = 100  # a rule of thumb: with few clips, the epochs of the recipe would be too few batches to learn from
MAX_EPOCHS = 100


def show_side(labelling: Labelling) -> None:
    """The head, the labels with the number of their clips, and the way to training."""
    _show_head(labelling)
    _show_labels(labelling)
    show_training(labelling)


def _show_head(labelling: Labelling) -> None:
    figure, until = labelling.state.figure, labelling.state.until_refit
    st.markdown("**Quick head**", help=HEAD_HELP)
    if figure.lwlrap is not None:
        st.metric("lwlrap, cross-validated", f"{figure.lwlrap:.2f}", border=True)
    st.caption(escape(figure.sentence))
    clips = "1 more label" if until == 1 else f"{until:,} more labels"
    st.caption(f"It is fitted again, and the clips get a new order, after {clips}.")


def _show_labels(labelling: Labelling) -> None:
    counts = labelling.clips_per_label
    if not counts:
        return
    st.markdown("**Labels**", help="Opens the clips of a label, where it can be renamed.")
    with st.container(key="label-counts", gap=None, height=360 if len(counts) > MANY_LABELS else "content"):
        for number, (label, count) in enumerate(counts.items()):
            st.button(
                Markdown(f"{escape(label)} · {count:,}"),
                key=f"label-open-{number}",
                type="tertiary",
                on_click=partial(open_view, CLIPS, label),
            )


def show_training(labelling: Labelling) -> None:
    """The link to the Train page, with a recipe that suits the number of labelled clips."""
    labelled = int(labelling.state.is_labelled.sum())
    if len(labelling.state.labels) == 0:
        return
    st.page_link(
        "pages/train.py",
        label="Train on these labels",
        icon=":material/model_training:",
        query_params=training_address(labelled),
        help="Opens the Train page. Clips without a label are left out.",
    )


def training_address(clips: int) -> dict[str, str]:
    """The options of a run that suits a number of labelled clips, as parameters of the Train page.

    The number of epochs grows as the clips get fewer, because an epoch is then only a few steps.

    >>> training_address(60), training_address(2000)
    ({'recipe': 'quick', 'epochs': '100', 'corrections': 'true'}, {'recipe': 'quick', 'corrections': 'true'})
    """
    from audiotag.training.recipe_files import load_recipe

    recipe = load_recipe(RECIPE)
    batches = max(1, int(clips * (1 - 1 / recipe.folds)) // recipe.batch_size)
    epochs = min(MAX_EPOCHS, math.ceil(FEWEST_STEPS / batches))
    more = {"epochs": f"{epochs:d}"} if epochs > recipe.main_stage.epochs else {}
    return {"recipe": RECIPE, **more, "corrections": "true"}
