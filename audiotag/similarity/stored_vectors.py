"""Find vectors in the parts of an `audiotag.similarity.embedding_store.EmbeddingStore`, reading no more than is needed.

What does not follow the format, or is not finite, is damaged: the part is set aside with a sentence, and its sounds are
embedded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audiotag.similarity.vector_file import map_arrays
from audiotag.state import say, set_aside

EXPONENT_BITS = np.uint16(0x7C00)  # of a float16; all of them are set if it is not finite
ROWS_AT_ONCE = 8192
OTHERWISE = "its sounds are embedded again"


@dataclass(frozen=True, eq=False)
class Part:
    """One file of a store.

    Attributes
    ----------
    path : Path
    files, file_sounds : numpy.ndarray, shape=(files,), uint64
        Keys of files, and the key of the sound that each has.
    sounds, contents : numpy.ndarray, shape=(sounds,), uint64
        Keys of sounds by their bytes and by their samples; 0 where the samples' hash is not known.
    ends : numpy.ndarray, shape=(sounds,), int64
        Where the rows of each sound end; they begin where those of the sound before end.
    starts_s : numpy.ndarray, shape=(rows,), float64
    vectors : numpy.ndarray, shape=(rows, dimensions), float16
    """

    path: Path
    files: np.ndarray
    file_sounds: np.ndarray
    sounds: np.ndarray
    contents: np.ndarray
    ends: np.ndarray
    starts_s: np.ndarray
    vectors: np.ndarray


class Found(NamedTuple):
    """The vectors of some sounds, in the order in which the sounds were asked for.

    Attributes
    ----------
    vectors : numpy.ndarray, shape=(rows, dimensions), float16
    starts_s : numpy.ndarray, shape=(rows,)
    places : numpy.ndarray, shape=(rows,), int
        Which of the sounds asked for each row is of.
    is_found : numpy.ndarray, shape=(asked for,), bool
    """

    vectors: np.ndarray
    starts_s: np.ndarray
    places: np.ndarray
    is_found: np.ndarray


class StoredVectors:
    """The vectors in some parts.

    Parameters
    ----------
    parts : sequence of Part
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        self._files = _Keys(_joined([part.files for part in parts]))
        self._file_sounds = _joined([part.file_sounds for part in parts])
        self._sounds = _Keys(_joined([part.sounds for part in parts]))
        self._contents = _Keys(_joined([part.contents for part in parts]))
        counts = [len(part.sounds) for part in parts]
        self._part_of = np.repeat(np.arange(len(parts)), counts)  # of each sound
        self._ends = _joined([part.ends for part in parts], np.int64)
        self._begins = _joined([np.concatenate([[0], part.ends[:-1]])[: len(part.ends)] for part in parts], np.int64)

    def has_file(self, file: int) -> bool:
        """Whether the sound of a file is there, by the file's key."""
        link = int(self._files.last(_keys(file))[0])
        return link >= 0 and self.has_sound(int(self._file_sounds[link]))

    def has_sound(self, sound: int) -> bool:
        """Whether a sound is there, by the key of its bytes."""
        return bool(self._sounds.last(_keys(sound))[0] >= 0)

    def find(self, files: np.ndarray, contents: np.ndarray | None = None) -> Found:
        """The vectors of files.

        Parameters
        ----------
        files : numpy.ndarray, shape=(files,), uint64
            Keys; 0 for a file that is not there.
        contents : numpy.ndarray, shape=(files,), uint64, optional
            Keys of their samples, by which other files with the same samples are found.
        """
        numbers = self._sounds_of(files, np.zeros_like(files) if contents is None else contents)
        is_found = numbers >= 0
        numbers = numbers[is_found]
        lengths = self._ends[numbers] - self._begins[numbers]
        places = np.repeat(np.flatnonzero(is_found), lengths)
        firsts = np.cumsum(lengths) - lengths  # of each sound among the rows found
        rows = np.arange(len(places)) + np.repeat(self._begins[numbers] - firsts, lengths)
        parts = np.repeat(self._part_of[numbers], lengths)
        vectors = np.empty((len(rows), self._dimensions()), np.float16)
        starts_s = np.empty(len(rows))
        damaged = []
        for number in np.unique(parts):
            here = np.flatnonzero(parts == number)
            part = self._parts[number]
            vectors[here], starts_s[here] = part.vectors[rows[here]], part.starts_s[rows[here]]
            if not _all_finite(vectors[here]):
                set_aside(part.path, None, OTHERWISE)
                damaged.append(part)
        if damaged:
            return StoredVectors([part for part in self._parts if part not in damaged]).find(files, contents)
        return Found(vectors, starts_s, places, is_found)

    def distinct(self) -> list[Part]:
        """The parts with each file and each sound only once."""
        last_files = np.zeros(len(self._file_sounds), dtype=bool)
        last_files[self._files.last(self._files.values)] = True
        last_sounds = np.zeros(len(self._ends), dtype=bool)
        last_sounds[self._sounds.last(self._sounds.values)] = True
        parts, at_file, at_sound = [], 0, 0
        for part in self._parts:
            files = last_files[at_file : at_file + len(part.files)]
            sounds = last_sounds[at_sound : at_sound + len(part.sounds)]
            at_file, at_sound = at_file + len(part.files), at_sound + len(part.sounds)
            parts.append(_selected(part, files, sounds))
        return parts

    def _sounds_of(self, files: np.ndarray, contents: np.ndarray) -> np.ndarray:
        """The number of the sound of each file; -1 where it is not known."""
        links = self._files.last(files)
        keys = np.where(links >= 0, self._file_sounds[links] if len(self._file_sounds) else np.uint64(0), np.uint64(0))
        numbers = self._sounds.last(keys)
        return np.where(numbers >= 0, numbers, self._contents.last(contents))

    def _dimensions(self) -> int:
        return max((part.vectors.shape[1] for part in self._parts), default=0)


