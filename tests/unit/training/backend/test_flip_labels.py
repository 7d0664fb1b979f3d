"""Flips as labels train on four times as many targets, and are measured on the labels themselves."""

from dataclasses import replace

import numpy as np

from audiotag.augmentation.additive_mixer import AdditiveMixer
from audiotag.augmentation.flip_labels import FlipLabels
from audiotag.augmentation.mask import Mask
from audiotag.networks.flip_labels.settings import FlipLabelsSettings
from audiotag.training.progress import FoldSplit

from .tiny_folds import LABELS, RECIPE, SETTINGS, trained


def test_fold_trains_on_flips_and_scores_labels(split: FoldSplit) -> None:
    augment = (Mask("time", 3), FlipLabels(), AdditiveMixer())
    recipe = replace(RECIPE, network=FlipLabelsSettings(RECIPE.network), augment=augment)
    trainer, calls = trained(split, recipe)
    assert len(calls.epochs) == 4
    assert all(np.isfinite([epoch.train_loss, epoch.valid_loss, epoch.lwlrap]).all() for epoch in calls.epochs)
    assert trainer.network.network[-1].out_features == 4 * len(LABELS)
    scores = trainer.scores(split.valid, recipe.stages[-1])
    assert scores.shape == (len(split.valid.clips), len(LABELS))
    assert recipe.spectrogram == SETTINGS
