"""Write durations in words, and file names as text."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """Write a duration in the units that people use for its length.

    >>> format_duration(42), format_duration(600), format_duration(7300)
    ('42 s', '10 min', '2 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def as_text(name: object) -> str:
    """A file name, or a text with file names in it, as text that can be written: invalid bytes are spelt out.

    Python holds the bytes of a file name that are not valid UTF-8 as halves of surrogate pairs, which no file, table,
    terminal or page takes. The result is for people and tables; only the path itself opens the file.

    >>> as_text("caf\\udce9.wav")
    'caf\\\\udce9.wav'
    """
    return str(name).encode(errors="backslashreplace").decode()
