"""Times in words."""


def spoken(seconds: float) -> str:
    """A span as people say it.

    >>> spoken(42), spoken(600), spoken(7300)
    ('42 s', '10 min', '2 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
