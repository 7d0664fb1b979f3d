"""Turn a crop of a sound into the features that its network input is made from: its log-mel, or the crop itself.

This is the only place in NumPy that knows of both; `audiotag.features.torch_log_mel.crop_features` is its twin in
torch. Training, tagging and the comparison of engines call it, and then `audiotag.features.log_mel.network_inputs`,
which adds to the features of a waveform nothing but an axis.
"""

from __future__ import annotations

import numpy as np

from audiotag.features.log_mel import log_mel
from audiotag.features.settings import SpectrogramSettings


def crop_features(waveform: np.ndarray, settings: SpectrogramSettings) -> np.ndarray:
    """The features of one crop.

    Parameters
    ----------
    waveform : numpy.ndarray, shape=(clip_samples,), float32 in [-1, 1]
    settings : SpectrogramSettings

    Returns
    -------
    numpy.ndarray, shape=(rows, columns), float32
        The log-mel in dB, ``(n_mels, frames)``; or, with ``network_input="waveform"``, the samples,
        ``(1, clip_samples)``.

    Examples
    --------
    >>> settings = SpectrogramSettings(network_input="waveform")
    >>> crop_features(np.zeros(settings.clip_samples, np.float32), settings).shape
    (1, 88200)
    """
    if settings.network_input == "waveform":
        return np.asarray(waveform, dtype=np.float32)[None]
    return log_mel(waveform, settings)
