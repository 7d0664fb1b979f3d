"""Open what is at an address as a folder on disk: list its objects, and make the mirror of the workspace hold the same.

Sounds become placeholders. Tables and other small files of text are fetched, because layouts read them. What cannot be
mirrored is a problem of the dataset, like a clip that cannot be read; nothing is left out without a word.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from audiotag.audio.opening import SUFFIXES
from audiotag.data.dataset import Problem
from audiotag.data.index import cache_name
from audiotag.data.table_files import TABLE_SUFFIXES
from audiotag.disk import locked
from audiotag.errors import AudiotagError
from audiotag.reasons import plain_reason
from audiotag.remote import storage
from audiotag.remote.addresses import (
    MAX_NAME_BYTES,
    Address,
    address_of,
    as_path,
    escape_first_letter,
    escape_name,
    is_remote,
    mirror_path,
    mirror_root,
)
from audiotag.remote.mirror import known_facts, place
from audiotag.remote.storage import Facts
from audiotag.remote.web_folders import files_below, is_folder
from audiotag.state import read_json_state
from audiotag.wording import as_text
from audiotag.workspace import open_atomic, write_json

TEXT_SUFFIXES = (*TABLE_SUFFIXES, ".md", ".xml", ".yaml", ".yml", ".toml", ".lab", ".textgrid", ".ann", ".meta")
MAX_TEXT_BYTES = 64 << 20
THREADS = 16
LISTING = "listings"  # the folder of what could not be mirrored, beside those of the protocols
Progress = Callable[[int, int], None]


def localise(path: str | Path, progress: Progress | None = None) -> Path:
    """The path of what an address names, after its folder was listed; any other path unchanged.

    Parameters
    ----------
    path : str or Path
        An address, a path in the mirror, or a path on disk.
    progress : callable(done, total), optional
        Called in this thread; the total is 0 while objects are being listed.

    Raises
    ------
    AudiotagError
        If nothing is there, or it cannot be listed.
    """
    path = as_path(path)
    if is_remote(path):
        refresh(path, progress)
    return path


def refresh(path: Path, progress: Progress | None = None) -> None:
    """Make the mirror at a path hold what is at its address now; raises as `localise`."""
    address = address_of(path)
    is_sound = path.suffix.lower() in SUFFIXES and address.key != ""
    if is_sound and not (address.is_web and is_folder(address)) and (facts := _facts_of(address)):
        place(path, facts)
        return
    if address.key and path.name.lower().endswith(TABLE_SUFFIXES) and _facts_of(address):
        folder = path.parent
        listing = _list_around(address, folder, progress)
    else:
        folder = path
        listing = _list(address, folder, progress)
    if not listing.names and not listing.problems:
        raise AudiotagError(f"{address} does not exist, or is empty; check its spelling.")
    with locked(mirror_path(address._replace(key="")), wait_s=-1):
        listing.apply(progress)


def problems_of(path: Path) -> tuple[Problem, ...]:
    """What could not be mirrored when the address of a path was listed."""
    if not is_remote(path):
        return ()
    file = next((file for folder in (path, path.parent) if (file := _problems_file(folder)).exists()), None)
    if file is None:
        return ()
    found = read_json_state(file, [{"clip": str, "reason": str}], [], "list the dataset again")
    return tuple(Problem(one["clip"], one["reason"], "missing") for one in found)


@dataclass
class Listing:
    """What is at an address, and the names that it gets in a folder of the mirror.

    Attributes
    ----------
    folder : Path
    folds_case : bool, optional
        Whether files whose names differ only in case are one file there; found out by default.
    names : dict of str to Facts
        By the name in the folder, with slashes.
    problems : list of Problem
    """

    folder: Path
    folds_case: bool | None = None
    names: dict[str, Facts] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, key: str, facts: Facts) -> None:
        """Add an object by its key from the folder on."""
        if key.endswith("/") and not facts.size:  # what stores make for an empty folder
            return
        parts = [escape_name(part) for part in key.split("/")]
        if any(len(os.fsencode(part)) > MAX_NAME_BYTES for part in parts):
            self.refuse(key, f"a name in it has more than {MAX_NAME_BYTES} bytes; rename it")
        else:
            self.names["/".join(parts)] = facts

    def refuse(self, key: str, reason: str) -> None:
        """Say why an object is not used."""
        name = as_text(key)
        self.problems.append(Problem(name, f"{name} is left out, because {reason}.", "missing"))

    def apply(self, progress: Progress | None = None) -> None:
        """Make the folder hold these objects and nothing else."""
        self._separate()
        for path in _files_below(self.folder):
            if path.relative_to(self.folder).as_posix() not in self.names:
                _remove(path, self.folder)
        texts = []
        for number, (name, facts) in enumerate(self.names.items()):
            path = self.folder / name
            if _is_text(name):
                if facts.size > MAX_TEXT_BYTES:
                    size = f"{facts.size / 1e6:,.0f} MB"
                    self.refuse(
                        name, f"tables of more than {MAX_TEXT_BYTES >> 20} MiB are not fetched, and it has {size}"
                    )
                    _remove(path, self.folder)
                    continue
                if known_facts(path) != facts:
                    texts.append(path)
                continue
            try:
                place(path, facts)
            except OSError as error:
                if not os.access(self.folder.parent, os.W_OK):
                    raise
                self.refuse(name, f"no file can stand for it in the workspace: {plain_reason(error)}")
            if progress and number % 1000 == 0:
                progress(number, len(self.names))
        with ThreadPoolExecutor(THREADS) as pool:
            for number, (path, problem) in enumerate(zip(texts, pool.map(self._fetch_text, texts), strict=True)):
                if problem:
                    self.problems.append(Problem(path.name, problem, "missing"))
                if progress:
                    progress(len(self.names) - len(texts) + number + 1, len(self.names))
        values = [{"clip": one.clip, "reason": one.reason} for one in self.problems]
        write_json(_problems_file(self.folder), values)

    def _fetch_text(self, path: Path) -> str:
        """Fetch a file of text; why it cannot be, as a sentence."""
        facts = self.names[path.relative_to(self.folder).as_posix()]
        try:
            content = storage.read_whole(address_of(path)) if facts.size else b""
            with open_atomic(path) as file:
                file.write(content)
            os.utime(path, ns=(facts.modified_ns, facts.modified_ns))
        except AudiotagError as error:
            _remove(path, self.folder)
            return str(error)
        except OSError as error:
            if not os.access(self.folder.parent, os.W_OK):
                raise
            _remove(path, self.folder)
            return f"{path} is left out, because it cannot be stored in the workspace: {plain_reason(error)}."
        return ""

    def _separate(self) -> None:
        """Give another name to an object that is also a folder, and to one that differs from another only in case."""
        if self.folds_case is None:
            self.folds_case = _folds_case(self.folder)
        folders = {parent for name in self.names for parent in _parents(name)}
        spellings: dict[str, str] = {}
        separated: dict[str, Facts] = {}
        for name, facts in sorted(self.names.items()):
            if name in folders:
                parent, slash, last = name.rpartition("/")
                name = f"{parent}{slash}{escape_first_letter(last)}"
            separated[self._spell(name, spellings) if self.folds_case else name] = facts
        self.names = separated

    def _spell(self, name: str, spellings: dict[str, str]) -> str:
        """A name of which no part differs from that of another one in nothing but case."""
        spelt = ""
        for part in name.split("/"):
            original, chosen = f"{spelt}{part}", part
            while spellings.setdefault(_folded(f"{spelt}{chosen}"), original) != original:
                chosen = escape_first_letter(chosen)
            spelt = f"{spelt}{chosen}/"
        return spelt[:-1]


def _list(address: Address, folder: Path, progress: Progress | None) -> Listing:
    """What is below an address, for a folder of the mirror."""
    listing = Listing(folder)
    found = files_below(address) if address.is_web else storage.list_objects(address)
    for number, (key, facts) in enumerate(found, 1):
        if isinstance(facts, AudiotagError):
            listing.problems.append(Problem(as_text(key), str(facts), "missing"))
        else:
            listing.add(key, facts)
        if progress and number % 1000 == 0:
            progress(number, 0)
    return listing


def _list_around(table: Address, folder: Path, progress: Progress | None) -> Listing:
    """What is in the folder of a table, and below it."""
    parent, _, name = table.key.rpartition("/")
    listing: Listing | None = None
    with suppress(storage.MissingError, storage.ForbiddenError):
        listing = _list(table._replace(key=parent), folder, progress)
    if listing is None or escape_name(name) not in listing.names:
        raise AudiotagError(
            f"{table} is there, but its server does not list the folder of it, in which its sounds are looked for; "
            "download the folder, and give its path."
        )
    return listing


def _facts_of(address: Address) -> Facts | None:
    """The facts of the object at an address; None if there is none, as for a folder."""
    try:
        return storage.facts_of(address)
    except storage.MissingError:
        return None


def _is_text(name: str) -> bool:
    """Whether the content of a file is needed to open its dataset."""
    return name.lower().endswith(TEXT_SUFFIXES)


def _problems_file(folder: Path) -> Path:
    return mirror_root() / LISTING / f"{cache_name(folder, 'listing')}.json"


def _files_below(folder: Path) -> Iterable[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


def _remove(path: Path, folder: Path) -> None:
    """Remove a file of the mirror, and the folders that are empty without it."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == folder:
                break
            parent.rmdir()


def _parents(name: str) -> Iterator[str]:
    at = name.find("/")
    while at >= 0:
        yield name[:at]
        at = name.find("/", at + 1)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _folds_case(folder: Path) -> bool:
    """Whether the disk of a folder, which is made, takes names that differ in case for one."""
    folder.mkdir(parents=True, exist_ok=True)
    return os.path.exists(mirror_root().with_name(mirror_root().name.upper()))
