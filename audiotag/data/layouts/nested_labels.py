"""Find out which of several folders with ordinary names, nested in each other, is the label of the sounds in them.

- A folder with sounds has the label for the sounds in the folders below it, too, if most sounds lie at its level.
- Where most of the innermost names occur in several folders (``site/dog``, ``other site/dog``), they are the labels,
  and the folders around them are groups of recordings.
- Else the innermost folder is the label, as in genus and species; where the same name occurs in several folders, the
  name of the folder around it goes before it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from audiotag.wording import as_text

Folder = tuple[str, ...]  # names of the folders around a sound, from the dataset's root down
MAX_EXAMPLES = 3


@dataclass(frozen=True)
class NestedLabels:
    """The label of each sequence of ordinary folders, and which of the folders make it; those before may be groups."""

    labels: dict[Folder, str] = field(default_factory=dict)
    parts: dict[Folder, range] = field(default_factory=dict)
    is_crossed: bool = False
    notes: tuple[str, ...] = ()


def find_labels(ordinary: Mapping[Folder, int]) -> NestedLabels:
    """The labels that folders are, by the number of sounds that lie in each folder itself.

    >>> counts = {("Corvus", "corax"): 5, ("Parus", "major"): 5, ("Dendrocopos", "major"): 5}
    >>> sorted(find_labels(counts).labels.values())
    ['Dendrocopos/major', 'Parus/major', 'corax']
    """
    classes, notes = _class_folders(ordinary)
    distinct = set(classes.values()) - {()}
    parents: dict[str, set[Folder]] = defaultdict(set)
    for folder in distinct:
        parents[folder[-1]].add(folder[:-1])
    repeated = [name for name, around in parents.items() if len(around) > 1]
    is_crossed = len(parents) > 1 and 2 * len(repeated) > len(parents)
    ends = Counter(folder[-length:] for folder in distinct for length in range(1, len(folder) + 1))
    labels, parts = {}, {}
    for folder, of_class in classes.items():
        if of_class:
            lengths = range(1, 2 if is_crossed else len(of_class) + 1)
            length = next((length for length in lengths if ends[of_class[-length:]] == 1), lengths[-1])
            labels[folder] = "/".join(of_class[-length:])
            parts[folder] = range(len(of_class) - length, len(of_class))
    if is_crossed:
        around = sorted({folder[0] for folder in distinct if len(folder) > 1})[:MAX_EXAMPLES]
        notes.append(
            f"The same folders are in {' and '.join(map(as_text, around))}, so the innermost ones are read as labels "
            "and those around them as groups of recordings; if it is the other way round, use the option folders."
        )
    return NestedLabels(labels, parts, is_crossed, tuple(notes))


def _class_folders(ordinary: Mapping[Folder, int]) -> tuple[dict[Folder, Folder], list[str]]:
    """For each sequence of ordinary names, the beginning of it that is a class; and notes about the rest of it."""
    by_depth: Counter[int] = Counter()
    below: Counter[Folder] = Counter()
    for folder, count in ordinary.items():
        by_depth[len(folder)] += count
        for depth in range(1, len(folder)):
            below[folder[:depth]] += count
    most = max((depth for depth in by_depth if depth), key=lambda depth: (by_depth[depth], depth), default=0)
    classes, notes = {}, []
    for folder in sorted(ordinary):
        classes[folder] = folder
        for depth in range(1, len(folder)):
            around = folder[:depth]
            own = ordinary.get(around, 0)
            if own and (depth >= most or own >= below[around]):
                classes[folder] = around
                notes.append("/".join(folder))
                break
    if not notes:
        return classes, []
    example = tuple(notes[0].split("/"))
    sentence = (
        f"{as_text(notes[0])} lies in a folder that has sounds itself; its sounds have the label "
        f"{as_text(classes.get(example, example)[-1])}"
    )
    more = f", and so do those of {len(notes) - 1:,} more such folders" if len(notes) > 1 else ""
    return classes, [f"{sentence}{more}."]
