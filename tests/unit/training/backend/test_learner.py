"""Training a fold: published losses, stages that follow each other as specified, one seed for all."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from audiotag.augmentation.mask import Mask
from audiotag.features.log_mel import log_mel
from audiotag.features.trimming import fit_length
from audiotag.metrics import accuracy, lwlrap, lwlrap_per_class
from audiotag.networks.xresnet.model import build_network
from audiotag.training.backend import callbacks as callbacks_module
from audiotag.training.backend import learner as learner_module
from audiotag.training.backend import precision as precision_module
from audiotag.training.backend.learner import FoldTrainer, stage_seed
from audiotag.training.clips import LabelledClips
from audiotag.training.losses.base import find_loss
from audiotag.training.negatives import Negatives
from audiotag.training.progress import FoldSplit
from audiotag.training.teaching import Teacher

from .tiny_folds import (
    FIRST,
    LABELS,
    RECIPE,
    SECOND,
    SETTINGS,
    TINY_LR,
    Calls,
    figures,
    recording,
    same,
    trained,
    waveform,
    weights,
)

# Losses


@pytest.mark.parametrize("loss", ["bce", "focal"])
def test_reported_loss_is_the_one_that_the_recipe_names(loss: Any, split: FoldSplit) -> None:
    plain = replace(RECIPE, loss=loss, augment=(), network=replace(RECIPE.network, dropout=0.0))
    trainer, calls = trained(split, plain, stages=1)
    scores = torch.from_numpy(trainer.scores(split.valid, FIRST))
    wanted = float(find_loss(loss)(scores.double().logit(), torch.from_numpy(split.valid.targets)))
    assert calls.epochs[-1].valid_loss == pytest.approx(wanted, rel=1e-3)


# Teachers


def test_negatives_are_taught_as_clips_are(split: FoldSplit) -> None:
    asked: list[LabelledClips] = []

    def teachers(labelled: LabelledClips) -> Teacher:
        asked.append(labelled)
        network = build_network(RECIPE.network, len(LABELS)).eval()
        return Teacher([network], 1.0, np.ones((len(labelled.clips), 1), dtype=bool))

    recipe = replace(RECIPE, negatives=Negatives(share=0.5, rendered=1))
    negatives = LabelledClips(split.train.clips[:3], np.zeros((3, len(LABELS)), np.float32))
    trainer = FoldTrainer(recipe, LABELS, 1, "cpu")
    trainer.teachers = teachers
    calls = Calls()
    assert trainer.train(0, FIRST, replace(split, negatives=negatives), recording(calls))
    assert [len(clips.clips) for clips in asked] == [len(split.train.clips) + 3]
    assert all(np.isfinite(epoch.train_loss) for epoch in calls.epochs)


# Stages


def taken(trainer: FoldTrainer) -> set[int]:
    """Steps that the optimiser has taken."""
    assert trainer.optimiser is not None
    return {state["step"] for state in trainer.optimiser["state"] if "step" in state}


@pytest.mark.parametrize("optimiser", ["ranger", "adam", "torch-adam"])
@pytest.mark.parametrize(("start", "steps_behind"), [("weights", 4), ("weights and optimiser", 8), ("scratch", 4)])
def test_optimisers_state_is_taken_over_only_where_the_stage_says_so(
    start: Any, steps_behind: int, optimiser: Any, split: FoldSplit
) -> None:
    recipe = replace(RECIPE, optimiser=optimiser, stages=(FIRST, replace(SECOND, start=start)))
    trainer, _ = trained(split, recipe)
    assert taken(trainer) == {steps_behind}
    if optimiser == "ranger":
        assert trainer.optimiser is not None
        assert trainer.optimiser["count"] == steps_behind  # of Lookahead


@pytest.mark.parametrize("start", ["weights", "weights and optimiser"])
def test_stage_continues_with_the_weights_of_the_one_before(
    start: Any, split: FoldSplit, plainly_trained: tuple[FoldTrainer, Calls]
) -> None:
    recipe = replace(RECIPE, stages=(FIRST, replace(SECOND, start=start, lr=TINY_LR)))
    before, after = plainly_trained[0], trained(split, recipe)[0]
    torch.testing.assert_close(weights(after), weights(before), rtol=0, atol=1e-6)


def test_stage_from_scratch_does_not_depend_on_the_one_before(
    split: FoldSplit, plainly_trained: tuple[FoldTrainer, Calls]
) -> None:
    one_epoch = replace(SECOND, start="scratch", epochs=1)  # too short to come near the weights of another start
    recipe = replace(RECIPE, stages=(FIRST, one_epoch))
    other = replace(recipe, stages=(replace(FIRST, lr=1e-4, epochs=1), one_epoch))
    trainer, same_weights = trained(split, recipe)[0], trained(split, other)[0]
    assert torch.equal(weights(trainer), weights(same_weights))
    assert (weights(trainer) - weights(plainly_trained[0])).abs().max() > 0.1


def test_first_stage_has_nothing_to_take_over(split: FoldSplit) -> None:
    """So that a dataset without noisy clips can begin with a stage that would continue another."""
    ends = []
    for start in ("weights", "weights and optimiser"):
        stage, trainer = replace(FIRST, start=start), FoldTrainer(RECIPE, LABELS, 1, "cpu")  # type: ignore[arg-type]
        assert trainer.train(0, stage, split, recording(Calls()))
        ends.append(weights(trainer))
        assert taken(trainer) == {4}
    assert torch.equal(*ends)


# Seeds


def test_same_seed_gives_the_same_weights_figures_and_state(split: FoldSplit) -> None:
    for recipe in (RECIPE, replace(RECIPE, optimiser="ranger", schedule="flat-cosine", balance=1.0)):
        runs = []
        for noise in (1, 2):
            torch.manual_seed(noise)  # what happened before does not matter
            np.random.seed(noise)  # noqa: NPY002
            runs.append(trained(split, recipe))
        (one, first), (other, second) = runs
        assert torch.equal(weights(one), weights(other))
        assert same(one.state(), other.state())
        assert [figures(epoch) for epoch in first.epochs] == [figures(epoch) for epoch in second.epochs]


@pytest.mark.parametrize("change", [{"fold": 2}, {"recipe": replace(RECIPE, seed=43)}])
def test_other_folds_and_seeds_give_other_weights(
    change: dict[str, Any], split: FoldSplit, plainly_trained: tuple[FoldTrainer, Calls]
) -> None:
    one, other = plainly_trained[0], trained(split, stages=1, **change)[0]
    assert not torch.equal(weights(one), weights(other))


def test_stages_folds_and_seeds_draw_by_seeds_of_their_own() -> None:
    seeds = [stage_seed(RECIPE, fold, stage) for fold in range(-1, 20) for stage in range(5)]
    each = [seed + part for seed in seeds for part in range(3)]  # training, held out, curated
    assert len(set(each)) == len(each)
    assert min(each) >= 0


@pytest.mark.parametrize("optimiser", ["ranger", "torch-adam", "torch-adamw"])
@pytest.mark.parametrize("done", [1, 2])
def test_resumed_stage_ends_as_one_that_was_not_interrupted(done: int, optimiser: Any, split: FoldSplit) -> None:
    recipe = replace(RECIPE, optimiser=optimiser, stages=(FIRST, replace(SECOND, start="weights and optimiser")))
    whole, calls = trained(split, recipe)
    again, rest = FoldTrainer(recipe, LABELS, 1, "cpu"), Calls()
    again.restore(calls.states[done - 1])
    assert again.train(0, FIRST, split, recording(rest), epochs_done=done)
    assert again.train(1, recipe.stages[1], split, recording(rest))
    assert same(again.state(), whole.state())
    assert [figures(epoch) for epoch in rest.epochs] == [figures(epoch) for epoch in calls.epochs[done:]]


def test_state_is_a_copy_that_training_on_does_not_change(split: FoldSplit) -> None:
    trainer, _ = trained(split, stages=1)
    before = trainer.state()
    saved = weights(trainer).clone()
    assert trainer.train(1, SECOND, split, recording(Calls()))
    assert not torch.equal(weights(trainer), saved)
    trainer.restore(before)
    assert torch.equal(weights(trainer), saved)


# Callbacks


def test_epochs_are_reported_one_by_one_with_figures_of_their_own_state(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with the scores of its own weights for the middle crops of the held-out clips."""
    monkeypatch.setattr(precision_module, "precision_of", lambda device: "fp32")  # as stored scores are computed
    trainer, calls = trained(split, stages=1, epochs=3)
    assert [epoch.epoch for epoch in calls.epochs] == [1, 2, 3]
    for epoch, state in zip(calls.epochs, calls.states, strict=True):
        trainer.restore(state)
        scores = trainer.scores(split.valid, FIRST)
        assert scores.shape == (7, 3)
        assert epoch.lwlrap == pytest.approx(lwlrap(split.valid.targets, scores), abs=1e-9)
        assert epoch.accuracy == pytest.approx(accuracy(split.valid.targets, scores), abs=1e-9)
        assert split.curated is not None
        curated = lwlrap(split.curated.targets, trainer.scores(split.curated, FIRST))
        assert epoch.curated_lwlrap == pytest.approx(curated, abs=1e-9)
        per_class, shares = lwlrap_per_class(split.valid.targets, scores)
        assert epoch.per_class == [round(float(value), 4) for value in per_class]
        assert float(np.dot(epoch.per_class, shares)) == pytest.approx(epoch.lwlrap, abs=1e-4)
        assert 0 <= epoch.train_loss < 5
        assert 0 <= epoch.train_seconds <= epoch.seconds


