"""How a dataset was read: what each column or folder level is, what the first clips get, and pickers to change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from audiotag.data.dataset import Dataset, Reading
from audiotag.data.layouts.base import LABEL_SEPARATORS, NO_COLUMN, OpenOptions, layouts_in_order
from audiotag.data.saved_options import open_and_remember
from audiotag.disk import disk_problem
from audiotag.errors import AudiotagError
from audiotag.ui.address import dataset_key
from audiotag.ui.text import Markdown, escape, escape_all
from audiotag.ui.widgets.messages import JUST_OPENED
from audiotag.workspace import Workspace

PROBLEM = "reading-problem"  # in the session: why the last change was refused
FOLDERS = "folders"  # source of a reading of folders
AUTO = ""  # value of a picker: detected automatically
SHOWN_CLIPS = 8
MAX_COLUMNS_NAMED = 4
PICKER_WIDTH_PIXELS = 220  # four next to each other on a wide screen
COLUMNS = {  # option: label of its picker, role in a reading
    "file_column": ("File column", "file"),
    "label_column": ("Label column", "labels"),
    "split_column": ("Split column", "split"),
    "fold_column": ("Fold column", "fold"),
    "group_column": ("Group column", "group"),
}
NO_COLUMN_MEANS = {"label_column": "columns of 0 and 1"} | dict.fromkeys(
    ("split_column", "fold_column", "group_column"), "none"
)
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
LABELS_APART = {
    "comma": "a comma: dog, cat",
    "semicolon": "a semicolon: dog; cat",
    "bar": "a bar: dog|cat",
    "space": "a space: dog cat",
    "none": "nothing: a cell is one label",
}
LEVEL_ROLES = {
    "label": "label",
    "split": "split (train, validation, test)",
    "fold": "fold",
    "group": "group (source recording)",
    "-": "no meaning",
}


def show_reading(dataset: Dataset, beside_title: DeltaGenerator) -> None:
    """The panel: open where something was not used, or where the dataset was opened just now; else behind a button.

    Parameters
    ----------
    dataset : Dataset
    beside_title : DeltaGenerator
        The place for the button.
    """
    if not dataset.readings:
        return
    ignored = [sentence for reading in dataset.readings for sentence in reading.ignored]
    is_open = bool(ignored) or st.session_state.get(JUST_OPENED) == dataset.root or PROBLEM in st.session_state
    key = f"reading-{dataset_key(dataset.root)}"
    place = (
        st.expander("How it was read", icon=":material/table_view:", expanded=True, key=key)
        if is_open
        else beside_title.popover("How it was read", icon=":material/table_view:", key=key)
    )
    with place:
        for reading in dataset.readings:
            st.markdown(describe_reading(reading))
        for sentence in dict.fromkeys(ignored):
            st.caption(f":material/warning: {escape(sentence)}")
        st.table(first_clips(dataset), border="horizontal", hide_index=True, alt="What the first clips get")
        _show_form(dataset)


def describe_reading(reading: Reading) -> Markdown:
    """One reading as a line: its table, and what each of its columns is.

    >>> describe_reading(Reading("clips.csv", ("name", "tags"), {"file": ("name",), "labels": ("tags",)}, "a list"))
    '**clips.csv** · file: name · labels: tags, a list'
    """
    parts = [Markdown(f"**{escape(reading.source)}**")]
    for role, columns in reading.roles.items():
        text = f"{escape(role)}: {escape(_names(columns))}"
        parts.append(Markdown(text + (f", {escape(reading.label_format)}" if _is_format_of(role, reading) else "")))
    return Markdown(" · ".join(parts))


def first_clips(dataset: Dataset) -> pd.DataFrame:
    """The first clips with what the reading gives them, as Markdown; columns that no clip has are left out."""
    clips = dataset.clips.head(SHOWN_CLIPS)
    columns = ["subset"] if len(dataset.subsets) > 1 else []
    columns += [name for name in ("split", "fold", "group") if dataset.clips[name].notna().any()]
    shown = {"clip": clips["clip"].map(escape), "labels": clips["labels"].map(escape_all)}
    for name in columns:
        shown[name] = clips[name].map(lambda value: escape("" if pd.isna(value) else value))
    return pd.DataFrame(shown)


def _names(columns: Iterable[str]) -> str:
    names = list(columns)
    more = len(names) - MAX_COLUMNS_NAMED
    return ", ".join(names[:MAX_COLUMNS_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _is_format_of(role: str, reading: Reading) -> bool:
    return role == "labels" and bool(reading.label_format)


def _show_form(dataset: Dataset) -> None:
    """Pickers for each part of the reading, and buttons that read the dataset again."""
    options = OpenOptions.from_dict(Workspace().dataset_options(dataset.root))
    keys = _Keys(dataset.root)
    if st.session_state.get(keys["of"]) != options:  # they were changed elsewhere, or just applied
        keys.forget()
        st.session_state[keys["of"]] = options
    tables = [reading for reading in dataset.readings if reading.source != FOLDERS]
    folders = next((reading for reading in dataset.readings if reading.source == FOLDERS), None)
    with st.form(keys["form"], border=False):
        place = st.container(horizontal=True)  # as many next to each other as fit
        titles = {layout.key: layout.title for layout in layouts_in_order()}
        _pick(place, Markdown("Layout"), keys["layout"], titles, options.layout, dataset.layout)
        if tables:
            _table_pickers(place, tables, options, keys)
        if folders:
            _level_pickers(place, folders, options, keys)
        if problem := st.session_state.get(PROBLEM):
            st.error(escape(problem), icon=":material/error:")
        with st.container(horizontal=True):
            apply: dict[str, Any] = {"on_click": _apply, "args": (dataset.root, options, keys, folders)}
            st.form_submit_button("Apply", icon=":material/check:", key=keys["apply"], **apply)
            st.form_submit_button(
                "Detect automatically",
                icon=":material/restart_alt:",
                key=keys["detect"],
                on_click=_detect,
                args=(dataset.root, options),
                disabled=options == _without_reading(options),
            )


def _table_pickers(place: DeltaGenerator, tables: list[Reading], options: OpenOptions, keys: _Keys) -> None:
    columns = list(dict.fromkeys(column for reading in tables for column in reading.columns))
    for option, (label, role) in COLUMNS.items():
        choices = {name: name for name in columns}
        if option in NO_COLUMN_MEANS:
            choices = {NO_COLUMN: NO_COLUMN_MEANS[option], **choices}
        used = list(dict.fromkeys(column for reading in tables for column in reading.roles.get(role, ())))
        detected = _names(used) or "none"
        _pick(place, escape(label), keys[option], choices, getattr(options, option), detected)
    formats = ", ".join(dict.fromkeys(reading.label_format for reading in tables if reading.label_format))
    choices = {name: LABELS_APART.get(name, name) for name in LABEL_SEPARATORS}
    _pick(place, Markdown("Between labels"), keys["label_separator"], choices, options.label_separator, formats)
    _pick(place, Markdown("Between columns"), keys["separator"], SEPARATORS, options.separator, "")


def _level_pickers(place: DeltaGenerator, folders: Reading, options: OpenOptions, keys: _Keys) -> None:
    set_by_user = options.folders.split("/") if options.folders else []
    for at, level in enumerate(folders.columns):
        detected = _role_of(level, folders)
        chosen = set_by_user[at] if at < len(set_by_user) else None
        _pick(place, escape(level.capitalize()), keys[f"level-{at}"], LEVEL_ROLES, chosen, LEVEL_ROLES[detected])


def _pick(
    place: DeltaGenerator, label: Markdown, key: str, choices: dict[str, str], chosen: str | None, detected: str
) -> None:
    """A select box whose first choice is what was detected; ``chosen`` is what the options say now."""
    auto = f"{detected} (detected)" if detected and chosen is None else "detected automatically"
    values = [AUTO, *choices]
    st.session_state.setdefault(key, AUTO if chosen is None else chosen)
    if st.session_state[key] not in values:
        values.append(st.session_state[key])
    place.selectbox(
        label,
        values,
        format_func=lambda value: auto if value == AUTO else choices.get(value, value),
        key=key,
        width=PICKER_WIDTH_PIXELS,
    )


def _apply(root: Path, options: OpenOptions, keys: _Keys, folders: Reading | None) -> None:
    """Open the dataset again with what was picked."""
    picked = {name: keys.value(name) for name in (*COLUMNS, "label_separator", "separator", "layout")}
    changed: dict[str, Any] = {name: value or None for name, value in picked.items() if value is not None}
    if folders:
        levels = [keys.value(f"level-{at}") for at in range(len(folders.columns))]
        roles = [role or _role_of(level, folders) for role, level in zip(levels, folders.columns, strict=True)]
        changed["folders"] = "/".join(roles) if any(levels) else None
    _open_again(root, lambda: replace(options, **changed))


def _detect(root: Path, options: OpenOptions) -> None:
    """Open the dataset again with everything detected automatically."""
    _open_again(root, lambda: _without_reading(options))


def _without_reading(options: OpenOptions) -> OpenOptions:
    """The options with everything detected automatically; which clips are used stays."""
    return OpenOptions(keep_flagged=options.keep_flagged, keep_unlabelled=options.keep_unlabelled)


def _open_again(root: Path, make_options: Callable[[], OpenOptions]) -> None:
    st.session_state.pop(PROBLEM, None)
    try:
        open_and_remember(root, make_options(), Workspace())
    except (AudiotagError, OSError) as error:
        st.session_state[PROBLEM] = disk_problem(error) if isinstance(error, OSError) else str(error)
    else:
        st.session_state[JUST_OPENED] = root


def _role_of(level: str, folders: Reading) -> str:
    """The role of a level of folders as it was read."""
    names = {"labels": "label"}
    found = next((role for role, levels in folders.roles.items() if level in levels), "-")
    role = names.get(found, found)
    return role if role in LEVEL_ROLES else "-"


class _Keys:
    """Keys of the pickers of one dataset."""

    def __init__(self, root: Path) -> None:
        self.prefix = f"reading-{dataset_key(root)}-"

    def __getitem__(self, name: str) -> str:
        return self.prefix + name

    def value(self, name: str) -> str | None:
        """What is picked; None for a picker that is not on the page."""
        value = st.session_state.get(self[name])
        return None if value is None else str(value)

    def forget(self) -> None:
        """Let the pickers begin anew."""
        for key in [key for key in st.session_state if str(key).startswith(self.prefix)]:
            del st.session_state[key]
