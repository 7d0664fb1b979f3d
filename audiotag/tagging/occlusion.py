"""Cover parts of a log-mel one after the other, and turn what that does to the scores into a map of what matters.

The section that is explained is divided into cells: rows of equally many mel bands, columns of equal length. A patch
covers two by two cells, and patches are one cell apart, so each cell is covered by four of them. The value of a cell is
the mean, over its patches, of how much the score fell while the patch was covered (Zeiler and Fergus 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from audiotag.features.masking import TimeFrequencyMap
from audiotag.features.mel import mel_frequencies
from audiotag.features.settings import SpectrogramSettings

ROWS, COLUMNS = 10, 14  # cells
PATCH_CELLS = 2  # height and width of a patch


@dataclass(frozen=True)
class Grid:
    """The cells and patches of a section.

    Attributes
    ----------
    settings : SpectrogramSettings
        Its mel bands are the rows of maps.
    duration_s : float
        Length of the section.
    rows, columns : int
        Number of cells in frequency and in time.
    """

    settings: SpectrogramSettings
    duration_s: float
    rows: int = ROWS
    columns: int = COLUMNS

    @property
    def patches(self) -> int:
        """Number of patches; those at the edges are partly outside, so that all cells are covered equally often."""
        return (self.rows + PATCH_CELLS - 1) * (self.columns + PATCH_CELLS - 1)

    @cached_property
    def frequencies_hz(self) -> np.ndarray:
        """Centres of the mel bands of maps, shape ``(n_mels,)``."""
        return mel_frequencies(self.settings)

    @cached_property
    def times_s(self) -> np.ndarray:
        """Times of the frames of maps, shape ``(frames,)``."""
        hop_s = self.settings.hop_length / self.settings.sample_rate
        return np.arange(max(1, round(self.duration_s / hop_s)) + 1) * hop_s

    def covered(self, frequencies_hz: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        """Which bands and frames each patch covers, shape ``(patches, bands, frames)``, bool.

        Frames whose time is not in the section, such as those of zeros around a short clip, are covered by no patch.
        """
        row = np.floor(self._row_position(frequencies_hz)).astype(np.int64)
        column = np.floor(times_s / self.duration_s * self.columns)
        column[times_s == self.duration_s] = self.columns - 1
        in_rows = _in_patches(row, self.rows)
        in_columns = _in_patches(column, self.columns)
        both = in_rows[:, None, :, None] & in_columns[None, :, None, :]
        return both.reshape(self.patches, len(frequencies_hz), len(times_s))

    def map_of(self, drops: np.ndarray) -> TimeFrequencyMap:
        """The map of how much the score fell for each patch.

        Parameters
        ----------
        drops : numpy.ndarray, shape=(patches,)

        Returns
        -------
        TimeFrequencyMap
            At the mel bands of the settings and every frame; linear between the centres of the cells.
        """
        by_place = drops.reshape(self.rows + PATCH_CELLS - 1, self.columns + PATCH_CELLS - 1)
        of_patches = np.lib.stride_tricks.sliding_window_view(by_place, (PATCH_CELLS, PATCH_CELLS))
        cells = TimeFrequencyMap(
            of_patches.mean(axis=(2, 3)), np.arange(self.rows) + 0.5, (np.arange(self.columns) + 0.5)
        )
        places = self._row_position(self.frequencies_hz), self.times_s / self.duration_s * self.columns
        return TimeFrequencyMap(cells.at(*places), self.frequencies_hz, self.times_s)

    def _row_position(self, frequencies_hz: np.ndarray) -> np.ndarray:
        """Where frequencies are among the rows: 0 at the lowest edge of the cells, ``rows`` at the highest."""
        bands = np.interp(frequencies_hz, self.frequencies_hz, np.arange(self.settings.n_mels))
        return (bands + 0.5) / self.settings.n_mels * self.rows


def _in_patches(cell: np.ndarray, cells: int) -> np.ndarray:
    """Whether each of the patches along one axis covers places in these cells, shape ``(patches, places)``."""
    first = np.arange(cells + PATCH_CELLS - 1)[:, None] - (PATCH_CELLS - 1)
    inside = (cell >= 0) & (cell < cells)
    return inside & (cell >= first) & (cell < first + PATCH_CELLS)


def top_share(values: np.ndarray, share: float) -> np.ndarray:
    """Mask of the highest values: a share (0 to 1) of all, shape of ``values``, bool."""
    count = round(share * values.size)
    mask = np.zeros(values.size, dtype=bool)
    mask[np.argsort(-values, axis=None, kind="stable")[:count]] = True
    return mask.reshape(values.shape)
