"""Patches cover a section evenly, and the map lies where covering made the score fall."""

import numpy as np
import pytest

from audiotag.features.settings import SpectrogramSettings
from audiotag.tagging.occlusion import PATCH_CELLS, Grid, top_share

SETTINGS = SpectrogramSettings(clip_s=5.0, n_mels=64)


@pytest.mark.parametrize("duration_s", [0.3, 2.0, 5.0])
def test_each_point_of_the_section_is_covered_by_as_many_patches(duration_s: float) -> None:
    grid = Grid(SETTINGS, duration_s)
    times_s = np.linspace(0, duration_s, 97)
    covered = grid.covered(grid.frequencies_hz, times_s)
    assert covered.shape == (grid.patches, 64, 97)
    assert (covered.sum(axis=0) == PATCH_CELLS**2).all()


def test_frames_outside_of_the_section_are_never_covered() -> None:
    grid = Grid(SETTINGS, 1.0)
    assert not grid.covered(grid.frequencies_hz, np.array([-0.5, -0.01, 1.01, 3.0])).any()


def test_the_map_is_highest_where_the_patches_that_matter_overlap() -> None:
    grid = Grid(SETTINGS, 5.0)
    band, time = 40, 1.7
    matters = grid.covered(grid.frequencies_hz[[band]], np.array([time]))[:, 0, 0]
    found = grid.map_of(matters.astype(float))
    row, column = np.unravel_index(np.argmax(found.values), found.values.shape)
    assert abs(row - band) <= 64 / grid.rows
    assert abs(found.times_s[column] - time) <= 5.0 / grid.columns
    assert found.values.max() == pytest.approx(1, abs=0.3)


def test_equal_falls_give_a_flat_map() -> None:
    grid = Grid(SETTINGS, 2.0)
    assert np.ptp(grid.map_of(np.full(grid.patches, 0.3)).values) < 1e-12


def test_top_share_takes_exactly_the_highest_values() -> None:
    values = np.random.default_rng(0).random((20, 50))
    mask = top_share(values, 0.1)
    assert mask.sum() == 100
    assert values[mask].min() > values[~mask].max()
