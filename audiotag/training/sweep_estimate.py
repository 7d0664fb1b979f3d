"""Estimate before a sweep how long it takes: some batches of one run are measured, its work gives that of others."""

from __future__ import annotations

import time

from audiotag.errors import AudiotagError
from audiotag.training.estimate import Estimate
from audiotag.training.sweep_job import Work
from audiotag.training.sweeps import Sweep

POLL_S = 0.5


def estimate_sweep(sweep: Sweep) -> float:
    """Seconds that the runs take which are not finished; epochs of theirs that are done are counted as well.

    Raises
    ------
    AudiotagError
        If that cannot be measured now, as while a run is training on the device.
    """
    settings, missing = sweep.settings(), sweep.missing()
    weights = Work(sweep).weights
    measured = Estimate.of(settings.runs[missing[0] - 1].settings, sweep.workspace)
    if measured.result() is None:
        measured.start()
        while measured.is_active():
            time.sleep(POLL_S)
    result = measured.result()
    if result is None:
        raise AudiotagError(measured.problem() or "the measurement was interrupted.")
    of_first = weights[missing[0] - 1]
    return float(result["total_s"] * sum(weights[number - 1] for number in missing) / of_first)
