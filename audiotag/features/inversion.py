"""Turn a log-mel spectrogram back into a waveform, to hear what information it holds."""

from __future__ import annotations

import numpy as np

from audiotag.features.mel import mel_matrix, window
from audiotag.features.settings import SpectrogramSettings


def invert_log_mel(log_mel: np.ndarray, settings: SpectrogramSettings, n_iter: int = 32) -> np.ndarray:
    """Estimate a waveform whose log-mel spectrogram is close to ``log_mel``.

    Parameters
    ----------
    log_mel : numpy.ndarray, shape=(n_mels, frames), dB re 1.0
        From `audiotag.features.log_mel.log_mel` with the same settings.
    settings : SpectrogramSettings
    n_iter : int
        Iterations of the phase search (Griffin and Lim 1984, the fast form of Perraudin et al. 2013).

    Returns
    -------
    numpy.ndarray, shape=(samples,), float32
        At ``settings.sample_rate``, in [-1, 1]. The phase is estimated, because a log-mel spectrogram has none.
    """
    from librosa import griffinlim
    from librosa.util import nnls

    bands = np.maximum(10 ** (log_mel.astype(np.float64) * settings.power / 20) - settings.log_offset, 0)
    magnitudes = nnls(mel_matrix(settings).toarray(), bands.astype(np.float32)) ** (1 / settings.power)
    waveform = griffinlim(
        magnitudes,
        n_iter=n_iter,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        window=window(settings.window, settings.win_length),
        center=settings.centred,
        length=(log_mel.shape[1] - 1) * settings.hop_length if settings.centred else None,
        random_state=0,
    )
    return np.clip(waveform, -1, 1).astype(np.float32)
