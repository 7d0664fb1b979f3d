"""The reason of a failed training is a sentence that says what to do."""

import pytest

from audiotag.errors import AudiotagError
from audiotag.training.failures import reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AudiotagError("lr must be lower."), "lr must be lower."),
        (FloatingPointError("the loss became nan."), "The training diverged: the loss became nan."),
        (MemoryError(), "Memory ran out; use a smaller batch_size"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "Memory ran out; use a smaller batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "Memory ran out; use a smaller"),
        (OSError(28, "No space left on device"), "The disk is full; free some space, then resume the run"),
        (FileNotFoundError(2, "No such file", "/a/b.wav"), "/a/b.wav is missing; restore it, then resume the run."),
        (KeyError("x"), "An unexpected error ended the training. The details are in /"),
        (KeyboardInterrupt(), "The training was interrupted; resume continues after its last epoch."),
    ],
)
def test_every_failure_has_a_reason_as_a_sentence(error: BaseException, reason: str) -> None:
    assert reason_of(error).startswith(reason)
