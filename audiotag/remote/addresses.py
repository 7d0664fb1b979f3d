"""Addresses of remote sounds, and their paths in the mirror of the workspace; each can be computed from the other.

``s3://bucket/a/b.wav`` is ``WORKSPACE/audiotag-remote/s3/bucket/a/b.wav``. A name that no file can have, or that would
lead out of the mirror, is escaped as in a web address: ``..`` is ``%2E%2E``. What is escaped for another reason, as a
name that another one hides, is computed back in the same way. User names, passwords and signatures in an address are
in no path: this process and those that it starts know them, by an environment variable.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeGuard
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

FOLDER = "audiotag-remote"  # of the mirror; the name alone shows that a path is in it, in any workspace
_MARK = f"{os.sep}{FOLDER}{os.sep}"
PROTOCOLS = ("s3", "gs", "az", "abfs", "https")
SAME_AS = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
MORE_PROTOCOLS = "AUDIOTAG_REMOTE_PROTOCOLS"  # environment variable: further ones, separated by commas
WEB = ("http", "https")
THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
MAX_NAME_BYTES = 255

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", re.DOTALL)  # a drive of Windows has one letter
_STORE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # a bucket or container
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?")
_ESCAPE = re.compile(r"%(?=[0-9A-Fa-f]{2})")  # one that is part of a name, but reads like an escaped character
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names of devices on Windows
_UNSAFE_ON_WINDOWS = re.compile(r'[<>:"|?*\\]|[. ]$')
_HARMLESS_QUERIES = ("download", "raw", "dl")
_SIGNATURES = re.compile(
    r"x-(amz|goog|ms)-.*|.*signature|sig|s[eprvt]|sk[a-z]+|spr|.*token|.*key.*|expires|policy|auth.*", re.IGNORECASE
)
_SECRETS = "AUDIOTAG_REMOTE_ACCESS"  # environment variable, set here for the processes that this one starts


class Address(NamedTuple):
    """Where something remote is, without what gives access to it.

    Attributes
    ----------
    protocol : str
    store : str
        Bucket, container, or host with port.
    key : str
        The name in it, with slashes; that of a web page unquoted.
    """

    protocol: str
    store: str
    key: str

    @property
    def is_web(self) -> bool:
        """Whether a web server has it."""
        return self.protocol in WEB

    def __str__(self) -> str:
        key = "/".join(quote(part, safe="~!$&'()*+,;=:@") for part in self.key.split("/")) if self.is_web else self.key
        return f"{self.protocol}://{self.store}" + (f"/{key}" if key else "")

    def with_access(self) -> str:
        """The address of something on a web server with user name, password and signature, for the request alone."""
        user, query = (_secrets().get(text, "") for text in (f"{self.protocol}://{self.store}", str(self)))
        text = str(self).replace("://", f"://{user}@", 1) if user else str(self)
        return f"{text}?{query}" if query else text


def is_address(text: str | os.PathLike[str]) -> bool:
    """Whether a text is an address rather than a path; ``Path("s3://b/a")``, which loses a slash, is one too.

    >>> is_address("s3://bucket/a.wav"), is_address("C:/sounds"), is_address("file:///a.wav")
    (True, False, False)
    """
    found = _ADDRESS.match(os.fspath(text))
    return found is not None and found[1].lower() != "file" and not os.path.lexists(text)


def as_path(text: str | os.PathLike[str]) -> Path:
    """A path on disk, or that in the mirror of an address; raises as `path_of`."""
    return path_of(text) if is_address(text) else Path(text)


def is_remote(source: object) -> TypeGuard[Path]:
    """Whether a source of sound is a path in the mirror."""
    return isinstance(source, Path) and _MARK in str(source)


def path_of(text: str | os.PathLike[str]) -> Path:
    """The path in the mirror of an address that somebody typed; nothing is asked of the network.

    Raises
    ------
    AudiotagError
        If it is not an address, or one that audiotag does not open.
    """
    typed = os.fspath(text)
    found = _ADDRESS.fullmatch(typed)
    protocol = SAME_AS.get(found[1].lower(), found[1].lower()) if found else ""
    further = [name.strip().lower() for name in os.environ.get(MORE_PROTOCOLS, "").split(",")]
    if found is None or protocol not in (*PROTOCOLS, "http", *further):
        raise AudiotagError(
            f"{without_access(typed)} is an address, not a path, and of none of the kinds that can be opened "
            f"({', '.join(f'{name}://' for name in PROTOCOLS)}); download what it names, and give its path."
        )
    if protocol in WEB:
        return _web_path(f"{protocol}://{found[2]}", is_http_allowed="http" in further)
    store, _, key = found[2].partition("/")
    if not _STORE.fullmatch(store):
        raise AudiotagError(f"{without_access(typed)} must name a bucket, like {protocol}://bucket/sounds.")
    return mirror_path(Address(protocol, store, key.rstrip("/")))


def mirror_path(address: Address) -> Path:
    """The path in the mirror of an address."""
    parts = [escape_name(part) for part in address.key.split("/")] if address.key else []
    return mirror_root().joinpath(address.protocol, escape_name(address.store), *parts)


def address_of(path: Path) -> Address:
    """The address of a path in the mirror of any workspace.

    Raises
    ------
    AudiotagError
        If it is not below the folder of a store.
    """
    protocol, store, *parts = [*str(path).rpartition(_MARK)[2].split(os.sep), ""]
    if not (protocol and store):
        raise AudiotagError(f"{path} is a folder of the mirror; give an address, like s3://bucket/sounds.")
    return Address(protocol, unescape_name(store), "/".join(map(unescape_name, parts[:-1])))


def mirror_root() -> Path:
    """The folder of the mirror in the workspace."""
    return Workspace().root / FOLDER


def escape_name(name: str) -> str:
    """The name of a file or folder for one part of a key.

    >>> [escape_name(name) for name in ("a b.wav", "..", "", "100%.wav", "%41", "a\\0b")]
    ['a b.wav', '%2E%2E', '%', '100%.wav', '%2541', 'a%00b']
    """
    if name in ("", "%"):
        return "%" if not name else "%25"
    if name in (".", ".."):
        return "%2E" * len(name)
    escaped = _escape_all(re.compile(r"[\0/\\\x01-\x1f\x7f\ud800-\udfff]"), _ESCAPE.sub("%25", name))
    if sys.platform == "win32":
        escaped = _escape_all(_UNSAFE_ON_WINDOWS, escaped)
        if _RESERVED.fullmatch(escaped):
            escaped = escape_first_letter(escaped)
    return escaped


def unescape_name(name: str) -> str:
    """The part of a key that `escape_name` and `escape_first_letter` made this name of.

    >>> [unescape_name(name) for name in ("%", "%2E%2E", "100%.wav", "%2541", "%61.wav")]
    ['', '..', '100%.wav', '%41', 'a.wav']
    """
    return "" if name == "%" else unquote(name, errors="surrogatepass")


def escape_first_letter(name: str) -> str:
    """Another name for the same part of a key, where the usual one is taken.

    >>> escape_first_letter("b.wav"), escape_first_letter("%61.wav")
    ('%62.wav', '%61%2Ewav')
    """
    escaped = re.match(r"(%[0-9A-F]{2})*", name)
    assert escaped is not None
    at = escaped.end()
    return name[:at] + _escape_all(re.compile("."), name[at : at + 1]) + name[at + 1 :]


def with_addresses(text: str) -> str:
    """A text for people, in which paths of this workspace's mirror are addresses."""
    if FOLDER not in text:
        return text
    pattern = re.escape(f"{mirror_root()}{os.sep}") + r"([a-z0-9+.-]+)" + re.escape(os.sep)
    return re.sub(pattern, r"\1://", text)


