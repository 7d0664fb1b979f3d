"""Ask object stores and web servers, through fsspec: list, look at and read objects. Nothing is ever written.

Credentials are found by the stores' own libraries where their other programs find them: for S3 the environment
variables ``AWS_…``, the files in ``~/.aws`` or the machine's role. Without any, S3 is asked as anybody may ask it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from html.parser import HTMLParser
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urljoin

from audiotag.errors import AudiotagError
from audiotag.remote.addresses import Address

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "http": "aiohttp", "https": "aiohttp"}
IN_EXTRA = ("s3fs", "gcsfs", "aiohttp")  # packages of audiotag[remote]
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 4}}}
}
NS = 1_000_000_000
FORBIDDEN_STATUSES = (401, 403)
_LOG = logging.getLogger("audiotag")
T = TypeVar("T")


class Facts(NamedTuple):
    """What shows that an object is still the same.

    Attributes
    ----------
    size : int
        In bytes.
    modified_ns : int
        When it was changed last, in whole seconds since 1970, as stores state it; the nanoseconds are of its checksum,
        so that an object that was replaced within a second has another time as well.
    """

    size: int
    modified_ns: int


def facts_of(address: Address) -> Facts:
    """Ask for size and time of an object.

    Raises
    ------
    AudiotagError
        If there is no such object, or it cannot be asked for; the message has the address.
    """

    def ask(filesystem: Any) -> Facts:
        if address.protocol == "s3":
            return _facts(filesystem.call_s3("head_object", Bucket=address.store, Key=address.key))
        info = filesystem.info(_name(address))
        if info.get("type") == "directory":
            raise FileNotFoundError(address.key)
        return _facts(info)

    return _ask(address, ask)


def read(address: Address, start: int, stop: int) -> bytes:
    """Bytes ``start`` to ``stop`` of an object; all of it if its server knows no ranges.

    Raises
    ------
    AudiotagError
        As `facts_of`.
    """
    return _ask(address, lambda filesystem: filesystem.cat_file(_name(address), start=start, end=stop))


def read_whole(address: Address) -> bytes:
    """All bytes of an object; raises as `facts_of`."""
    options = {"max_concurrency": 1} if address.protocol == "s3" else {}  # with more, it asks for the size first
    return _ask(address, lambda filesystem: filesystem.cat_file(_name(address), **options))


def list_objects(folder: Address) -> Iterator[tuple[str, Facts]]:
    """The objects below an address of a store: their keys from there on, and their facts; raises as `facts_of`."""
    prefix = f"{folder.key}/" if folder.key else ""
    if folder.protocol != "s3":
        start = f"{folder.store}/{prefix}"
        for name, info in _ask(folder, lambda filesystem: filesystem.find(start.rstrip("/"), detail=True)).items():
            if info.get("type") != "directory" and name.startswith(start):
                yield name[len(start) :], _facts(info)
        return
    more: dict[str, str] = {}
    while True:
        page = _ask(folder, partial(_page, bucket=folder.store, prefix=prefix, more=more))
        for found in page.get("Contents", ()):
            yield found["Key"][len(prefix) :], _facts(found)
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def links_of(page: Address) -> list[str]:
    """The addresses that the web page of a folder links to; raises as `facts_of`.

    fsspec's own listing drops absolute links where the request has a user name, and does not decode ``&amp;``.
    """

    def ask(filesystem: Any) -> str:
        from fsspec.asyn import sync

        return sync(filesystem.loop, _page_text, filesystem, page.with_access(is_folder=True))

    found = _Links()
    found.feed(_ask(page, ask))
    links = []
    for link in found.links:
        with suppress(ValueError):  # no address at all
            links.append(urljoin(f"{page}/", link.strip()))
    return links


def forget() -> None:
    """Connect anew at the next question, as with other credentials."""
    with _lock:
        _filesystems.clear()


def _page(filesystem: Any, bucket: str, prefix: str, more: dict[str, str]) -> dict[str, Any]:
    return filesystem.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **more)


async def _page_text(filesystem: Any, url: str) -> str:
    """The text of a web page; empty for what is none, whose content is not fetched."""
    session = await filesystem.set_session()
    async with session.get(filesystem.encode_url(url), **filesystem.kwargs) as answer:
        filesystem._raise_not_found_for_status(answer, url)
        kind = answer.headers.get("Content-Type", "text/html").partition(";")[0].strip()
        return str(await answer.text(errors="ignore")) if kind == "text/html" else ""


class _Links(HTMLParser):
    """Collects the links of a web page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As HTMLParser has it."""
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


def _name(address: Address) -> str:
    """The name of an object for fsspec."""
    return address.with_access() if address.is_web else f"{address.store}/{address.key}"


def _facts(info: dict[str, Any]) -> Facts:
    """Facts from what the libraries of all stores say of an object."""
    lower = {str(name).lower().replace("-", "").replace("_", ""): value for name, value in info.items()}
    size = next((lower[name] for name in ("size", "contentlength") if lower.get(name) is not None), None)
    if size is None:
        raise _NoSizeError
    times = ("lastmodified", "updated", "mtime", "modified", "timecreated", "created")
    seconds = _seconds(next((lower[name] for name in times if lower.get(name)), None))
    marks = [str(lower[name]) for name in ("etag", "contentmd5", "md5hash", "digest") if lower.get(name)]
    digest = hashlib.sha256("\n".join(marks[:1]).encode()).digest() if marks else bytes(8)
    return Facts(int(size), seconds * NS + int.from_bytes(digest[:8]) % NS)


def _seconds(value: object) -> int:
    from email.utils import parsedate_to_datetime

    try:
        if isinstance(value, str):
            value = parsedate_to_datetime(value) if "," in value else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            value = value.timestamp()
        return int(value) if isinstance(value, int | float) else 0
    except (ValueError, TypeError, OverflowError):
        return 0


class MissingError(AudiotagError):
    """There is no such object."""


class ForbiddenError(AudiotagError):
    """The server does not let us have it."""


class _NoSizeError(Exception):
    """A server does not say how large an object is."""


_filesystems: dict[tuple[int, str], Any] = {}
_anonymous: set[str] = set()
_lock = threading.Lock()


def _filesystem(protocol: str) -> Any:
    """fsspec's object for a protocol, one per process: after a fork its connections are those of the parent."""
    key = (os.getpid(), protocol)
    with _lock:
        if key not in _filesystems:
            import fsspec

            options = OPTIONS.get(protocol, {}) | ({"anon": True} if protocol in _anonymous else {})
            _filesystems[key] = fsspec.filesystem(
                protocol, skip_instance_cache=True, use_listings_cache=False, **options
            )
        return _filesystems[key]