def test_label_without_a_held_out_positive_has_no_figure_and_no_weight(split: FoldSplit) -> None:
    keep = split.valid.targets[:, 1] == 0
    valid = LabelledClips(
        [c for c, saved in zip(split.valid.clips, keep, strict=True) if saved], split.valid.targets[keep]
    )
    _, calls = trained(FoldSplit(split.train, valid), stages=1)
    for epoch in calls.epochs:
        assert epoch.per_class[1] is None
        assert epoch.curated_lwlrap is None
        _, shares = lwlrap_per_class(valid.targets, np.zeros_like(valid.targets))
        weighed = sum(value * share for value, share in zip(epoch.per_class, shares, strict=True) if value is not None)
        assert weighed == pytest.approx(epoch.lwlrap, abs=1e-4)


def test_held_out_figures_of_epochs_carry_the_handicap_and_scores_do_not(split: FoldSplit) -> None:
    recipe = replace(RECIPE, augment=(Mask("time", 10), Mask("mel", 10)), augment_held_out=True)
    trainer, calls = trained(split, recipe, stages=1)
    plain = FoldTrainer(replace(recipe, augment_held_out=False), LABELS, 1, "cpu")
    plain.restore(calls.states[-1])
    np.testing.assert_array_equal(trainer.scores(split.valid, FIRST), plain.scores(split.valid, FIRST))
    network = build_network(RECIPE.network, 3).eval()
    network.load_state_dict(calls.states[-1]["network"])
    log_mels = [log_mel(fit_length(waveform(number), SETTINGS), SETTINGS) for number in range(14, 21)]
    with torch.no_grad():
        by_hand = network(torch.from_numpy(np.stack(log_mels))[:, None]).sigmoid().numpy()
    np.testing.assert_allclose(trainer.scores(split.valid, FIRST), by_hand, atol=1e-4)
    undisturbed = trained(split, replace(recipe, augment_held_out=False), stages=1)[1]
    assert [epoch.train_loss for epoch in undisturbed.epochs] == [epoch.train_loss for epoch in calls.epochs]
    assert [epoch.valid_loss for epoch in undisturbed.epochs] != [epoch.valid_loss for epoch in calls.epochs]


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_stop_ends_after_the_batch_and_reports_no_unfinished_epoch(stop_after: int, split: FoldSplit) -> None:
    """An epoch is two batches to train on and one to measure."""
    trainer, calls = FoldTrainer(RECIPE, LABELS, 1, "cpu"), Calls()
    assert not trainer.train(0, FIRST, split, recording(calls, stop_after))
    assert calls.stop_questions == stop_after
    assert len(calls.epochs) == stop_after // 4