def read_part(path: Path) -> Part | None:
    """Open a part; one that is damaged is set aside, with a sentence, and is None.

    Raises
    ------
    FileNotFoundError
    """
    try:
        part = Part(path, **map_arrays(path))
        _check(part)
    except FileNotFoundError:
        raise
    except OSError as error:
        say(f"{path} cannot be read ({error.strerror}): {OTHERWISE}.", once=True)
        return None
    except MemoryError:
        raise
    except Exception:
        set_aside(path, None, OTHERWISE)
        return None
    return part


def is_finite(part: Part) -> bool:
    """Whether all vectors of a part are finite numbers; a part that has others is set aside, with a sentence."""
    firsts = range(0, len(part.vectors), ROWS_AT_ONCE)
    if all(_all_finite(part.vectors[first : first + ROWS_AT_ONCE]) for first in firsts):
        return True
    set_aside(part.path, None, OTHERWISE)
    return False


def _check(part: Part) -> None:
    """Raise ValueError unless the arrays of a part are those of a store."""
    of_64_bits = (part.files, part.file_sounds, part.sounds, part.contents)
    if any(array.dtype != np.uint64 or array.ndim != 1 for array in of_64_bits):
        raise ValueError("keys have another type")
    if part.ends.dtype != np.int64 or part.starts_s.dtype != np.float64 or part.vectors.dtype != np.float16:
        raise ValueError("an array has another type")
    rows = int(part.ends[-1]) if len(part.ends) else 0
    lengths = np.diff(part.ends, prepend=0)
    fits = part.ends.shape == part.sounds.shape == part.contents.shape and part.files.shape == part.file_sounds.shape
    if not fits or part.starts_s.shape != (rows,) or part.vectors.shape[:1] != (rows,) or part.vectors.ndim != 2:
        raise ValueError("the arrays do not fit each other")
    if (lengths < 0).any() or not np.isfinite(part.starts_s).all():
        raise ValueError("rows are not where they may be")


class _Keys:
    """Keys that are looked up; 0 is never found."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self._order = np.argsort(values, kind="stable")
        self._sorted = values[self._order]

    def last(self, wanted: np.ndarray) -> np.ndarray:
        """The last place of each wanted key; -1 for a key that is not known."""
        if not len(self.values):
            return np.full(len(wanted), -1)
        places = np.searchsorted(self._sorted, wanted, side="right") - 1
        found = self._order[np.maximum(places, 0)]
        return np.where((places >= 0) & (self.values[found] == wanted) & (wanted != 0), found, -1)


def _keys(key: int) -> np.ndarray:
    return np.array([key], np.uint64)


def _joined(arrays: Sequence[np.ndarray], dtype: type = np.uint64) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *arrays])


def _selected(part: Part, files: np.ndarray, sounds: np.ndarray) -> Part:
    """Some files and sounds of a part; the vectors stay on disk if it is all of them."""
    part = replace(part, files=part.files[files], file_sounds=part.file_sounds[files])
    if sounds.all():
        return part
    lengths = np.diff(part.ends, prepend=0)
    rows = np.repeat(sounds, lengths)
    return replace(
        part,
        sounds=part.sounds[sounds],
        contents=part.contents[sounds],
        ends=np.cumsum(lengths[sounds]),
        starts_s=part.starts_s[rows],
        vectors=part.vectors[rows],
    )


def _all_finite(vectors: np.ndarray) -> bool:
    return not ((vectors.view(np.uint16) & EXPONENT_BITS) == EXPONENT_BITS).any()
