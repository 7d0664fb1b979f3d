"""Define the exception whose message pages and commands show to the user."""

from __future__ import annotations

from audiotag.wording import as_text


class AudiotagError(ValueError):
    """Input or settings are unusable; the message names the thing, the rule, the value and the likely fix.

    A file name in the message may have bytes that are not valid UTF-8; they are spelt out, so that the message can be
    printed, shown and stored.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(as_text(message))
