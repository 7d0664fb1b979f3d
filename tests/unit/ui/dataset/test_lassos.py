"""What a lasso or a box on a chart holds."""

import numpy as np

from audiotag.ui.dataset.lassos import in_shapes

TRIANGLE = {"x": [0, 4, 0], "y": [0, 0, 4]}
# Like a U: what is between its arms is outside.
U_SHAPE = {"x": [0, 1, 1, 3, 3, 4, 4, 0], "y": [4, 4, 1, 1, 4, 4, 0, 0]}


def held(shapes: list[dict[str, list[int]]], *positions: tuple[float, float]) -> list[bool]:
    return in_shapes(np.array(positions, float), shapes).tolist()


def test_a_box_is_given_by_two_corners_in_any_order() -> None:
    for x, y in (([1, 3], [2, 5]), ([3, 1], [2, 5]), ([3, 1], [5, 2])):
        assert held([{"x": x, "y": y}], (2, 3), (1, 2), (0.9, 3), (2, 5.1)) == [True, True, False, False]


def test_a_lasso_holds_what_is_inside_of_its_line() -> None:
    assert held([TRIANGLE], (1, 1), (3, 3), (-1, 1), (1, -1)) == [True, False, False, False]
    assert held([U_SHAPE], (0.5, 3), (2, 3), (3.5, 3), (2, 0.5)) == [True, False, True, True]


def test_a_clip_in_one_of_several_shapes_is_held() -> None:
    shapes = [TRIANGLE, {"x": [10, 11], "y": [10, 11]}]
    assert held(shapes, (1, 1), (10.5, 10.5), (6, 6)) == [True, True, False]
    assert held([], (1, 1)) == [False]


def test_a_lasso_agrees_with_the_area_that_it_encloses() -> None:
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 200))
    circle = {"x": np.cos(angles).tolist(), "y": np.sin(angles).tolist()}
    positions = rng.uniform(-1.5, 1.5, (2000, 2))
    radius = np.hypot(*positions.T)
    inside = in_shapes(positions, [circle])
    assert inside[radius < 0.98].all()
    assert not inside[radius > 1].any()
