"""The slider for the share of the training clips that a run uses."""

from __future__ import annotations

import streamlit as st

from audiotag.training.recipe import Recipe


def pick_fraction(recipe: Recipe, key: str) -> float | None:
    """The share of each fold's training clips, 0 to 1; None where it is that of the recipe.

    Parameters
    ----------
    recipe : Recipe
    key : str
        Of the widget; it is lengthened by what the slider depends on.
    """
    per_cent = float(f"{100 * recipe.fraction:.6g}")
    step = 1 if any(stage.draws for stage in recipe.stages) else 5  # epochs of a fixed number of draws can be very long
    number = int if per_cent.is_integer() else float  # a recipe may use less than one per cent
    chosen = st.slider(
        "Training clips used (%)",
        number(min(step, per_cent)),
        number(100),
        number(per_cent),
        number(step),
        format=None if number is int else "%g",
        key=f"{key}-{recipe.name}-{per_cent:g}",
        persist_state="session",
        help="Share of each fold's training clips, drawn at random; of an epoch's clips where the recipe gives "
        "their number or the least of it. All held-out clips are used.",
    )
    return None if chosen == per_cent else chosen / 100
