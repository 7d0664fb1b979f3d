"""Define the exception whose message pages and commands show to the user."""


class AudiotagError(ValueError):
    """Input or settings are unusable; the message names the thing, the rule, the value and the likely fix."""
