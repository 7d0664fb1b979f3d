"""Exit codes of the ``audiotag`` command."""

ALL_DONE = 0
SOME_FAILED = 1  # some clips could not be used
NOTHING_DONE = 2
