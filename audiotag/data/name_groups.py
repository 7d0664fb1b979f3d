"""Guess from file names which clips were cut from one recording: ``rec07_003.wav`` and ``rec07_004.wav``.

Names are sorted by their shape, the kinds of their fields. In each shape, the first fields up to some field may name
the recording, if the fields after it only number its clips. The guess is a proposal, so it has to be careful: it is
made only where the numbers of the clips are as dense as those that someone counts, or where the first fields repeat
far more often than random names of that length would. A first field that tells labels apart, as in ``dog_001.wav``,
is a label and names no recording.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from audiotag.data.name_fields import DATE, LETTER, MIXED, NUMBER, TIME, VIDEO, WORD, Field, split_names

MIN_CLIPS = 6  # of a shape
MIN_GROUPS = 5  # of all sizes; fewer could not be spread over folds
MIN_LARGER_GROUPS = 2  # of two or more clips
MIN_SHARE = 0.02  # of a shape's clips, in groups of two or more
MAX_SHARE = 1 / 3  # of a shape's clips, in one group
MIN_IDENTIFIER = 4  # digits of a number that no other recording has
MAX_COUNT = 9999  # a larger number is rather an identifier than a count
MIN_STEP = 100  # of larger numbers that are times, in milliseconds or samples
MAX_CODE = 3  # letters and digits of a short field, such as Tr1 or XX
MIN_DENSE_SHARE = 0.6  # of the clips in groups of two or more
MAX_SPARSITY = 4 / 3  # numbers from the first to the last, for each clip of a group
CHANCE_FACTOR = 3  # how often pairs must be found that random names would have once
MIN_LABEL_CLIPS = 4  # of a label that is looked at
LABEL_IN_GROUP = 0.8  # of a label's clips, from which on a group stands for the label
MAX_LABELS_IN_GROUP = 0.5  # of all clips with such labels
MIN_MIXED_GROUPS = 0.3  # of groups named by a word alone that have clips of different labels
COUNT_WORD = re.compile(
    r"(aug|ch|channel|chunk|clip|copy|cut|idx|mic|no|off|offset|part|seg|segment|slice|split|take|track|version)\d*",
    re.I,
)

Name = tuple[Field, ...]


@dataclass(frozen=True)
class NamePattern:
    """A shape of names that names recordings.

    Attributes
    ----------
    example : str
        A name of this shape, of a group of two or more clips.
    recording : str
        The fields in it that are taken for the recording.
    clips : int
        Clips with names of this shape.
    """

    example: str
    recording: str
    clips: int


@dataclass(frozen=True, eq=False)
class NameGroups:
    """What names say about recordings.

    Attributes
    ----------
    keys : pandas.Series of string
        The recording of each clip; NA for a clip whose name says nothing.
    patterns : tuple[NamePattern, ...]
        The most frequent first.
    """

    keys: pd.Series
    patterns: tuple[NamePattern, ...]


def find_name_groups(clips: pd.DataFrame) -> NameGroups:
    """Guess the recording of each clip from its name.

    Parameters
    ----------
    clips : pandas.DataFrame
        With ``clip``, a path, and ``labels``, a tuple of str for each clip.
    """
    names, labels = clips["clip"].tolist(), clips["labels"].tolist()
    fields = split_names(names)
    by_shape: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row, name in enumerate(fields):
        by_shape[tuple(field.kind for field in name)].append(row)
    keys: dict[int, str] = {}
    patterns = []
    for rows in by_shape.values():
        found = _find_keys([fields[row] for row in rows], [labels[row] for row in rows])
        if found is None:
            continue
        keys |= dict(zip(rows, found, strict=True))
        sizes = Counter(found)
        first = next(number for number, key in enumerate(found) if sizes[key] > 1)
        patterns.append(NamePattern(names[rows[first]], found[first], len(rows)))
    series = pd.Series([keys.get(row, pd.NA) for row in range(len(names))], index=clips.index, dtype="string")
    return NameGroups(series, tuple(sorted(patterns, key=lambda pattern: -pattern.clips)))


def _find_keys(names: list[Name], labels: list[tuple[str, ...]]) -> list[str] | None:
    """The recording of each name of one shape; None if nothing shows that names have one."""
    if len(names) < MIN_CLIPS:
        return None
    columns = list(zip(*names, strict=True))  # one tuple of fields per position
    words = {word for label in {label for each in labels for label in each} for word in _words(label)}
    for end in range(1, len(columns)):  # the fewest fields join the most clips, which is the safer error
        before, rest = columns[:end], columns[end:]
        if not _may_end(columns, end) or not all(_is_short(columns, end + n, words) for n in range(len(rest))):
            continue
        keys = _keys(before, rest, words)
        if _is_plausible(keys, labels) and _has_evidence(keys, before[-1], rest, labels):
            return keys
    return None


def _may_end(columns: Sequence[Sequence[Field]], end: int) -> bool:
    """Whether the field before ``end`` can be the last one of a recording's name."""
    kind, values = columns[end - 1][0].kind, columns[end - 1]
    if kind == LETTER:
        return False
    if kind == DATE:  # what follows it may name the recorder
        return columns[end][0].kind not in (WORD, MIXED)
    if kind == NUMBER and not _is_identifier(values):
        # Codes such as 03-01-06-01 have many short numbers, of which none is a recording.
        return sum(column[0].kind == NUMBER for column in columns) <= 2
    return kind != WORD or min(len(field.text) for field in values) > 2


