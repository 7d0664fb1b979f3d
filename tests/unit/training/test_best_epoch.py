"""The best epoch of a fold: its weights have scores of their own, and they are published only with these."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays

from audiotag.errors import AudiotagError
from audiotag.metrics import accuracy, best_f1_thresholds, lwlrap
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.out_of_fold import read_out_of_fold
from audiotag.training.backend.learner import FoldTrainer
from audiotag.training.best_epoch import score_best_epoch
from audiotag.training.publish import publish
from audiotag.training.runs import Run
from audiotag.training.weights_choice import SCORES, WEIGHTS, WeightsChoice, fold_results, why_not_best
from audiotag.workspace import write_json

from .short_runs import Finished, events_of, held_out, session_of, stored


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Run:
    """A copy of the finished run, to change."""
    run = finished.run
    return Run(shutil.copytree(run.folder, tmp_path / "home" / "runs" / run.name))


def scores_of(run: Run, fold: int, weights: WeightsChoice) -> dict[str, np.ndarray]:
    return load_arrays((run.fold_folder(fold) / SCORES[weights]).read_bytes())


def test_scores_of_the_best_epoch_are_those_of_its_weights(finished: Finished) -> None:
    run = finished.run
    session = session_of(run)
    for fold, event in zip((1, 2), events_of(run, "fold-finished"), strict=True):
        best, scores = event["best"], scores_of(run, fold, "best")
        epochs = {e["epoch"]: e["lwlrap"] for e in events_of(run, "epoch") if (e["fold"], e["stage"]) == (fold, 1)}
        assert epochs[best["epoch"]] == max(epochs.values())
        trainer = FoldTrainer(session.recipe, session.labels, fold, "cpu")
        trainer.network.load_state_dict(stored(run, fold, "best"))
        again = trainer.scores(session.clips("curated").held_out(fold), session.recipe.stages[1])
        np.testing.assert_allclose(scores["scores"], again, atol=1e-6)
        np.testing.assert_array_equal(scores["targets"], held_out(run, fold)["targets"])
        assert best["lwlrap"] == lwlrap(scores["targets"], scores["scores"])
        assert best["accuracy"] == accuracy(scores["targets"], scores["scores"])


def test_learning_rates_of_an_epoch_are_those_of_its_batches_and_end_with_the_one_that_is_reported(
    finished: Finished,
) -> None:
    """One-cycle: a stage rises from a small rate and falls again."""
    for fold in (1, 2):
        epochs = [epoch for epoch in events_of(finished.run, "epoch") if epoch["fold"] == fold]
        assert all(epoch["rates"][-1] == [1.0, epoch["lr"]] for epoch in epochs)
        curated = [rate for epoch in epochs if epoch["stage"] == 1 for _, rate in epoch["rates"]]
        assert curated[0] < max(curated) <= 1e-2
        assert curated[-1] < max(curated)


def test_damaged_weights_of_the_best_epoch_are_set_aside_and_only_the_last_ones_are_left(
    finished: Finished, copied: Run
) -> None:
    (copied.fold_folder(1) / WEIGHTS["best"]).write_bytes(b"damaged")
    session = session_of(finished.run)
    trainer = FoldTrainer(session.recipe, session.labels, 1, "cpu")
    held_out_clips = session.clips("curated").held_out(1)
    assert score_best_epoch(trainer, copied.fold_folder(1), session.recipe.stages[1], held_out_clips) is None
    assert (copied.fold_folder(1) / "best.safetensors.damaged").exists()
    assert "for fold 1," in why_not_best(copied)
    with pytest.raises(AudiotagError, match=r"cannot be published with the weights of its best epochs\. Only the"):
        publish(copied, "mine", copied.workspace.ensembles, weights="best")


@pytest.mark.parametrize("weights", ["last", "best"])
def test_ensemble_has_the_scores_figures_and_thresholds_of_the_weights_that_it_gets(
    copied: Run, weights: WeightsChoice
) -> None:
    folder = publish(copied, "mine", copied.workspace.ensembles, weights=weights)
    card, results = read_card(folder), fold_results(copied.events(), weights)
    assert card.weights == weights
    parts = [scores_of(copied, fold, weights) for fold in (1, 2)]
    scores, targets = (np.concatenate([part[name] for part in parts]) for name in ("scores", "targets"))
    held = read_out_of_fold(folder, card)
    assert held is not None
    np.testing.assert_allclose(held.scores, scores, atol=1e-3)
    assert card.lwlrap == pytest.approx(lwlrap(targets, scores), abs=1e-5)
    assert card.thresholds == tuple(float(f"{value:.4g}") for value in best_f1_thresholds(targets, scores))
    for fold in card.folds:
        assert fold.lwlrap == pytest.approx(results[fold.fold]["lwlrap"], abs=1e-5)
        mine = load_arrays((folder / fold.file).read_bytes())
        for name, tensor in stored(copied, fold.fold, "weights" if weights == "last" else "best").items():
            np.testing.assert_allclose(mine[name].astype(np.float32), tensor.float().numpy(), rtol=1e-3, atol=1e-6)


def test_published_weights_are_by_default_those_that_the_recipe_asks_for(copied: Run) -> None:
    settings = copied.settings()
    assert read_card(publish(copied, "last", copied.workspace.ensembles)).weights == "last"
    best = replace(settings, recipe=replace(settings.recipe, weights="best"))
    write_json(copied.folder / "settings.json", best.to_dict())
    assert read_card(publish(copied, "best", copied.workspace.ensembles)).weights == "best"
    assert read_card(publish(copied, "asked", copied.workspace.ensembles, weights="last")).weights == "last"


def test_run_of_an_earlier_version_has_the_last_weights_only(finished: Finished) -> None:
    events = [{name: value for name, value in event.items() if name != "best"} for event in finished.run.events()]
    assert fold_results(events, "best") == {}
    assert [result["step"] for result in fold_results(events).values()] == [5, 5]
