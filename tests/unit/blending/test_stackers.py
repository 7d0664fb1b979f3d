"""Stackers have the published outputs, are fitted without the clips of their fold, and get the published items."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audiotag.blending.settings import PUBLISHED_STACKERS, FitSettings, StackerSettings
from audiotag.blending.stacker_fitting import fit_stacker
from audiotag.blending.tile_draws import draw_means
from audiotag.blending.training_tiles import TrainingTiles
from audiotag.metrics import lwlrap
from audiotag.tagging.stacker import MIN_GATE_UNITS, Stacker, stacker_bytes

FIXTURES = Path(__file__).parents[2] / "fixtures" / "systems"
TOLERANCE = 1e-5  # of the deviation of the outputs


def uniform(count: int) -> np.ndarray:
    """The numbers u(k) of the fixtures' rule B: an integer hash of k + 1, scaled to 0 to 1."""
    numbers = np.arange(1, count + 1, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(2):
        numbers = ((numbers ^ (numbers >> np.uint64(16))) * np.uint64(0x45D9F3B)) & mask
    numbers ^= numbers >> np.uint64(16)
    return (numbers + 0.5) / 2**32


def filled(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """What rule B puts into a tensor of a stacker."""
    count = int(np.prod(shape))
    if len(shape) >= 2:
        fan_in = np.prod(shape[1:])
        return ((2 * uniform(count) - 1) * np.sqrt(3) * np.sqrt(2 / fan_in)).reshape(shape)
    return np.full(shape, 0.25) if shape == (1,) else 0.1 * np.cos(np.arange(1, count + 1)).reshape(shape)


def rule_b_input(width: int) -> np.ndarray:
    sample, column = np.arange(2)[:, None], np.arange(width)[None]
    envelope = np.repeat(0.5 + 0.5 * np.sin(0.02 * column), len(sample), axis=0)  # there is one row, h = 0
    return (2 * uniform(2 * width).reshape(2, width) - 1) * envelope


@pytest.mark.parametrize("settings", PUBLISHED_STACKERS, ids=lambda settings: settings.name)
def test_outputs_are_those_of_the_published_stackers(settings: StackerSettings) -> None:
    fixture = json.loads((FIXTURES / f"argus_stacker_{settings.name}.json").read_text())
    network = Stacker(560, 80, settings.reduction, settings.dropout).eval()
    shapes = sorted(list(tensor.shape) for tensor in network.state_dict().values())
    assert shapes == sorted(fixture["tensor_shapes_sorted"])
    assert sum(each.numel() for each in network.parameters()) == fixture["parameters_trainable"]
    weights = {name: torch.tensor(filled(name, each.shape)) for name, each in network.state_dict().items()}
    network.load_state_dict({name: each.float() for name, each in weights.items()})
    with torch.inference_mode():
        outputs = network(torch.tensor(rule_b_input(560)).float()).double().numpy()
    expected = fixture["rule_B"]["eval_float64"]["main"]
    difference = np.abs(outputs[:, :10] - np.array(expected["first10"])).max()
    assert difference <= TOLERANCE * expected["std"]
    assert abs(outputs.mean() - expected["mean"]) <= TOLERANCE * expected["std"]


def test_a_few_inputs_still_have_a_gate() -> None:
    gate = Stacker(6, 3, 16, 0.1).gate
    assert gate[0].weight.shape == (MIN_GATE_UNITS, 6)


def test_items_are_means_over_runs_and_subsets_of_windows() -> None:
    counts = np.full(4000, 3)
    tiles = np.eye(3, dtype=np.float32)
    means = draw_means(tiles, counts, counts, np.random.default_rng(0))
    np.testing.assert_allclose(means.sum(axis=1), 1, atol=1e-6)
    rows, times = np.unique(means.astype(float).round(3), axis=0, return_counts=True)
    share = {tuple(row): count / 4000 for row, count in zip(rows.tolist(), times, strict=True)}
    assert len(share) == 7  # each set of windows
    # By hand: p(all three) is ½·(½ + ½·⅓) + ½·⅓·(½ + ½·⅓); that of the first and the last only by a subset of all.
    assert share[0.333, 0.333, 0.333] == pytest.approx(1 / 3 + 1 / 9, abs=0.03)
    assert share[0.5, 0.0, 0.5] == pytest.approx((1 / 2 + 1 / 6) * (1 / 2) * (1 / 3) / 3, abs=0.015)


def test_items_take_windows_of_their_own_clip_only() -> None:
    tiles = np.repeat(np.eye(3, dtype=np.float32), (1, 4, 2), axis=0)
    ends, counts = np.array([1, 5, 7]), np.array([1, 4, 2])
    drawn = np.random.default_rng(1).integers(0, 3, 200)
    means = draw_means(tiles, ends[drawn], counts[drawn], np.random.default_rng(2))
    np.testing.assert_allclose(means, np.eye(3)[drawn], atol=1e-6)


@pytest.fixture(scope="module")
def tiles() -> TrainingTiles:
    """60 clips of three labels and two members, of which the first one confuses the first two labels."""
    draw = np.random.default_rng(0)
    truth = np.arange(60) % 3
    counts = draw.integers(1, 6, 60)
    shown = np.array([1, 0, 2])[truth]
    per_clip = np.concatenate([np.eye(3)[shown], np.full((60, 3), 0.3)], axis=1)
    rows = np.repeat(per_clip, counts, axis=0) * 0.6 + 0.2 * draw.random((counts.sum(), 6))
    folds = np.repeat([1, 2], 30)
    clip_scores = per_clip.reshape(60, 2, 3).transpose(1, 0, 2)
    targets = np.eye(3, dtype=np.float32)[truth]
    return TrainingTiles(rows.astype(np.float32), counts, clip_scores, targets, folds)


FAST = StackerSettings("fast", 2, 0.1, 1e-3, 5, 0.5)


def test_a_stacker_learns_what_members_confuse(tiles: TrainingTiles) -> None:
    fitted = fit_stacker(tiles, FAST, FitSettings(max_epochs=15, batch_size=32))
    assert lwlrap(tiles.targets, tiles.clip_scores[0]) < 0.7
    assert lwlrap(tiles.targets, fitted.scores) > 0.95
    assert [fold.fold for fold in fitted.card.folds] == [1, 2]


def test_the_labels_of_a_folds_clips_do_not_change_its_network(tiles: TrainingTiles) -> None:
    other = tiles.targets.copy()
    other[tiles.folds == 1] = np.roll(other[tiles.folds == 1], 1, axis=1)
    changed = TrainingTiles(tiles.tiles, tiles.counts, tiles.clip_scores, other, tiles.folds)
    one_epoch = FitSettings(max_epochs=1)  # the best epoch is chosen on the clips of the fold
    before, after = fit_stacker(tiles, FAST, one_epoch), fit_stacker(changed, FAST, one_epoch)
    name = "stacker-fast-fold-1.safetensors"
    assert before.files[name] == after.files[name]
    assert before.files[name.replace("1.s", "2.s")] != after.files[name.replace("1.s", "2.s")]


def test_fitting_stops_where_nothing_rises(tiles: TrainingTiles) -> None:
    said: list[str] = []
    settings = StackerSettings("still", 2, 0.0, 1e-12, 2, 0.5)
    fit_stacker(tiles, settings, FitSettings(max_epochs=500, stop_after=2, draws=32), said.append)
    assert all(sentence.endswith("after epoch 1") for sentence in said), said


def test_files_of_a_stacker_hold_all_its_weights() -> None:
    from safetensors.torch import load

    network = Stacker(6, 3, 1, 0.0)
    again = Stacker(6, 3, 1, 0.0)
    again.load_state_dict(load(stacker_bytes(network)))
    inputs = torch.rand(2, 6)
    torch.testing.assert_close(again(inputs), network(inputs))