def _is_short(columns: Sequence[Sequence[Field]], position: int, words: set[str]) -> bool:
    """Whether the fields at a position may number or describe the clips of a recording."""
    values, kind = columns[position], columns[position][0].kind
    if kind == NUMBER:
        numbers = [int(field.text) for field in values]
        return max(numbers) <= max(MAX_COUNT, 2 * len(numbers)) or math.gcd(*numbers) >= MIN_STEP
    if kind == TIME:
        return position == len(columns) - 1
    if kind in (WORD, MIXED):
        texts = {field.text for field in values}
        return len(texts) == 1 or all(
            len(text) <= MAX_CODE or text.casefold() in words or COUNT_WORD.fullmatch(text) for text in texts
        )
    return kind == LETTER


def _keys(before: Sequence[Sequence[Field]], rest: Sequence[Sequence[Field]], words: set[str]) -> list[str]:
    """The names of recordings, without what only says where a clip belongs, such as the number of a fold or a label.

    A short number or a label before a recording's name is left out if the numbers of the clips then still differ:
    ``1-mixer2-A`` and ``3-mixer2-B`` are of one recording, but ``dog_rec07_1`` and ``cat_rec07_1`` are not.
    """
    kept = list(before)
    is_identifier = _is_identifier(before[-1])
    while len(kept) > 1:
        texts, kind = {field.text for field in kept[0]}, kept[0][0].kind
        is_code = kind == NUMBER and max(map(len, texts)) <= 2
        is_label = all(text.casefold() in words for text in texts)
        is_same = is_identifier and len(texts) == 1
        if kind in (DATE, TIME) or not (is_code or is_label or is_same):
            break
        if not is_identifier and len(set(zip(*kept[1:], *rest, strict=True))) < len(kept[0]):
            break
        kept = kept[1:]
    return ["-".join(field.text for field in fields) for fields in zip(*kept, strict=True)]


def _is_identifier(values: Iterable[Field]) -> bool:
    """Whether fields are long enough that different recordings do not have the same one by being counted."""
    fields = list(values)
    if fields[0].kind == VIDEO:
        return True
    return fields[0].kind in (NUMBER, MIXED) and all(
        sum(map(str.isdigit, field.text)) >= MIN_IDENTIFIER for field in fields
    )


def _is_plausible(keys: list[str], labels: list[tuple[str, ...]]) -> bool:
    """Whether the groups are neither too few nor too large, and are not the labels."""
    sizes = Counter(keys)
    larger = [size for size in sizes.values() if size > 1]
    if len(sizes) < MIN_GROUPS or len(larger) < MIN_LARGER_GROUPS:
        return False
    if sum(larger) < MIN_SHARE * len(keys) or max(larger) > MAX_SHARE * len(keys):
        return False
    groups_of: dict[str, Counter[str]] = defaultdict(Counter)
    for key, of_clip in zip(keys, labels, strict=True):
        for label in of_clip:
            groups_of[label][key] += 1
    looked_at = [groups for groups in groups_of.values() if groups.total() >= MIN_LABEL_CLIPS]
    in_one = sum(groups.total() for groups in looked_at if max(groups.values()) >= LABEL_IN_GROUP * groups.total())
    return in_one <= MAX_LABELS_IN_GROUP * sum(groups.total() for groups in looked_at)


def _has_evidence(
    keys: list[str], last: Sequence[Field], rest: Sequence[Sequence[Field]], labels: list[tuple[str, ...]]
) -> bool:
    """Whether the names can hardly have these groups by chance."""
    kind = last[0].kind
    if kind == WORD:
        return _is_dense(keys, rest) and _crosses_labels(keys, labels)
    return kind in (DATE, TIME) or _is_more_than_chance(keys) or _is_dense(keys, rest)


def _is_more_than_chance(keys: list[str]) -> bool:
    """Whether names repeat more often than random ones would that have these characters at each position."""
    possible = 0
    for length in {len(key) for key in keys}:
        of_length = [key for key in keys if len(key) == length]
        possible += math.prod(len(set(characters)) for characters in zip(*of_length, strict=True))
    expected = len(keys) ** 2 / (2 * possible)
    found = sum(math.comb(size, 2) for size in Counter(keys).values())
    return found >= CHANCE_FACTOR * (expected + 1)


def _is_dense(keys: list[str], rest: Sequence[Sequence[Field]]) -> bool:
    """Whether the clips of most groups are counted without large gaps."""
    numbers = next(filter(None, map(_numbers, rest)), None)
    if numbers is None:
        return False
    step = math.gcd(*numbers) or 1
    groups: dict[str, list[int]] = defaultdict(list)
    for key, number in zip(keys, numbers, strict=True):
        groups[key].append(number // step)
    larger = [values for values in groups.values() if len(values) > 1]
    dense = sum(len(values) for values in larger if max(values) - min(values) + 1 <= MAX_SPARSITY * len(values))
    return dense >= MIN_DENSE_SHARE * sum(map(len, larger))


def _numbers(values: Sequence[Field]) -> list[int] | None:
    """Fields as numbers, letters by their place in the alphabet; None if they are not numbers, or do not vary."""
    if len({field.text for field in values}) == 1:
        return None
    if values[0].kind == LETTER:
        return [ord(field.text) for field in values]
    if values[0].kind not in (NUMBER, MIXED):
        return None
    digits = [re.search(r"\d+$", field.text) for field in values]
    found = [int(match[0]) for match in digits if match]
    return found if len(found) == len(values) else None


def _crosses_labels(keys: list[str], labels: list[tuple[str, ...]]) -> bool:
    """Whether enough groups have clips of different labels, as a place or a speaker has and a kind of sound has not."""
    of_group: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key, of_clip in zip(keys, labels, strict=True):
        of_group[key].append(of_clip)
    larger = [found for found in of_group.values() if len(found) > 1]
    return sum(len(set(found)) > 1 for found in larger) >= MIN_MIXED_GROUPS * len(larger)


def _words(label: str) -> list[str]:
    return [field.text.casefold() for field in split_names([label])[0]] + [label.casefold()]
