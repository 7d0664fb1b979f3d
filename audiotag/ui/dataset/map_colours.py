"""What the colours of the map of clips stand for: label, subset, doubt about the label, or problem."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.figures.theme import SUBSET_COLOURS, SUBSET_SYMBOLS
from audiotag.inspection.fault_kinds import worst_first
from audiotag.ui.dataset.clip_map import PointStyle, numbered_styles
from audiotag.ui.dataset.clip_map.point_styles import OTHER_COLOUR
from audiotag.ui.text import Markdown, escape
from audiotag.workspace import Workspace

LABELS, SCORES = "map-labels", "map-scores"  # keys of the pickers
MOST_GROUPS = 10
NO_NOTE = Markdown("")
DOUBTS = {  # kind of a doubt: its name in the legend
    "wrong": "a label may be wrong",
    "missing": "a label may be missing",
    "contradiction": "copies have other labels",
    "problem": "the sound has a fault",
}


@dataclass(frozen=True, eq=False)
class Colouring:
    """The group of each clip, and how the groups look.

    Attributes
    ----------
    groups : sequence of int
        The number of each clip's style.
    styles : list of PointStyle
        In the order of the legend.
    note : Markdown
        A sentence on what the colours mean; may be empty.
    column : str
        Name of the column of the table that has the groups; empty where another column has them already.
    """

    groups: Sequence[int] | np.ndarray
    styles: list[PointStyle]
    note: Markdown = NO_NOTE
    column: str = ""


Colour = Callable[[Dataset, pd.DataFrame, pd.DataFrame], Colouring]


def by_label(dataset: Dataset, clips: pd.DataFrame, faults: pd.DataFrame) -> Colouring:
    """The ten most frequent labels, or those that the user chooses; all others are grey."""
    clip, label, names = _label_pairs(clips["labels"])
    chosen = st.multiselect(
        "Labels in colour",
        sorted(names),
        key=LABELS,
        placeholder="the most frequent",
        max_selections=MOST_GROUPS,
        bind="query-params",
        help="All other labels are grey. Without a choice, the ten most frequent labels have a colour.",
    )
    most_frequent = np.argsort(-np.bincount(label, minlength=len(names)), kind="stable")[:MOST_GROUPS]
    coloured = chosen or [names[each] for each in most_frequent]
    other, none = len(coloured), len(coloured) + 1
    number = {label: at for at, label in enumerate(coloured)}
    group_of = np.array([number.get(name, other) for name in names], dtype=int)[label]
    groups = np.full(len(clips), none)
    groups[clip] = other
    has_colour = np.flatnonzero(group_of != other)[::-1]  # of several labels the first one is written last
    groups[clip[has_colour]] = group_of[has_colour]
    several = bool((clip[1:] == clip[:-1]).any())
    note = "A clip with several labels has the colour of the first one that has a colour." if several else ""
    return Colouring(groups, [*numbered_styles(coloured), *_grey("other labels", "no label")], Markdown(note))


def _label_pairs(labels: pd.Series) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Number of the clip and of the label of each label of each clip, in their order, and the names of the labels."""
    counts = np.fromiter(map(len, labels), dtype=int, count=len(labels))
    found, names = pd.factorize(np.array(list(itertools.chain.from_iterable(labels)), dtype=object))
    return np.repeat(np.arange(len(labels)), counts), found, names.tolist()


def by_subset(dataset: Dataset, clips: pd.DataFrame, faults: pd.DataFrame) -> Colouring:
    """The subset of each clip."""
    styles = [PointStyle(name, colour, SUBSET_SYMBOLS[name]) for name, colour in SUBSET_COLOURS.items()]
    number = {name: at for at, name in enumerate(SUBSET_COLOURS)}
    return Colouring(clips["subset"].map(number).tolist(), styles)


def by_problem(dataset: Dataset, clips: pd.DataFrame, faults: pd.DataFrame) -> Colouring:
    """The worst problem of each clip."""
    worst: dict[tuple[str, str], str] = {}
    ordered = worst_first(faults)
    for subset, clip, kind in zip(ordered["subset"], ordered["clip"], ordered["kind"], strict=True):
        worst.setdefault((subset, clip), kind)
    of_clips = [worst.get(name) for name in zip(clips["subset"], clips["clip"], strict=True)]
    kinds = [kind for kind, _ in Counter(filter(None, of_clips)).most_common(MOST_GROUPS)]
    number = {kind: at for at, kind in enumerate(kinds)}
    other, none = len(kinds), len(kinds) + 1
    groups = [none if kind is None else number.get(kind, other) for kind in of_clips]
    styles = [*numbered_styles(kinds), *_grey("other problems", "no problem found")]
    return Colouring(
        groups, styles, Markdown("A clip with several problems has the colour of the worst one."), "problem"
    )


def by_doubt(dataset: Dataset, clips: pd.DataFrame, faults: pd.DataFrame) -> Colouring:
    """What is most doubtful about each clip's labels, by out-of-fold scores; where there are none, how to get them."""
    from audiotag.ui.review.header import list_sources, load_scores
    from audiotag.ui.review.loading import find_review
    from audiotag.ui.widgets.label_aliases import current_aliases

    workspace = Workspace()
    sources = list_sources(dataset, workspace)
    chosen = None
    if sources:
        key = st.selectbox(
            "Scores",
            list(sources),
            format_func=lambda key: escape(sources[key].title),
            key=SCORES,
            bind="query-params",
            width=260,
            help="Folds score the clips that they were not trained on. Labels that these scores contradict are "
            "doubtful.",
        )
        chosen = sources[key]
    styles = [*numbered_styles(list(DOUBTS.values())), *_grey("no doubt", "not scored")]
    no_doubt, not_scored = len(DOUBTS), len(DOUBTS) + 1
    held_out = load_scores(chosen, dataset, workspace)
    if held_out is None:
        return Colouring([not_scored] * len(clips), styles, column="doubt")
    review = find_review(dataset, held_out, current_aliases(workspace))
    kinds = list(DOUBTS)
    found: dict[tuple[str, str], int] = {}
    for doubt in review.doubts:  # the most doubtful first
        found.setdefault((doubt.subset, doubt.clip), kinds.index(doubt.kind))
    scored = set(zip(held_out.clips["subset"], held_out.clips["clip"], strict=True))
    names = zip(clips["subset"], clips["clip"], strict=True)
    groups = [found.get(name, no_doubt if name in scored else not_scored) for name in names]
    return Colouring(groups, styles, Markdown("Clips in colour are in the queue of the Review page."), "doubt")


def _grey(*names: str) -> list[PointStyle]:
    symbols = ("circle", "circle-open")
    return [PointStyle(name, OTHER_COLOUR, symbol) for name, symbol in zip(names, symbols, strict=True)]


COLOURS: dict[str, Colour] = {"label": by_label, "subset": by_subset, "doubt": by_doubt, "problem": by_problem}
