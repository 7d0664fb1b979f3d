"""Lighting is fastai's brightness and contrast, on values that are unbounded."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from audiotag.augmentation.lighting import Lighting, LightingParams


def test_lighting_of_a_logit_is_fastais_lighting_of_the_image() -> None:
    from fastai.vision.augment import TensorImage

    image = np.random.default_rng(5).uniform(0.01, 0.99, (8, 1, 16, 16))
    params = Lighting(p=1.0).sample(np.random.default_rng(0), image.shape)
    theirs = TensorImage(torch.from_numpy(image))
    theirs = theirs.brightness(draw=params.brightness.tolist(), p=1.0).contrast(draw=params.contrast.tolist(), p=1.0)
    ours = 1 / (1 + np.exp(-Lighting().apply(np.log(image / (1 - image)), params)))
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=2e-6)  # theirs are float32


def test_lighting_by_the_logit_is_fastais_lighting_of_the_image_from_0_to_1() -> None:
    from fastai.vision.augment import TensorImage

    image = np.random.default_rng(5).uniform(0, 1, (8, 1, 16, 16))
    image[0, 0, 0, :2] = (0, 1)
    params = Lighting(p=0.8).sample(np.random.default_rng(0), image.shape)
    theirs = TensorImage(torch.from_numpy(image))
    theirs = theirs.brightness(draw=params.brightness.tolist(), p=1.0).contrast(draw=params.contrast.tolist(), p=1.0)
    ours = Lighting(scale="logit").apply(image, params)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=2e-6, atol=1e-6)
    assert ours.min() >= 0
    assert ours.max() <= 1
    # Normalised after lighting, as fastai does, or lighted after that.
    mean, deviation = 0.2932, 0.2556
    lighting = Lighting(scale="logit", low=-mean / deviation, high=(1 - mean) / deviation)
    normalised = lighting.apply((image - mean) / deviation, params)
    np.testing.assert_allclose(normalised, (ours - mean) / deviation, rtol=0, atol=1e-6)


def test_lighting_is_sampled_as_fastai_samples_it() -> None:
    params = Lighting(max_lighting=0.2, p=1.0).sample(np.random.default_rng(0), (10_000, 1, 2, 2))
    assert stats.kstest(params.brightness, stats.uniform(0.4, 0.2).cdf).pvalue > 0.001
    assert stats.kstest(params.contrast, stats.loguniform(0.8, 1.25).cdf).pvalue > 0.001


def test_lighting_shifts_the_mean_and_scales_the_deviation() -> None:
    batch = np.random.default_rng(6).normal(0, 1, (2, 1, 64, 64))
    done = Lighting().apply(batch, LightingParams(np.array([0.6, 0.5]), np.array([1.0, 1.25])))
    assert (done - batch)[0] == pytest.approx(math.log(0.6 / 0.4))
    assert done[1].std() == pytest.approx(1.25 * batch[1].std())
