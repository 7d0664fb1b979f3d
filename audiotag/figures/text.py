"""Text from data in figures: Plotly reads part of HTML in all its texts, and fields such as ``%{x}`` in hover texts."""

from __future__ import annotations

import html


def plain(text: object) -> str:
    """A text that Plotly shows unchanged, without links, formatting or fields.

    >>> plain("<b>a</b> %{x}")
    '&lt;b&gt;a&lt;/b&gt; &#37;{x}'
    """
    return html.escape(str(text), quote=False).replace("%{", "&#37;{")


def data_text(shown: object) -> str:
    """The text from data of which `plain` made this, as a click on a figure gives it back.

    >>> data_text("&lt;b&gt; &amp;amp; &#37;{x}")
    '<b> &amp; %{x}'
    """
    return html.unescape(str(shown))