def without_access(text: str) -> str:
    """A text with addresses in it, without user names, passwords and queries.

    >>> without_access("https://ann:secret@host/a.wav?X-Amz-Signature=12 and more")
    'https://host/a.wav and more'
    """
    text = re.sub(r"(://)[^/\s@]*@", r"\1", text)
    return re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", text)


def _web_path(text: str, is_http_allowed: bool) -> Path:
    public = without_access(text)
    parts = urlsplit(text)
    user, _, host = parts.netloc.rpartition("@")
    found = _HOST.fullmatch(host)
    if found is None:
        raise AudiotagError(f"{public} must name a server, like https://example.org/sounds/.")
    if parts.scheme == "http" and not (is_http_allowed or found[1] in THIS_MACHINE):
        raise AudiotagError(
            f"{public} must begin with https://, because http:// is not encrypted; if the server has nothing else, set "
            f"{MORE_PROTOCOLS}=http."
        )
    address = Address(parts.scheme, host.lower(), unquote(parts.path).strip("/"))
    kinds = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    is_signed = any(_SIGNATURES.fullmatch(name) for name in kinds)
    if not is_signed and not set(kinds) <= set(_HARMLESS_QUERIES):
        raise AudiotagError(f"{public} must not need a query (?{kinds[0]}=…); download the file, and give its path.")
    _remember({f"{parts.scheme}://{address.store}": user, str(address): parts.query if is_signed else ""})
    return mirror_path(address)


def _secrets() -> dict[str, str]:
    text = os.environ.get(_SECRETS)
    return json.loads(text) if text else {}


def _remember(found: dict[str, str]) -> None:
    if any(found.values()):
        os.environ[_SECRETS] = json.dumps(_secrets() | {name: value for name, value in found.items() if value})


def _escape_all(characters: re.Pattern[str], text: str) -> str:
    return characters.sub(lambda found: _percent(found[0].encode(errors="surrogatepass")), text)


def _percent(content: Iterable[int]) -> str:
    return "".join(f"%{byte:02X}" for byte in content)
