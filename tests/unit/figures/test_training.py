"""Figures of the Train page show every fold, stage and rate in its place, also without colour."""

import pytest

from audiotag.figures import training

STAGES = [{"stage": 0, "subset": "noisy", "epochs": 2}, {"stage": 1, "subset": "curated", "epochs": 2}]


def epochs(fold: int, values: list[float], **others: object) -> list[dict]:
    losses = {"train_loss": 0.5, "valid_loss": 0.6}
    return [
        {"fold": fold, "step": step, "stage": (step - 1) // 2, "lwlrap": value} | losses | others
        for step, value in enumerate(values, start=1)
    ]


def test_the_best_epoch_of_each_fold_is_starred_in_the_stage_that_it_has_reached() -> None:
    """Another stage has other held-out clips, and the weights of its best epoch are not stored."""
    first, second = training.lwlrap([*epochs(1, [0.2, 0.9, 0.5, 0.4]), *epochs(2, [0.5, 0.6])], STAGES).data
    assert list(first.marker.symbol) == ["circle", "circle", "star", "circle"]
    assert list(second.marker.symbol) == ["circle", "star"]


def test_lines_differ_without_their_colours() -> None:
    many = [epoch for fold in range(1, 6) for epoch in epochs(fold, [0.1, 0.2])]
    lines = training.lwlrap(many, STAGES, compared={"earlier": epochs(1, [0.3, 0.4])}).data
    assert len({(line.line.dash, line.line.width) for line in lines}) == 6


def test_smoothing_changes_the_line_and_not_the_points() -> None:
    values = [0.2, 0.8, 0.4, 0.6]
    (raw,) = training.lwlrap(epochs(1, values), STAGES).data
    line, points = training.lwlrap(epochs(1, values), STAGES, smooth=True).data
    assert list(points.y) == list(raw.y) == values
    assert "lines" not in points.mode
    assert list(line.y) == pytest.approx([0.2, 0.38, 0.4, 0.46])  # it begins anew with the second stage


def test_an_earlier_run_that_is_longer_is_shown_to_its_end() -> None:
    figure = training.lwlrap(epochs(1, [0.2]), STAGES, compared={"earlier": epochs(1, [0.1] * 9)})
    assert figure.layout.xaxis.range[1] > 9
    assert training.lwlrap(epochs(1, [0.2]), STAGES).layout.xaxis.range[1] == 4.5


def test_no_value_lies_below_the_axis() -> None:
    for lowest in (0.0, 0.04, 0.31, 0.97):
        figure = training.lwlrap(epochs(1, [lowest, 0.99], curated_lwlrap=max(0.0, lowest - 0.02)), STAGES)
        assert 0 <= figure.layout.yaxis.range[0] <= max(0.0, lowest - 0.02)


def test_the_zoom_of_one_run_is_not_that_of_another() -> None:
    for draw in (training.lwlrap, training.losses):
        one, same, other = (draw(epochs(1, [0.2]), STAGES, run=run).layout.uirevision for run in "aab")
        assert one == same != other


def test_training_and_held_out_loss_of_a_fold_share_their_colour_and_differ_in_width() -> None:
    held_out, train, *_ = training.losses(epochs(1, [0.2, 0.3]), STAGES).data
    assert (list(held_out.y), list(train.y)) == ([0.6, 0.6], [0.5, 0.5])
    assert held_out.line.color == train.line.color
    assert held_out.line.width > train.line.width


def test_learning_rates_lie_where_they_were_used_and_equal_schedules_are_one_line() -> None:
    rates = [[0.5, 2e-3], [1.0, 1e-3]]
    both = [*epochs(1, [0.2, 0.3], rates=rates), *epochs(2, [0.4, 0.5], rates=rates)]
    (line,) = training.schedule(both, STAGES).data
    assert (line.name, list(line.x), list(line.y)) == ("all folds", [0.5, 1, 1.5, 2], [2e-3, 1e-3, 2e-3, 1e-3])
    old = epochs(3, [0.2, 0.3], lr=1e-3)  # of a run that recorded the rate at the end of each epoch alone
    assert [(trace.name, list(trace.x)) for trace in training.schedule([*both, *old], STAGES).data] == [
        ("fold 1, fold 2", [0.5, 1, 1.5, 2]),
        ("fold 3", [1, 2]),
    ]


def test_rates_are_marked_at_their_values_and_only_those_that_exist() -> None:
    curve, recipe, suggested = training.learning_rates([1e-4, 1e-3], [0.7, 0.5], 5e-4, 1e-3).data
    assert list(curve.x) == [1e-4, 1e-3]
    assert (set(recipe.x), set(suggested.x)) == ({1e-3}, {5e-4})
    assert len(training.learning_rates([1e-4, 1e-3], [0.7, 0.5], None, 1e-3).data) == 2