def test_batches_are_reported_with_their_numbers_and_the_loss_so_far(
    split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", -1)
    _, calls = trained(split, stages=1)
    places = [(epoch, batch, batches, measuring) for epoch, batch, batches, _, measuring in calls.batches]
    assert places == [(epoch, *rest) for epoch in (1, 2) for rest in ((1, 2, False), (2, 2, False), (1, 1, True))]
    losses = [batch[3] for batch in calls.batches]
    assert losses[1::3] == losses[2::3] == [epoch.train_loss for epoch in calls.epochs]


@pytest.mark.parametrize("progress_every_s", [-1, 1e9])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_loss_that_is_not_finite_ends_training_with_a_sentence_and_no_epoch(
    value: float, progress_every_s: float, split: FoldSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks_module, "PROGRESS_EVERY_S", progress_every_s)
    monkeypatch.setattr(learner_module, "BatchLoss", lambda *_: lambda logits, *_: logits.mean() * 0 + value)
    calls = Calls()
    with pytest.raises(FloatingPointError, match=f"loss became {value} in epoch 1; try a lower lr in the recipe"):
        FoldTrainer(RECIPE, LABELS, 1, "cpu").train(0, FIRST, split, recording(calls))
    assert calls.epochs == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_same_seed_gives_the_same_weights_on_a_gpu(split: FoldSplit) -> None:
    ends = []
    for _ in range(2):
        trainer, calls = FoldTrainer(RECIPE, LABELS, 1, "cuda"), Calls()
        assert trainer.train(0, FIRST, split, recording(calls))
        ends.append((weights(trainer), [figures(epoch) for epoch in calls.epochs]))
    assert torch.equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]
