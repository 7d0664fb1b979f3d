"""The one exception that pages and commands show to the user as it is, and the check that raises it."""


class AudiotagError(ValueError):
    """Input or settings that cannot be used; the message names the thing, the rule, the value and the fix."""


def require(holds: bool, field: str, rule: str, value: object, hint: str) -> None:
    """Raise unless a setting obeys its rule.

    >>> require(0.5 <= 1, "gain", "be at most 1", 0.5, "in dB?")
    >>> require(2 <= 1, "gain", "be at most 1", 2, "in dB?")
    Traceback (most recent call last):
    ...
    audiotag.errors.AudiotagError: gain must be at most 1, got 2; in dB?
    """
    if not holds:
        raise AudiotagError(f"{field} must {rule}, got {value}; {hint}")
