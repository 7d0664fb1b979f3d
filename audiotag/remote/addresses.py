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
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeGuard
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

FOLDER = "audiotag-remote"  # of the mirror
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
_SIGNATURES = re.compile(  # names in a query that give access, and say nothing of what is asked for
    r"x-(amz|goog|ms|oss)-.*|.*signature|.*token|sig|(.*[-_])?(api|access|auth|rl)?key|auth(orization)?", re.IGNORECASE
)
_BESIDE_SIGNATURES = re.compile(  # what is signed, or in which form the same is sent
    r"s[eprstv]|spr|srt|sip|sk(oid|tid|[tesv])|saoid|suoid|scid|expires|policy|.*access(key)?id|key-pair-id|"
    r"alt|x-id|response-.*|rsc[cdelt]",
    re.IGNORECASE,
)
_SIGNED_KEY = re.compile(r"[?&](sig|[^=&/]*(signature|credential|token))=", re.IGNORECASE)  # of an object
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

    def with_access(self, is_folder: bool = False) -> str:
        """The address of something on a web server with user name, password and signature, for the request alone."""
        user, query = (_secrets().get(text, "") for text in (f"{self.protocol}://{self.store}", str(self)))
        text = f"{self}/" if is_folder else str(self)
        text = text.replace("://", f"://{user}@", 1) if user else text
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
    """Whether a source of sound is a path in the mirror of this workspace, by its text alone.

    A folder of the same name elsewhere, as in a dataset that somebody else made, makes nothing remote.
    """
    return isinstance(source, Path) and FOLDER in str(source) and _place_in_mirror(source) is not None


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
    if found is None or protocol not in (*PROTOCOLS, "http", *_further_protocols()):
        raise AudiotagError(
            f"{without_access(typed)} is an address, not a path, and of none of the kinds that can be opened "
            f"({', '.join(f'{name}://' for name in PROTOCOLS)}); download what it names, and give its path."
        )
    if protocol in WEB:
        return _web_path(f"{protocol}://{found[2]}")
    store, _, key = found[2].partition("/")
    if not _STORE.fullmatch(store):
        raise AudiotagError(f"{without_access(typed)} must name a bucket, like {protocol}://bucket/sounds.")
    if _SIGNED_KEY.search(key):
        raise AudiotagError(
            f"{without_access(typed)} must not have a signature behind a ?; give the address without it, and the "
            "credentials where other programs for this store find them."
        )
    return mirror_path(Address(protocol, store, key.rstrip("/")))


def mirror_path(address: Address) -> Path:
    """The path in the mirror of an address."""
    parts = [escape_name(part) for part in address.key.split("/")] if address.key else []
    return mirror_root().joinpath(address.protocol, escape_name(address.store), *parts)


def address_of(path: Path) -> Address:
    """The address of a path in the mirror.

    Raises
    ------
    AudiotagError
        If it is not below the folder of a store, or one of a kind that is not opened.
    """
    protocol, store, *parts = [*(_place_in_mirror(path) or "").split(os.sep), "", ""]
    if not (protocol and store):
        raise AudiotagError(f"{path} is a folder of the mirror; give an address, like s3://bucket/sounds.")
    address = Address(protocol, unescape_name(store), "/".join(map(unescape_name, parts[:-2])))
    if protocol not in (*PROTOCOLS, "http", *_further_protocols()):
        raise AudiotagError(f"{path} stands for an address of no kind that can be opened; remove this folder.")
    _require_encryption(protocol, address.store, str(address))
    return address


def mirror_root() -> Path:
    """The folder of the mirror in the workspace, without ``..`` in its path."""
    return Path(os.path.abspath(Workspace().root), FOLDER)


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


def typed_text(path: str | os.PathLike[str]) -> str:
    """What somebody types to name a path: its address if it is in the mirror, which `path_of` leads back to it."""
    with suppress(AudiotagError):  # a folder above those of stores has no address
        if is_remote(found := Path(path)):
            return str(address_of(found))
    return os.fspath(path)


def without_access(address: str) -> str:
    """An address that somebody typed, which may be none, without all that could be a user name, password or query.

    >>> without_access("https://ann:pa/ss@host/a.wav?X-Amz-Signature=12")
    'https://host/a.wav'
    """
    return re.sub(r"[?#].*", "", re.sub(r"(:/+).*@", r"\1", address, flags=re.DOTALL), flags=re.DOTALL)


def _place_in_mirror(path: Path) -> str | None:
    """The path from the mirror on; None for one outside of it. Neither links nor ``..`` are followed."""
    text, start = str(path.absolute()), f"{mirror_root()}{os.sep}"
    return text.removeprefix(start) if text.startswith(start) else None


def _further_protocols() -> list[str]:
    return [name.strip().lower() for name in os.environ.get(MORE_PROTOCOLS, "").split(",")]


def _require_encryption(protocol: str, host: str, public: str) -> None:
    name = re.sub(r":\d+$", "", host)
    if protocol == "http" and not (name in THIS_MACHINE or "http" in _further_protocols()):
        raise AudiotagError(
            f"{public} must begin with https://, because http:// is not encrypted; if the server has nothing else, set "
            f"{MORE_PROTOCOLS}=http."
        )


def _web_path(text: str) -> Path:
    public = without_access(text)
    try:
        parts = urlsplit(text)
    except ValueError:  # square brackets without an IP address
        parts = SplitResult("", "", "", "", "")
    user, _, host = parts.netloc.rpartition("@")
    if not _HOST.fullmatch(host):
        raise AudiotagError(f"{public} must name a server, like https://example.org/sounds/.")
    if ":" in host and "@" in parts.path:  # it could be the end of a password that has a slash
        raise AudiotagError(
            f"{public} must have %40 in place of an @ in its path, and %2F in place of a / in its password; type it so."
        )
    _require_encryption(parts.scheme, host.lower(), public)
    if "#" in text:
        raise AudiotagError(f"{public} must not have a #; type %23 where it is part of a name.")
    address = Address(parts.scheme, host.lower(), unquote(parts.path).strip("/"))
    kinds = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - set(_HARMLESS_QUERIES)
    is_signed = any(_SIGNATURES.fullmatch(name) for name in kinds)
    if not all(_SIGNATURES.fullmatch(name) or (is_signed and _BESIDE_SIGNATURES.fullmatch(name)) for name in kinds):
        raise AudiotagError(
            f"{public} must not need a query (what follows its ?), other than a signature; download the file, and give "
            "its path."
        )
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