def _ask(address: Address, question: Callable[[Any], T]) -> T:
    """Ask the store of an address; whatever is raised becomes a sentence, without the text of the exception."""
    try:
        try:
            return question(_filesystem(address.protocol))
        except Exception as error:
            if address.protocol != "s3" or address.protocol in _anonymous or not _has_no_credentials(error):
                raise
        _anonymous.add(address.protocol)
        forget()
        return question(_filesystem(address.protocol))
    except Exception as error:
        raise _explained(address, error) from None  # its text may hold a signature


def _has_no_credentials(error: BaseException) -> bool:
    return any(type(one).__name__ == "NoCredentialsError" for one in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _explained(address: Address, error: Exception) -> AudiotagError:
    names = [type(one).__name__ for one in _chain(error)]
    statuses = {getattr(one, "status", None) for one in _chain(error)} | set(map(_code, _chain(error)))
    if isinstance(error, ImportError | ValueError) and _is_missing(address.protocol):
        package = PACKAGES.get(address.protocol, "fsspec")
        what = "audiotag[remote]" if package in IN_EXTRA else package
        return AudiotagError(f"{address} cannot be opened without a further package: pip install '{what}'.")
    if isinstance(error, _NoSizeError):
        return AudiotagError(f"{address} cannot be used, because its server does not say how large it is; download it.")
    if isinstance(error, PermissionError) or statuses & {*FORBIDDEN_STATUSES, "403", "AccessDenied"}:
        why = (
            "without a user name and password, or signature, that it knows"
            if address.is_web
            else "and no credentials were found"
            if address.protocol in _anonymous
            else "with the credentials of this machine"
        )
        advice = (  # they are in memory alone, so a restart forgets them
            "open it again by its address with them" if address.is_web else "check them, and the name of the bucket"
        )
        return ForbiddenError(f"{address} cannot be read: its server forbids it {why}; {advice}.", may_pass=True)
    if "NoSuchBucket" in statuses or "NoSuchBucket" in str(error):
        return AudiotagError(f"{address} cannot be read: there is no bucket {address.store}; check its name.")
    is_unreachable = any("Connect" in name or "Timeout" in name or "DNS" in name for name in names)
    if isinstance(error, FileNotFoundError) and not is_unreachable:
        return MissingError(f"{address} does not exist; was it moved or deleted?")
    if is_unreachable or isinstance(error, OSError):
        return AudiotagError(f"{address} cannot be reached; check the network, and try again.", may_pass=True)
    _LOG.error("%s cannot be read: %s", address, ", ".join(names))
    return AudiotagError(f"{address} cannot be read: its server gave no proper answer; try again.", may_pass=True)


def _code(error: BaseException) -> str | None:
    """The code of an error of S3."""
    response = getattr(error, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def _is_missing(protocol: str) -> bool:
    from importlib.util import find_spec

    return any(find_spec(package) is None for package in ("fsspec", PACKAGES.get(protocol, "fsspec")))
