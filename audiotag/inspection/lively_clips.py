"""Choose the clip that a page shows first: long enough to fill a crop, and with sound that changes."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd

WIDEST_RANGE_DB = 40.0  # between RMS level and noise floor; clips with more are equally lively
WIDEST_BANDWIDTH_HZ = 16_000.0
BEST_LENGTH = 1.25  # of a clip, in crops: the crop shows most of it
LONGEST_LENGTH = 2.0  # in crops; of a longer clip the crop shows little


def liveliest_clip(index: pd.DataFrame, clip_s: float) -> Hashable | None:
    """Row of the clip that shows most under settings whose crops have a length of ``clip_s``.

    Above all, the clip fills the crop. Among clips that do, levels that change, a wide spectrum and several labels
    count for a clip; clipped samples, and a length of much more than the crop, count against it. Of clips that are not
    measured yet, only lengths and labels are known. The first one in the index wins a tie, so the choice is always the
    same.

    Parameters
    ----------
    index : pandas.DataFrame
        From `audiotag.inspection.measurement_job.with_measures`, with or without measures, or a part of it.
    clip_s : float
        In seconds.

    Returns
    -------
    Hashable or None
        Its label in the index; None where no clip can be read.
    """
    clips = index[index["error"].isna() & index["duration_s"].notna()]
    if len(clips) == 0:
        return None
    length = clips["duration_s"].to_numpy(dtype=np.float64)
    lively = np.zeros(len(clips))
    if "rms_dbfs" in clips:
        numbers = clips[["trim_start_s", "trim_end_s", "rms_dbfs", "noise_floor_dbfs", "bandwidth_hz", "clipped_share"]]
        start, end, rms, floor, bandwidth, clipped = numbers.to_numpy(dtype=np.float64, na_value=np.nan).T
        length = np.where(np.isnan(end - start), length, end - start)
        with np.errstate(invalid="ignore"):  # the level of digital silence is minus infinity
            range_db = np.clip(rms - floor, 0, WIDEST_RANGE_DB)
        lively = range_db / WIDEST_RANGE_DB + np.minimum(bandwidth / WIDEST_BANDWIDTH_HZ, 1) - (clipped > 0)
        lively = np.nan_to_num(np.where(np.isfinite(rms), lively, 0.0))
    crops = length / clip_s
    labels = clips["labels"].map(len).to_numpy(dtype=np.float64)
    score = 3 * np.minimum(crops, 1) + lively + 0.1 * np.minimum(labels, 3)
    score -= 0.1 * np.clip(crops - LONGEST_LENGTH, 0, 10) + 0.02 * np.minimum(np.abs(crops - BEST_LENGTH), 10)
    return clips.index[int(np.argmax(score))]
