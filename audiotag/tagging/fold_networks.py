"""Run the networks of an ensemble's folds on network inputs: outputs that were checked, in batches, or of silence."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from audiotag.errors import AudiotagError
from audiotag.tagging.card import Card
from audiotag.tagging.engines import Engine, Outputs, join_outputs

WINDOWS_AT_ONCE = 32  # windows per call of the engine; bounds memory, whatever the clip's length


class FoldNetworks:
    """The networks of some folds of an ensemble.

    Parameters
    ----------
    card : Card
    folds : int
        How many folds the engine runs.
    engine : Engine
    uses_embeddings : bool
        Otherwise the outputs have embeddings without features.
    """

    def __init__(self, card: Card, folds: int, engine: Engine, uses_embeddings: bool) -> None:
        self._card, self._folds, self._engine, self._uses_embeddings = card, folds, engine, uses_embeddings

    def run(self, network_inputs: np.ndarray) -> Outputs:
        """Run the networks on all inputs at once.

        Parameters
        ----------
        network_inputs : numpy.ndarray, shape=(windows, channels, height, width), float32

        Raises
        ------
        AudiotagError
            If a score or an embedding is not a finite number.
        """
        outputs = self._engine(network_inputs)
        if not all(np.isfinite(array).all() for array in outputs):
            raise AudiotagError(
                f"{self._card.name} gives scores that are not numbers (NaN): its weights are damaged, or its training "
                "diverged; copy it again, or train it with a lower learning rate."
            )
        return outputs if self._uses_embeddings else Outputs(outputs.scores, outputs.embeddings[..., :0])

    def run_in_batches(self, network_inputs: np.ndarray) -> Outputs:
        """As `run`, with at most `WINDOWS_AT_ONCE` inputs at a time; there must be one."""
        firsts = range(0, len(network_inputs), WINDOWS_AT_ONCE)
        return join_outputs([self.run(network_inputs[at : at + WINDOWS_AT_ONCE]) for at in firsts])

    def of_block(self, network_inputs: np.ndarray, windows: int) -> Outputs:
        """The outputs for all windows of a block; a block of silence has no network inputs."""
        return self.run_in_batches(network_inputs) if len(network_inputs) else self.silence(windows)

    def silence(self, windows: int) -> Outputs:
        """The outputs for windows that no network gets, because the clip is silent: zeros."""
        return Outputs(
            np.zeros((self._folds, windows, len(self._card.labels)), dtype=np.float32),
            np.zeros((self._folds, windows, self.features), dtype=np.float32),
        )

    @cached_property
    def features(self) -> int:
        """Number of features in an embedding of one fold; 0 if they are not used, or its network has none."""
        if not self._uses_embeddings:
            return 0
        settings = self._card.spectrogram
        blank = np.zeros((1, settings.channels, settings.height, settings.width), np.float32)
        return int(self._engine(blank).embeddings.shape[-1])
