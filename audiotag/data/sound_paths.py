"""Find the sounds below a folder by what tables call them.

Tables write ``a.wav`` as ``audio/a.wav``, ``./a.wav``, ``audio\\a.wav``, ``/home/ann/audio/a.wav``,
``C:\\audio\\a.wav``, ``a``, ``a.mp3``, ``A.WAV`` or with spaces around it. A file is what a name means if one of the
two paths ends with the other: then no folder contradicts. Where several fit equally well, none of them is guessed.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from audiotag.audio.opening import SUFFIXES
from audiotag.reasons import plain_reason

SYSTEM_FOLDERS = {
    "__macosx", "__pycache__", "$recycle.bin", "recycler", "system volume information", "found.000", "lost+found",
    "#recycle", "#snapshot", "@eadir", "@recycle", "@tmp", "lost.dir", "network trash folder", "temporary items",
    "thumbs.db", "desktop.ini", "icon\r", "node_modules",
}  # fmt: skip
MAX_FILES = 1_000_000  # below one root: a table in the root of a disk must not list the whole disk
NOT_A_FOLDER = re.compile(r"[A-Za-z]:(?=/)|[A-Za-z][A-Za-z0-9+.-]+://[^/]*")  # C: of Windows, or http://host
QUERY = re.compile(r"[?#].*$", re.DOTALL)  # of an address on the web
MAX_PARTS = 8  # of a path, by whose ends files are found
WHOLE_NUMBER = re.compile(r"(\d+)\.0+")  # spreadsheets write 1.0 for 1
NUMBER = re.compile(r"(0|[1-9]\d*)(\.0+)?")
INVALID_BYTE = re.compile(r"\\u(dc[89a-f][0-9a-f])")  # in a file name, as `audiotag.wording.as_text` spells it
QUOTES = "\"'“”"


def is_system_folder(name: str) -> bool:
    """Whether a folder of this name is hidden, or made by an operating system rather than by people.

    >>> is_system_folder(".ipynb_checkpoints"), is_system_folder("__MACOSX"), is_system_folder("dog")
    (True, True, False)
    """
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def name_parts(name: str) -> list[str]:
    r"""The folders and the file of a name in a table, without what has no meaning on this machine.

    >>> name_parts(" .\\audio\\a.wav "), name_parts("C:/x/../a.wav"), name_parts("../../etc/passwd")
    (['audio', 'a.wav'], ['a.wav'], ['etc', 'passwd'])
    """
    parts: list[str] = []
    for part in NOT_A_FOLDER.sub("", name.strip().strip(QUOTES).strip().replace("\\", "/"), count=1).split("/"):
        part = part.strip()
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return parts


class SoundPaths:
    """The files below a folder; its index is made at the first question.

    Hidden and system folders are not entered. Links to folders are followed, each folder once.

    Parameters
    ----------
    root : Path
        It may not exist; then nothing is found.
    files : iterable of str, optional
        The files below it, relative to it and with slashes, where they are known; by default they are listed.

    Attributes
    ----------
    root : Path
    """

    def __init__(self, root: Path, files: Iterable[str] | None = None) -> None:
        self.root = root
        if files is not None:
            self._listing = set(files), {}, []

    def find(self, name: str) -> Path | None:
        """The file that a table calls ``name``; None if there is none, or if several fit equally well."""
        file = self._only(name)
        return None if file is None else self.root / file

    def find_all(self, names: Iterable[str]) -> dict[str, Path | None]:
        """`find` for every distinct name; see `locate`."""
        found = self.locate(names)
        return {name: None if file is None else self.root / file for name, file in found.items()}

    def locate(self, names: Iterable[str]) -> dict[str, str | None]:
        """The paths relative to the root of the files that a table calls these names; None where `find` finds none.

        Where it finds none of them, all are paths of another machine whose folders are not those below the root. Then
        the base names decide, if no two of them are the same.
        """
        distinct = list(dict.fromkeys(names))
        found = {name: self._only(name) for name in distinct}
        if self._files and distinct and not any(found.values()):
            bases = {name: parts[-1] for name in distinct if (parts := name_parts(name))}
            counts = Counter(_loose(_stem(base)) for base in bases.values())
            if max(counts.values(), default=0) == 1:
                found |= {name: self._only(base) for name, base in bases.items()}
        return _without_other_suffixes(found)

    def _only(self, name: str) -> str | None:
        fitting = self.candidates(name)
        return fitting[0] if len(fitting) == 1 else None

    def candidates(self, name: str) -> list[str]:
        """The files that fit a name equally well, as paths relative to the root; more than one is not guessed."""
        if name in self._files or not self._files:
            return [name] if self._files else []
        plain = QUERY.sub("", name) if "://" in name else name
        spellings = [plain, unquote(plain)] if "%" in plain else [plain]
        if INVALID_BYTE.search(plain):
            spellings.insert(0, _spelt(INVALID_BYTE.sub(lambda found: chr(int(found[1], 16)), plain)))
        for parts in filter(None, map(name_parts, spellings)):
            loose = [_loose(part) for part in parts]
            stems = [loose[-1], _stem(loose[-1])]
            if whole := WHOLE_NUMBER.fullmatch(loose[-1]):
                stems.append(whole[1])
            fitting = self._by_name.fitting(loose) or next(
                filter(None, (self._by_stem.fitting([*loose[:-1], stem]) for stem in stems)), []
            )
            if fitting:
                return _of_same_case(parts, fitting)
            if NUMBER.fullmatch(stem := _stem(loose[-1])):
                fitting = self._by_number.fitting([*loose[:-1], stem.partition(".")[0]])
            if fitting:
                return fitting
        return []

    def why_not(self, name: str) -> str:
        """Half a sentence that says why `find` finds nothing, to follow the name."""
        fitting = self.candidates(name)
        if len(fitting) < 2:
            return f"is not in {self.root}"
        return f"may be {fitting[0]} or {fitting[1]} in {self.root}; write the folder before the name"

    @property
    def files(self) -> list[str]:
        """All files below the root, as paths relative to it with slashes, sorted; hidden ones are not listed."""
        return sorted(self._files)

    @property
    def sounds(self) -> list[str]:
        """Those of `files` whose suffix is one of a sound."""
        return [file for file in self.files if file.lower().endswith(SUFFIXES)]

    @property
    def unread(self) -> tuple[str, ...]:
        """Sentences about folders that could not be listed, or were not."""
        return tuple(self.unread_folders.values())

    @property
    def unread_folders(self) -> dict[str, str]:
        """The sentences of `unread`, by the folder, relative to the root."""
        return self._listing[1]

    @property
    def skipped_folders(self) -> tuple[str, ...]:
        """The hidden and system folders that were not entered, relative to the root, sorted."""
        return tuple(sorted(self._listing[2]))

    @cached_property
    def _listing(self) -> tuple[set[str], dict[str, str], list[str]]:
        files: set[str] = set()
        unread: dict[str, str] = {}
        skipped: list[str] = []
        seen: set[tuple[int, int]] = set()
        folders = [""]
        for folder in folders:  # grows while it is read: folders near the root come first
            path = self.root / folder
            try:
                status = os.stat(path)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(path) as entries:
                    for entry in entries:
                        name = f"{folder}/{entry.name}" if folder else entry.name
                        if is_folder(entry):
                            (skipped if is_system_folder(entry.name) else folders).append(name)
                        elif not entry.name.startswith("."):
                            files.add(name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                unread[folder] = (
                    f"{folder or self.root} cannot be listed: {plain_reason(error)}; the sounds in it are left out."
                )
            if len(files) > MAX_FILES:
                unread[folder] = (
                    f"{self.root} has more than {MAX_FILES:,} files; the sounds in its deeper folders are left out. "
                    "Put the table beside the folder of its sounds."
                )
                break
        return files, unread, skipped

    @cached_property
    def _files(self) -> set[str]:
        return self._listing[0]

    @cached_property
    def _by_name(self) -> _Ends:
        return _Ends((file, _loose(_spelt(file))) for file in self.files)

    @cached_property
    def _by_stem(self) -> _Ends:
        """Sounds without their suffixes."""
        return _Ends((file, _stem(_loose(_spelt(file)))) for file in self.sounds)

    @cached_property
    def _by_number(self) -> _Ends:
        """Sounds whose names are numbers, without the zeros before these, which spreadsheets do not write."""
        stems = ((file, _stem(_loose(_spelt(file)))) for file in self.sounds)
        return _Ends((file, _without_zeros(stem)) for file, stem in stems if stem.rpartition("/")[2].isdecimal())


class _Ends:
    """Files by the ends of their paths, so that finding one takes the same time in a folder with very many."""

    def __init__(self, files: Iterable[tuple[str, str]]) -> None:
        """Of paths, and how each of them is compared."""
        self.whole: dict[str, list[str]] = {}
        self.ends: dict[str, list[tuple[str, str]]] = {}
        for file, path in files:
            self.whole.setdefault(path, []).append(file)
            parts = path.split("/")[-MAX_PARTS:]
            for start in range(len(parts)):
                self.ends.setdefault("/".join(parts[start:]), []).append((file, path))

    def fitting(self, parts: list[str]) -> list[str]:
        """The files whose folders do not contradict those of a name; of these the ones that have most in common."""
        name = "/".join(parts)
        if name in self.whole:
            return self.whole[name]
        if longer := self.ends.get("/".join(parts[-MAX_PARTS:])):
            return [file for file, path in longer if f"/{path}".endswith(f"/{name}")]
        ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
        return next((self.whole[end] for end in ends if end in self.whole), [])


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that points to itself
        return False


def is_regular_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a regular file or a link to one: reading a pipe or a device might never end."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _of_same_case(parts: list[str], files: list[str]) -> list[str]:
    """The only one of some files that is spelt as the name is; all of them if there is no such file."""
    if len(files) == 1:
        return files
    name = _nfc("/" + "/".join(parts))
    same = [file for file in files if _is_end_of(name, _nfc("/" + file))]
    return same if len(same) == 1 else files


def _is_end_of(one: str, other: str) -> bool:
    return one.endswith(other) or other.endswith(one)


def _nfc(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _spelt(file: str) -> str:
    """A file name whose bytes are not UTF-8 as Western European text, as which tables may have it."""
    try:
        file.encode()
    except UnicodeEncodeError:
        return os.fsencode(file).decode("cp1252", "replace")
    return file


def _loose(text: str) -> str:
    """A name or path without what differs between systems: composed or not, upper or lower case, spaces around it."""
    return "/".join(part.strip() for part in _nfc(text).casefold().split("/")) if " " in text else _nfc(text).casefold()


def _suffix(name: str) -> str:
    """The suffix of a sound, in small letters; empty if a name has none."""
    suffix = "." + name.strip().rpartition(".")[2].lower()
    return suffix if suffix in SUFFIXES else ""


def _stem(name: str) -> str:
    """A name or path without the suffix of a sound."""
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and dot + suffix.lower() in SUFFIXES else name


def _without_zeros(path: str) -> str:
    """A path that ends in a number, without the zeros before that."""
    folders, slash, number = path.rpartition("/")
    return folders + slash + (number.lstrip("0") or "0")


def _without_other_suffixes(found: dict[str, str | None]) -> dict[str, str | None]:
    """The same without a name like ``a.mp3`` for the file ``a.wav``, if another name is ``a.wav``."""
    counts = Counter(found.values())
    if all(count == 1 for file, count in counts.items() if file):
        return found
    own = {file for name, file in found.items() if file and _suffix(name) == _suffix(file)}
    others = {name for name, file in found.items() if file in own and _suffix(name) not in ("", _suffix(file or ""))}
    return {name: None if name in others else file for name, file in found.items()}
