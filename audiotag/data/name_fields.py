"""Split the names of sound files into fields: numbers, words, dates, times and identifiers of videos.

``rec07_003.wav`` has the fields rec07 and 003. Folders whose names say nothing about a recording, such as audio, train
or fold3, have no fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

NUMBER: Kind = "number"
LETTER: Kind = "letter"
WORD: Kind = "word"
MIXED: Kind = "mixed"  # letters and digits
DATE: Kind = "date"
TIME: Kind = "time"  # of day, after a date
VIDEO: Kind = "video"
Kind = Literal["number", "letter", "word", "mixed", "date", "time", "video"]

GENERIC_FOLDER = re.compile(
    r"(audio|sounds?|clips?|data|dataset|wavs?|flac|ogg|mp3|files?|raw|curated|noisy|(train|test|valid|val|dev|eval)\w*"
    r"|(fold|split|part|subset)[\W_]*\d*)",
    re.IGNORECASE,
)
FIELD = re.compile(
    r"(?<!\d)(?P<date>(?:19|20)\d\d(?P<gap>[-_.]?)(?:0[1-9]|1[0-2])(?P=gap)(?:0[1-9]|[12]\d|3[01]))(?!\d)"
    r"(?:[T_\- ]?(?P<time>(?:[01]\d|2[0-3])(?P<colon>[-_:h.]?)[0-5]\d[-_:m.]?[0-5]\d)(?!\d)[sZ]?)?"
    r"|(?P<token>[^\W_]+)"
)
VIDEO_NAME = re.compile(r"(?P<video>[A-Za-z0-9_-]{11})[_-](?P<rest>\d+(?:\.\d+)?(?:[_-]\d+(?:\.\d+)?)?)")
LOOKS_RANDOM = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9_-])")
MIN_VIDEO_SHARE = 0.9  # of the names, before they are taken for those of videos
MIN_RANDOM_SHARE = 0.5  # of the identifiers; by chance, 11 letters and digits have all three about as often as 4 in 5


class Field(NamedTuple):
    """A part of a name."""

    kind: Kind
    text: str


def split_names(names: Iterable[str]) -> list[tuple[Field, ...]]:
    """The fields of each name, a path with ``/`` and a suffix.

    Names that nearly all begin with the identifier of a YouTube video, followed by a time, are split there: the
    identifier itself may have the characters that separate fields.

    Examples
    --------
    >>> [field.text for field in split_names(["audio/2021-05-03_site4_0001.wav"])[0]]
    ['2021-05-03', 'site4', '0001']
    """
    names = list(names)
    stems = [_stem(name) for name in names]
    videos = [VIDEO_NAME.fullmatch(stem) for stem in stems]
    found = [video["video"] for video in videos if video]
    random = sum(map(bool, map(LOOKS_RANDOM.match, found)))
    if len(found) > MIN_VIDEO_SHARE * len(names) and random > MIN_RANDOM_SHARE * len(found):
        return [_fields_of_video(video) if video else _fields(name) for video, name in zip(videos, names, strict=True)]
    return list(map(_fields, names))


def _stem(name: str) -> str:
    file = name.rpartition("/")[2]
    return file.rpartition(".")[0] or file


def _fields(name: str) -> tuple[Field, ...]:
    folders = [folder for folder in name.split("/")[:-1] if not GENERIC_FOLDER.fullmatch(folder)]
    return tuple(field for part in (*folders, _stem(name)) for field in _fields_of_part(part))


def _fields_of_part(part: str) -> list[Field]:
    fields = []
    for match in FIELD.finditer(part):
        if match["date"]:
            fields.append(Field(DATE, match["date"]))
            if match["time"]:
                fields.append(Field(TIME, match["time"]))
        else:
            fields.append(Field(_kind(match["token"]), match["token"]))
    return fields


def _fields_of_video(video: re.Match[str]) -> tuple[Field, ...]:
    return (Field(VIDEO, video["video"]), *_fields_of_part(video["rest"]))


def _kind(token: str) -> Kind:
    if token.isdecimal():
        return NUMBER
    if token.isalpha():
        return LETTER if len(token) == 1 else WORD
    return MIXED
