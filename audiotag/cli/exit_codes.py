"""Exit codes of the ``audiotag`` command."""

ALL_DONE = 0
SOME_FAILED = 1  # some clips could not be used
NOTHING_DONE = 2
UNEXPECTED_ERROR = 70  # a fault of audiotag itself, as sysexits.h has it
SIGNALLED = 128  # and the number of the signal that ended the command, as shells report it

MEANINGS = (
    "Exit status: 0 if everything was done, 1 if some clips could not be used, 2 if the command failed, 70 after an "
    "unexpected error, whose details are in the log file that the message names; 130 after Ctrl-C, 143 if the command "
    "was terminated, 141 if the program that reads its output has ended."
)


class Terminated(BaseException):
    """Raised in the main thread by a signal that asks the command to end; the argument is the signal's number."""
