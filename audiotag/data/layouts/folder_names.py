"""What the name of a folder says about the sounds in it, whatever dataset it is part of.

Datasets are published with folders for splits (``train``, ``audio_test``), folds (``fold1``), recordings or speakers
(``Actor_01``, ``2024-05-01``), and with folders that only hold the others (``audio``, ``recordings``). Such names are
no labels. Whether a name means what it says here also depends on the folders beside it: ``train`` is a vehicle, too.
`audiotag.data.layouts.folder_levels` decides that.
"""

from __future__ import annotations

import re
from functools import lru_cache

SPLIT_WORDS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "validate", "valid", "val"),
    "dev": ("dev", "devel", "development"),
    "test": ("test", "testing", "tst"),
    "eval": ("eval", "evaluation", "evaluate"),
}
SPLIT_OF_WORD = {
    spelling + ending: split
    for split, spellings in SPLIT_WORDS.items()
    for spelling in spellings
    for ending in ("", "set", "data", "audio", "files", "clips")
}
CONTAINER_WORDS = {
    "audio", "audios", "clip", "clips", "data", "dataset", "datasets", "file", "files", "flac", "media", "mp3", "ogg",
    "original", "originals", "public", "raw", "rec", "recording", "recordings", "sample", "samples", "set", "sound",
    "soundfiles", "sounds", "split", "splits", "wav", "wave", "waves", "wavs", "wavfiles", "fold", "folds", "cv",
    "folders", "chunk", "chunks", "segment", "segments", "txt", "and", "video", "videos", "mp4", "extracted",
    "mono", "stereo",
}  # fmt: skip
PART_WORDS = {"part", "chunk", "shard", "disc", "disk", "cd", "dvd", "batch", "volume", "vol", "archive"}
FOLD = re.compile(r"(?:k?folds?|cv|split|partition)(\d{1,3})")
PERSON_WORDS = (
    "actors?|child|client|individual|infant|participant|patient|performer|person|player|recordist|singer|speaker|spk"
    "|spkr|subject|subj|sub|user|usr|volunteer"
)
OTHER_GROUP_WORDS = (
    "card|day|device|id|location|loc|mic|microphone|month|night|plot|recorder|recording|room|sensor|session|sess|site"
    "|source|station|take|tape|week|year"
)
NUMBER = r"(?:[\s_-]*\d+[a-z]?|[\s_-]+[a-z]|(?-i:(?<=[a-z])[A-Z]))"  # or a letter: site_B, siteB
PERSON = re.compile(f"(?:{PERSON_WORDS}){NUMBER}", re.IGNORECASE)
OTHER_GROUP = re.compile(f"(?:{OTHER_GROUP_WORDS}){NUMBER}", re.IGNORECASE)
DATE = re.compile(r"(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])(?:[-_ T].*)?")
WITHOUT_LABEL = {"unlabel", "unlabeled", "unlabelled", "unlabelindomain", "nolabel", "nolabels", "unannotated"}
NAMES_REMEMBERED = 1 << 14  # each is looked at several times
NO_CLASS = "_background_noise_"  # of Speech Commands: long recordings to mix with the others


def split_of(name: str) -> str | None:
    """The key of `SPLIT_WORDS` that a folder's name is about, if it is about nothing else.

    >>> split_of("Training"), split_of("audio_train"), split_of("test-set"), split_of("ValSet"), split_of("train_horn")
    ('train', 'train', 'test', 'validation', None)
    """
    split, rest = split_and_rest(name)
    return None if rest else split


def split_and_rest(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The split in a folder's name, and its other words; no split if there are several.

    >>> split_and_rest("FSD50K.dev_audio"), split_and_rest("dog bark")
    (('dev', ('fsd', '50k')), (None, ('dog', 'bark')))
    """
    words = [word for word in _words(name) if word not in CONTAINER_WORDS and not word.isdigit()]
    splits = {word: split for word in words if (split := SPLIT_OF_WORD.get(word))}
    if len(splits) != 1:
        return None, tuple(words)
    return next(iter(splits.values())), tuple(word for word in words if word not in splits)


def fold_of(name: str) -> int | None:
    """The number of a fold.

    >>> fold_of("fold1"), fold_of("Fold_10"), fold_of("cv-2"), fold_of("folding chair")
    (1, 10, 2, None)
    """
    match = FOLD.fullmatch(_joined(name))
    return int(match[1]) if match else None


def is_group(name: str) -> bool:
    """Whether a folder holds one speaker, session, place or day.

    >>> is_group("Actor_01"), is_group("user5"), is_group("site B"), is_group("2024-05-01"), is_group("mice")
    (True, True, True, True, False)
    """
    return is_person(name) or any(pattern.fullmatch(name.strip()) for pattern in (OTHER_GROUP, DATE))


def is_person(name: str) -> bool:
    """Whether a folder holds one speaker, who is the same one wherever else the name occurs.

    >>> is_person("speaker_3"), is_person("session_3")
    (True, False)
    """
    return PERSON.fullmatch(name.strip()) is not None


def is_container(name: str) -> bool:
    """Whether a folder's name says no more than that there are sounds in it.

    >>> is_container("recordings"), is_container("audio-3"), is_container("wav_44k"), is_container("dog")
    (True, True, True, False)
    """
    words = [word for word in _words(name) if not re.fullmatch(r"\d+(k?hz|k|bit|s)?|[a-z]", word)]
    if set(words) <= CONTAINER_WORDS:
        return bool(words)
    return len(words) == 1 and words[0] in PART_WORDS and len(_words(name)) > 1


def has_no_label(name: str) -> bool:
    """Whether a folder's name says that its sounds have no label.

    >>> has_no_label("unlabel_in_domain"), has_no_label("unknown")
    (True, False)
    """
    return name.strip().lower() == NO_CLASS or _joined(name) in WITHOUT_LABEL


@lru_cache(NAMES_REMEMBERED)
def _words(name: str) -> list[str]:
    """The words and numbers of a name, in lower case.

    >>> _words("TrainSet_2"), _words("audio16k")
    (['train', 'set', '2'], ['audio', '16k'])
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z]{3})(?=\d)", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


@lru_cache(NAMES_REMEMBERED)
def _joined(name: str) -> str:
    return "".join(re.split(r"[\W_]+", name.strip().lower()))
