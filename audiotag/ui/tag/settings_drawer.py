"""The drawer of the Tag page: the ensemble, its tagging options, thresholds, a second ensemble, label aliases.

It is closed at first; a line above it says what is set.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.tagging.settings import COMBINE_TITLES
from audiotag.ui import ensemble_cache
from audiotag.ui.tag import ensemble_card, tagging_options, threshold_panel, thresholds
from audiotag.ui.tag.tagging_options import IN_ADDRESS, PageSettings, TaggingSetup
from audiotag.ui.text import Markdown, escape
from audiotag.ui.trust.panel import show_trust_of_ensemble
from audiotag.ui.widgets import label_aliases, messages
from audiotag.workspace import Workspace

NOTHING = "nothing"
DRAWER, TABS = "drawer", "settings"  # keys, which are in the address
TITLES = ("Ensemble", "Trust", "Options", "Thresholds", "Compare", "Label aliases")


def show_drawer(folder: Path, workspace: Workspace) -> PageSettings:
    """Show the drawer, and return what is set in it.

    Parameters
    ----------
    folder : Path
        Folder of the ensemble.
    workspace : Workspace
    """
    folds = ensemble_cache.load_tagger(folder)  # before the first drop, so that the drop itself is quick
    line = st.empty()
    drawer = st.expander("Settings", icon=":material/tune:", key=DRAWER, **IN_ADDRESS)
    with drawer:
        about, trust, options, own, beside, aliases = st.tabs(list(TITLES), key=TABS, **IN_ADDRESS)
    with options:  # also while the drawer is closed: a widget that is not on the page loses its value
        settings = tagging_options.pick_settings(folder, folds, bool(drawer.open and options.open))
        tagger = ensemble_cache.load_tagger(folder, fast=True) if settings.fast else folds
        settings = tagging_options.usable_settings(settings, tagger)
    state = thresholds.load_thresholds(folder, tagger.card, workspace)
    setup = TaggingSetup(folder, tagger, settings, state.current)
    with beside:
        other = _pick_other(folder, setup, workspace)
    if drawer.open:
        with about:
            if about.open:
                ensemble_card.show_card(folder, folds)
        with trust:
            if trust.open:
                show_trust_of_ensemble(folder, folds)
        with own:
            if own.open:
                threshold_panel.show_thresholds(state, tagger, settings, workspace)
        with aliases:
            label_aliases.show_label_aliases(workspace)
    line.caption(describe_setup(setup, other, state))
    return PageSettings(setup, other, state)


def describe_setup(setup: TaggingSetup, other: TaggingSetup | None, state: thresholds.Thresholds) -> Markdown:
    """What is set, in one line of Markdown."""
    card, settings = setup.tagger.card, setup.settings
    folds = "1 fold" if len(card.folds) == 1 else f"{len(card.folds)} folds, {COMBINE_TITLES[settings.combine]}"
    if settings.fast:
        folds = "single network"
    if card.blend is not None:
        folds = f"blend of {len(card.blend.members)}, {COMBINE_TITLES[card.blend.combine]}"
    windows = {"mean": "mean", "max": "maximum"}[settings.windows or card.windows]
    if state.changed:
        marks = f"{state.changed:,} threshold{'' if state.changed == 1 else 's'} changed, not saved"
    else:
        marks = "your own thresholds" if state.saved and state.saved != state.of_card else "thresholds of the card"
    parts = [
        f"**{escape(card.name)}**",
        escape(folds),
        f"{windows} of windows",
        *(["test-time augmentation"] if settings.tta else []),
        *(["tags of unfamiliar sounds are held back"] if settings.hold_back else []),
        marks,
        *([f"compared with **{escape(other.folder.name)}**"] if other else []),
    ]
    return Markdown(" · ".join(parts))


def _pick_other(folder: Path, setup: TaggingSetup, workspace: Workspace) -> TaggingSetup | None:
    """The ensemble to compare with the chosen one; None where none is chosen."""
    others = {name: path for name, path in workspace.ensemble_folders().items() if path != folder}
    if not others:
        st.caption("There is no other ensemble to compare with. Train one on the Train page and publish it.")
        return None
    name = st.selectbox(
        "Compare with",
        [NOTHING, *others],
        key="beside-ensemble",
        help="Also shows the tags of another ensemble.",
        width=320,
        **IN_ADDRESS,
    )
    if name not in others:
        return None
    with messages.show_errors():
        is_fast = setup.settings.fast and ensemble_cache.load_card(others[name]).single is not None
        tagger = ensemble_cache.load_tagger(others[name], fast=is_fast)
        settings = tagging_options.usable_settings(setup.settings, tagger)
        current = thresholds.load_thresholds(others[name], tagger.card, workspace).current
        return TaggingSetup(others[name], tagger, settings, current)
    return None
