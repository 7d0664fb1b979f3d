"""The slider for the share of clips shows a recipe's share, however small, and changes nothing unless it is moved."""

import pytest
from streamlit.testing.v1 import AppTest


def page(fraction: float, draws: int) -> None:
    from dataclasses import replace

    import streamlit as st

    from audiotag.training.recipe_files import load_recipe
    from audiotag.ui.widgets.fraction_slider import pick_fraction

    recipe = load_recipe("quick")
    stages = tuple(replace(stage, draws=draws) for stage in recipe.stages)
    st.session_state["given"] = pick_fraction(replace(recipe, fraction=fraction, stages=stages), "fraction")


@pytest.mark.parametrize(
    ("fraction", "draws", "shown", "lowest"),
    [(1.0, 0, 100, 5), (0.3, 0, 30, 5), (0.07, 0, 7, 5), (0.125, 0, 12.5, 5), (0.004, 0, 0.4, 0.4), (0.02, 400, 2, 1)],
)
def test_slider_shows_the_recipes_share(fraction: float, draws: int, shown: float, lowest: float) -> None:
    at = AppTest.from_function(page, args=(fraction, draws)).run()
    assert not at.exception
    (slider,) = at.slider
    assert (slider.value, slider.min, slider.max) == (shown, lowest, 100)
    assert at.session_state["given"] is None
    at = slider.set_value(type(slider.value)(50)).run()
    assert at.session_state["given"] == 0.5
