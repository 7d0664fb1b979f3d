"""What is chosen, in the address, so that a reload or a link in another session shows the same.

For datasets and ensembles the address holds a key, never a path: a link opens only what this workspace knows already,
and one to anything else chooses nothing. Other choices are short texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from audiotag.data.index import cache_name
from audiotag.wording import as_text

MAX_NAME_LENGTH = 30  # of a dataset's name in the address; the hash behind it identifies the dataset


def dataset_key(path: Path) -> str:
    """A dataset in the address: its name, and a hash of its path.

    >>> dataset_key(Path("/data/My sounds"))
    'my-sounds-887278f26cdb'
    """
    name = re.sub(r"[^a-z0-9]+", "-", as_text(path.stem if path.is_file() else path.name).lower()).strip("-")
    return cache_name(path, name[:MAX_NAME_LENGTH] or "dataset")


def follow_address(picker: str, by_key: Mapping[str, Any]) -> None:
    """Choose what the address names, before the picker is drawn; an unknown key chooses nothing.

    What this session wrote into the address itself is not followed again.
    """
    wanted = st.query_params.get(picker)
    if not wanted or wanted == st.session_state.get(_written(picker)):
        return
    st.session_state[_written(picker)] = wanted
    st.session_state[picker] = by_key.get(wanted)
    st.session_state[_unknown(picker)] = wanted not in by_key


def is_unknown(picker: str) -> bool:
    """Whether the address named something that this workspace does not know, and nothing was chosen since."""
    return bool(st.session_state.get(_unknown(picker)))


def forget_unknown(picker: str) -> None:
    """Something was chosen: an unknown key in the address does not matter any more."""
    st.session_state[_unknown(picker)] = False


def write_address(picker: str, key: str) -> None:
    """Put the key of what is chosen into the address."""
    st.session_state[_written(picker)] = key
    if st.query_params.get(picker) != key:
        st.query_params[picker] = key


def new_text(parameter: str) -> str | None:
    """The text of a parameter of the address, if this session has not written it itself or followed it already."""
    wanted = st.query_params.get(parameter)
    if not wanted or wanted == st.session_state.get(_written(parameter)):
        return None
    st.session_state[_written(parameter)] = wanted
    return wanted


def write_text(parameter: str, text: str, without: str = "") -> None:
    """Put a text into the address; the parameter is left out for the text ``without``, which is the default."""
    st.session_state[_written(parameter)] = text
    if text == without:
        st.query_params.pop(parameter, None)
    elif st.query_params.get(parameter) != text:
        st.query_params[parameter] = text


def _written(picker: str) -> str:
    return f"{picker}-in-address"


def _unknown(picker: str) -> str:
    return f"{picker}-unknown"
