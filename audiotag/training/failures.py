"""Turn an exception of a training into a sentence that says what went wrong and what to do."""

from __future__ import annotations

from audiotag.crash_log import unexpected
from audiotag.disk import FORBIDDEN, FULL, QUOTA, READ_ONLY, disk_problem
from audiotag.errors import AudiotagError


def reason_of(error: BaseException) -> str:
    """The reason of a failed run, as a sentence for the page; an error that nobody expected goes into the log."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, AudiotagError):
        return text
    if isinstance(error, FloatingPointError):
        return f"The training diverged: {text}"
    if isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text:
        return (
            "Memory ran out; use a smaller batch_size, spectrogram or network, or close other programs on the device."
        )
    if isinstance(error, OSError) and error.errno in FULL | QUOTA:
        return "The disk is full; free some space, then resume the run: it continues after its last epoch."
    if isinstance(error, FileNotFoundError):
        return f"{error.filename} is missing; restore it, then resume the run."
    if isinstance(error, OSError) and error.errno in READ_ONLY | FORBIDDEN:
        return f"{disk_problem(error)} Then resume the run."
    if not isinstance(error, Exception):
        return "The training was interrupted; resume continues after its last epoch."
    sentence = unexpected("the training", error)
    return sentence[0].upper() + sentence[1:]
