"""Write durations in words, and names and text from files so that they can be shown and stored."""

from __future__ import annotations

import re
import unicodedata

# Control and format characters, line and paragraph separators, and halves of surrogate pairs. Zero-width joiners are
# format characters that some scripts and emoji need, and they move nothing.
UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
JOINERS = "\u200c\u200d"

DAY_S = 86_400


def format_duration(seconds: float) -> str:
    """Write a duration in the units that people use for its length.

    >>> format_duration(42), format_duration(600), format_duration(7300)
    ('42 s', '10 min', '2 h 2 min')
    >>> format_duration(260_000), format_duration(3e6)
    ('3 days', '5 weeks')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, days = round(seconds / 60), seconds / DAY_S
    if minutes < 90:
        return f"{minutes} min"
    if days < 2:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{days:.0f} days" if days < 21 else f"{days / 7:,.0f} weeks"


def as_number(value: float, form: str) -> str:
    """A number with a true minus sign, and none before a zero; ``form`` is a format of Python's, such as ``.0f``.

    >>> as_number(-57.6, ".0f"), as_number(-0.04, "+.1f"), as_number(1234, ",d")
    ('−58', '+0.0', '1,234')
    """
    text = format(value, form)
    if not text.strip("-0.,%"):  # as "-0.0"
        text = format(abs(value), form)
    return text.replace("-", "−")


def as_text(name: object) -> str:
    """A file name, or a text with file names in it, as text that can be written: invalid bytes are spelt out.

    Python holds the bytes of a file name that are not valid UTF-8 as halves of surrogate pairs, which no file, table,
    terminal or page takes. The result is for people and tables; only the path itself opens the file.

    >>> as_text("caf\\udce9.wav")
    'caf\\\\udce9.wav'
    """
    return str(name).encode(errors="backslashreplace").decode()


def printable(text: str) -> str:
    r"""Text in one line that a terminal shows and does not obey: unsafe characters are spelt out.

    A file name, a label or a sentence in a stranger's file may hold codes that move the cursor, change colours, set the
    window's title, turn the direction of writing, or look like further lines.

    >>> printable("dog\x1b[2J\nfake line"), printable("caf\udce9.wav"), printable("犬 بارک")
    ('dog\\x1b[2J\\nfake line', 'caf\\udce9.wav', '犬 بارک')
    """
    if text.isprintable():
        return text
    return "".join(char.encode("unicode_escape").decode() if _is_unsafe(char) else char for char in text)


def shortened(text: str, most: int = 200) -> str:
    """Text of at most so many characters, for a sentence; what is cut off is replaced by an ellipsis.

    >>> shortened("a sound", 4)
    'a s…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def json_escaped(text: str, encoding: str = "utf-8") -> str:
    r"""JSON text in which a character that a terminal obeys, or an encoding lacks, is written as ``\uXXXX``.

    It stays the JSON of the same values. Line ends stay: inside of texts JSON escapes them itself.

    >>> json_escaped('["\x9b2J", "é"]'), json_escaped('["é"]', "ascii")
    ('["\\u009b2J", "é"]', '["\\u00e9"]')
    """
    is_utf8 = encoding.lower().replace("-", "") == "utf8"
    if is_utf8 and text.replace("\n", "").isprintable():
        return text
    return re.sub(r"[^\n\x20-\x7e]", lambda match: _json_char(match[0], "utf-8" if is_utf8 else encoding), text)


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in UNSAFE_CATEGORIES and char not in JOINERS


def _json_char(char: str, encoding: str) -> str:
    if not _is_unsafe(char):
        try:
            char.encode(encoding)
            return char
        except UnicodeEncodeError:
            pass
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
