"""The one exception that pages and commands show to the user as it is, and the check that raises it."""


class AudiotagError(ValueError):
    """Input or settings that cannot be used; the message names the thing, the rule, the value and the fix."""
