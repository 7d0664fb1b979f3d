"""What a lasso holds."""

import numpy as np

from audiotag.ui.dataset.lassos import inside_lasso

TRIANGLE = [(0, 0), (4, 0), (0, 4)]
# Like a U: what is between its arms is outside.
U_SHAPE = [(0, 4), (1, 4), (1, 1), (3, 1), (3, 4), (4, 4), (4, 0), (0, 0)]


def held(corners: list[tuple[int, int]], *positions: tuple[float, float]) -> list[bool]:
    return inside_lasso(np.array(positions, float), np.array(corners, float)).tolist()


def test_a_box_is_a_lasso_with_four_corners_in_either_direction() -> None:
    box = [(1, 2), (3, 2), (3, 5), (1, 5)]
    for corners in (box, box[::-1], [*box[2:], *box[:2]]):
        assert held(corners, (2, 3), (1.1, 2.1), (0.9, 3), (2, 5.1)) == [True, True, False, False]


def test_a_lasso_holds_what_is_inside_of_its_line() -> None:
    assert held(TRIANGLE, (1, 1), (3, 3), (-1, 1), (1, -1)) == [True, False, False, False]
    assert held(U_SHAPE, (0.5, 3), (2, 3), (3.5, 3), (2, 0.5)) == [True, False, True, True]


def test_a_line_without_an_area_holds_nothing() -> None:
    assert held([(0, 0), (4, 4), (0, 0)], (1, 1), (1, 2)) == [False, False]
    assert held([(0, 1), (4, 1), (2, 1)], (1, 1), (1, 2)) == [False, False]


def test_a_lasso_agrees_with_the_area_that_it_encloses() -> None:
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 200))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    positions = rng.uniform(-1.5, 1.5, (2000, 2))
    radius = np.hypot(*positions.T)
    inside = inside_lasso(positions, circle)
    assert inside[radius < 0.98].all()
    assert not inside[radius > 1].any()
