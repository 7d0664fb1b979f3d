"""Keep the sounds of the Tag page in the workspace, so that they are there after a reload and after a restart.

``tag-history/history.json`` lists them, the oldest first. A file of the user is in it by its path; an upload or a
recording is kept as a file in ``tag-history/sounds``, named by the hash of its bytes. A sound that is removed can be
restored for a day, so other browser windows that show it can still read it. The oldest sounds go when there are more
than `MAX_SOUNDS`, or when uploads take more than `MAX_STORED_BYTES`. Several sessions may change the history at once.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from audiotag.disk import locked
from audiotag.state import fits, is_path, json_parser, read_state
from audiotag.workspace import Workspace, write_bytes, write_json

FOLDER = "tag-history"
MAX_SOUNDS = 200
MAX_STORED_BYTES = 1 << 30
RESTORABLE_S = 86_400.0  # for so long a removed sound can be restored
SHAPE = [
    {
        "id": lambda key: fits(key, str) and key.isalnum(), "name": str,
        "path": lambda path: path == "" or is_path(path),
        "digest": lambda digest: digest == "" or (fits(digest, str) and digest.isalnum()),
        "truth": ([str], None), "recorded": bool, "removed_at": float,
    }
]  # fmt: skip


@dataclass(frozen=True)
class HistoryEntry:
    """A sound in the history.

    Attributes
    ----------
    id : str
        The same for the same sound under the same name.
    name : str
    path : str
        The user's file; empty for an upload or a recording.
    digest : str
        Hash of the bytes of an upload or a recording, and name of its file; else empty.
    truth : tuple[str, ...] or None
        Its true labels; None where they are not known.
    recorded : bool
        Whether it was recorded on the page.
    removed_at : float
        When it was removed, in seconds since the epoch; 0 while it is in the history.
    """

    id: str
    name: str
    path: str
    digest: str
    truth: tuple[str, ...] | None = None
    recorded: bool = False
    removed_at: float = 0.0

    @classmethod
    def of(
        cls, name: str, path: Path | None, digest: str, truth: tuple[str, ...] | None, recorded: bool
    ) -> HistoryEntry:
        """An entry for a file of the user, or for bytes with this hash."""
        text = os.fspath(path) if path is not None else ""
        key = "\0".join((name, text, digest)).encode(errors="surrogatepass")
        return cls(hashlib.blake2b(key, digest_size=8).hexdigest(), name, text, digest, truth, recorded)


class SoundHistory:
    """The history in a workspace.

    Attributes
    ----------
    scores : Path
        Folder of the scores of its sounds; the name of a file begins with the id of the sound and a hyphen.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._file = workspace.root / FOLDER / "history.json"
        self._uploads = workspace.root / FOLDER / "sounds"
        self.scores = workspace.root / FOLDER / "scores"

    def sounds(self) -> list[HistoryEntry]:
        """The sounds that are not removed, the oldest first."""
        return [entry for entry in self._read() if not entry.removed_at]

    def source(self, entry: HistoryEntry) -> Path:
        """The file of a sound."""
        return Path(entry.path) if entry.path else self._uploads / entry.digest

    def add(self, sounds: Sequence[tuple[HistoryEntry, bytes]]) -> None:
        """Add sounds, or move them to the end; the bytes of an upload are written into its file.

        Raises
        ------
        OSError
            If the disk refuses: then nothing is added.
        """
        new = {entry.id: entry for entry, _ in sounds}

        def change(entries: list[HistoryEntry]) -> list[HistoryEntry]:
            for entry, content in sounds:
                path = self.source(entry)
                if entry.digest and not path.exists():
                    self._make_folder()
                    write_bytes(path, content)
            return [entry for entry in entries if entry.id not in new] + list(new.values())

        self._change(change)

    def remove(self, ids: Iterable[str]) -> None:
        """Remove sounds; `restore` brings them back."""
        gone, now = set(ids), time.time()
        self._change(lambda entries: [_removed(entry, now) if entry.id in gone else entry for entry in entries])

    def restore(self, ids: Iterable[str]) -> None:
        """Bring back sounds that were removed."""
        back = set(ids)
        self._change(
            lambda entries: [replace(entry, removed_at=0.0) if entry.id in back else entry for entry in entries]
        )

    def _change(self, change: Callable[[list[HistoryEntry]], list[HistoryEntry]]) -> None:
        with locked(self._file):
            entries = self._expire(change(self._read(raise_unreadable=True)))
            write_json(self._file, [asdict(entry) for entry in entries])
            self._delete_files(entries)

    def _read(self, raise_unreadable: bool = False) -> list[HistoryEntry]:
        otherwise = "the history of the Tag page begins anew"
        return read_state(self._file, _parse, [], otherwise, raise_unreadable)

    def _expire(self, entries: list[HistoryEntry]) -> list[HistoryEntry]:
        """The entries without those that are too old, too many or too large; removed sounds go first."""
        oldest = time.time() - RESTORABLE_S
        entries = [entry for entry in entries if not entry.removed_at or entry.removed_at > oldest]
        kept, taken, seen = list[HistoryEntry](), 0, set[str]()
        for entry in sorted(reversed(entries), key=lambda entry: entry.removed_at > 0):  # the newest first
            if entry.digest and entry.digest not in seen:
                with suppress(OSError):
                    taken += self.source(entry).stat().st_size
                seen.add(entry.digest)
            if len(kept) == MAX_SOUNDS or (taken > MAX_STORED_BYTES and kept):
                break
            kept.append(entry)
        return [entry for entry in entries if entry in kept]

    def _delete_files(self, entries: list[HistoryEntry]) -> None:
        """Delete the uploads that no entry has, and the scores of sounds that are not in the history."""
        digests = {entry.digest for entry in entries}
        ids = {entry.id for entry in entries if not entry.removed_at}
        with suppress(OSError):
            for path in self._uploads.iterdir():
                if path.name not in digests and not path.name.startswith("."):
                    path.unlink()
        with suppress(OSError):
            for path in self.scores.iterdir():
                if path.name.split("-")[0] not in ids and not path.name.startswith("."):
                    path.unlink()

    def _make_folder(self) -> None:
        self._uploads.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            self._uploads.chmod(0o700)  # uploads are nobody else's


def _removed(entry: HistoryEntry, now: float) -> HistoryEntry:
    return entry if entry.removed_at else replace(entry, removed_at=now)


def _parse(content: bytes) -> list[HistoryEntry]:
    values: list[dict[str, Any]] = json_parser(SHAPE)(content)
    return [_entry_of({name: each[name] for name in HistoryEntry.__dataclass_fields__}) for each in values]


def _entry_of(values: dict[str, Any]) -> HistoryEntry:
    truth = values["truth"]
    return HistoryEntry(**values | {"truth": None if truth is None else tuple(truth)})
