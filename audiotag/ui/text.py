"""Text from data as Markdown that shows it unchanged.

Streamlit reads nearly every text of a page as Markdown: messages, labels of buttons and of tabs, help, captions. A file
name, a label or a card may come from a stranger, and must not become a link, a heading, or a picture that is fetched
elsewhere. So text has a type: what `escape` returns, and what this package itself wrote, is `Markdown`. A test finds
each text of a page that is neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from audiotag.remote.addresses import with_addresses
from audiotag.wording import as_text

JOINER = "\u2060"  # has no width and allows no line break
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#+!|~$:&^])")
BLOCK = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[-=]))")  # at the start of a line: a list, a heading, a rule
# What becomes a link, an icon or a symbol although its punctuation is escaped.
REPLACED = re.compile(
    r"(https?:)(?=//)|(www)(?=\.)|(?<=[-.\w+])(@)(?=\w)|(:material)(?=/)|(?<!\S)([<~=>-])(?=[->=])", re.IGNORECASE
)


class Markdown(str):
    """Text that may be shown as Markdown."""

    __slots__ = ()


def escape(text: object) -> Markdown:
    """Markdown that shows a text from data unchanged, on one line; a path of remote sounds is shown as its address.

    >>> escape("a_b [x](y).wav")
    'a\\\\_b \\\\[x\\\\](y).wav'
    """
    one_line = re.sub(r"[\r\n\t]+", " ", with_addresses(as_text(text))).strip()
    safe = SPECIAL.sub(r"\\\1", REPLACED.sub(lambda found: found[0] + JOINER, one_line))
    return Markdown(BLOCK.sub(r"\1\\", safe))


def escape_all(texts: Iterable[object], separator: str = ", ") -> Markdown:
    """Several texts from data, joined by a separator that this package wrote.

    >>> escape_all(["a", "b*"])
    'a, b\\\\*'
    """
    return Markdown(separator.join(map(escape, texts)))


def link(label: Markdown, address: object) -> Markdown:
    """A link to an address from data; what is not an address of the web is shown as text.

    >>> link(Markdown("source"), "https://example.org/a(b")
    '[source](<https://example.org/a%28b>)'
    >>> link(Markdown("source"), "javascript:alert()")
    'javascript\\\\:alert()'
    """
    try:
        parts = urlsplit(str(address))
    except ValueError:
        return escape(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return escape(address)
    return Markdown(f"[{label}](<{quote(str(address), safe=':/?&=%#~+,;@')}>)")
