"""Show and change the table of labels that mean the same under different names."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from audiotag.data.label_names import EXAMPLE, parse_aliases, read_aliases, write_aliases
from audiotag.errors import AudiotagError
from audiotag.ui.text import escape
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace

FIELD = "label-aliases"


def current_aliases(workspace: Workspace) -> dict[str, str]:
    """The user's aliases; none where their file is damaged, which `show_label_aliases` says."""
    with suppress(AudiotagError, OSError):
        return read_aliases(workspace)
    return {}


def show_label_aliases(workspace: Workspace) -> None:
    """A form with one alias per line; Save writes them for all pages and for ``audiotag score``."""
    with st.expander("Label aliases", icon=":material/label:"), messages.show_errors():
        saved = read_aliases(workspace)
        with st.form("label-aliases-form", border=False):
            text = st.text_area(
                "Labels that mean the same",
                value="\n".join(f"{name} = {other}" for name, other in saved.items()),
                key=FIELD,
                placeholder=EXAMPLE,
                help="One pair per line, with = between the two names. Upper or lower case, spaces, underscores and "
                "hyphens make no difference and need no alias.",
            )
            if st.form_submit_button("Save", icon=":material/save:"):
                aliases = parse_aliases(text.splitlines())
                write_aliases(aliases, workspace)
                saved_text = "1 alias is" if len(aliases) == 1 else f"{len(aliases):d} aliases are"
                st.toast(f"{saved_text} saved.", icon=":material/check:")
                st.rerun()
        for name, other in saved.items():
            st.caption(f"{escape(name)} is the same label as {escape(other)}.")
