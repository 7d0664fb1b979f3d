"""Where the Label tab stands: first for a dataset without labels, nowhere for one whose clips all have labels."""

from __future__ import annotations

from collections.abc import Callable

from audiotag.data.dataset import Dataset

TITLE = "Label"
Tabs = dict[str, Callable[[], None]]


def with_label_tab(dataset: Dataset, show: Callable[[], None], others: Tabs) -> Tabs:
    """The tabs of the Review page: Label is first where most clips have no label, last where a few have none."""
    share = share_without_label(dataset)
    if share == 0:
        return others
    return {TITLE: show, **others} if share > 0.5 else {**others, TITLE: show}


def share_without_label(dataset: Dataset) -> float:
    """The share of clips that have no label in the dataset's tables, 0 to 1."""
    labels = dataset.clips["labels"]
    return float((~labels.map(bool).astype(bool)).mean()) if len(labels) else 0.0
