"""Batches that the tests of augmentations share."""

import numpy as np
import pytest


@pytest.fixture
def waveforms() -> np.ndarray:
    """Six clips of noise."""
    return np.random.default_rng(1).normal(0, 0.1, (6, 4001)).astype(np.float32)


@pytest.fixture
def log_mels() -> np.ndarray:
    """Six random spectrograms of two channels, in dB."""
    return np.random.default_rng(1).normal(-20, 10, (6, 2, 32, 48)).astype(np.float32)


@pytest.fixture
def network_inputs() -> np.ndarray:
    """Eight random network inputs of two channels."""
    return np.random.default_rng(1).normal(0, 1, (8, 2, 32, 48)).astype(np.float32)


@pytest.fixture
def targets() -> np.ndarray:
    """Multi-hot targets of eight items and five labels, one to three labels per item."""
    rows = np.random.default_rng(2).permuted(np.tile([1, 1, 1, 0, 0], (8, 1)), axis=1)
    return np.maximum(rows * np.random.default_rng(3).integers(0, 2, rows.shape), np.eye(8, 5)).astype(np.float32)
