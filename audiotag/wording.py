"""Write durations in words."""


def format_duration(seconds: float) -> str:
    """Write a duration in the units that people use for its length.

    >>> format_duration(42), format_duration(600), format_duration(7300)
    ('42 s', '10 min', '2 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
