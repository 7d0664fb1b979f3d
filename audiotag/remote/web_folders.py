"""Find the files that a web server lists: what the pages of its folders link to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from audiotag.errors import AudiotagError
from audiotag.remote import storage
from audiotag.remote.addresses import WEB, Address
from audiotag.remote.storage import Facts

THREADS = 16
MAX_PAGES = 10_000


def files_below(folder: Address) -> Iterator[tuple[str, Facts | AudiotagError]]:
    """The files that the pages of a folder and those below it link to, by their keys from there on; none outside of it.

    Each has its facts, or why it cannot be used.

    Raises
    ------
    AudiotagError
        If a page cannot be read, or there are too many.
    """
    base = f"{folder.key}/" if folder.key else ""
    waiting, pages, files = [folder], {folder.key}, dict[str, Address]()
    while waiting:
        for link in storage.links_of(waiting.pop()):
            key = _key_below(link, folder)
            if key is None:
                continue
            name = key[len(base) :]
            if any(part in (".", "..") for part in key.split("/")):
                yield name, AudiotagError(f"{name} is left out, because its address leads out of its folder.")
            elif not key.endswith("/"):
                files[name] = folder._replace(key=key)
            elif key.rstrip("/") not in pages:
                if len(pages) >= MAX_PAGES:
                    raise AudiotagError(f"{folder} has more than {MAX_PAGES:,} pages; give the address of one of them.")
                pages.add(key.rstrip("/"))
                waiting.append(folder._replace(key=key.rstrip("/")))
    with ThreadPoolExecutor(THREADS) as pool:
        yield from zip(files, pool.map(_facts_or_problem, files.values()), strict=True)


def is_folder(address: Address) -> bool:
    """Whether the server lists something below an address, as one whose name looks like that of a sound."""
    with suppress(AudiotagError):
        return any(_key_below(link, address) for link in storage.links_of(address))
    return False


def _key_below(link: str, folder: Address) -> str | None:
    """The key that a link leads to; None for one outside of a folder, and for those that sort its page."""
    parts = urlsplit(link)
    key, base = unquote(parts.path).lstrip("/"), f"{folder.key}/" if folder.key else ""
    is_of_server = parts.scheme in WEB and parts.netloc.rpartition("@")[2].lower() == folder.store
    is_below = key.startswith(base) and key != base
    return key if is_of_server and is_below and not (parts.query or parts.fragment) else None


def _facts_or_problem(file: Address) -> Facts | AudiotagError:
    try:
        return storage.facts_of(file)
    except AudiotagError as error:
        return error
