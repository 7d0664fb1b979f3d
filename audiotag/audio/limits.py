"""What no sound can be: sample rates and sample values that every reader refuses, each with a sentence.

The bounds are wide, because a file is refused only if it cannot be a sound:

- Below 100 Hz a file holds nothing above 50 Hz. The band in which sounds differ begins there, and resampling such a
  file to 44.1 kHz would make thousands of samples of each. Recorders for bats and porpoises go to some MHz.
- Genuine sounds in floating point exceed full scale: field recorders of 32-bit floats by some tens of decibels, and
  files in which integers were stored as floats by 90 dB (16 bits) to 187 dB (32 bits). These are read, and a note says
  so from 60 dBFS on. Above 200 dBFS samples are damaged. Up to there the squares of samples and spectra, and their
  sums over the longest frames, are below 1e32, so that they never overflow in float32.
"""

from __future__ import annotations

from audiotag.errors import AudiotagError

MIN_SAMPLE_RATE_HZ = 100
MAX_SAMPLE_RATE_HZ = 10_000_000
MAX_PEAK_DBFS = 200.0
MAX_FLOAT_PEAK_DBFS = 60.0  # above it samples are integers stored as floats: no recorder goes that far
MAX_VALUES_AT_ONCE = 1 << 24  # samples of all channels that are decoded at once: 64 MiB as float32


def require_sample_rate(name: str, sample_rate: int) -> None:
    """Raise `AudiotagError` if no sound can have this sample rate in Hz.

    >>> require_sample_rate("a.wav", 20)
    Traceback (most recent call last):
    ...
    audiotag.errors.AudiotagError: a.wav has a sample rate of 20 Hz, but a sound must have at least 100 Hz: it holds \
nothing above 10 Hz, too low to be heard or tagged; leave it out, or correct the rate in its header.
    """
    if sample_rate < MIN_SAMPLE_RATE_HZ:
        raise AudiotagError(
            f"{name} has a sample rate of {sample_rate} Hz, but a sound must have at least {MIN_SAMPLE_RATE_HZ} Hz: it "
            f"holds nothing above {sample_rate / 2:g} Hz, too low to be heard or tagged; leave it out, or correct the "
            "rate in its header."
        )
    if sample_rate > MAX_SAMPLE_RATE_HZ:
        raise AudiotagError(
            f"{name} has a sample rate of {sample_rate:,} Hz, but a sound must have at most {MAX_SAMPLE_RATE_HZ:,} Hz; "
            "its header is damaged, so export it again from its source."
        )


def require_peak(name: str, peak_dbfs: float) -> None:
    """Raise `AudiotagError` if no sound can have this peak.

    >>> require_peak("a.wav", 500)
    Traceback (most recent call last):
    ...
    audiotag.errors.AudiotagError: a.wav has a peak of 500 dBFS, but a sound must have at most 200 dBFS; its samples \
are damaged, so export it again from its source.
    """
    if peak_dbfs > MAX_PEAK_DBFS:
        raise AudiotagError(
            f"{name} has a peak of {peak_dbfs:.0f} dBFS, but a sound must have at most {MAX_PEAK_DBFS:g} dBFS; its "
            "samples are damaged, so export it again from its source."
        )


def frames_at_once(channels: int, frames: int) -> int:
    """Samples per channel to decode at once: ``frames``, but not more than `MAX_VALUES_AT_ONCE` in all channels.

    >>> frames_at_once(2, 1 << 20), frames_at_once(1024, 1 << 20)
    (1048576, 16384)
    """
    return max(1, min(frames, MAX_VALUES_AT_ONCE // max(channels, 1)))
