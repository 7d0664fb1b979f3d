"""What survives of a sound when its log-mel picture is all that is left: the picture turned back into sound."""

from __future__ import annotations

import numpy as np

from audiotag.features.mel import mel_matrix, window
from audiotag.features.settings import SpectrogramSettings


def sound_of(picture: np.ndarray, settings: SpectrogramSettings, n_iter: int = 32) -> np.ndarray:
    """A waveform whose log-mel picture is close to ``picture``.

    Parameters
    ----------
    picture : numpy.ndarray, shape=(n_mels, frames), dB re 1.0
        From `audiotag.features.log_mel.log_mel` with the same settings.
    settings : SpectrogramSettings
    n_iter : int
        Rounds of phase search (Griffin and Lim 1984, the fast form of Perraudin et al. 2013).

    Returns
    -------
    numpy.ndarray, shape=(samples,), float32
        At ``settings.sample_rate``; the phase is a guess, so only what the picture holds can be heard.
    """
    from librosa import griffinlim
    from librosa.util import nnls

    bands = 10 ** (picture.astype(np.float64) * settings.power / 20)
    spectrum = nnls(mel_matrix(settings).toarray(), bands.astype(np.float32)) ** (1 / settings.power)
    waveform = griffinlim(
        spectrum,
        n_iter=n_iter,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        window=window(settings.window, settings.win_length),
        length=(picture.shape[1] - 1) * settings.hop_length,
        random_state=0,
    )
    return np.clip(waveform, -1, 1).astype(np.float32)
